"""What is asked of a program: each check raises Failure, or says nothing."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.backward import differentiate
from chainrule.errors import (
    BranchError,
    ConversionError,
    MutationError,
    NonFiniteError,
    UnsupportedError,
)
from chainrule.evaluate import evaluate
from chainrule.graphing import record
from chainrule.structure import leaves
from fuzz.program import Program, quietly, real_leaves


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


#: Refusals that depend on values which a program may come to have: in docs/conventions.md.
VECTORS = ("of svd_", "of eigenvectors", "of eig_vectors")  # of equal values they turn at will
DOCUMENTED = ("complex eigenvalues", "np.sign of complex")


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
        # A view may be refused where this memory happened to be copied; how often this is so is
        # held by a test.
        raise Refused(str(error)) from error
    except NonFiniteError as error:
        # A formula may have a pole where the second derivative has none: that is said, at least.
        if check == "second order" or any(word in str(error) for word in VECTORS):
            raise Refused(str(error)) from error
        raise Failure(f"{check} raises NonFiniteError", str(error)) from error
    except (ConversionError, np.linalg.LinAlgError) as error:
        # NumPy asks for a number where it does not look for a trace, as in np.sum(x, initial=v);
        # a singular matrix may have no derivative.
        raise Refused(str(error)) from error
    except UnsupportedError as error:
        if "odd" in program.traits or any(word in str(error) for word in DOCUMENTED):
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
    with quietly():
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
    with quietly():
        expected = program.function()(*program.values())
    with asking(program, "gradient"):
        value, gradients = cr.value_and_grad(program.function(), wrt=program.wrt)(*program.values())
    # Python's max may give back a plain number where chainrule's has the type of the other.
    if isinstance(expected, np.generic) and np.asarray(value).dtype != expected.dtype:
        raise Failure("value has another type", f"{np.asarray(value).dtype}")
    # The sum at the end may cancel: float32 is held against the size of its terms, about 1.
    single = "single" in program.traits
    scale = max(1.0, 1.0 / max(abs(float(np.real(expected))), 1e-3)) if single else 1.0
    close(value, expected, 1e-4 * scale if single else 1e-11, "value")
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


def graph_route(program: Program, gradients: list[Any], bounds: list[float]) -> Any:
    """The backward pass as a graph: the same gradients as from the tape."""
    with asking(program, "graph"):
        recording = record(program.function(), tuple(program.values()), {}, _names(program))
        joint = differentiate(recording.graph.validate(), recording.wrt_inputs())
        joint.graph.validate()
    found = [joint.gradients[node].value for node in joint.wrt]
    _same(found, gradients, bounds, "gradient of the graph")
    return joint


def _same(found: list[Any], gradients: list[Any], bounds: list[float], check: str) -> None:
    """Hold gradients against those of the tape, each as far as rounding lets it be known."""
    want = [g for gradient in gradients for g in real_leaves(gradient)]
    for got, expected, bound in zip(found, want, bounds, strict=True):
        if np.shape(got) != np.shape(expected):
            raise Failure(f"{check} has another shape", f"{got!r}, expected {expected!r}")
        error = float(np.max(np.abs(got - expected), initial=0.0))
        if not error <= bound:
            raise Failure(check, f"{got!r} is off by {error:.3g}, expected {expected!r}")


def shape_route(program: Program, gradients: list[Any], bounds: list[float]) -> None:
    """The same from shapes alone, then evaluated."""
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
        given = dict(
            leaf
            for name, v in zip(program.arguments, program.values(), strict=True)
            for leaf in leaves(v, name)
        )
        _, *found = evaluate(joint.graph, given)
    _same(found, gradients, bounds, "gradient of the graph from shapes alone")


def _names(program: Program) -> tuple[str, ...]:
    names = list(program.arguments)
    return tuple(names[i] for i in program.wrt)


def emitted(program: Program, gradients: list[Any], bounds: list[float]) -> None:
    """The code that is shown gives the same."""
    with asking(program, "code"):
        solution = cr.explain(program.function(), *program.values(), wrt=_names(program))
        solution.code("numpy")  # is run and compared with the graph before it is shown
    found = [g for name in _names(program) for g in real_leaves(solution.grads[name])]
    _same(found, gradients, bounds, "gradient of the explanation")


def known_to(program: Program, gradients: list[Any]) -> list[float]:
    """Return how far rounding may take each gradient, whatever the way to it.

    It is seen where the arguments are moved by a few units in the last place, many times over for
    as many operations.
    """
    single = "single" in program.traits
    unit = 6e-8 if single else 1.1e-16
    exact = in_double(program) if single else program
    reference = gradients
    if single:
        value, reference = value_and_gradients(exact)
        if not abs(_plain(program) - float(value)) <= 1e-2 * max(1.0, abs(float(value))):
            raise Rough("in float32 it is another number, as where a rank is decided")
    want = [g for r in reference for g in real_leaves(r)]
    spread = np.zeros(len(want))
    rng = np.random.default_rng(program.seed + 2)
    for _ in range(3 if single else 1):
        ways = [rng.choice([-1.0, 1.0], np.shape(w)) for w in program.direction]
        moved = replace(exact, direction=ways)
        moved = replace(
            exact, arguments=dict(zip(exact.arguments, moved.values(4 * unit), strict=True))
        )
        _, other = value_and_gradients(moved)
        spread = np.maximum(spread, _distances(reference, other))
        if single:  # and what float32 makes of it on the way
            nudged = replace(program, arguments=_in_single(moved))
            _, other = value_and_gradients(nudged)
            spread = np.maximum(spread, _distances(gradients, other))
    count = 1 + program.source.count("\n")
    least = 0.1 if single else 1e-2
    scales = [max(least, float(np.max(np.abs(w), initial=0.0))) for w in want]
    floor = 1e-6 if single else 1e-12
    bounds = [30 * count * m + count * floor * s for m, s in zip(spread, scales, strict=True)]
    if any(b > 0.05 * s for b, s in zip(bounds, scales, strict=True)):
        raise Rough("rounding leaves little of the gradient")
    if single:
        _same([g for r in gradients for g in real_leaves(r)], reference, bounds, "float32")
    return bounds


def _distances(some: list[Any], others: list[Any]) -> list[float]:
    pairs = zip(some, others, strict=True)
    return [
        float(np.max(np.abs(a - b), initial=0.0))
        for one, other in pairs
        for a, b in zip(real_leaves(one), real_leaves(other), strict=True)
    ]


def _in_single(program: Program) -> dict[str, Any]:
    return dict(zip(program.arguments, program.values(0.0, np.float32), strict=True))


def in_double(program: Program) -> Program:
    """Return a float32 program in float64."""
    values = program.values(0.0, np.float64)
    return replace(
        program,
        source=program.source.replace("float32", "float64"),
        arguments=dict(zip(program.arguments, values, strict=True)),
        traits=program.traits - {"single"},
    )


def smooth(program: Program) -> bool:
    """Whether no kink is where the arguments are."""
    rng = np.random.default_rng(program.seed + 3)
    ways = [rng.standard_normal(np.shape(w)) for w in program.direction]
    nudged = replace(in_double(program), direction=ways)
    step = 1e-4
    right, at, left = (_plain(nudged, h) for h in (step, 0.0, -step))
    return abs(right - 2 * at + left) <= 0.1 * step * max(1.0, abs(at))


def by_jax(program: Program, value: Any, gradients: list[Any], bounds: list[float]) -> bool:
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
    found = []
    for gradient, other in zip(gradients, others, strict=True):
        peers = dict(leaves(other))  # JAX sorts the keys of a dict
        found += [np.asarray(peers[path]) for path, leaf in leaves(gradient) if leaf is not None]
    try:
        _same(found, gradients, [10 * b for b in bounds], "gradient by JAX")
    except Failure:
        if not jax_is_wrong(program, found, gradients):
            raise
        return False
    return True


def jax_is_wrong(program: Program, theirs: list[Any], gradients: list[Any]) -> bool:
    """Let differences decide, along the very direction in which the two gradients differ.

    JAX 0.10 takes the wrong branch of some derivatives, as of arccosh below 0, and gives NaN
    for powers of 0 that are not differentiated by their exponent.
    """
    ours = [g for gradient in gradients for g in real_leaves(gradient)]
    apart = [np.asarray(a - b, float) for a, b in zip(theirs, ours, strict=True)]
    if not all(np.all(np.isfinite(b)) for b in ours):
        return False
    # A NaN of JAX's, as of 0**0, is looked at along the coordinate that it stands at.
    apart = [np.where(np.isfinite(a), a, 1.0) for a in apart]
    length = np.sqrt(sum(float(np.sum(a * a)) for a in apart))
    along = replace(in_double(program), direction=[a / length for a in apart])
    try:
        first_order(along, value_and_gradients(along)[1])
    except (Failure, Refused, Rough):
        return False
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
    if not smooth(program):
        raise Rough("at a kink")
    value, gradients = value_and_gradients(program)
    bounds = known_to(program, gradients)
    if depth.jax and by_jax(program, value, gradients, bounds):
        done.add("JAX")
    joint = graph_route(program, gradients, bounds)
    count(node.op.name for node in joint.graph.nodes)
    shape_route(program, gradients, bounds)
    if depth.code:
        emitted(program, gradients, bounds)
        done.add("code")
    if "single" in program.traits:
        exact = in_double(program)
        first_order(exact, value_and_gradients(exact)[1])
        return done | {"float32"}
    first_order(program, gradients)
    if depth.second:
        second_order(program)
        done.add("second order")
    return done
