"""What is to be predicted: the task, and the target as numbers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.tabular.telling import counted, listed, short
from chainrule.tabular.values import HUGE, are_booleans, decimal_of, is_text, numbers, words

TASKS = ("classification", "regression")
#: A target of whole numbers has at most this many classes, each in three rows on average.
_FEW, _ROWS = 20, 3
#: More classes than this are not told apart.
_MOST = 200
#: Rows with a target that there have to be.
_LEAST = 10


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes
    ----------
    name : str
    task : str
        ``"classification"`` or ``"regression"``.
    classes : tuple of str
        In the order of their numbers; empty in regression.
    mean, scale : float
        Of the values to train on: the network predicts (y - mean) / scale.
    decimal : str
        Of numbers in text.
    """

    name: str
    task: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    decimal: str = "."

    @property
    def is_classes(self) -> bool:
        """Whether the task is classification."""
        return self.task == "classification"

    def encode(self, column: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return a column as class numbers, or as values, and which rows have one.

        Parameters
        ----------
        column : pandas.Series

        Returns
        -------
        values : array of int64 or float64, shape (n,)
        known : array of bool, shape (n,)
        """
        if self.is_classes:
            place = {name: i for i, name in enumerate(self.classes)}
            at = np.array([place.get(w, -1) for w in words(column)], dtype=np.int64)
            return at, at >= 0
        values = numbers(column, self.decimal)
        return values, np.abs(values) < HUGE

    def document(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "name": self.name, "task": self.task, "classes": list(self.classes),
            "mean": self.mean, "scale": self.scale, "decimal": self.decimal,
        }  # fmt: skip

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Target:
        """Return the target that a document tells of.

        Raises
        ------
        ArgumentError
            When it tells of none.
        """
        try:
            made: Any = cls(**{**document, "classes": tuple(document["classes"])})
            right = (
                made.task in TASKS
                and isinstance(made.name, str)
                and all(isinstance(name, str) for name in made.classes)
                and (len(made.classes) > 1) == made.is_classes
                and all(type(x) in (int, float) for x in (made.mean, made.scale))
                and bool(np.isfinite([made.mean, made.scale]).all())
                and made.decimal in (".", ",")
            )
        except (KeyError, TypeError) as error:
            raise ArgumentError(
                "The file does not tell what is predicted.", got=repr(error)[:200]
            ) from error
        if not right:
            raise ArgumentError(
                "The file does not tell what is predicted.", got=repr(document)[:200]
            )
        found: Target = made
        return found


def check_is_there(name: str, names: Sequence[str], what: str, file: str) -> None:
    """Refuse a name that no column has, with the nearest one that some has.

    Raises
    ------
    ArgumentError
    """
    if name in names:
        return
    lower = {other.lower(): other for other in reversed(names)}
    close = difflib.get_close_matches(name.lower(), list(lower), 1, 0.5)
    got = f"columns {listed(names, 12)}"
    no_header = all(_is_number(other) for other in names)
    raise ArgumentError(
        f"{file} has no column {short(name)!r}{what}.",
        expected="the name of a column, as in the first line of the file",
        got=got + ("; the file seems to have no line of names" if no_header else ""),
        instead=lower[close[0]] if close else None,
    )


def worked_out(name: str, column: Any, task: str | None) -> tuple[Target, np.ndarray, list[str]]:
    """Return the target, the rows that have one, and what is to be said.

    Parameters
    ----------
    name : str
    column : pandas.Series
    task : str, optional
        As the user wants it.

    Returns
    -------
    target : Target
        In regression not yet with mean and scale.
    known : array of bool, shape (n,)
    notes : list of str

    Raises
    ------
    ArgumentError
        When it cannot be learned.
    """
    decimal = decimal_of(column)
    chosen = task or _task(column, decimal)
    if chosen == "classification":
        said = words(column)
        known = np.array([word is not None for word in said])
        target = Target(name, chosen, tuple(_in_order(set(said[known]))))
    else:
        known = np.abs(numbers(column, decimal)) < HUGE
        target = Target(name, chosen, decimal=decimal)
    notes = _left_out(name, column, known, chosen)
    _check(target, column, known)
    return target, known, notes


def _task(column: Any, decimal: str) -> str:
    there = column.dropna()
    found = numbers(there, decimal)
    readable = found[~np.isnan(found)]
    if are_booleans(there) or len(readable) < 0.9 * len(there) or not len(readable):
        return "classification"
    whole = np.isfinite(readable).all() and bool((readable == np.round(readable)).all())
    different = len(np.unique(readable))
    few = different <= min(_FEW, max(2, len(readable) // _ROWS))
    return "classification" if whole and few else "regression"


def _left_out(name: str, column: Any, known: np.ndarray, task: str) -> list[str]:
    absent = int(column.isna().sum())
    wrong = int((~known).sum()) - absent
    notes = []
    if absent:
        notes.append(f"{_rows(absent)} without a value of {short(name)}: left out.")
    if wrong and task == "regression":
        example = short(column[~known & column.notna().to_numpy()].iloc[0], 30)
        notes.append(
            f"{_rows(wrong)} whose {short(name)} is no finite number, such as {example!r}: "
            "left out."
        )
    return notes


def _check(target: Target, column: Any, known: np.ndarray) -> None:
    count = int(known.sum())
    if target.task == "regression" and not count:
        there = column.dropna()
        raise ArgumentError(
            f"Regression needs numbers, and {short(target.name)!r} has none.",
            got=repr(short(there.iloc[0])) if len(there) else "no values",
            instead="--task classification" if len(there) else None,
        )
    if count < _LEAST:
        raise ArgumentError(
            f"There is too little to learn {short(target.name)!r} from.",
            expected=f"at least {_LEAST} rows with a value", got=_rows(count),
        )  # fmt: skip
    if target.is_classes and len(target.classes) == 1:
        raise ArgumentError(
            f"There is nothing to tell apart: {short(target.name)!r} has one class.",
            expected="two classes or more",
            got=f"{short(target.classes[0])!r} in all of {_rows(count)}",
        )
    if target.is_classes and len(target.classes) > min(_MOST, count // 2):
        is_numbers = not is_text(column) or not np.isnan(numbers(column[known])).any()
        raise ArgumentError(
            f"{short(target.name)!r} has too many classes to tell apart.",
            expected=f"at most {min(_MOST, count // 2)}, each in two rows or more",
            got=f"{len(target.classes):,} different values in {_rows(count)}",
            instead="--task regression" if is_numbers else None,
        )
    if not target.is_classes:
        values = target.encode(column)[0][known]
        if np.ptp(values) == 0:
            raise ArgumentError(
                f"There is nothing to learn: {short(target.name)!r} has one value.",
                expected="different values", got=f"{values[0]:g} in all of {_rows(count)}",
            )  # fmt: skip


def _in_order(classes: set[str]) -> list[str]:
    """Return numbers by size, words by the alphabet."""
    if all(_is_number(name) for name in classes):
        return sorted(classes, key=lambda name: (float(name), name))
    return sorted(classes)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _rows(count: int) -> str:
    return counted(count, "row")
