"""A function of one number, looked at with ever finer steps.

Each rung of the ladder has seven values of f, at 0 and up to three steps to each side. They
give the derivative by central differences, extrapolated, and more: what extrapolation leaves
of them is what no smooth function of that scale would leave, which is rounding, or a kink within
reach. The values of either side give a slope each, and those tell which of the two it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

#: A function of one number, of which only values are known.
Function = Callable[[Any], Any]

# Relative rounding error of single precision. f may use it within, whatever it returns.
_SINGLE = 2.0**-23

# A step in f that is smaller, relative to its size, is taken for one of rounding.
_ROUNDING = 1e-3

# A bound is so many times the noise. A rung's noise is a single sample, so that a rung judges
# wider ones only where it was estimated together with enough finer rungs.
_NOISES = 4.0
_SAMPLES = 4

# So many rungs in a row have to show a jump of the slope that does not shrink. Where it
# grows by more than this from one to the next, it has no end.
_RUN = 4
_GROWING = 1.5


@dataclass(frozen=True, slots=True)
class Rung:
    """What f tells at one step.

    Attributes
    ----------
    step : float
    values : tuple of float
        f at -3, -2 ... 3 steps.
    derivative : float
        Last entry of the tableau.
    noise : float
        Errors of the values as they show in what is left of them: the even part leaves the
        sixth difference, the odd part the distance of neighbouring entries of the tableau.
    left, right : float
        One-sided slopes.
    """

    step: float
    values: tuple[float, ...]
    derivative: float
    noise: float
    left: float
    right: float

    @property
    def size(self) -> float:
        """The largest of the values."""
        return max(abs(value) for value in self.values)

    @property
    def constant(self) -> bool:
        """Whether f does not change at all."""
        return min(self.values) == max(self.values)

    @property
    def jump(self) -> float:
        """By how much the slope changes at 0."""
        return self.right - self.left


@dataclass(frozen=True, slots=True)
class Jump:
    """One-sided slopes that differ, and a bound on the errors of both; infinite if they grow."""

    step: float
    left: float
    right: float
    error: float


def real(result: Any) -> float:
    """Return the real part of the one number that f returned."""
    return float(np.asarray(result).item().real)


def value_at(f: Function, h: float) -> float:
    """Return f(h), or NaN where f cannot be evaluated."""
    try:
        return real(f(h))
    except (ArithmeticError, ValueError, AssertionError):
        # The step has left the domain of f.
        return math.nan


def rung_at(f: Function, middle: float, step: float) -> Rung | None:
    """Evaluate f, whose value at 0 is known, around 0; return None where it is not finite."""
    l3, l2, l1, r1, r2, r3 = (value_at(f, j * step) for j in (-3, -2, -1, 1, 2, 3))
    # A Richardson tableau: central differences at one, two and three steps, whose errors begin
    # with h² and h⁴; then pairs of them without h², and both pairs without h⁴.
    one, two, three = (r1 - l1) / (2 * step), (r2 - l2) / (4 * step), (r3 - l3) / (6 * step)
    narrow, wide = (4 * one - two) / 3, (9 * two - 4 * three) / 5
    derivative = (9 * narrow - wide) / 8
    even = r3 + l3 - 6 * (r2 + l2) + 15 * (r1 + l1) - 20 * middle
    odd = (derivative - wide) * step
    rung = Rung(
        step,
        (l3, l2, l1, middle, r1, r2, r3),
        derivative,
        # Independent errors of the values have these standard deviations in them.
        max(abs(even) / math.sqrt(924), abs(odd) / 1.37),
        (18 * (middle - l1) - 9 * (middle - l2) + 2 * (middle - l3)) / (6 * step),
        (18 * (r1 - middle) - 9 * (r2 - middle) + 2 * (r3 - middle)) / (6 * step),
    )
    total = rung.derivative + rung.noise + rung.jump
    return rung if math.isfinite(total) else None


def quantum(f: Function, ladder: list[Rung], end: float) -> float:
    """Return by how much f changes at once, relative to its size, where it seems constant.

    Fine steps that change nothing are lost in rounding if f changes by steps, and else they lie
    in a branch of f that is constant. Halving the interval in which f begins to change, down to
    `end`, tells.
    """
    moving = [rung for rung in ladder if not rung.constant]
    if not moving or not ladder[-1].constant:
        return 0.0
    rung = moving[-1]
    middle = rung.values[3]
    near, far, value = next(
        (sign * (j - 1) * rung.step, sign * j * rung.step, value)
        for j in (1, 2, 3)
        for sign in (-1, 1)
        if (value := rung.values[3 + sign * j]) != middle
    )
    first, width = value, rung.step
    while abs(far - near) > end:
        between = (near + far) / 2
        halfway = value_at(f, between)
        if halfway == middle:
            near = between
        else:
            far, value = between, halfway
    shrunk = abs(far - near) / width
    if not abs(value - middle) > 64 * shrunk * abs(first - middle):
        return 0.0
    change = abs(value - middle) / rung.size
    # A large step was meant, as in np.round.
    return change if change < _ROUNDING else 0.0


def bounded(ladder: list[Rung], precision: float) -> list[tuple[Rung, float]]:
    """Pair each rung, from the widest to the finest, with a bound on its error.

    What a rung leaves unexplained, it or a finer one, counts as noise in f. So does a kink
    within its reach, which then makes for a bound as large as the jump of the slope.
    """
    noise, bounds = 0.0, []
    for rung in reversed(ladder):
        noise = max(noise, rung.noise, precision * rung.size)
        bounds.append((rung, _NOISES * noise / rung.step))
    bounds.reverse()
    resolved = [
        (rung, error)
        for i, (rung, error) in enumerate(bounds)
        if not _misled(rung, error, bounds[:i])
    ]
    return [
        (rung, _judged(rung, error, resolved[i + 1 : 1 - _SAMPLES]))
        for i, (rung, error) in enumerate(resolved)
    ]


def _misled(rung: Rung, error: float, wider: list[tuple[Rung, float]]) -> bool:
    """Whether wider rungs agree on another slope, and single precision explains that.

    Steps about as small as the rounding of the argument may move it evenly, but by the wrong
    amount, which looks like a slope that is known well.
    """
    explained = 8 * _SINGLE * rung.size / rung.step
    others = [
        (other.derivative, bound)
        for other, bound in wider
        if 2 * (bound + error) < abs(other.derivative - rung.derivative) < explained
    ]
    return any(abs(a - b) <= 2 * (e + f) for (a, e), (b, f) in pairwise(others))


def _judged(rung: Rung, error: float, finer: list[tuple[Rung, float]]) -> float:
    """Return the bound, or what it has to be where finer rungs see another slope."""
    gaps = [(abs(other.derivative - rung.derivative), bound) for other, bound in finer]
    return max([error, *(gap + bound for gap, bound in gaps if gap > 2 * (error + bound))])


def jump(ladder: list[Rung], error: float) -> Jump | None:
    """Return the slopes of both sides, where their difference does not shrink with the step.

    Noise makes them differ, too, but not by the same amount at several steps in a row. So does a
    kink at some distance, but finer steps then know the derivative with a smaller error.
    """
    found: list[tuple[float, Jump]] = []
    for i in range(len(ladder) - _RUN + 1):
        run = ladder[i : i + _RUN]
        jumps = [rung.jump for rung in run]
        if not all(jumps) or error < min(abs(jump) for jump in jumps) / 8:
            continue
        growths = [after / before for before, after in pairwise(jumps)]
        endless = max(growths) > _GROWING
        # Slopes that grow without end come from a step in f, and most steps from rounding.
        rounding = endless and run[0].step * abs(jumps[0]) < _ROUNDING * run[0].size
        # The steps shrink by 4: a kink keeps its jump, a step in f makes it grow by 4.
        steady = min(growths) >= 0.75 and max(growths) <= min(5.0, 1.3 * min(growths))
        if rounding or not steady:
            continue
        for wide, fine in pairwise(run):
            change = abs(fine.left - wide.left) + abs(fine.right - wide.right)
            bound = math.inf if endless else change
            found.append((change, Jump(fine.step, fine.left, fine.right, bound)))
    return min(found, key=lambda pair: pair[0])[1] if found else None
