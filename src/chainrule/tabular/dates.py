"""Dates and times: how they are written, and the numbers that a network is given of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from chainrule.tabular.values import is_text

#: ``"iso"`` is any form of ISO 8601; for the others see Python's ``strptime``.
FORMATS = (
    "iso", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y",
    "%m/%d/%y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
#: What a date is taken apart into.
PARTS = ("days", "month", "weekday", "hour")
#: How much of a long column is tried to find its form.
_TRIED = 200


def moments(column: Any, form: str) -> Any:
    """Return a column as points in time.

    Parameters
    ----------
    column : pandas.Series
    form : str
        One of `FORMATS`.

    Returns
    -------
    pandas.Series of datetime64
        NaT for what is missing or not in this form.
    """
    if not is_text(column):
        if column.dtype.kind != "M":
            return pd.Series(pd.NaT, index=column.index, dtype="datetime64[us]")
        return column
    text = column
    if form == "iso":  # a bare number is no date, and a year alone neither
        text = column.where(column.str.match(r"[0-9]{4}-[0-9]{2}").fillna(False).astype(bool))
    said = "ISO8601" if form == "iso" else form
    found = pd.to_datetime(text, format=said, errors="coerce", utc=True)
    return found.dt.tz_localize(None)


def form_of(column: Any, share: float) -> tuple[str, str] | None:
    """Return how the dates of a column are written, and what is not sure about it.

    Parameters
    ----------
    column : pandas.Series
        Without missing values.
    share : float
        How many of the values have to be dates.

    Returns
    -------
    tuple of str, or None
        The form, and a note that is empty where only one form fits. None for no dates.

    Examples
    --------
    >>> form_of(pd.Series(["2024-02-01", "2024-02-29"]), 0.9)
    ('iso', '')
    >>> form_of(pd.Series(["13/02/2024"]), 0.9)[0], form_of(pd.Series(["cat"]), 0.9)
    ('%d/%m/%Y', None)
    """
    if not is_text(column):
        return ("iso", "") if column.dtype.kind == "M" else None
    few = column.iloc[:: max(1, len(column) // _TRIED)]
    if not few.str.contains(r"[0-9].*[-/. ].*[0-9]").mean() >= share:
        return None
    fitting = [
        form
        for form in FORMATS
        if moments(few, form).notna().mean() >= share
        and moments(column, form).notna().mean() >= share
    ]
    if not fitting:
        return None
    if len(fitting) > 1:
        return fitting[0], f"day or month first? Read as {_spelled(fitting[0])}"
    return fitting[0], ""


def parts(column: Any, form: str, which: tuple[str, ...] = PARTS) -> np.ndarray:
    """Return the numbers of dates: days since 1970, month, weekday from Monday, hour.

    Parameters
    ----------
    column : pandas.Series
    form : str
    which : tuple of str
        Some of `PARTS`.

    Returns
    -------
    array of float64, shape (n, len(which))
        NaN for what is missing.

    Examples
    --------
    >>> parts(pd.Series(["1970-01-03 12:00"]), "iso").tolist()
    [[2.5, 1.0, 5.0, 12.0]]
    """
    found = moments(column, form)
    seconds = (found - pd.Timestamp(0)).dt.total_seconds()
    made = {
        "days": seconds / 86400,
        "month": found.dt.month,
        "weekday": found.dt.day_of_week,
        "hour": found.dt.hour + found.dt.minute / 60,
    }
    return np.column_stack([made[name].to_numpy(dtype=float, na_value=np.nan) for name in which])


def _spelled(form: str) -> str:
    for sign, word in {"%d": "DD", "%m": "MM", "%Y": "YYYY", "%y": "YY"}.items():
        form = form.replace(sign, word)
    return form
