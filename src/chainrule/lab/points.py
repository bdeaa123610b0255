"""Where a backward pass that is typed is tested: the values at hand, and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking.reference import Traced
from chainrule.errors import ChainruleError
from chainrule.explaining.update import DATA_NAMES
from chainrule.formula import FUNCTIONS
from chainrule.graphing import record
from chainrule.lab.targets import Call

#: Besides ``dy`` of an output y: what people call the gradient that comes from what follows.
UPSTREAM = ("upstream", "dout", "dvalues", "dvalue")


@dataclass(frozen=True, eq=False)
class Point:
    """The forward pass at some values: its numbers, and the true gradients.

    Attributes
    ----------
    reference : Traced
    scope : dict
        Name -> value, the upstream gradient among them.
    near : bool
        Whether it is the given point or close to it.
    """

    reference: Traced
    scope: Mapping[str, Any]
    near: bool


def points_of(call: Call, output: str) -> tuple[Point, ...]:
    """Return where a pass is tested: the given values, some close to them, and some far away.

    A pass may be right where a kink is not met; a mask that is missing shows far away. What is
    held constant has other values there, too, since it may be right for 1 alone.
    """
    rng = np.random.default_rng(0)
    able = call.target.able
    found = [_point(call, dict(call.values), output, near=True)]
    for far in (False, False, True, True, True, True):
        values = {
            n: _elsewhere(n, v, rng, far, held=n not in call.wrt) if n in able else v
            for n, v in call.values.items()
        }
        try:
            point = _point(call, values, output, near=not far)
        except ChainruleError:  # the function may not be defined there
            continue
        if np.all(np.isfinite(point.reference.value)):
            found.append(point)
    return tuple(found)


def _point(call: Call, values: Mapping[str, Any], output: str, near: bool) -> Point:
    with np.errstate(all="ignore"):
        target = call.target
        recording = record(
            target.function, tuple(values[n] for n in target.names), {}, target.able, strict=False
        )
    shape = recording.graph.output.shape
    upstream = np.ones(shape)[()] if call.upstream is None else call.upstream
    reference = Traced(recording, upstream)
    scope = {n.name: n.value for n in reference.graph.nodes if n.name and "[" not in n.name}
    scope |= {name: np.asarray(value)[()] for name, value in values.items()}
    for name in (f"d{output}", *UPSTREAM):
        scope.setdefault(name, upstream)
    return Point(reference, {n: v for n, v in scope.items() if n not in FUNCTIONS}, near)


def _elsewhere(name: str, value: Any, rng: np.random.Generator, far: bool, held: bool) -> Any:
    """Return other numbers in the form of a value: other labels, if these are labels."""
    array = np.asarray(value, float)
    if held and _is_count(array):
        moved = array
    elif held and _is_of_ones_and_zeros(array):
        moved = _shuffled(array, rng)
    elif name in DATA_NAMES and _is_distribution(array):
        share = rng.uniform(0.3, 1) if far else 0.05
        moved = (1 - share) * array + share * _shuffled(array, rng)
    else:
        moved = _moved(array, rng, far)
    return moved.astype(value.dtype) if isinstance(value, np.ndarray) else moved.tolist()


def _is_count(array: np.ndarray[Any, Any]) -> bool:
    """Whether it may be a number of samples or an exponent, which people write as a number."""
    return array.size == 1 and array.item().is_integer() and abs(array.item()) > 1


def _is_of_ones_and_zeros(array: np.ndarray[Any, Any]) -> bool:
    """Whether it may be a mask or say classes: a pass that is right for all such is right."""
    return array.size > 1 and bool(np.all((array == 0) | (array == 1)))


def _is_distribution(array: np.ndarray[Any, Any]) -> bool:
    """Whether numbers are probabilities that add up to 1 along an axis, as one-hot labels do.

    Mixed with others they still do: `p - y` is right for no other ones.
    """
    sums = (array.sum(axis) for axis in range(array.ndim))
    return array.size > 1 and bool(np.all(array >= 0)) and any(np.allclose(s, 1) for s in sums)


def _shuffled(array: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Shuffle along each axis, so that what adds up to 1 along one still does."""
    for axis in range(array.ndim):
        array = rng.permutation(array, axis=axis)
    return array


def _moved(
    array: np.ndarray[Any, Any], rng: np.random.Generator, far: bool
) -> np.ndarray[Any, Any]:
    noise = rng.uniform(-1, 1, array.shape)
    largest = float(np.max(np.abs(array), initial=0.0)) or 1.0
    moved: np.ndarray[Any, Any]
    if far:
        moved = array * rng.choice([-1.0, 1.0], array.shape) * (1 + 0.5 * noise)
    else:
        moved = array * (1 + 0.03 * noise) + 0.01 * largest * noise
    return moved
