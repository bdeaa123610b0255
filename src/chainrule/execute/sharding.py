"""Where the inputs of a kernel lie on a mesh of devices.

The batch is cut along the mesh's first axis, everything else is copied to each device, unless the
user says otherwise. XLA splits the work accordingly and sums the gradients over the devices.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel, Size
from chainrule.errors import ArgumentError


def spans_processes(mesh: Any) -> bool:
    """Whether the devices of a mesh belong to several processes."""
    return len({device.process_index for device in mesh.devices.flat}) > 1


class Layout:
    """Where each input of a kernel lies.

    Parameters
    ----------
    kernel : Kernel
    mesh : jax.sharding.Mesh
    specs : mapping
        Position, name or path of an input -> ``PartitionSpec``.

    Raises
    ------
    ArgumentError
        When a spec is for no input, or names an axis that the mesh does not have.
    """

    def __init__(self, kernel: Kernel, mesh: Any, specs: Mapping[Any, Any]) -> None:
        self._jax: Any = import_module("jax")
        jax = self._jax
        self.kernel = kernel
        # Explicit axes would have each operation say how its result lies; NumPy code does not.
        auto = (jax.sharding.AxisType.Auto,) * len(mesh.axis_names)
        self.mesh = jax.sharding.Mesh(mesh.devices, mesh.axis_names, axis_types=auto)
        self.several = spans_processes(mesh)
        self.batch = self._batch()
        told = {self._position(key): spec for key, spec in specs.items()}
        count = len(kernel.graph.inputs)
        self.specs = [told[i] if i in told else self._default(i) for i in range(count)]
        for i, spec in enumerate(self.specs):
            self._refuse_unknown_axes(i, spec)
        self.replicated = self._sharding(jax.sharding.PartitionSpec())

    def _position(self, key: int | str) -> int:
        """Return the position of an input that is told by it, by its name or by its path."""
        names = [n.name or "" for n in self.kernel.graph.inputs]
        if key in range(len(names)):
            return int(key)
        words = re.findall(r"\w+", str(key))
        for name in (str(key), words[-1] if words else ""):
            like = [n for n in names if re.fullmatch(rf"{re.escape(name)}(_\d+)?", n)]
            if name in names and len(like) == 1:
                return names.index(name)
        raise ArgumentError(
            "A spec is for an input that the function does not have, or for one of several.",
            expected=f"one of {', '.join(names)}, or a position from 0 to {len(names) - 1}",
            got=repr(key),
        )

    def _batch(self) -> str | None:
        """Return the name of the size that is the batch's: the one of a first axis, if any is."""
        read = self.kernel.read
        return min(read, key=lambda name: read[name][1]) if read else None

    def _batch_axis(self, position: int) -> int | None:
        dims = self.kernel.dims[self.kernel.graph.inputs[position]]
        for axis, size in enumerate(dims):
            if isinstance(size, Size) and size.name == self.batch:
                return axis
        return None

    def _default(self, position: int) -> Any:
        spec, axis = self._jax.sharding.PartitionSpec, self._batch_axis(position)
        return spec() if axis is None else spec(*[None] * axis, self.mesh.axis_names[0])

    def _refuse_unknown_axes(self, position: int, spec: Any) -> None:
        for name in (n for part in spec for n in _names(part)):
            if name not in self.mesh.axis_names:
                raise ArgumentError(
                    f"The spec of {self._name(position)} names an axis that the mesh lacks.",
                    expected=f"one of {', '.join(map(repr, self.mesh.axis_names))}",
                    got=repr(name),
                )

    def _name(self, position: int) -> str:
        return self.kernel.graph.inputs[position].name or f"input {position}"

    def _sharding(self, spec: Any) -> Any:
        return self._jax.sharding.NamedSharding(self.mesh, spec)

    def _parts(self, part: Any) -> int:
        """Into how many parts an axis is cut."""
        return math.prod(self.mesh.shape[name] for name in _names(part))

    def _own_parts(self, part: Any) -> int:
        """Return how many of the parts lie on this process."""
        axes = [self.mesh.axis_names.index(name) for name in _names(part)]
        here = self._jax.process_index()
        return len(
            {
                tuple(place[a] for a in axes)
                for place, device in np.ndenumerate(self.mesh.devices)
                if device.process_index == here
            }
        )

    # -- sizes -------------------------------------------------------------------------

    def whole(self, position: int, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape that an input has over all processes."""
        axis, spec = self._batch_axis(position), self.specs[position]
        if axis is None or axis >= len(spec) or not self.several:
            return tuple(shape)
        factor = self._parts(spec[axis]) // self._own_parts(spec[axis])
        return tuple(n * factor if k == axis else n for k, n in enumerate(shape))

    def given(self, inputs: Sequence[Any], given: Sequence[Any]) -> Sequence[Any]:
        """Return the values of ``kernel.given``, refusing those for this process's rows alone."""
        for name, value in zip(self.kernel.given, given, strict=True):
            if name not in self.kernel.read:
                continue
            position, axis = self.kernel.read[name]
            whole = self.whole(position, np.shape(inputs[position]))[axis]
            if value != whole:
                raise ArgumentError(
                    f"The batch is {whole} rows over all processes, and {name} is not.",
                    expected=str(whole),
                    got=str(value),
                )
        return given

    def _refuse_uneven(self, position: int, shape: Sequence[int]) -> None:
        for axis, part in enumerate(self.specs[position]):
            count = self._parts(part)
            if axis < len(shape) and shape[axis] % count:
                batch = axis == self._batch_axis(position)
                raise ArgumentError(
                    f"{self._name(position)} cannot be cut into {count} equal parts.",
                    expected=f"a multiple of {count} along axis {axis}: the mesh has so many "
                    f"devices along {' and '.join(map(repr, _names(part)))}",
                    got=f"{shape[axis]}",
                    instead="a batch of such a size, or a smaller mesh" if batch else None,
                )

    def refuse_uneven_batch(self, size: int) -> None:
        """Refuse minibatches that cannot be cut into equal parts."""
        for position, node in enumerate(self.kernel.graph.inputs):
            axis = self._batch_axis(position)
            if axis is not None:
                dims = self.kernel.dims[node]
                self._refuse_uneven(
                    position, [size if k == axis else int(n) for k, n in enumerate(dims)]
                )

    # -- places ------------------------------------------------------------------------

    def placed(self, position: int, value: Any, own: bool = False) -> Any:
        """Put an input where it belongs; with `own`, into memory that nobody else reads."""
        shape = np.shape(value)
        self._refuse_uneven(position, self.whole(position, shape))
        sharding = self._sharding(self.specs[position])
        if np.ndim(value) == 0 and not hasattr(value, "dtype"):
            return value  # a Python number, which gives way to arrays
        if self.several and self._batch_axis(position) is not None:
            whole = self.whole(position, shape)
            make = self._jax.make_array_from_process_local_data
            return make(sharding, np.asarray(value), whole)
        return self._put(value, sharding, own)

    def everywhere(self, value: Any) -> Any:
        """Put a copy on each device."""
        return self._put(value, self.replicated)

    def _put(self, value: Any, sharding: Any, own: bool = False) -> Any:
        if not self.several:
            return self._jax.device_put(np.array(value) if own else value, sharding)
        array = np.asarray(value)
        return self._jax.make_array_from_callback(array.shape, sharding, lambda at: array[at])

    def kept(self, position: int, value: Any) -> Any:
        """Say, while a function is traced, that a value lies as an input does."""
        sharding = self._sharding(self.specs[position])
        return self._jax.lax.with_sharding_constraint(value, sharding)

    def resharded(self, position: int, value: Any) -> Any:
        """Move an array of JAX to where an input belongs."""
        sharding = self._sharding(self.specs[position])
        same = value.sharding.is_equivalent_to(sharding, value.ndim)
        return value if same else self._jax.device_put(value, sharding)

    def readable(self, value: Any) -> Any:
        """Return an array of which this process has all elements."""
        if value.is_fully_addressable or value.is_fully_replicated:
            return value
        return self._jax.device_put(value, self.replicated)

    def described(self) -> str:
        """Tell in one sentence what lies where."""
        axes = " × ".join(f"{n} {name}" for name, n in self.mesh.shape.items())
        spread = {}
        for i, spec in enumerate(self.specs):
            if any(part is not None for part in spec):
                parts = [("·" if p is None else "+".join(map(str, _names(p)))) for p in spec]
                spread[self._name(i)] = f"{self._name(i)} by ({', '.join(parts)})"
        return (
            f"Spread over a mesh of {axes} devices: {', '.join(spread.values()) or 'nothing'}; "
            "the rest is copied to each device."
        )


def _names(part: Any) -> tuple[Any, ...]:
    """Return the axes of the mesh that one axis of an array is cut along."""
    if part is None:
        return ()
    return part if isinstance(part, tuple) else (part,)
