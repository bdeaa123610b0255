"""The executors by name, and what each needs to be installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from chainrule.emit.kernel import Kernel
from chainrule.errors import MissingExtraError
from chainrule.execute.runnable import NotForThisExecutorError, Runnable
from chainrule.graph import Graph


@dataclass(frozen=True)
class Keeping:
    """How an executor keeps what it writes.

    Attributes
    ----------
    decided_by : callable
        Returns what it goes by, besides the kernel, when it writes code.
    made_of : callable
        Takes a kernel and what was written for it before, returns what runs it.
    """

    decided_by: Callable[[], Any]
    made_of: Callable[[Kernel, Any], Runnable]


@dataclass(frozen=True)
class Executor:
    """What runs a kernel.

    Attributes
    ----------
    name : str
    modules : tuple of str
        What has to be installed.
    extra : str
        The extra of chainrule's that brings them.
    prepare : callable
        Takes a graph, returns one of operations that it can run.
    make : callable
        Takes a kernel, returns what runs it.
    keeping : Keeping or None
        How it keeps on disk what it writes; None where that is not worth it.
    """

    name: str
    modules: tuple[str, ...]
    extra: str
    prepare: Callable[[Graph], Graph]
    make: Callable[[Kernel], Runnable]
    keeping: Keeping | None = None

    @property
    def is_installed(self) -> bool:
        """Whether all that it needs can be imported."""
        return all(find_spec(name) is not None for name in self.modules)

    def require(self) -> None:
        """Refuse to go on without what it needs.

        Raises
        ------
        MissingExtraError
        """
        missing = [name for name in self.modules if find_spec(name) is None]
        if missing:
            raise MissingExtraError(
                f"The executor {self.name!r} needs {' and '.join(missing)}.",
                instead=f"pip install 'chainrule[{self.extra}]', or executor='numpy'",
            )


def _as_it_is(graph: Graph) -> Graph:
    return graph


def _with_loops(graph: Graph) -> Graph:
    from chainrule.emit.loops.apart import expanded
    from chainrule.emit.loops.statement import NoLoopsError

    try:
        return expanded(graph)
    except NoLoopsError as error:
        where = f" at {error.node.where}" if error.node.where else ""
        raise NotForThisExecutorError(f"{error.node.op.name}{where} has no loops") from error


def _numpy(kernel: Kernel) -> Runnable:
    from chainrule.execute.numpy_executor import NumpyRunnable

    return NumpyRunnable(kernel)


def _numba(kernel: Kernel, emitted: Any = None) -> Runnable:
    from chainrule.execute.numba_executor import NumbaRunnable

    return NumbaRunnable(kernel, emitted)


def _decided_by_size() -> Any:
    from chainrule.execute.numba_executor import large_work

    return large_work()


def executor(name: str, mesh: Any = None, specs: Any = None) -> Executor:
    """Return an executor by its name.

    Raises
    ------
    KeyError
        When there is none.
    """
    if name == "jax":

        def make(kernel: Kernel) -> Runnable:
            from chainrule.execute.jax_executor import JaxRunnable

            return JaxRunnable(kernel, mesh, specs)

        return Executor("jax", ("jax",), "jax", _as_it_is, make)
    return {
        "numpy": Executor("numpy", (), "", _as_it_is, _numpy),
        "numba": Executor(
            "numba",
            ("numba", "scipy"),
            "fast",
            _with_loops,
            _numba,
            Keeping(_decided_by_size, _numba),
        ),
    }[name]
