"""Numbers to begin with: small, different, the same each time, and short to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.formula import Formula
from chainrule.lab.sizes import UNKNOWN, Meter, soon

#: Single numbers, by their place among the values.
_ALONE = (2.0, 3.0, 1.0, 0.5, -1.0, 1.5)
#: Numbers of arrays, each array beginning elsewhere among them. Their order is such that a ReLU of
#: products lets most of them through, and that square matrices have an inverse.
_NUMBERS = (1.0, 2.0, 0.5, -1.5, 1.5, -1.0, 2.5, -2.5, 3.0, -2.0, -0.5)
_APART = 3


def filled(
    formula: Formula,
    given: Mapping[str, Any],
    present: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    labels: Sequence[str] = (),
    *,
    hold: bool = True,
) -> dict[str, Any]:
    """Fill shapes with numbers.

    Parameters
    ----------
    formula : Formula
    given : mapping
        Name -> value that is there already.
    present : mapping
        Values that are taken where they have the shape.
    shapes : mapping
        Name -> shape.
    labels : sequence of str
        Names of data to compare with.
    hold : bool
        Look for numbers at which the formula is finite.

    Examples
    --------
    >>> from chainrule.formula import FUNCTIONS, parse
    >>> filled(parse("log(1 - p)", FUNCTIONS), {}, {}, {"p": ()})
    {'p': 0.5}
    """
    tries = _tries(formula, present, shapes, labels)
    usual = next(tries)
    if not hold:
        return usual
    fine = (t for t in (usual, *tries) if _is_finite(formula, {**given, **t}))
    return next(fine, usual)


def _tries(
    formula: Formula,
    present: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    labels: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """Yield the usual numbers, then such as a logarithm, say, needs: for one value, for all."""
    kinds = {
        name: fillings(formula.names.index(name), shape, label=name in labels)
        for name, shape in shapes.items()
    }
    kept = {n: present[n] for n in shapes if n in present and np.shape(present[n]) == shapes[n]}
    usual = {name: kind[0] for name, kind in kinds.items()} | kept
    others = {name: kind[-1] for name, kind in kinds.items()}
    yield usual
    yield from (usual | {name: others[name]} for name in reversed(others))
    yield others


def _is_finite(formula: Formula, values: Mapping[str, Any]) -> bool:
    meter = Meter(soon())
    try:
        with np.errstate(all="ignore"):
            result = formula.evaluate(
                values, before=lambda f, operands, _: meter.admit(f, operands)
            )
        return bool(np.all(np.isfinite(result)))
    except UNKNOWN:
        return False


def fillings(position: int, shape: tuple[int, ...], *, label: bool = False) -> list[Any]:
    """Return numbers or arrays of a shape, the usual one first.

    Parameters
    ----------
    position : int
        Among all values: each begins with other numbers.
    shape : tuple of int
    label : bool
        Data to compare with: in each row of an array one 1 among zeros.

    Returns
    -------
    list
        The last one lies between 0 and 1, and its rows add up to 1, as probabilities do.

    Examples
    --------
    >>> fillings(0, (2, 3))[0].tolist(), fillings(1, ())[0]
    ([[1.0, 2.0, 0.5], [-1.5, 1.5, -1.0]], 3.0)
    >>> fillings(0, (2, 3), label=True)[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    >>> fillings(0, (2, 3))[-1].tolist()
    [[0.625, 0.25, 0.125], [0.125, 0.625, 0.25]]
    """
    if not shape:
        return [_ALONE[position % len(_ALONE)], 0.5]
    if 0 in shape:
        return [np.zeros(shape)]
    usual = np.resize(np.roll(_NUMBERS, -_APART * position), shape)
    rest = 0.5 ** np.arange(2, shape[-1] + 1)
    shares = _in_turn(np.array([1 - rest.sum(), *rest]), shape)
    return [_in_turn(np.eye(shape[-1])[0], shape) if label else usual, shares]


def _in_turn(row: Any, shape: tuple[int, ...]) -> Any:
    """Fill a shape with a row, each time moved by one."""
    rows = [np.roll(row, k) for k in range(int(np.prod(shape[:-1])))]
    return np.reshape(rows, shape)
