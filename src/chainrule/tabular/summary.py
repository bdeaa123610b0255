"""What came out of a training, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.tabular.scoring import score_text
from chainrule.tabular.telling import counted, short

if TYPE_CHECKING:
    from chainrule.tabular.columns import Column
    from chainrule.tabular.experiment import Result

#: Columns that are listed one by one.
_LISTED = 30
#: Classes of which the whole confusion matrix is shown.
_CLASSES = 12
_CONFUSIONS = 10


def summary(result: Result) -> list[tuple[str, list[str]]]:
    """Return titles and the lines below each.

    Parameters
    ----------
    result : Result

    Returns
    -------
    list of (str, list of str)
    """
    parts = [
        (task(result), []),
        ("Columns", _columns(result.columns)),
        ("Notes", [*result.notes]),
        ("Network", _network(result)),
    ]
    held = counted(result.held, "row")
    parts.append((f"Scores on the {held} held out", aligned(score_table(result.scores))))
    if result.predictor.target.is_classes:
        title = "Confusion matrix" if is_shown_whole(result) else "Confusions"
        parts.append((title, confusion_lines(result)))
    parts.append(("Health", list(result.health)))
    parts.append(("Look at this", list(result.warnings)))
    return [(title, lines) for i, (title, lines) in enumerate(parts) if lines or not i]


def task(result: Result) -> str:
    """Return one line that says what was learned from what."""
    target = result.predictor.target
    classes = f" of {len(target.classes)} classes" if target.is_classes else ""
    return (
        f"{short(result.file)}: {result.rows + result.held:,} rows; "
        f"{short(target.name)}: {target.task}{classes}"
    )


def score_table(scores: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Return rows of cells: a line of names, then one line a score."""
    names = list(next(iter(scores.values())))
    rows = [["", *scores]]
    rows += [[name, *(score_text(s[name], name) for s in scores.values())] for name in names]
    return rows


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines, the first column to the left and all others to the right.

    Examples
    --------
    >>> aligned([["", "network"], ["accuracy", "0.967"]])
    ['          network', 'accuracy    0.967']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def confusions(counts: np.ndarray) -> list[tuple[int, int, int]]:
    """Return which classes were taken for which: (truth, prediction, count), most often first."""
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    places = np.argwhere(wrong)
    found = [(int(i), int(j), int(wrong[i, j])) for i, j in places]
    return sorted(found, key=lambda place: -place[2])


def confusion_rows(result: Result) -> list[list[str]]:
    """Return the confusion matrix as rows of cells, with names."""
    names = [short(name, 14) for name in result.predictor.target.classes]
    counts = result.confusion
    return [
        ["true \\ predicted", *names],
        *([name, *map(str, row)] for name, row in zip(names, counts.tolist(), strict=True)),
    ]


def is_shown_whole(result: Result) -> bool:
    """Whether the confusion matrix is small enough for a terminal."""
    return len(result.predictor.target.classes) <= _CLASSES


def confusion_lines(result: Result) -> list[str]:
    """Return the confusion matrix as lines, or the commonest confusions of many classes."""
    if is_shown_whole(result):
        return aligned(confusion_rows(result))
    names = result.predictor.target.classes
    found = confusions(result.confusion)
    lines = [
        f"{short(names[i], 24)} was taken for {short(names[j], 24)}: {count:,}"
        for i, j, count in found[:_CONFUSIONS]
    ]
    rest = sum(count for _, _, count in found[_CONFUSIONS:])
    if rest:
        lines.append(f"{rest:,} more, see the report")
    return lines or ["no row was taken for another class"]


def _columns(columns: Sequence[Column]) -> list[str]:
    listed = [c for c in columns if not c.kind][:_LISTED]
    listed += [c for c in columns if c.kind][: _LISTED - len(listed)]
    rows = [[short(c.name), _told(c)] for c in columns if c in listed]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {told}" for name, told in rows]
    if len(columns) > len(rows):
        more = len(columns) - len(rows)
        lines.append(f"... and {more:,} more; all are in the report")
    return lines


def _told(column: Column) -> str:
    if not column.kind:
        return f"left out: {column.why}" if column.why[:8] != "left out" else column.why
    parts = f": {', '.join(column.parts)}" if column.parts else ""
    return column.kind + parts + (f" ({column.why})" if column.why else "")


def _network(result: Result) -> list[str]:
    return list(_network_lines(result))


def _network_lines(result: Result) -> Iterator[str]:
    training, settings = result.training, result.settings
    features = len(result.predictor.preparation.names)
    outputs = len(result.predictor.target.classes) or 1
    layers = " - ".join(map(str, (features, *settings.hidden, outputs)))
    yield f"{layers} units, AdamW, batches of {settings.batch(result.rows)} rows"
    if settings.balanced:
        yield (
            "each class counts as much as any other, also in the validation loss; "
            "probabilities are as if all were equally common"
        )
    if training.interrupted:
        yield f"interrupted while {training.interrupted}; the best so far is kept"
    else:
        yield f"{counted(training.epochs, 'epoch')}: {training.how}"
