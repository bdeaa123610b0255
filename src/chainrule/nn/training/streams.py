"""Where rows come from: arrays, or parts that are read one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError, MissingExtraError
from chainrule.nn.training.data import Data


class Source(Protocol):
    """What gives the rows of an epoch, in one part or in several."""

    #: Rows of an epoch; None while they are not known.
    rows: int | None

    def parts(self) -> Iterator[Data]:
        """Give the parts of one epoch."""


class Whole:
    """Arrays that are there as a whole."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.rows: int | None = data.rows

    def parts(self) -> Iterator[Data]:
        """Give the one part."""
        yield self.data


class Stream:
    """Parts that are made or read when it is their turn.

    Parameters
    ----------
    chunks : iterable, or callable that returns one
        Of tuples ``(x, y)`` or ``(x, y, weights)``.
    check : callable
        Takes x, y and weights; returns :class:`Data`.
    epochs : int

    Raises
    ------
    ArgumentError
        When the parts can be had once only, and there are several epochs.
    """

    def __init__(self, chunks: Any, check: Callable[..., Data], epochs: int) -> None:
        if iter_is_itself(chunks) and epochs > 1:
            raise ArgumentError(
                "A generator gives its parts once, and there are several epochs.",
                expected="something that can be gone through again, or epochs=1",
                got=f"{type(chunks).__name__} and epochs={epochs}",
                instead="the function that makes the generator, without calling it: "
                "fit(batches, ...) rather than fit(batches(), ...)",
            )
        self._chunks = chunks
        self._check = check
        self.rows: int | None = None

    def parts(self) -> Iterator[Data]:
        """Give the parts, each checked."""
        rows = 0
        for number, chunk in enumerate(self._chunks() if callable(self._chunks) else self._chunks):
            if not isinstance(chunk, (tuple, list)) or len(chunk) not in (2, 3):
                raise ArgumentError(
                    "A part of the data is not a tuple of x and y.",
                    expected="(x, y) or (x, y, weights)",
                    got=f"{type(chunk).__name__} as part {number}",
                )
            data = self._check(*chunk)
            rows += data.rows
            yield data
        if not rows:
            raise ArgumentError("The data have no parts.", expected="at least one (x, y)")
        self.rows = rows


def iter_is_itself(chunks: Any) -> bool:
    """Whether something can be gone through once only."""
    return hasattr(chunks, "__next__")


def is_stream(x: Any, y: Any) -> bool:
    """Whether data are given part by part: no target beside them, and no array."""
    if y is not None or hasattr(x, "__array__") or isinstance(x, (str, bytes)):
        return False
    if callable(x) or iter_is_itself(x):
        return True
    first = x[0] if isinstance(x, Sequence) and x else None
    return isinstance(x, Iterable) and (
        not isinstance(x, Sequence) or (isinstance(first, tuple) and len(first) in (2, 3))
    )


@public
class Parquet:
    """Rows of a Parquet file, read part by part; needs pyarrow.

    To be given to ``fit`` in the place of x, without y. All columns but the target are features,
    and numbers.

    Parameters
    ----------
    path : str or path
    target : str
        The column to predict.
    columns : sequence of str, optional
        Which columns are features; unless given, all others.
    rows : int
        How many are read at a time.

    Raises
    ------
    ArgumentError
        When there is no such file or column; the nearest name is suggested.
    MissingExtraError
        Without pyarrow.
    """

    def __init__(
        self,
        path: str | Path,
        target: str,
        columns: Sequence[str] | None = None,
        rows: int = 65536,
    ) -> None:
        try:
            import pyarrow.parquet as pq
        except ImportError:
            raise MissingExtraError(
                "Reading Parquet needs pyarrow.", instead="pip install 'chainrule[train]'"
            ) from None
        if not Path(path).is_file():
            raise ArgumentError(f"There is no file {path}.", expected="a Parquet file")
        try:
            file = pq.ParquetFile(path)
        except Exception as error:
            raise ArgumentError(
                f"{path} cannot be read as Parquet.", expected="a Parquet file", got=str(error)
            ) from error
        names = list(file.schema_arrow.names)
        chosen = [n for n in names if n != target] if columns is None else list(columns)
        for name in [target, *chosen]:
            _require_column(name, names, path)
        self.path, self.target, self.columns, self.rows = Path(path), target, chosen, rows

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self.path)
        for batch in file.iter_batches(self.rows, columns=[*self.columns, self.target]):
            held = {name: batch.column(k) for k, name in enumerate(batch.schema.names)}
            x = [self._numbers(held[name], name) for name in self.columns]
            yield np.stack(x, axis=1), self._numbers(held[self.target], self.target)

    def _numbers(self, column: Any, name: str) -> np.ndarray:
        values = column.to_numpy(zero_copy_only=False)
        if values.dtype.kind not in "fiub":
            raise ArgumentError(
                f"The column {name!r} of {self.path.name} does not hold numbers.",
                expected="numbers, none of them missing", got=str(column.type),
                instead="columns=[...] without it, or chainrule train, which encodes categories",
            )  # fmt: skip
        return np.asarray(values)


def _require_column(name: str, names: Sequence[str], path: Any) -> None:
    if name in names:
        return
    import difflib

    close = difflib.get_close_matches(name, names, 1)
    raise ArgumentError(
        f"{path} has no column {name!r}.", expected=f"one of {', '.join(names[:20])}",
        got=repr(name), instead=repr(close[0]) if close else None,
    )  # fmt: skip
