"""What is kept of a training: network, preparation and target, in one file; and its use."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import ArgumentError
from chainrule.nn import files
from chainrule.nn.functional import softmax
from chainrule.tabular import scoring
from chainrule.tabular.cleaning import cleaned, number_names, word_names
from chainrule.tabular.columns import Column
from chainrule.tabular.preparation import Preparation
from chainrule.tabular.reading import Table, check_names
from chainrule.tabular.target import Target
from chainrule.tabular.telling import counted, listed, short

#: Of what a file holds beside the network.
VERSION = 1
_KEY = "tabular"


@dataclass(frozen=True)
class Predictions:
    """What is predicted for the rows of a table.

    Attributes
    ----------
    values : array, shape (n,)
        Names of classes, or numbers.
    probabilities : array, shape (n, classes), or None
    scores : dict of str to float
        Where the table has the target, too; else empty.
    scored : int
        How many rows have it.
    notes : tuple of str
    """

    values: np.ndarray
    probabilities: np.ndarray | None
    scores: Mapping[str, float]
    scored: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Predictor:
    """A trained network with all that a table needs before it, and the answer after it.

    Attributes
    ----------
    model : Sequential
    target : Target
    columns : tuple of Column
        Those that are used.
    preparation : Preparation
    facts : dict
        What else the file tells: rows, scores.
    """

    model: nn.Sequential
    target: Target
    columns: tuple[Column, ...]
    preparation: Preparation
    facts: Mapping[str, Any] = field(default_factory=dict)

    def output(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities of the classes, or values in the target's own units.

        Parameters
        ----------
        x : array of float32, shape (n, features)

        Returns
        -------
        array of float64, shape (n, classes) or (n,)
        """
        found = np.asarray(self.model.predict(x), dtype=float)
        if self.target.is_classes:
            return np.asarray(softmax(found))
        return found[:, 0] * self.target.scale + self.target.mean

    def predict(self, table: Table) -> Predictions:
        """Predict for each row of a table.

        Parameters
        ----------
        table : Table
            With the columns trained on, in any order.

        Returns
        -------
        Predictions

        Raises
        ------
        ArgumentError
            When a column is missing.
        """
        notes = [*table.notes, *self._check(table)]
        clean = cleaned(table.frame, self.columns)
        notes += [*clean.notes, *self.preparation.unseen(clean)]
        found = self.output(self.preparation.transform(clean))
        scores, scored = self._scores(table, found, notes)
        if not self.target.is_classes:
            return Predictions(found, None, scores, scored, tuple(notes))
        names = np.array(self.target.classes, dtype=object)[found.argmax(axis=1)]
        return Predictions(names, found, scores, scored, tuple(notes))

    def _check(self, table: Table) -> list[str]:
        used = [column.name for column in self.columns]
        names = list(table.frame.columns)
        check_names(table, frozenset(set(names) - {*used, self.target.name}))
        absent = [name for name in used if name not in names]
        if absent:
            raise _missing(absent, names, used, table.name)
        for name in used:
            if name in table.unusable:
                raise ArgumentError(
                    f"{table.name}: {short(name)!r} cannot be read: it {table.unusable[name]}.",
                    expected=f"a {next(c.kind for c in self.columns if c.name == name)} column",
                )
        extra = [name for name in names if name not in (*used, self.target.name)]
        if not extra:
            return []
        columns = "Columns that are" if len(extra) > 1 else "A column that is"
        return [f"{columns} not used: {listed(extra)}."]

    def _scores(
        self, table: Table, found: np.ndarray, notes: list[str]
    ) -> tuple[dict[str, float], int]:
        name = self.target.name
        if name not in table.frame.columns or name in table.unusable:
            return {}, 0
        y, known = self.target.encode(table.frame[name])
        strange = int((~known & table.frame[name].notna().to_numpy()).sum())
        if strange:
            what = "a class that training has not seen" if self.target.is_classes else "no number"
            notes.append(f"{short(name)}: {counted(strange, 'row')} with {what}: not scored.")
        if not known.any():
            return {}, 0
        score = scoring.of_classes if self.target.is_classes else scoring.of_values
        return score(y[known], found[known]), int(known.sum())

    # -- the file ------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write everything to one file, which holds numbers and text only.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        ArgumentError
            When it cannot be written.
        """
        document = {
            "version": VERSION,
            "target": self.target.document(),
            "columns": [column.document() for column in self.columns],
            "preparation": self.preparation.document(),
            "facts": dict(self.facts),
        }
        files.save(self.model, path, extra={_KEY: document})

    @classmethod
    def load(cls, path: str | Path) -> Predictor:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Predictor

        Raises
        ------
        ArgumentError
            For any other file.
        """
        model = files.load(path)
        document = (model.extra or {}).get(_KEY)
        if not isinstance(document, dict) or not isinstance(model, nn.Sequential):
            raise ArgumentError(
                "The file holds a model that knows no columns of tables.",
                expected="a model of chainrule train", got=str(path),
                instead="chainrule.nn.files.load(path).predict(x) in Python",
            )  # fmt: skip
        if document.get("version") != VERSION:
            raise ArgumentError(
                "The model is of another version of chainrule.",
                expected=f"version {VERSION}", got=f"version {document.get('version')!r}"[:40],
                instead="pip install --upgrade chainrule, or train it anew",
            )  # fmt: skip
        try:
            parts = [document[name] for name in ("target", "columns", "preparation", "facts")]
            target, columns = Target.of(parts[0]), tuple(map(Column.of, parts[1]))
            preparation = Preparation.of(parts[2])
        except (KeyError, TypeError) as error:
            raise ArgumentError(
                "The file does not hold all of a model of tables.", got=repr(error)[:200]
            ) from error
        made = cls(model, target, columns, preparation, parts[3])
        made.check()
        return made

    def check(self) -> None:
        """Refuse parts that do not belong together.

        Raises
        ------
        ArgumentError
        """
        outputs = len(self.target.classes) or 1
        numbers = [number.name for number in self.preparation.numbers]
        words = [word.name for word in self.preparation.words]
        features = (len(self.preparation.names),)
        if (
            numbers != number_names(self.columns)
            or words != word_names(self.columns)
            or self.model.input_shape != features
            or self.model.output_shape(features) != (outputs,)
        ):
            raise ArgumentError(
                "The parts of the model do not belong together.",
                expected=f"a network from {features[0]} features to {outputs} outputs",
                got=f"{self.model!r} for samples of shape {self.model.input_shape}"[:200],
            )


def _missing(
    absent: Sequence[str], names: Sequence[str], used: Sequence[str], file: str
) -> ArgumentError:
    spare = [name for name in names if name not in used]
    lines = []
    for name in absent[:5]:
        close = difflib.get_close_matches(name, spare, 1)
        lines.append(repr(short(name)) + (f" (is it {short(close[0])!r}?)" if close else ""))
    more = f" and {len(absent) - 5:,} more" if len(absent) > 5 else ""
    return ArgumentError(
        f"{file} lacks {len(absent)} of the {len(used)} columns that the model was trained on: "
        f"{', '.join(lines)}{more}.",
        expected="the same names as in training, in any order",
        got=f"columns {listed(names, 12)}",
    )
