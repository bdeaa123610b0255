"""Parquet files, by pyarrow."""

from __future__ import annotations

import io
import re
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.tabular.extras import require
from chainrule.tabular.values import MISSING


def read_parquet(data: bytes, name: str) -> tuple[Any, dict[str, str], list[str]]:
    """Read a Parquet file into columns of plain types.

    Parameters
    ----------
    data : bytes
    name : str
        Of the file, for messages.

    Returns
    -------
    frame : pandas.DataFrame
    unusable : dict of str to str
        Names of columns whose type is no single value a row -> what they hold.
    notes : list of str

    Raises
    ------
    ArgumentError
        When it cannot be read.
    MissingExtraError
        Without pyarrow.
    """
    require("pyarrow", "pandas")
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise ArgumentError(
            f"{name} is no whole Parquet file.", got=str(error).splitlines()[0]
        ) from error
    unusable: dict[str, str] = {}
    notes: list[str] = []
    columns, names = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        if re.fullmatch(r"__index_level_\d+__", field.name):
            continue  # the row numbers that pandas wrote
        plain, why = _plain(column, pa)
        names.append(field.name)
        if plain is None:
            unusable[field.name] = f"holds {why}"
            columns.append(pd.Series([None] * table.num_rows, dtype="str"))
            continue
        if why:
            notes.append(f"{field.name}: {why}")
        series = plain.to_pandas().reset_index(drop=True)
        if pd.api.types.is_string_dtype(series.dtype):
            series = series.astype("str").str.strip()
            series = series.mask(series.isin(MISSING))
        columns.append(series)
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(table.num_rows))
    frame.columns = names
    return frame, unusable, notes


def _plain(column: Any, pa: Any) -> tuple[Any, str]:
    """Return a column in a plain type and what was done, or None and what it holds."""
    types, kind = pa.types, column.type
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if types.is_decimal(kind):
        return column.cast(pa.float64()), f"decimals ({kind}) are taken as floating numbers."
    if types.is_duration(kind):
        seconds = column.cast(pa.duration("us")).cast(pa.int64()).cast(pa.float64())
        return pa.compute.divide(seconds, 1e6), "a duration, taken as seconds."
    if types.is_null(kind):
        return column.cast(pa.string()), ""
    if types.is_date(kind) or types.is_timestamp(kind):
        zoned = types.is_timestamp(kind) and kind.tz is not None
        moment = column.cast(pa.timestamp("us", tz=kind.tz if zoned else None), safe=False)
        if zoned:
            return moment.cast(pa.timestamp("us")), f"times in {kind.tz} are taken in UTC."
        return moment, ""
    numeric = types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
    if numeric or types.is_string(kind) or types.is_large_string(kind):
        return column, ""
    return None, str(kind)[:60]
