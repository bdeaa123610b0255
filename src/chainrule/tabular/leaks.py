"""Columns that tell the target by themselves: what a network makes of these is worth nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from chainrule.tabular.columns import Column, numbers_of
from chainrule.tabular.target import Target
from chainrule.tabular.telling import short
from chainrule.tabular.values import words

#: A correlation that no measured quantity has with another.
_SAME = 1 - 1e-9


def leaks(frame: Any, columns: Sequence[Column], target: Target, y: np.ndarray) -> list[str]:
    """Return a warning for each column that equals the target, or tells it one to one.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows to train on.
    columns : sequence of Column
    target : Target
    y : array, shape (n,)
        The target as numbers.

    Returns
    -------
    list of str
    """
    found = []
    for column in columns:
        if column.kind and _tells(column, frame[column.name], target, y):
            found.append(
                f"{short(column.name)} tells {short(target.name)} exactly. If it is not known "
                f"before, the scores mean nothing: --ignore {_quoted(column.name)}"
            )
    return found


def _tells(column: Column, values: Any, target: Target, y: np.ndarray) -> bool:
    if target.is_classes:
        if values.nunique() > 2 * len(target.classes) or values.isna().any():
            return False
        codes, different = pd.factorize(words(values))
        pairs = len(np.unique(np.stack([codes, y]), axis=1).T)
        return pairs == len(different) and len(different) >= len(np.unique(y))
    if column.kind == "categorical":
        return False
    x = numbers_of(column, values)[:, 0]
    both = np.isfinite(x)
    if both.mean() < 0.9 or both.sum() < 3 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return False
    return bool(abs(np.corrcoef(x[both], y[both])[0, 1]) > _SAME)


def _quoted(name: str) -> str:
    return shlex.quote(short(name))
