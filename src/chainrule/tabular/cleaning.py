"""A table's columns as two matrices: numbers, and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.tabular.columns import Column, numbers_of
from chainrule.tabular.telling import counted, short
from chainrule.tabular.values import HUGE, words


@dataclass(frozen=True)
class Clean:
    """What a preparation begins with.

    Attributes
    ----------
    numbers : array of float64, shape (n, p)
        NaN for what is missing; all else is finite.
    words : array of object, shape (n, q)
        None for what is missing.
    notes : tuple of str
        What could not be read.
    """

    numbers: np.ndarray
    words: np.ndarray
    notes: tuple[str, ...] = ()


def number_columns(columns: Sequence[Column]) -> list[Column]:
    """Return the columns of numbers and dates, and then those of yes and no."""
    found = [column for column in columns if column.kind in ("numeric", "date", "boolean")]
    return sorted(found, key=lambda column: column.kind == "boolean")


def number_names(columns: Sequence[Column]) -> list[str]:
    """Return the names of the numbers: those of columns, and of the parts of dates."""
    return [
        f"{column.name} ({part})" if part else column.name
        for column in number_columns(columns)
        for part in (column.parts or ("",))
    ]


def word_names(columns: Sequence[Column]) -> list[str]:
    """Return the names of the columns of words."""
    return [column.name for column in columns if column.kind == "categorical"]


def cleaned(frame: Any, columns: Sequence[Column]) -> Clean:
    """Return the numbers and words of a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        With all of the columns.
    columns : sequence of Column

    Returns
    -------
    Clean
    """
    texts = [words(frame[c.name]) for c in columns if c.kind == "categorical"]
    numbers: list[np.ndarray] = []
    notes: list[str] = []
    for column in number_columns(columns):
        values = frame[column.name]
        found = numbers_of(column, values)
        notes += _unreadable(column, values, found)
        numbers.append(np.where(np.abs(found) < HUGE, found, np.nan))
    return Clean(
        np.concatenate(numbers, axis=1) if numbers else np.empty((len(frame), 0)),
        np.column_stack(texts) if texts else np.empty((len(frame), 0), object),
        tuple(notes),
    )


def _unreadable(column: Column, values: Any, found: np.ndarray) -> list[str]:
    there = values.notna().to_numpy()
    wrong = there & np.isnan(found).any(axis=1)
    infinite = int((np.abs(found) >= HUGE).any(axis=1).sum())
    what = {"numeric": "number", "boolean": "yes or no", "date": "date"}[column.kind]
    notes, name = [], short(column.name)
    if wrong.any():
        example = short(values[wrong].iloc[0], 30)
        many = counted(int(wrong.sum()), "value is", "values are")
        notes.append(f"{name}: {many} no {what}, such as {example!r}: taken as missing.")
    if infinite:
        notes.append(f"{name}: {counted(infinite, 'infinite value')}: taken as missing.")
    return notes
