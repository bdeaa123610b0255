"""The cells of one column as words, numbers or booleans, whatever file they come from.

A column of a CSV file is text; one of a Parquet file has a type. Both give the same here, so
that a model trained on the one predicts for the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

#: What stands for a missing value in text.
MISSING = frozenset(
    ["", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "-nan", "NaT", "NULL", "null", "None",
     "?", "-", "."]
)  # fmt: skip
#: Beyond this a number is as good as infinite: its square would be.
HUGE = 1e100

#: A comma that can only stand before decimals, numbers of a column where it does, and numbers of
#: one where commas stand between thousands.
_WITH_COMMA = r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),[0-9]+"
_COMMAS = r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]+)?"
_THOUSANDS = r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"
#: Signs of currencies, and that of a hundredth: what is before and after a number.
_BEFORE, _AFTER = r"^([+-]?)[$€£¥₹] ?([0-9.])", r"([0-9.]) ?[$€£¥₹%]$"
#: Words for yes and no.
_PAIRS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))
_BOOLEANS = {word: float(i == 0) for pair in _PAIRS for i, word in enumerate(pair)}


def is_text(column: Any) -> bool:
    """Whether the cells are text, of which nothing is known yet."""
    return bool(pd.api.types.is_string_dtype(column.dtype))


def decimal_of(column: Any) -> str:
    """Return the sign before the decimals: a comma where some cell can have no other meaning.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    str
        ``"."`` or ``","``.

    Examples
    --------
    >>> decimal_of(pd.Series(["1,25", "3,5"])), decimal_of(pd.Series(["1,250", "3,500"]))
    (',', '.')
    """
    if not is_text(column):
        return "."
    found = column[column.notna() & pd.to_numeric(column, errors="coerce").isna()]
    if not len(found):
        return "."
    found = _bare(found)
    commas = found[found.str.contains(",", regex=False)]
    comma = commas.str.fullmatch(_WITH_COMMA) & ~commas.str.fullmatch(_THOUSANDS)
    return "," if bool(comma.any()) else "."


def numbers(column: Any, decimal: str = ".") -> np.ndarray:
    """Return a column as numbers; NaN for what is missing or no number.

    Parameters
    ----------
    column : pandas.Series
    decimal : str
        See :func:`decimal_of`. Where it is a point, commas may stand between thousands. A sign of
        a currency before or after a number is left off, and so is %.

    Returns
    -------
    array of float64, shape (n,)

    Examples
    --------
    >>> numbers(pd.Series(["1.5", "1,000", "many", "-inf", "$2,500.50", "12 %"])).tolist()
    [1.5, 1000.0, nan, -inf, 2500.5, 12.0]
    """
    if not is_text(column):
        if column.dtype.kind in "biuf" or pd.api.types.is_numeric_dtype(column.dtype):
            return np.asarray(column.to_numpy(dtype=float, na_value=np.nan))
        return np.full(len(column), np.nan)
    found = np.array(pd.to_numeric(column, errors="coerce"), dtype=float)
    words = column.notna().to_numpy() & np.isnan(found)
    if words.any():
        plain = _bare(column[words])
        if bool((plain != column[words]).any()):
            column = column.copy()
            column[words] = plain
            found[words] = pd.to_numeric(plain, errors="coerce").to_numpy(float)
    if decimal == "," or np.count_nonzero(~np.isnan(found)) < column.count():
        pattern, other = (_COMMAS, ".") if decimal == "," else (_THOUSANDS, ",")
        written = column[column.str.fullmatch(pattern).fillna(False).astype(bool)]
        plain = written.str.replace(other, "", regex=False).str.replace(",", ".", regex=False)
        found[column.index.get_indexer(written.index)] = pd.to_numeric(plain).to_numpy(float)
    return found


def _bare(cells: Any) -> Any:
    """Leave signs of currencies and % off numbers."""
    return cells.str.replace(_BEFORE, r"\1\2", regex=True).str.replace(_AFTER, r"\1", regex=True)


def booleans(column: Any) -> np.ndarray:
    """Return a column as 1 for yes, 0 for no, NaN for anything else.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    array of float64, shape (n,)

    Examples
    --------
    >>> booleans(pd.Series(["yes", "No", "perhaps"])).tolist()
    [1.0, 0.0, nan]
    """
    if column.dtype.kind == "b" or pd.api.types.is_bool_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=float, na_value=np.nan))
    if not is_text(column):
        found = numbers(column)
        return np.where((found == 0) | (found == 1), found, np.nan)
    return np.asarray(column.str.lower().map(_BOOLEANS).to_numpy(dtype=float))


def are_booleans(column: Any) -> bool:
    """Whether a column says yes and no, in one pair of words.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    bool
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return True
    if not is_text(column):
        return False
    said = set(column.dropna().str.lower().unique())
    return any(said == set(pair) for pair in _PAIRS)


def words(column: Any) -> np.ndarray:
    """Return a column as words; None for what is missing. A whole number has no decimals.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    array of object, shape (n,)

    Examples
    --------
    >>> words(pd.Series([1.0, 2.5, np.nan])).tolist(), words(pd.Series(["1.0", "01"])).tolist()
    (['1', '2.5', None], ['1', '01'])
    """
    if is_text(column):
        text = column.str.replace(r"^([+-]?(?:0|[1-9][0-9]*))\.0+$", r"\1", regex=True)
        found = np.array(text, dtype=object)
        found[column.isna().to_numpy()] = None
        return found
    made = [None if pd.isna(value) else _word(value) for value in column]
    return np.array(made, dtype=object) if made else np.empty(0, object)


def _word(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))  # as pandas writes it to CSV
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if value == int(value) else repr(float(value))
    return str(value).strip()
