"""What kind each column is, and which ones are left out and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.tabular import dates
from chainrule.tabular.telling import short
from chainrule.tabular.values import HUGE, are_booleans, booleans, decimal_of, numbers, words

KINDS = ("numeric", "categorical", "boolean", "date")
#: Share of the values that have to be numbers, or dates, for a column to be taken as such.
_SHARE = 0.9
#: A column of fewer rows than this is not said to hold identifiers, however different they are.
_FEW = 20
#: Words in a cell, and characters, from which on it is a text rather than a category.
_WORDS, _CHARACTERS = 4, 40
_IDENTIFIER = re.compile(
    r"(?i:(?:.*[ _.-])?(?:id|uuid|guid|index|idx|key|nr|no|number|row))|.*[a-z]I[dD]|column 1"
)


@dataclass(frozen=True)
class Column:
    """What is known of one column.

    Attributes
    ----------
    name : str
    kind : str
        One of `KINDS`, or empty for a column that is left out.
    why : str
        Why it is left out, or what was noticed.
    decimal : str
        Of numbers in text.
    form : str
        Of dates in text.
    parts : tuple of str
        What a date is taken apart into.
    """

    name: str
    kind: str
    why: str = ""
    decimal: str = "."
    form: str = ""
    parts: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {**asdict(self), "parts": list(self.parts)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Column:
        """Return the column that a document tells of.

        Raises
        ------
        ArgumentError
            When it tells of none.
        """
        fields = {"name": str, "kind": str, "why": str, "decimal": str, "form": str, "parts": list}
        right = set(document) == set(fields) and all(
            isinstance(document[name], kind) for name, kind in fields.items()
        )
        if (
            not right
            or document["kind"] not in KINDS
            or document["decimal"] not in (".", ",")
            or document["form"] not in ("", *dates.FORMATS)
            or not set(document["parts"]) <= set(dates.PARTS)
        ):
            raise ArgumentError(
                "The file does not tell what kind a column is.", got=repr(document)[:200]
            )
        return cls(**{**document, "parts": tuple(document["parts"])})


def worked_out(
    frame: Any, unusable: Mapping[str, str], asked: Mapping[str, str]
) -> tuple[Column, ...]:
    """Return what kind each column is.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows to train on, without the target.
    unusable : mapping of str to str
        Columns that could not be read -> why.
    asked : mapping of str to str
        Name -> ``"ignore"``, ``"numeric"`` or ``"categorical"``, as the user wants it.

    Returns
    -------
    tuple of Column
        One for each, those that are left out among them.

    Raises
    ------
    ArgumentError
        When a column cannot be what the user wants.
    """
    found = []
    for name in dict.fromkeys(frame.columns):
        wanted = asked.get(name)
        if wanted == "ignore":
            found.append(Column(name, "", "left out, as asked"))
        elif name in unusable:
            found.append(Column(name, "", unusable[name]))
        else:
            found.append(_asked(name, frame[name], wanted) if wanted else _kind(name, frame[name]))
    return tuple(found)


def _asked(name: str, column: Any, wanted: str) -> Column:
    if wanted == "categorical":
        return Column(name, "categorical", "as asked")
    if are_booleans(column):
        return Column(name, "boolean", "yes and no as numbers")
    decimal = decimal_of(column)
    if not (np.abs(numbers(column, decimal)) < HUGE).any():
        there = column.dropna()
        raise ArgumentError(
            f"{short(name)!r} cannot be numeric: none of its values is a number.",
            expected="numbers", got=repr(short(there.iloc[0])) if len(there) else "no values",
            instead=f"--categorical {short(name)}",
        )  # fmt: skip
    return Column(name, "numeric", "as asked", decimal)


def _kind(name: str, column: Any) -> Column:
    there = column.dropna()
    if not len(there):
        return Column(name, "", "no values")
    different = there.nunique()
    if different == 1 and len(there) == len(column):
        return Column(name, "", f"one value in all rows: {short(there.iloc[0], 30)}")
    if different == 2 and are_booleans(there):
        return Column(name, "boolean")
    decimal = decimal_of(there)
    found = numbers(there, decimal)
    if (~np.isnan(found)).mean() >= _SHARE:
        return _numeric(name, column, found, decimal)
    form = dates.form_of(there, _SHARE)
    if form is not None:
        return _date(name, there, *form)
    return _of_words(name, there, different, len(column))


def _numeric(name: str, column: Any, found: np.ndarray, decimal: str) -> Column:
    finite = found[np.abs(found) < HUGE]
    if not len(finite):
        return Column(name, "", "no finite numbers")
    whole = len(finite) == len(column) and bool((finite == np.round(finite)).all())
    if whole and len(finite) >= _FEW and len(np.unique(finite)) == len(finite):
        counted = finite.max() - finite.min() < 1.5 * len(finite) and bool(
            (np.diff(finite) > 0).all() or (np.diff(finite) < 0).all()
        )
        if counted or _IDENTIFIER.fullmatch(name):
            return Column(name, "", "an identifier: a whole number of its own in each row")
    return Column(name, "numeric", "", decimal)


def _date(name: str, there: Any, form: str, doubt: str) -> Column:
    every = dates.parts(there, form)
    different = [
        part
        for part, values in zip(dates.PARTS, every.T, strict=True)
        if len(np.unique(values[~np.isnan(values)])) > 1
    ]
    if not different:
        return Column(name, "", "one date in all rows")
    return Column(name, "date", doubt, form=form, parts=tuple(different))


def _of_words(name: str, there: Any, different: int, rows: int) -> Column:
    said = [word for word in words(there) if word is not None]
    if rows >= _FEW and different > 0.5 * len(there):
        length = np.mean([len(word) for word in said])
        if length >= _CHARACTERS or np.mean([len(word.split()) for word in said]) >= _WORDS:
            return Column(name, "", "free text")
        if different == len(there):
            return Column(name, "", "an identifier: a value of its own in each row")
        return Column(name, "", f"{different:,} different values in {len(there):,} rows")
    if max(map(len, said)) > 1000:
        return Column(name, "", "free text: cells of more than 1,000 characters")
    return Column(name, "categorical")


def numbers_of(column: Column, values: Any) -> np.ndarray:
    """Return the numbers of a column that is no category: a column of them for each part.

    Parameters
    ----------
    column : Column
    values : pandas.Series

    Returns
    -------
    array of float64, shape (n, parts)
        Infinities among them; NaN for what is missing or cannot be read.
    """
    if column.kind == "date":
        return dates.parts(values, column.form, column.parts)
    read = booleans(values) if column.kind == "boolean" else numbers(values, column.decimal)
    return read[:, None]
