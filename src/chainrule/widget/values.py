"""What a reader typed into a field, as the value that the function takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.formula import parse_value

#: A field takes so many characters, and so many numbers.
LONGEST, MOST = 100_000, 1_000


def value_of(text: Any, old: Any) -> Any:
    """Read a value of the kind of an old one.

    Parameters
    ----------
    text : str
        A number, or a list of numbers, as :func:`chainrule.formula.parse_value` reads it.
    old : number, list, tuple or array
        What it replaces: the value gets its type, its dtype, and has to have as many axes.

    Returns
    -------
    number, list, tuple or array

    Raises
    ------
    FormulaError, ArgumentError
        With a message that says what to write.

    Examples
    --------
    >>> value_of("[1, 2/4]", [0.0, 0.0]), value_of("3", 1.5)
    ([1.0, 0.5], 3.0)
    """
    if not isinstance(text, str):
        raise ArgumentError("A value is text.", got=type(text).__name__)
    if not text.strip():
        raise ArgumentError("There is no value.", instead=_example(_as_array(old)))
    if len(text) > LONGEST:
        raise ArgumentError(
            "This is too long to be typed into a field.",
            expected=f"at most {LONGEST:,} characters", got=f"{len(text):,}",
        )  # fmt: skip
    count = text.count(",") + 1
    if count > MOST:
        raise ArgumentError(
            "These are too many numbers for a field.",
            expected=f"at most {MOST:,} numbers", got=f"{count:,}",
            instead="change the array in Python, and explain again",
        )  # fmt: skip
    before = _as_array(old)
    whole = before.dtype.kind in "iub"
    value = np.asarray(parse_value(text, integers=whole))
    if value.ndim != before.ndim:
        raise ArgumentError(
            f"This is {_KINDS[min(value.ndim, 3)]} where {_KINDS[min(before.ndim, 3)]} belongs.",
            expected=f"brackets for {before.ndim} axes, as in {_example(before)}",
        )
    if whole and value.dtype.kind == "f" and isinstance(old, (np.ndarray, np.generic)):
        raise ArgumentError("Whole numbers belong here.", got=text[:60])
    return _like(value, old)


_KINDS = {0: "a number", 1: "a list", 2: "a matrix", 3: "an array of more axes"}


def _example(array: np.ndarray[Any, Any]) -> str:
    return {0: "2", 1: "[1, 2]", 2: "[[1, 2], [3, 4]]"}.get(array.ndim, "[[[1, 2]]]")


def _as_array(old: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(old)
    except ValueError:  # rows of several lengths
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise ArgumentError(
            "This argument is no number and no array of numbers, and cannot be changed here.",
            got=type(old).__name__, instead="change it in Python, and explain again",
        )  # fmt: skip
    return array


def _like(value: np.ndarray[Any, Any], old: Any) -> Any:
    if isinstance(old, np.ndarray):
        return value.astype(old.dtype)
    if isinstance(old, np.generic):
        return old.dtype.type(value)
    plain = value.tolist()
    return tuple(plain) if isinstance(old, tuple) else plain
