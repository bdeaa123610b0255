"""A table that was pasted or uploaded: two columns of numbers and one of classes."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.lab.playground.fields import refusal, shown
from chainrule.lab.playground.points import Points, split

#: Limits of a table: characters of its text, rows, columns, characters of a name, classes.
CHARACTERS, ROWS, COLUMNS, NAME, CLASSES = 200_000, 2_000, 50, 100, 6
_DELIMITERS = ",;\t|"
#: A number as most of Europe writes it, which is why its tables have other delimiters.
_DECIMAL = re.compile(r"^([+-]?\d+),(\d+)$")
#: A first line in which a spreadsheet says what stands between its cells.
_SAID = re.compile(r"\s*sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Cells as text, below names.

    Attributes
    ----------
    names : tuple of str
    rows : list of list of str
        As many cells in each as there are names.
    lines : list of int
        Where each row stands in the text, from 1.
    """

    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        at = self.names.index(name)
        return [row[at] for row in self.rows]

    def summary(self) -> dict[str, object]:
        """Return what a person needs to choose columns.

        Returns
        -------
        dict
            ``columns``: name of each, and what it can serve as; ``rows``; ``chosen``: the columns
            to begin with, or None, and then ``lacking`` says what is not there.
        """
        columns = []
        for name in self.names:
            cells = self.column(name)
            distinct = len(set(cells))
            columns.append(
                {
                    "name": name,
                    "numeric": all(_number(cell) is not None for cell in cells),
                    "classes": distinct if 2 <= distinct <= CLASSES else None,
                }
            )
        chosen = self._chosen(columns)
        return {
            "columns": columns, "rows": len(self.rows),
            "chosen": chosen, "lacking": "" if chosen else self._lacking(columns),
        }  # fmt: skip

    def _chosen(self, columns: list[dict[str, Any]]) -> dict[str, str] | None:
        """Choose the first two columns of numbers, and the last that can be classes."""
        numeric = [c["name"] for c in columns if c["numeric"] and not self._counts(c["name"])]
        if len(numeric) < 2:
            numeric = [c["name"] for c in columns if c["numeric"]]
        targets = [c["name"] for c in columns if c["classes"]]
        others = [name for name in targets if name not in numeric[:2]]
        for target in (*others[-1:], *targets[::-1]):
            x, y, *_ = [*(name for name in numeric if name != target), "", ""]
            if y:
                return {"x": x, "y": y, "target": target}
        return None

    def _counts(self, name: str) -> bool:
        """Whether a column numbers the rows, as an index does."""
        found = [_number(cell) for cell in self.column(name)]
        return len(found) > CLASSES and found in (
            list(range(len(found))),
            list(range(1, len(found) + 1)),
        )

    def _lacking(self, columns: list[dict[str, Any]]) -> str:
        numeric = [c["name"] for c in columns if c["numeric"]]
        counts = {name: len(set(self.column(name))) for name in self.names}
        others = [
            self._wrong_cell(name) if counts[name] > 1 else f"{shown(name)} has one value"
            for name in self.names
            if name not in numeric
        ]
        but = f": {', '.join(others[:3])}" if others else ""
        if len(numeric) < 2:
            there = f"{shown(numeric[0])} alone is one" if numeric else "there is none"
            return f"Two columns of numbers are needed, and {there}{but}."
        if not any(c["classes"] for c in columns):
            near = min(reversed(self.names), key=lambda name: abs(counts[name] - 2))
            return (
                f"A column with 2 to {CLASSES} different values is needed, as classes; "
                f"{shown(near)}, the nearest, has {counts[near]:,}."
            )
        return (
            "Three different columns are needed, two of numbers, and one with "
            f"2 to {CLASSES} different values, as classes{but}."
        )

    def _wrong_cell(self, name: str) -> str:
        """Say which cells keep a column from being one of numbers."""
        cells = self.column(name)
        wrong = [at for at, cell in enumerate(cells) if _number(cell) is None]
        cell = cells[wrong[0]]
        others = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        said = shown(cell) if cell else "an empty cell"
        return f"{shown(name)} has {said} in row {self.lines[wrong[0]]}{others}"


def read(text: str) -> Table:
    r"""Read a table: a row of names, then rows of cells.

    Where the first row is one of cells, too, the columns get names.

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
    {'name': 'height', 'numeric': True, 'classes': 2}
    >>> read("1;2;a\n3;4;b\n2;1;a").names
    ('column 1', 'column 2', 'column 3')
    """
    if len(text) > CHARACTERS:
        raise _wrong(f"At most {CHARACTERS:,} characters are taken; these are {len(text):,}.")
    text = text.lstrip("\ufeff")
    if "\0" in text:
        raise _wrong("This is no text: it has a character 0.")
    lines, delimiter = _lines(text)
    if len(lines) < 2:
        raise _wrong("A row of names is needed, and rows of cells below it.")
    if delimiter != ",":
        lines = [(at, [_DECIMAL.sub(r"\1.\2", cell) for cell in row]) for at, row in lines]
    if not 3 <= len(lines[0][1]) <= COLUMNS:
        count = len(lines[0][1])
        there = f"there {'is' if count == 1 else 'are'} {count}"
        raise _wrong(
            f"From 3 to {COLUMNS} columns are needed; {there}. "
            "Between cells stand commas, semicolons, tabs or bars."
        )
    names, rows = tuple(lines[0][1]), [row for _, row in lines[1:]]
    numbers = [at for at, _ in lines[1:]]
    if _is_of_cells(names, rows):
        names, rows = _numbered(names), [list(names), *rows]
        numbers = [lines[0][0], *numbers]
    _check(names, rows, numbers)
    return Table(names, rows, numbers)


def _lines(text: str) -> tuple[list[tuple[int, list[str]]], str]:
    """Return the rows that hold something, with their places, and what stands between cells."""
    said = _SAID.match(text)
    if said:
        delimiter, skipped = said[1], said[0].count("\n")
        text = text[said.end() :]
    else:
        first = next((line for line in text.split("\n") if re.search(r"\w", line)), "")
        delimiter, skipped = max(_DELIMITERS, key=first.count), 0
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        rows = [(reader.line_num + skipped, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise _wrong(f"This is no table: {error}.") from None
    return [(at, row) for at, row in rows if any(row)], delimiter


def _is_of_cells(names: tuple[str, ...], rows: list[list[str]]) -> bool:
    """Whether the first row looks like those below it: numbers over numbers, classes met again."""
    if any(len(row) != len(names) for row in rows):
        return False
    found = [(name, [row[at] for row in rows]) for at, name in enumerate(names)]
    numbers = [name for name, cells in found if all(_number(cell) is not None for cell in cells)]
    again = [n for n, cells in found if len(set(cells)) <= CLASSES and n in cells]
    alike = all(_number(n) is not None if n in numbers else n in again for n in names)
    return alike and bool(again) and len(numbers) > 1


def _numbered(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"column {at}" for at, _ in enumerate(names, start=1))


def _check(names: tuple[str, ...], rows: list[list[str]], lines: list[int]) -> None:
    if len(rows) > ROWS:
        raise _wrong(f"At most {ROWS:,} rows are taken; there are {len(rows):,}.")
    for number, name in enumerate(names, start=1):
        if not name or len(name) > NAME:
            raise _wrong(f"Column {number} needs a name of 1 to {NAME} characters.")
        if names.index(name) != number - 1:
            raise _wrong(f"Two columns have the name {shown(name)}.")
    for number, row in zip(lines, rows, strict=True):
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
    for number, cell, value in zip(table.lines, cells, found, strict=True):
        if value is None:
            raise refusal([(field, f"Row {number} of {shown(name)} is no number: {shown(cell)}.")])
    return np.array(found, float)


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
