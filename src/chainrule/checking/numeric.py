"""Derivatives of functions that are only evaluated, each with a bound on its error.

Two methods are used. The *complex step* takes the imaginary part of f(ih) / h for a tiny h:
nothing cancels, so that it is right to the last digits, but only where every operation is
analytic. `np.abs` or a comparison breaks that without a word, which is why it counts only where
differences confirm it. *Extrapolated differences* need nothing of f: central
differences combined in a Richardson tableau, at the step whose error is the smallest.

References
----------
J. N. Lyness and C. B. Moler, "Numerical differentiation of analytic functions", 1967, for
the complex step; C. J. F. Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", 1982, for
errors from a tableau; R. W. Hamming, "Introduction to applied numerical analysis", 1971, for
noise from higher differences.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.exceptions import ComplexWarning
from numpy.typing import NDArray

from chainrule.checking.ladder import Function, Jump, Rung, bounded, jump, quantum, real, rung_at
from chainrule.errors import ArgumentError, DtypeError

Array = NDArray[np.float64]
Method = Literal["complex step", "extrapolated differences"]

#: A function of a list of arrays that returns one number.
ArrayFunction = Callable[[list[Any]], Any]

#: Relative rounding error of double precision.
DOUBLE = 2.0**-52

# Steps are 2**-k times the scale. A few are enough to confirm a complex step; a function that
# allows none is asked at more; only what is still in doubt is asked down to the last digits.
_FEW = (9, 25)
_MANY = tuple(range(1, 30, 2))
_ALL = tuple(range(1, 46, 2))

# How well differences have to know the derivative, relative to it or to f over the scale,
# before they confirm a complex step, and before no finer step is tried.
_CONFIRMING = 1e-6
_SUFFICIENT = 1e-8


@dataclass(frozen=True, slots=True)
class Slope:
    """The derivative of a function of one number at 0.

    Attributes
    ----------
    value : float
        The derivative. At a kink the mean of both one-sided slopes; NaN where f is not finite.
    error : float
        Bound on the error of the value. At a kink it spans both slopes.
    method : str
        "complex step" or "extrapolated differences".
    step : float
        The step at which it was taken.
    kink : bool
        Whether the one-sided slopes differ, or grow without end: there is no derivative here.
    left, right : float or None
        The one-sided slopes at a kink.
    """

    value: float
    error: float
    method: Method
    step: float
    kink: bool = False
    left: float | None = None
    right: float | None = None


@dataclass(frozen=True, slots=True)
class Partials:
    """The partial derivatives with respect to the entries of one array, in its shape.

    Attributes
    ----------
    values, errors : ndarray of float
        The derivatives, and bounds on their errors.
    kinks : ndarray of bool
        Where there is no derivative.
    """

    values: Array
    errors: Array
    kinks: NDArray[np.bool_]


def slope(f: Function, scale: float = 1.0, *, precision: float = DOUBLE) -> Slope:
    """Return the derivative of a function of one number at 0.

    Parameters
    ----------
    f : callable
        Takes a float and returns one number; it is tried with complex numbers, too. An
        ArithmeticError, ValueError or AssertionError away from 0 counts as a value that is
        not finite.
    scale : float
        The change of the argument that makes a difference, such as the size of what moves;
        steps are between 2**-45 and 1/2 of it.
    precision : float
        Relative rounding error of the numbers that f computes with. Noise larger than
        this is found by itself, except where f does not change at all.

    Returns
    -------
    Slope

    Raises
    ------
    ArgumentError
        When the scale is not a positive number.

    Examples
    --------
    >>> slope(lambda h: (3.0 + h) ** 2).value
    6.0
    >>> at_zero = slope(abs)
    >>> at_zero.kink, at_zero.left, at_zero.right
    (True, -1.0, 1.0)
    """
    if not 0 < scale < math.inf:
        raise ArgumentError(
            "The scale of a step has to be positive.", expected="a number > 0", got=repr(scale)
        )
    # Few bits, so that steps are exact, and no period that a function is likely to have.
    scale = 2.0 ** round(math.log2(scale)) * 45 / 64
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _slope(f, scale, precision)


def _slope(f: Function, scale: float, precision: float) -> Slope:
    centre = f(0.0)
    middle = real(centre)
    if not math.isfinite(middle):
        return _UNKNOWN
    precision = max(precision, _precision(centre))
    complexly = None if np.iscomplexobj(centre) else _complex_step(f, scale, precision)
    known: dict[int, Rung | None] = {}
    result, ladder = _UNKNOWN, list[Rung]()
    for exponents in (_FEW, _MANY, _ALL):
        for k in exponents:
            if k not in known:
                known[k] = rung_at(f, middle, scale * 2.0**-k)
        ladder = [rung for k in exponents if (rung := known[k])]
        if not ladder:
            continue
        coarseness = quantum(f, ladder, scale * 2.0 ** -_ALL[-1])
        rungs = bounded(ladder, max(precision, coarseness))
        best, error = min(rungs, key=lambda pair: pair[1])
        result = Slope(best.derivative, error, "extrapolated differences", best.step)
        doubt = error / (max(abs(best.derivative), best.size / scale) or 1.0)
        if complexly and doubt <= _CONFIRMING and _agree(complexly, result):
            # What f adds to a slope in a way that is not analytic hides in the distance.
            distance = abs(complexly.value - result.value)
            return replace(complexly, error=complexly.error + 2 * distance + best.noise / scale)
        if exponents is _MANY and doubt <= _SUFFICIENT:
            return result
    sides = jump(ladder, result.error)
    return _kink(sides) if sides else result


_UNKNOWN = Slope(math.nan, math.inf, "extrapolated differences", 0.0)


def _agree(complexly: Slope, result: Slope) -> bool:
    return abs(complexly.value - result.value) <= 2 * result.error


def _kink(sides: Jump) -> Slope:
    return Slope(
        (sides.left + sides.right) / 2,
        abs(sides.right - sides.left) / 2 + sides.error,
        "extrapolated differences",
        sides.step,
        kink=True,
        left=sides.left,
        right=sides.right,
    )


def _precision(result: Any) -> float:
    kind = np.asarray(result).dtype
    return float(np.finfo(kind).eps) if kind.kind in "fc" else 0.0


def _complex_step(f: Function, scale: float, precision: float) -> Slope | None:
    """Return the imaginary part of f(ih) / h; None where f does not take complex numbers.

    Neighbouring points and other steps have other rounding errors, so that their spread
    is an estimate of them.
    """
    nudge = 2 * precision * scale
    slopes = []
    for offset, tiny in ((0.0, 2.0**-66), (nudge, 1.3 * 2.0**-66), (-nudge, 0.7 * 2.0**-66)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ComplexWarning)
                result = np.asarray(f(complex(offset, tiny * scale)))
                if not np.iscomplexobj(result):
                    return None
                slopes.append(result.item().imag / (tiny * scale))
        except Exception:  # f was written for real numbers: what it raises now is no fault of it
            return None
    spread = max(abs(other - slopes[0]) for other in slopes[1:])
    error = 4 * spread + 16 * precision * abs(slopes[0])
    if not math.isfinite(error):
        return None
    return Slope(slopes[0], error, "complex step", 2.0**-66 * scale)


# -- functions of arrays -----------------------------------------------------------------


def directional(
    f: ArrayFunction,
    values: Sequence[Any],
    direction: Sequence[Any],
    *,
    precision: float = DOUBLE,
) -> Slope:
    """Return the derivative of a function of arrays along a direction.

    Parameters
    ----------
    f : callable
        Takes a list of arrays, new ones in double precision, and returns one number.
    values : sequence of array_like
        Where to take the derivative: real numbers.
    direction : sequence of array_like
        The direction, of the same shapes.
    precision : float
        As for :func:`slope`.

    Returns
    -------
    Slope

    Raises
    ------
    DtypeError
        When the values are not real numbers.
    """
    points, changes = _reals(values), _reals(direction)
    length = _size(changes)
    scale = (_size(points) or 1.0) / length if length else 1.0

    def along(h: Any) -> Any:
        return f([point + h * change for point, change in zip(points, changes, strict=True)])

    return slope(along, scale, precision=precision)


def coordinates(
    f: ArrayFunction, values: Sequence[Any], *, precision: float = DOUBLE
) -> list[Partials]:
    """Return the partial derivatives of a function of arrays, entry by entry.

    f is evaluated 16 times an entry where it is analytic, and about 100 or 200 times where not.

    Parameters
    ----------
    f, values, precision
        As for :func:`directional`.

    Returns
    -------
    list of Partials
        One for each array.

    Raises
    ------
    DtypeError
        When the values are not real numbers.
    """
    points = _reals(values)
    return [_partials(f, points, k, precision) for k in range(len(points))]


def _partials(f: ArrayFunction, points: list[Array], k: int, precision: float) -> Partials:
    shape, typical = points[k].shape, _size([points[k]])
    slopes = []
    for i, entry in enumerate(points[k].flat):

        def along(h: Any, i: int = i) -> Any:
            # f may write into what it is given, so that it never gets the same array twice.
            moved: list[Any] = [point.copy() for point in points]
            moved[k] = moved[k].astype(type(h))
            moved[k].flat[i] += h
            return f(moved)

        own = abs(float(entry)) if math.isfinite(entry) else 0.0
        slopes.append(slope(along, max(own, typical) or 1.0, precision=precision))
    return Partials(
        np.array([s.value for s in slopes], dtype=np.float64).reshape(shape),
        np.array([s.error for s in slopes], dtype=np.float64).reshape(shape),
        np.array([s.kink for s in slopes], dtype=np.bool_).reshape(shape),
    )


def _reals(values: Sequence[Any]) -> list[Array]:
    arrays = [np.asarray(value) for value in values]
    for array in arrays:
        if array.dtype.kind not in "fiu":
            raise DtypeError(
                "Differences are taken of real numbers only.",
                expected="real numbers",
                got=str(array.dtype),
            )
    return [array.astype(np.float64) for array in arrays]


def _size(arrays: list[Array]) -> float:
    """Root of the mean square of the finite entries; 0 where there are none."""
    entries = np.concatenate([np.ravel(array) for array in arrays] or [np.zeros(0)])
    entries = np.abs(entries[np.isfinite(entries)])
    largest = float(np.max(entries, initial=0.0))
    return largest * math.sqrt(float(np.mean((entries / largest) ** 2))) if largest else 0.0
