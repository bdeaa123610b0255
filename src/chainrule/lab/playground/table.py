"""A table that was pasted or uploaded: two columns of numbers and one of classes."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass

import numpy as np

from chainrule.lab.playground.fields import refusal, shown
from chainrule.lab.playground.points import Points, split

#: Limits of a table: characters of its text, rows, columns, characters of a name, classes.
CHARACTERS, ROWS, COLUMNS, NAME, CLASSES = 200_000, 2_000, 50, 100, 6
_DELIMITERS = ",;\t|"
#: A number as most of Europe writes it, which is why its tables have other delimiters.
_DECIMAL = re.compile(r"^([+-]?\d+),(\d+)$")


@dataclass(frozen=True)
class Table:
    """Cells as text, below names.

    Attributes
    ----------
    names : tuple of str
    rows : list of list of str
        As many cells in each as there are names.
    """

    names: tuple[str, ...]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        at = self.names.index(name)
        return [row[at] for row in self.rows]

    def summary(self) -> dict[str, object]:
        """Return what a person needs to choose columns: names, and what each can serve as."""
        columns = []
        for name in self.names:
            cells = self.column(name)
            distinct = len(set(cells))
            wrong = [row for row, cell in enumerate(cells, 2) if _number(cell) is None]
            columns.append(
                {
                    "name": name,
                    "numeric": not wrong,
                    "classes": distinct if 2 <= distinct <= CLASSES else None,
                    "but": _but(name, cells, wrong),
                }
            )
        return {"columns": columns, "rows": len(self.rows)}


def read(text: str) -> Table:
    r"""Read a table: a row of names, then rows of cells.

    Parameters
    ----------
    text : str
        With commas, semicolons, tabs or bars between cells.

    Returns
    -------
    Table

    Raises
    ------
    FieldsError
        When it is no table, or larger than the limits.

    Examples
    --------
    >>> read("height,weight,kind\n1,2,a\n3,4,b\n").summary()["columns"][0]
    {'name': 'height', 'numeric': True, 'classes': 2, 'but': ''}
    """
    if len(text) > CHARACTERS:
        raise _wrong(f"At most {CHARACTERS:,} characters are taken; these are {len(text):,}.")
    text = text.lstrip("\ufeff")
    if "\0" in text:
        raise _wrong("This is no text: it has a character 0.")
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = [r for r in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if r]
    except csv.Error as error:
        raise _wrong(f"This is no table: {error}.") from None
    if len(lines) < 2:
        raise _wrong("A row of names is needed, and rows of cells below it.")
    names = tuple(name.strip() for name in lines[0])
    rows = [[cell.strip() for cell in line] for line in lines[1:]]
    if delimiter != ",":
        rows = [[_DECIMAL.sub(r"\1.\2", cell) for cell in row] for row in rows]
    _check(names, rows)
    return Table(names, rows)


def _check(names: tuple[str, ...], rows: list[list[str]]) -> None:
    if not 3 <= len(names) <= COLUMNS:
        raise _wrong(f"From 3 to {COLUMNS} columns are needed; there are {len(names)}.")
    if len(rows) > ROWS:
        raise _wrong(f"At most {ROWS:,} rows are taken; there are {len(rows):,}.")
    for number, name in enumerate(names, start=1):
        if not name or len(name) > NAME:
            raise _wrong(f"Column {number} needs a name of 1 to {NAME} characters.")
        if names.index(name) != number - 1:
            raise _wrong(f"Two columns have the name {shown(name)}.")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise _wrong(
                f"Row {number} has {len(row)} cells, and there are {len(names)} names above them."
            )


def points(
    table: Table, x: str, y: str, target: str, validation: float, seed: int, field: str = "table"
) -> Points:
    """Return the samples of a table: each coordinate scaled to mean 0 and deviation 1.

    Raises
    ------
    FieldsError
        When a column is not there, or cannot serve.
    """
    errors = []
    for role, name in ((f"{field}.x", x), (f"{field}.y", y), (f"{field}.target", target)):
        if name not in table.names:
            errors.append((role, f"There is no column {shown(name)}."))
    if errors:
        raise refusal(errors)
    if x == y:
        raise refusal([(f"{field}.y", "A column other than the first is needed.")])
    pair = np.stack([_numbers(table, x, f"{field}.x"), _numbers(table, y, f"{field}.y")], axis=1)
    cells = table.column(target)
    classes = tuple(sorted(set(cells), key=lambda cell: (_number(cell) is None, _order(cell))))
    if not 2 <= len(classes) <= CLASSES:
        raise refusal([(
            f"{field}.target",
            f"From 2 to {CLASSES} different values are needed; {shown(target)} has {len(classes)}.",
        )])  # fmt: skip
    labels = np.array([classes.index(cell) for cell in cells])
    centre, spread = pair.mean(axis=0), pair.std(axis=0)
    for role, wide, name in zip(("x", "y"), spread, (x, y), strict=True):
        if not (wide > 0 and math.isfinite(wide)):
            raise refusal([(f"{field}.{role}", f"The column {shown(name)} does not vary.")])
    return split(
        (pair - centre) / spread, labels, validation, np.random.default_rng([seed, 1]),
        tuple(cell[:NAME] for cell in classes), axes=(x, y),
        centre=(float(centre[0]), float(centre[1])), spread=(float(spread[0]), float(spread[1])),
    )  # fmt: skip


def _numbers(table: Table, name: str, field: str) -> np.ndarray:
    cells = table.column(name)
    found = [_number(cell) for cell in cells]
    for number, (cell, value) in enumerate(zip(cells, found, strict=True), start=2):
        if value is None:
            raise refusal([(field, f"Row {number} of {shown(name)} is no number: {shown(cell)}.")])
    return np.array(found, float)


def _but(name: str, cells: list[str], wrong: list[int]) -> str:
    """Say which cells keep a column that is meant to be of numbers from being one."""
    if not wrong or 2 * len(wrong) > len(cells):
        return ""
    cell = cells[wrong[0] - 2]
    others = f", and {len(wrong) - 1} others like it" if len(wrong) > 1 else ""
    return (
        f"{shown(name)} has {shown(cell) if cell else 'an empty cell'} in row {wrong[0]}{others}."
    )


def _number(cell: str) -> float | None:
    """Return a cell as a number of moderate size, or None."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if abs(value) < 1e30 else None


def _order(cell: str) -> tuple[float, str]:
    value = _number(cell)
    return (0.0 if value is None else value, cell)


def _wrong(message: str) -> Exception:
    return refusal([("table", message)])
