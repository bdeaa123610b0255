"""Names and cells in sentences: short, and on one line."""

from __future__ import annotations

from collections.abc import Sequence


def short(text: object, width: int = 40) -> str:
    """Return a text on one line, cut where it is too long; no sign in it moves the cursor.

    Examples
    --------
    >>> short("a" + chr(27) + "b"), short("abcdef", 4)
    ('a b', 'abc…')
    """
    plain = "".join(c if c.isprintable() else " " for c in str(text)[: width + 1])
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def listed(names: Sequence[object], most: int = 5) -> str:
    """Return names in a row, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - most
    shown = ", ".join(short(name) for name in names[:most])
    return shown + (f" and {more:,} more" if more > 0 else "")


def counted(count: int, one: str, several: str = "") -> str:
    """Return a number and what is counted.

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "row"), counted(2, "value is", "values are")
    ('1 row', '1,200 rows', '2 values are')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"
