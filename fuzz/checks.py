"""What is asked of a program: each check raises Failure, or says nothing."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.backward import differentiate
from chainrule.errors import BranchError, ConversionError, MutationError, UnsupportedError
from chainrule.evaluate import evaluate
from chainrule.graphing import record
from chainrule.structure import leaves
from fuzz.program import Program, real_leaves


class Failure(AssertionError):  # noqa: N818  # a verdict
    """chainrule is wrong on a program.

    Attributes
    ----------
    check : str
        Which check failed, and how.
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


class Refused(Exception):  # noqa: N818  # an outcome
    """chainrule says that it does not follow the program, as it may."""


class Rough(Exception):  # noqa: N818  # an outcome
    """Differences do not tell the derivative well enough to judge by."""


@contextmanager
def asking(program: Program, check: str) -> Iterator[None]:
    """Turn what chainrule raises into a verdict."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            yield
    except (Failure, Refused, Rough):
        raise
    except MutationError as error:
        # NumPy's reshape may copy where another shape of memory would have given a view.
        if "alias" in program.traits or "reshaped or transposed" in str(error):
            raise Refused(str(error)) from error
        raise Failure(f"{check} raises MutationError", str(error)) from error
    except ConversionError as error:
        # NumPy asks for a number where it does not look for a trace, as in np.sum(x, initial=v).
        raise Refused(str(error)) from error
    except UnsupportedError as error:
        if "odd" in program.traits:
            raise Refused(str(error)) from error
        raise Failure(f"{check} raises UnsupportedError", str(error)) from error
    except Exception as error:
        raise Failure(f"{check} raises {type(error).__name__}", str(error)) from error


def close(got: Any, expected: Any, tolerance: float, check: str) -> None:
    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        raise Failure(f"{check} has another shape", f"{got.shape}, expected {expected.shape}")
    scale = max(1e-3, float(np.max(np.abs(expected), initial=0.0)))
    error = float(np.max(np.abs(got - expected), initial=0.0))
    if not error <= tolerance * scale:
        raise Failure(check, f"{got!r} is off by {error:.3g}, expected {expected!r}")


def _plain(program: Program, step: float = 0.0) -> float:
    with np.errstate(all="ignore"):
        return float(program.function()(*program.values(step)))


def _along(program: Program, gradients: list[Any]) -> float:
    """Slope along the direction, from gradients."""
    found = [g for gradient in gradients for g in real_leaves(gradient)]
    return sum(
        float(np.sum(np.asarray(g, float) * w))
        for g, w in zip(found, program.direction, strict=True)
    )


def _slope(f: Callable[[float], float], step: float, rounding: float) -> tuple[float, float]:
    """Slope at 0 by extrapolated differences, and a bound on its error."""
    central = [(f(h) - f(-h)) / (2 * h) for h in (4 * step, 2 * step, step, step / 2)]
    once = [(4 * b - a) / 3 for a, b in itertools.pairwise(central)]
    twice = [(16 * b - a) / 15 for a, b in itertools.pairwise(once)]
    wide, narrow = step * 4, step / 2
    at = f(0.0)
    bends = [abs(f(h) - 2 * at + f(-h)) / h for h in (wide, narrow)]
    noise = rounding * max(1.0, abs(at)) / narrow
    if bends[1] > bends[0] / 2 + 1e-6 * max(1.0, abs(twice[1])) + 4 * noise:
        raise Rough("at a kink")
    return twice[1], 10 * abs(twice[1] - twice[0]) + noise


def _judged(program: Program, derived: float, f: Callable[[float], float], check: str) -> None:
    for step in (2e-3, 2.5e-4):
        numeric, error = _slope(f, step, 1e-14)
        scale = max(1e-2, abs(numeric))
        if error <= 1e-6 * scale:
            break
    else:
        raise Rough("differences disagree among themselves")
    if not abs(derived - numeric) <= error + 1e-8 * scale:
        raise Failure(check, f"the slope is {derived!r}, by differences {numeric!r}")


# -- the checks --------------------------------------------------------------------------


def value_and_gradients(program: Program) -> tuple[Any, list[Any]]:
    """NumPy's value; gradients in the structure, shapes and types of the arguments."""
    with np.errstate(all="ignore"):
        expected = program.function()(*program.values())
    with asking(program, "gradient"):
        value, gradients = cr.value_and_grad(program.function(), wrt=program.wrt)(*program.values())
    # Python's max may give back a plain number where chainrule's has the type of the other.
    if isinstance(expected, np.generic) and np.asarray(value).dtype != expected.dtype:
        raise Failure("value has another type", f"{np.asarray(value).dtype}")
    close(value, expected, 1e-4 if "single" in program.traits else 1e-11, "value")
    values = program.values()
    for position, gradient in zip(program.wrt, gradients, strict=True):
        for (path, leaf), (_, found) in zip(
            leaves(values[position]), leaves(gradient), strict=True
        ):
            if found is None:
                continue
            if np.shape(found) != np.shape(leaf) or type(found) is not type(leaf):
                raise Failure("gradient has another shape", f"{path}: {found!r} for {leaf!r}")
            if np.asarray(found).dtype != np.asarray(leaf).dtype:
                raise Failure("gradient has another type", f"{path}: {found!r} for {leaf!r}")
    return value, list(gradients)


def first_order(program: Program, gradients: list[Any]) -> None:
    """Gradients along the direction, by differences."""
    _judged(program, _along(program, gradients), lambda h: _plain(program, h),
            "gradient by differences")  # fmt: skip


def second_order(program: Program) -> None:
    """The gradient of a projection of the gradient, along the direction."""
    f = program.function()
    rng = np.random.default_rng(program.seed + 1)
    count = len(program.wrt)
    weights = [rng.standard_normal(np.shape(w)) for w in program.direction]
    names = ", ".join(f"a{i}" for i in range(len(program.arguments)))

    def total(*arguments: Any) -> Any:
        gradients = cr.grad(f, wrt=program.wrt)(*arguments)
        found = [g for gradient in gradients for _, g in leaves(gradient) if g is not None]
        return sum(np.sum(w * g) for w, g in zip(weights, found, strict=True))

    projected = eval(f"lambda {names}: total({names})", {"total": total})
    with asking(program, "second order"):
        second = cr.grad(projected, wrt=program.wrt)(*program.values())
        derived = _along(program, list(second)[:count])
        _judged(program, derived, lambda h: float(projected(*program.values(h))),
                "second derivative by differences")  # fmt: skip


def graph_route(program: Program, gradients: list[Any]) -> Any:
    """The backward pass as a graph: the same gradients as from the tape."""
    tolerance = 1e-3 if "single" in program.traits else 1e-9
    want = [g for gradient in gradients for g in real_leaves(gradient)]
    with asking(program, "graph"):
        recording = record(program.function(), tuple(program.values()), {}, _names(program))
        joint = differentiate(recording.graph.validate(), recording.wrt_inputs())
        joint.graph.validate()
    for node, gradient in zip(joint.wrt, want, strict=True):
        close(joint.gradients[node].value, gradient, tolerance, "gradient of the graph")
    return joint


def shape_route(program: Program, gradients: list[Any]) -> None:
    """The same from shapes alone, then evaluated."""
    tolerance = 1e-3 if "single" in program.traits else 1e-9
    want = [g for gradient in gradients for g in real_leaves(gradient)]
    values = tuple(program.values())
    with asking(program, "shapes alone"):
        try:
            recording = record(program.function(), values, {}, _names(program), values=False)
        except BranchError:
            if "branch" in program.traits:
                return
            raise
        joint = differentiate(recording.graph.validate(), recording.wrt_inputs(), values=False)
        joint.graph.validate()
        given = dict(leaf for name, v in zip(program.arguments, program.values(), strict=True)
                     for leaf in leaves(v, name))  # fmt: skip
        _, *found = evaluate(joint.graph, given)
    for got, gradient in zip(found, want, strict=True):
        close(got, gradient, tolerance, "gradient of the graph from shapes alone")


def _names(program: Program) -> tuple[str, ...]:
    names = list(program.arguments)
    return tuple(names[i] for i in program.wrt)


def emitted(program: Program, gradients: list[Any]) -> None:
    """The code that is shown gives the same."""
    tolerance = 1e-3 if "single" in program.traits else 1e-9
    with asking(program, "code"):
        solution = cr.explain(program.function(), *program.values(), wrt=_names(program))
        solution.code("numpy")  # is run and compared with the graph before it is shown
    for name, gradient in zip(_names(program), gradients, strict=True):
        for got, want in zip(real_leaves(solution.grads[name]), real_leaves(gradient), strict=True):
            close(got, want, tolerance, "gradient of the explanation")


def rounding(program: Program, gradients: list[Any]) -> None:
    """float32 gradients, held against float64 at the precision that the program has.

    How far rounding takes them is seen where the arguments are moved by a few units in the last
    place, and from the number of operations.
    """
    from fuzz.generate import single

    exact = Program(
        program.source.replace("float32", "float64"),
        dict(zip(program.arguments, program.values(0.0, np.float64), strict=True)),
        program.direction, program.seed, program.traits - {"single"},
    )  # fmt: skip
    value, reference = value_and_gradients(exact)
    first_order(exact, reference)
    rng = np.random.default_rng(program.seed + 2)
    spread = [np.zeros(np.shape(g)) for r in reference for g in real_leaves(r)]
    count = program.source.count("\n")
    for _ in range(3):
        nudges = [
            rng.choice([-1.0, 1.0], np.shape(w)) * 6e-8 * np.maximum(1.0, 0.0 * w)
            for w in program.direction
        ]
        nudged = Program(exact.source, exact.arguments, nudges, exact.seed, exact.traits)
        moved = Program(
            exact.source, dict(zip(exact.arguments, nudged.values(1.0), strict=True)),
            exact.direction, exact.seed, exact.traits,
        )  # fmt: skip
        _, other = value_and_gradients(moved)
        for i, (a, b) in enumerate(zip(
            [g for r in reference for g in real_leaves(r)],
            [g for o in other for g in real_leaves(o)], strict=True,
        )):  # fmt: skip
            spread[i] = np.maximum(spread[i], np.abs(a - b))
    del single, value
    for got, want, width in zip(
        [g for gradient in gradients for g in real_leaves(gradient)],
        [g for r in reference for g in real_leaves(r)], spread, strict=True,
    ):  # fmt: skip
        scale = max(1e-2, float(np.max(np.abs(want), initial=0.0)))
        bound = 30 * count * float(np.max(width, initial=0.0)) + count * 1e-6 * scale
        error = float(np.max(np.abs(got - want), initial=0.0))
        if not error <= bound:
            raise Failure("float32", f"{got!r} is off by {error:.3g}, more than {bound:.3g}")


def by_jax(program: Program, value: Any, gradients: list[Any]) -> bool:
    """Hold a program against JAX; tell whether it could be."""
    from fuzz.twin import IncomparableError
    from fuzz.twin import by_jax as jax_gradients

    tolerance = 1e-2 if "single" in program.traits else 1e-8
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected, others = jax_gradients(program)
    except IncomparableError:
        return False
    except Exception:
        return False  # it cannot run the program after all
    close(value, expected, tolerance, "value by JAX")
    for gradient, other in zip(gradients, others, strict=True):
        peers = dict(leaves(other))  # JAX sorts the keys of a dict
        for path, mine in leaves(gradient):
            if mine is not None:
                close(mine, peers[path], tolerance, "gradient by JAX")
    return True


@dataclass(frozen=True)
class Depth:
    """Which of the dearer checks are made."""

    second: bool = True
    code: bool = True
    jax: bool = False


def examine(
    program: Program, depth: Depth, count: Callable[[Iterable[str]], Any] = lambda rows: None
) -> set[str]:
    """Make the checks; return what could be compared.

    `count` is told the rows of the forward and the backward pass.

    Raises
    ------
    Failure, Refused, Rough
    """
    done = {"gradient"}
    value, gradients = value_and_gradients(program)
    if depth.jax and by_jax(program, value, gradients):
        done.add("JAX")
    joint = graph_route(program, gradients)
    count(node.op.name for node in joint.graph.nodes)
    shape_route(program, gradients)
    if depth.code:
        emitted(program, gradients)
        done.add("code")
    if "single" in program.traits:
        rounding(program, gradients)
        return done | {"float32"}
    first_order(program, gradients)
    if depth.second:
        second_order(program)
        done.add("second order")
    return done


def assert_right(program: Callable[..., Any], *arguments: Any) -> None:
    """Hold what chainrule makes of a function against differences, to second order.

    Parameters
    ----------
    program : callable
        Returns one number; its source is not needed.
    *arguments : numbers, arrays, and structures of them

    Examples
    --------
    >>> assert_right(lambda x: np.sum(x**3), np.array([1.0, 2.0]))
    """
    names = list(inspect.signature(program).parameters)
    given = dict(zip(names, arguments, strict=True))
    rng = np.random.default_rng(0)
    real = [leaf for a in arguments for leaf in real_leaves(a)]
    direction = [rng.standard_normal(np.shape(leaf)) for leaf in real]
    length = np.sqrt(sum(np.sum(w * w) for w in direction))

    class Given(Program):
        def function(self, scope: Any = None) -> Callable[..., Any]:
            return program

    single = {"single"} if any(np.asarray(leaf).dtype == np.float32 for leaf in real) else set()
    it = Given("", given, [w / length for w in direction], 0, frozenset({"branch", *single}))
    with suppress(Rough):
        examine(it, Depth())
