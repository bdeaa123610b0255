"""The JAX executor: a kernel over ``jax.numpy``, compiled by XLA.

The user's own settings of JAX stay as they are: while a kernel is compiled and run, JAX computes
with NumPy's types and in full precision, in this thread alone.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.emit.jax_code import jax_code
from chainrule.emit.jax_types import RefusedError
from chainrule.emit.kernel import Kernel
from chainrule.errors import ArgumentError, EmitError, MissingExtraError
from chainrule.execute.runnable import Facts, Loop, NotForThisExecutorError
from chainrule.execute.sharding import Layout
from chainrule.graph import Node


def _imported() -> Any:
    try:
        import jax
    except ImportError as error:
        raise MissingExtraError(
            "The executor 'jax' needs jax.",
            instead="pip install 'chainrule[jax]', or executor='numpy'",
        ) from error
    return jax


@contextmanager
def _as_numpy(jax: Any) -> Iterator[None]:
    """Compute as NumPy does: double precision where it is asked for, products without shortcuts."""
    # On accelerators products of float32 would be rounded to fewer digits.
    precision = jax.config.jax_default_matmul_precision or "highest"
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.default_matmul_precision(precision),
    ):
        yield


class JaxRunnable:
    """A kernel that XLA compiles, for the devices that JAX has.

    Parameters
    ----------
    kernel : Kernel
    mesh : jax.sharding.Mesh, optional
        Devices to spread the work over. Inputs with an axis that is the batch's are cut along the
        mesh's first axis; all others are copied to each device.
    specs : mapping, optional
        Position, name or path of an input -> ``jax.sharding.PartitionSpec``, where it is to lie
        otherwise.

    Raises
    ------
    NotForThisExecutorError
        When the kernel has an operation that JAX cannot do as NumPy does.
    ArgumentError
        When the specs do not fit the kernel.
    MissingExtraError
        When JAX is not installed.

    Attributes
    ----------
    source : str
        The emitted module.
    """

    emitted = None

    def __init__(
        self, kernel: Kernel, mesh: Any = None, specs: Mapping[Any, Any] | None = None
    ) -> None:
        self._jax = jax = _imported()
        self.kernel = kernel
        if specs and mesh is None:
            raise ArgumentError(
                "specs say where inputs lie on a mesh, and there is none.", instead="mesh=..."
            )
        with _as_numpy(jax):
            try:
                emitted = jax_code(kernel)
            except RefusedError as refused:
                raise _not_for_jax(refused) from refused
            self.source = emitted.source
            namespace: dict[str, Any] = {"__name__": "emitted"}
            exec(compile(self.source, f"<emitted {kernel.name}>", "exec"), namespace)
            self._function = namespace[emitted.name]
            self._layout = None if mesh is None else Layout(kernel, mesh, specs or {})
            place = jax.numpy.asarray if self._layout is None else self._layout.everywhere
            self._constants = tuple(place(c) for c in emitted.constants.values())
            self._check()
        first = len(kernel.graph.inputs)
        self._sizes = [
            first + i for i, n in enumerate(kernel.given) if n not in kernel.varying.values()
        ]
        shared = {} if self._layout is None else {"out_shardings": self._layout.replicated}
        self._once = jax.jit(self._function, static_argnums=tuple(self._sizes), **shared)
        self._many = jax.jit(self._steps, static_argnums=(0, 1), donate_argnums=(2, 3))
        self._single = jax.jit(self._step_at_end, static_argnums=(0, 1))
        #: What the last pass over data keeps on the devices.
        self._held: tuple[Any, int, list[Any], Any] | None = None

    # -- one call ----------------------------------------------------------------------

    def __call__(self, inputs: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """Run once.

        Parameters
        ----------
        inputs : sequence
            Values of the kernel's inputs. Where the mesh spans several processes, each gives
            its own rows of the batch.
        given : sequence
            Values of ``kernel.given`` for the whole batch (see `whole`).

        Returns
        -------
        list
            New NumPy arrays and numbers, which may be written to.
        """
        graph = self.kernel.graph
        ready = [_ready(self._jax, x, n) for x, n in zip(inputs, graph.inputs, strict=True)]
        if self._layout is not None:
            given = self._layout.given(ready, given)
        with _as_numpy(self._jax):
            if self._layout is not None:
                ready = [self._layout.placed(i, x) for i, x in enumerate(ready)]
            results = self._once(*ready, *self._plain(given), *self._constants)
        return [_taken(r, node) for r, node in zip(results, graph.outputs, strict=True)]

    def whole(self, inputs: Sequence[Any]) -> list[tuple[int, ...]]:
        """Return the shapes that the inputs of all processes have together.

        Values of ``kernel.given`` are to be those for these shapes. On one process they are the
        shapes of the inputs themselves.
        """
        shapes = [np.shape(x) for x in inputs]
        if self._layout is None:
            return shapes
        return [self._layout.whole(i, shape) for i, shape in enumerate(shapes)]

    def _plain(self, given: Sequence[Any]) -> list[Any]:
        first = len(self.kernel.graph.inputs)
        return [int(v) if first + i in self._sizes else v for i, v in enumerate(given)]

    # -- many steps --------------------------------------------------------------------

    def run_steps(self, loop: Loop, start: int, stop: int) -> None:
        """Run steps `start` to `stop` in one compiled call, and the last, smaller one in another.

        Until the last step, ``loop.carry`` stays on the devices, as arrays that
        :func:`numpy.asarray` takes; then it is NumPy's. Where the mesh spans several processes,
        each has the whole of `data`.
        """
        jax, full = self._jax, len(loop.order) // loop.batch_size
        begin, end = min(start, full), min(stop, full)
        if self._layout is not None:
            self._layout.refuse_uneven_batch(loop.batch_size)
        with _as_numpy(jax):
            carry, data, order = self._on_devices(loop, start, stop)
            if begin < end:
                reports = [jax.numpy.zeros(o.shape, o.dtype) for o in loop.outputs]
                sizes, varying = self._split(loop.given)
                static = (loop.batch_size, sizes)
                carry, reports = self._many(
                    *static, carry, reports, data, order, begin, end, varying, self._constants
                )
                loop.carry = self._readable(carry)
                for out, report in zip(loop.outputs, reports, strict=True):
                    out[begin:end] = np.asarray(report)[begin:end]
            if end < stop:
                sizes, varying = self._split(loop.last)
                rest = len(loop.order) - full * loop.batch_size
                carry, reported = self._single(
                    rest, sizes, carry, data, order[full * loop.batch_size :], varying,
                    self._constants,
                )  # fmt: skip
                loop.carry = self._readable(carry)
                for out, report in zip(loop.outputs, reported, strict=True):
                    out[full] = np.asarray(report)
            jax.block_until_ready(loop.carry)
        if stop == loop.steps:
            loop.carry = [np.array(c) for c in loop.carry]

    def _on_devices(self, loop: Loop, start: int, stop: int) -> tuple[list[Any], list[Any], Any]:
        """Return carry, data and order on the devices; data stay there from chunk to chunk."""
        held = self._held
        if held is not None and held[0]() is loop and held[1] == start > 0:
            data, order = held[2], held[3]
        else:
            place = self._everywhere
            data, order = [place(d) for d in loop.data], place(loop.order)
        self._held = (weakref.ref(loop), stop, data, order)
        inputs = self.kernel.graph.inputs
        carry = [self._owned(i, c, inputs[i]) for i, c in enumerate(loop.carry)]
        return carry, data, order

    def _everywhere(self, array: Any) -> Any:
        if self._layout is not None:
            return self._layout.everywhere(array)
        return self._jax.numpy.asarray(np.asarray(array))

    def _owned(self, position: int, value: Any, node: Node) -> Any:
        """Return a part of the carry as an array that may be given away to the next steps."""
        if isinstance(value, self._jax.Array):
            return value if self._layout is None else self._layout.resharded(position, value)
        ready = _ready(self._jax, value, node)
        if self._layout is not None:
            return self._layout.placed(position, ready, own=True)
        return self._jax.numpy.array(ready, copy=True)

    def _readable(self, carry: Sequence[Any]) -> list[Any]:
        return [c if self._layout is None else self._layout.readable(c) for c in carry]

    def _split(self, given: Sequence[Any]) -> tuple[tuple[int, ...], tuple[Any, ...]]:
        """Tell sizes, for which code is compiled, from arrays that vary with them."""
        names = self.kernel.varying.values()
        pairs = list(zip(self.kernel.given, given, strict=True))
        sizes = tuple(int(v) for name, v in pairs if name not in names)
        return sizes, tuple(v for name, v in pairs if name in names)

    def _joined(self, sizes: Sequence[int], varying: Sequence[Any]) -> list[Any]:
        names = self.kernel.varying.values()
        ints, arrays = iter(sizes), iter(varying)
        return [next(arrays) if name in names else next(ints) for name in self.kernel.given]

    def _step(
        self, carry: Sequence[Any], batch: Sequence[Any], given: Sequence[Any], constants: Any
    ) -> tuple[list[Any], list[Any]]:
        """Trace one step: the emitted function, its carry as it came in."""
        results = self._function(*carry, *batch, *given, *constants)
        after = [
            r if r.dtype == c.dtype else r.astype(c.dtype)
            for r, c in zip(map(self._jax.numpy.asarray, results), carry, strict=False)
        ]
        if self._layout is not None:
            after = [self._layout.kept(i, a) for i, a in enumerate(after)]
        return after, list(results[len(carry) :])

    def _steps(
        self, batch_size: int, sizes: tuple[int, ...], carry: Any, reports: Any, data: Any,
        order: Any, start: Any, stop: Any, varying: Any, constants: Any,
    ) -> Any:  # fmt: skip
        lax, jnp = self._jax.lax, self._jax.numpy
        given = self._joined(sizes, varying)

        def body(i: Any, state: Any) -> Any:
            carry, reports = state
            rows = lax.dynamic_slice_in_dim(order, i * batch_size, batch_size)
            batch = [jnp.take(d, rows, axis=0, mode="clip") for d in data]
            if self._layout is not None:
                batch = [self._layout.kept(len(carry) + k, b) for k, b in enumerate(batch)]
            carry, reported = self._step(carry, batch, given, constants)
            return carry, [r.at[i].set(v) for r, v in zip(reports, reported, strict=True)]

        return lax.fori_loop(start, stop, body, (carry, reports))

    def _step_at_end(
        self, count: int, sizes: tuple[int, ...], carry: Any, data: Any, rows: Any,
        varying: Any, constants: Any,
    ) -> Any:  # fmt: skip
        # Too few rows for all devices are computed by each of them.
        batch = [self._jax.numpy.take(d, rows, axis=0, mode="clip") for d in data]
        return self._step(carry, batch, self._joined(sizes, varying), constants)

    # -- what is to be said ------------------------------------------------------------

    def facts(self) -> Facts:
        """Tell what runs, and on which devices."""
        if self._layout is None:
            where = f"Compiled by XLA for {self._jax.devices()[0].platform}."
        else:
            where = self._layout.described()
        return Facts(
            "jax",
            notes=(
                where,
                "XLA compiles once for each batch size.",
                "A position out of range gives NaN instead of an error.",
            ),
        )

    def _check(self) -> None:
        """Trace the whole function, which computes nothing, and look at the types it returns."""
        graph = self.kernel.graph
        structs = [
            self._jax.ShapeDtypeStruct(
                tuple(map(int, n.shape)), n.abstract.dtype, weak_type=n.abstract.weak
            )
            for n in graph.inputs
        ]
        values, constants = self.kernel.values, self._constants
        found = self._jax.eval_shape(lambda *x: self._function(*x, *values, *constants), *structs)
        for struct, node in zip(found, graph.outputs, strict=True):
            if struct.dtype != node.abstract.dtype or struct.shape != tuple(map(int, node.shape)):
                raise EmitError(
                    f"The code for JAX gives another type than {node.op.name} has.",
                    expected=f"{node.abstract.dtype} {node.shape}",
                    got=f"{struct.dtype} {struct.shape}",
                    where=node.where,
                )


def _not_for_jax(refused: RefusedError) -> NotForThisExecutorError:
    node = refused.node
    line = f", at {node.where}" if node.where is not None else ""
    return NotForThisExecutorError(f"JAX cannot run {node.op.name}: {refused.why}{line}")


def _ready(jax: Any, value: Any, node: Node) -> Any:
    """Return an input as JAX takes it: of the kernel's type, in this machine's byte order."""
    if isinstance(value, jax.Array):
        return value
    if node.abstract.weak:
        return np.asarray(value).item()
    return np.asarray(value, node.abstract.dtype)


def _taken(result: Any, node: Node) -> Any:
    """Return a result as NumPy has it: an array that may be written to, or a number."""
    array = np.asarray(result)
    if array.shape:
        return np.array(array)
    return array.item() if node.abstract.weak else array[()]
