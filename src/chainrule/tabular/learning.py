"""Imputing, encoding and scaling, learned by scikit-learn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.tabular.cleaning import Clean, number_columns, number_names, word_names
from chainrule.tabular.columns import Column
from chainrule.tabular.preparation import Number, Preparation, Word

#: Categories of a column that have a feature of their own, at most.
_CATEGORIES = 50
#: A category in a smaller share of the rows than this is rare; so is one of one row or two.
_RARE = 0.005
_MISSING = "missing"
#: What stands in place of missing numbers.
_FILLS = {"numbers": "median", "booleans": "most_frequent"}


def pipeline(columns: Sequence[Column], clean: Clean) -> Any:
    """Return the transformer of scikit-learn that is fitted to clean values.

    Parameters
    ----------
    columns : sequence of Column
    clean : Clean
        Of the rows to train on.

    Returns
    -------
    sklearn.compose.ColumnTransformer
        Of data frames as :func:`frame_of` makes them.
    """
    boolean = _booleans(columns)
    names = [f"number {i}" for i in range(len(boolean))]
    parts: list[tuple[str, Any, list[str]]] = []
    for title, strategy in _FILLS.items():
        own = [n for n, b in zip(names, boolean, strict=True) if b == (title == "booleans")]
        fill = SimpleImputer(strategy=strategy)
        if own:
            parts.append((title, Pipeline([("fill", fill), ("scale", StandardScaler())]), own))
    if names:
        parts.append(
            ("missing", MissingIndicator(features="missing-only", error_on_new=False), names)
        )
    rows = max(1, len(clean.words))
    for i, values in enumerate(clean.words.T):
        some_missing = any(value is None for value in values)
        fill = {"strategy": "constant", "fill_value": _MISSING} if some_missing else {
            "strategy": "most_frequent"}  # fmt: skip
        parts.append((
            f"word {i}",
            Pipeline([
                ("fill", SimpleImputer(
                    missing_values=None, keep_empty_features=True, **fill)),
                ("encode", OneHotEncoder(
                    min_frequency=max(3, math.ceil(_RARE * rows)), max_categories=_CATEGORIES + 1,
                    handle_unknown="infrequent_if_exist", sparse_output=False)),
            ]),
            [f"word {i}"],
        ))  # fmt: skip
    transformer = ColumnTransformer(parts, sparse_threshold=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return transformer.fit(frame_of(clean))


def frame_of(clean: Clean) -> Any:
    """Return clean values as the data frame that the pipeline takes."""
    made = {f"number {i}": values for i, values in enumerate(clean.numbers.T)}
    made |= {f"word {i}": pd.Series(v, dtype=object) for i, v in enumerate(clean.words.T)}
    return pd.DataFrame(made, index=range(len(clean.numbers)))


def learned(columns: Sequence[Column], clean: Clean) -> Preparation:
    """Return what scikit-learn learns of the rows to train on.

    Parameters
    ----------
    columns : sequence of Column
    clean : Clean

    Returns
    -------
    Preparation
    """
    steps = pipeline(columns, clean).named_transformers_
    indicators = set(steps["missing"].features_) if "missing" in steps else set()
    parts = [steps[title] for title in _FILLS if title in steps]  # booleans come last here, too
    fills = [float(x) for part in parts for x in part["fill"].statistics_]
    means = [float(x) for part in parts for x in part["scale"].mean_]
    scales = [float(x) for part in parts for x in part["scale"].scale_]
    found = zip(number_names(columns), fills, means, scales, strict=True)
    numbers = [Number(*number, i in indicators) for i, number in enumerate(found)]
    words = []
    for i, name in enumerate(word_names(columns)):
        step = steps[f"word {i}"]
        rare = step["encode"].infrequent_categories_[0]
        rare = () if rare is None else tuple(rare)
        hidden = set(rare)
        every = [c for c in step["encode"].categories_[0] if c not in hidden]
        words.append(Word(name, str(step["fill"].statistics_[0]), tuple(every), rare))
    return Preparation(tuple(numbers), tuple(words))


def _booleans(columns: Sequence[Column]) -> list[bool]:
    """Return for each number whether it says yes or no."""
    return [
        column.kind == "boolean"
        for column in number_columns(columns)
        for _ in (column.parts or ("",))
    ]
