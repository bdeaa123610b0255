"""Tables from files: CSV in whatever delimiter and encoding, or Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from chainrule.errors import ArgumentError
from chainrule.tabular.telling import counted, short
from chainrule.tabular.values import MISSING

_DELIMITERS = ",;\t|"
#: How much of a text is looked at to find the delimiter.
_SAMPLE = 200_000
#: A space before the end of a cell, or after a quotation mark.
_SPACE = re.compile(r"""[^\S\n]"?(?:[,;|\t\n]|$)|"\s""")
#: First bytes of what gzip has packed; so many bytes are unpacked in memory at most.
_GZIP, _UNPACKED = b"\x1f\x8b", 2**31
#: First bytes of files that are no tables -> what they are, and what to do.
_OTHERS = {
    b"PK\x03\x04": ("a spreadsheet or another archive", "save it as CSV (UTF-8)"),
    b"\xd0\xcf\x11\xe0": ("an old spreadsheet", "save it as CSV (UTF-8)"),
    _GZIP: ("compressed twice", "gunzip it first"),
    b"%PDF": ("a PDF document", None),
    b"\x89PNG": ("a picture", None),
}


@dataclass
class Table:
    """What was read.

    Attributes
    ----------
    name : str
        Of the file.
    frame : pandas.DataFrame
        Columns of text, with NA for what is missing, or of a Parquet file's types.
    unusable : dict of str to str
        Columns that cannot be read -> why.
    notes : list of str
        What the reader of the result has to know.
    """

    name: str
    frame: Any
    unusable: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_table(file: str | Path) -> Table:
    """Read a CSV or Parquet file, packed by gzip or not.

    Parameters
    ----------
    file : str or Path
        A Parquet file is known by its first bytes. Of any other the delimiter (comma, semicolon,
        tab or bar) and the encoding (UTF-8, UTF-16 with a mark, or Windows-1252) are found out.

    Returns
    -------
    Table

    Raises
    ------
    ArgumentError
        When it cannot be read, or is no table.
    MissingExtraError
        For Parquet without pyarrow.
    """
    path = Path(file)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArgumentError(
            f"The file cannot be read: {error.strerror or error}.", got=str(file)
        ) from error
    if data.startswith(_GZIP):
        data = _unpacked(data, path.name)
    if data.startswith(b"PAR1"):
        from chainrule.tabular.parquet import read_parquet

        frame, unusable, notes = read_parquet(data, path.name)
    else:
        frame, notes = _read_text(data, path.name)
        unusable = {}
    if not len(frame):
        raise ArgumentError(
            f"{path.name} has no rows.", expected="a table with rows of data",
            got=f"names of {counted(len(frame.columns), 'column')} only",
        )  # fmt: skip
    return Table(path.name, frame, unusable, notes)


def check_names(table: Table, ignored: frozenset[str] = frozenset()) -> None:
    """Refuse names that several columns have.

    Parameters
    ----------
    table : Table
    ignored : frozenset of str
        Names that do not matter.

    Raises
    ------
    ArgumentError
    """
    names = list(table.frame.columns)
    for name, count in Counter(names).items():
        if count > 1 and name not in ignored:
            at = [str(i + 1) for i, other in enumerate(names) if other == name]
            raise ArgumentError(
                f"{count} columns of {table.name} have one name.",
                expected="a name of its own for each column",
                got=f"{short(name)!r} as columns {', '.join(at[:10])}",
                instead="rename them in the file, or leave all of them out with --ignore",
            )


def _unpacked(data: bytes, name: str) -> bytes:
    """Return what gzip has packed, unless that is a file of another kind than it says."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(_UNPACKED + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ArgumentError(
            f"{name} is no whole file of gzip.", expected="a table: CSV or Parquet, or .csv.gz",
            got=str(error) or type(error).__name__, instead="copy or download it again",
        ) from error  # fmt: skip
    if len(found) > _UNPACKED:
        raise ArgumentError(
            f"{name} is too much to unpack in memory.", instead="gunzip it first",
            expected=f"up to {_UNPACKED / 2**30:g} GiB unpacked",
            got=f"more, from {len(data) / 2**20:,.1f} MiB",
        )  # fmt: skip
    return found


# -- text --------------------------------------------------------------------------------


def _read_text(data: bytes, name: str) -> tuple[Any, list[str]]:
    text, notes = _decoded(data, name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = delimiter_of(text)
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=delimiter, header=None, dtype=str, keep_default_na=False,
            na_filter=False, skipinitialspace=True, low_memory=False,
        )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise _unparsed(error, name) from error
    header = [str(cell).strip() for cell in frame.iloc[0]]
    frame = frame.iloc[1:].reset_index(drop=True)
    unnamed = [i for i, cell in enumerate(header) if not cell]
    for i in unnamed:
        header[i] = f"column {i + 1}"
    if unnamed:
        notes.append(
            f"{counted(len(unnamed), 'column has', 'columns have')} no name: called by position."
        )
    stripped = _SPACE.search(text) is not None
    frame = frame.apply(lambda column: _cells(column, stripped))
    frame.columns = header
    return frame, notes


def _cells(column: Any, stripped: bool) -> Any:
    """Return cells without space around them, if there is any, and NA for what is missing."""
    column = column.str.strip() if stripped else column
    return column.mask(column.isin(MISSING))


def _decoded(data: bytes, name: str) -> tuple[str, list[str]]:
    if not data.strip():
        raise ArgumentError(f"{name} is empty.", expected="a table: CSV or Parquet")
    for start, (what, instead) in _OTHERS.items():
        if data.startswith(start):
            raise ArgumentError(
                f"{name} is {what}.", expected="a table: CSV or Parquet", instead=instead
            )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), []
        except UnicodeDecodeError as error:
            raise ArgumentError(
                f"{name} begins like UTF-16, and is not.", got=str(error)
            ) from error
    if b"\0" in data:
        raise ArgumentError(
            f"{name} is no text.", expected="a table: CSV or Parquet",
            got=f"a byte 0 at position {data.index(0):,}",
        )  # fmt: skip
    start = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ArgumentError(
            f"{name} is a page of HTML or XML.", expected="a table: CSV or Parquet",
            got=start[:40].decode("ascii", "replace").splitlines()[0],
            instead="download the file itself, not the page that shows it",
        )  # fmt: skip
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        place = error.start
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise ArgumentError(
            f"{name} is text in an encoding that is not known.",
            expected="UTF-8, UTF-16 with a mark at the start, or Windows-1252",
            got=f"byte {data[place]:#04x} at position {place:,}",
            instead=f"iconv -f ENCODING -t UTF-8 {name} > utf8.csv",
        ) from error
    return text, ["The text is not UTF-8: read as Windows-1252. Look whether accents are right."]


def delimiter_of(text: str) -> str:
    """Return the delimiter that parts the first rows into most cells, the same in each.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        A comma unless another one fits better.

    Examples
    --------
    >>> delimiter_of('a;b;c' + chr(10) + '1,5;2;"x;y"')
    ';'
    """
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:  # the last line may be cut
        sample = sample[: sample.rfind("\n") + 1] or sample
    best, found = (0.0, 0), ","
    for delimiter in _DELIMITERS:
        try:
            rows = [r for r, _ in zip(csv.reader(io.StringIO(sample), delimiter=delimiter),
                                      range(50), strict=False) if r]  # fmt: skip
        except csv.Error:
            continue
        if not rows or len(rows[0]) < 2:
            continue
        cells = len(rows[0])
        alike = sum(len(row) == cells for row in rows) / len(rows)
        if (alike, cells) > best:
            best, found = (alike, cells), delimiter
    return found


def _unparsed(error: Exception, name: str) -> ArgumentError:
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if found:
        return ArgumentError(
            f"Line {found[2]} of {name} has more cells than the first line has names.",
            expected=f"{found[1]} cells", got=f"{found[3]} cells",
            instead="put a text with the delimiter in it between quotes",
        )  # fmt: skip
    said = str(error).strip().splitlines()
    return ArgumentError(
        f"{name} is no table of text.", expected="CSV: a row of names, then rows of cells",
        got=said[-1] if said else type(error).__name__,
    )  # fmt: skip
