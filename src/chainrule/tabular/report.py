"""What came out of a training as one page of HTML: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.tabular import charts
from chainrule.tabular.scoring import BETTER_LARGER
from chainrule.tabular.summary import confusions, score_table, summary, task
from chainrule.tabular.telling import short

if TYPE_CHECKING:
    from chainrule.tabular.columns import Column
    from chainrule.tabular.experiment import Result

_STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
#: Classes of which the whole confusion matrix is shown, and confusions that are listed of more.
_CLASSES, _CONFUSIONS = 30, 50
#: Columns that are listed.
_COLUMNS = 1000
#: Points of a scatter plot.
_POINTS = 500


def page(result: Result) -> str:
    """Return the page.

    Parameters
    ----------
    result : Result

    Returns
    -------
    str
        A whole document. Names and cells of the data are text in it, whatever they are.
    """
    title = f"{short(result.predictor.target.name)} of {short(result.file)}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        f"<p>{_text(task(result))}. {result.rows:,} rows were trained on; all scores are of "
        f"{result.held:,} other rows.</p>",
        _list("Look at this", result.warnings, "warning"),
        _section("Scores", _scores(result.scores)),
        _section("Training", _training(result)),
    ]
    if result.predictor.target.is_classes:
        parts.append(_section("Confusion matrix", _confusion(result)))
    else:
        parts.append(_section("Predicted beside true values", _scatter(result)))
    parts += [
        _list("Health of the network", result.health or ["Nothing was found."]),
        _list("Notes on the data", result.notes),
        _section("Columns", _columns(result.columns)),
    ]
    return "\n".join([
        "<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'\">",
        f"<title>{_text(title)}</title>", f"<style>{_STYLE}</style>", "</head>", "<body>",
        *filter(None, parts), f"<footer>chainrule {_version()}</footer>", "</body>", "</html>", "",
    ])  # fmt: skip


def _version() -> str:
    # The package stands above all of its modules, none of which imports it.
    return str(sys.modules["chainrule"].__version__)


def _text(text: str) -> str:
    """Return a text of the data as HTML that shows it."""
    return escape(short(text, 200))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{content}</section>" if content else ""


def _list(title: str, lines: Iterable[str], kind: str = "plain") -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return _section(title, f'<ul class="{kind}">{items}</ul>') if items else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Return a table of cells that are HTML already."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(others)}</tr>' for first, *others in rows
    )
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _scores(scores: Mapping[str, Mapping[str, float]]) -> str:
    head, *rows = score_table(scores)
    made = []
    for name, *cells in rows:
        values = [own[name] for own in scores.values()]
        choose = max if BETTER_LARGER[name] else min
        best = choose((v for v in values if np.isfinite(v)), default=None)
        shown = [
            f'<td class="{"best" if value == best else ""}">{escape(cell)}</td>'
            for cell, value in zip(cells, values, strict=True)
        ]
        made.append([escape(name), *shown])
    better = "Larger is better for accuracy and R², smaller for loss and errors."
    return _table([escape(cell) for cell in head], made) + f"<p>{better}</p>"


def _training(result: Result) -> str:
    training = result.training
    lines = dict(summary(result)).get("Network", [])
    metric = "accuracy" if result.predictor.target.is_classes else "mae"
    names = {"loss": "loss", metric: "accuracy" if metric == "accuracy" else "absolute error"}
    drawn = []
    for key, name in names.items():
        own = {"training": [training.last[key]] if training.last is not None else []}
        own["validation"] = [h[f"val_{key}"] for h in training.validated if f"val_{key}" in h]
        svg = charts.curves(name, own, mark=training.epochs or None)
        if svg:
            unit = " (of the scaled target)" if key == "mae" else ""
            drawn.append(f"<figure>{svg}<figcaption>{name}{unit}</figcaption></figure>")
    with_dropout = ", with dropout" if result.settings.rate(result.rows) else ""
    legend = f'<p class="legend"><span class="key0"></span>training{with_dropout}'
    if training.validated:
        folds = len(training.validated)
        said = f"validation, {folds} folds" if folds > 1 else "validation"
        legend += f' <span class="key1"></span>{said}'
    legend += ' <span class="key2"></span>epochs of the model</p>'
    told = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'{told}<div class="charts">{"".join(drawn)}</div>{legend if drawn else ""}'


def _confusion(result: Result) -> str:
    names = [_text(short(name)) for name in result.predictor.target.classes]
    counts = result.confusion
    if len(names) > _CLASSES:
        found = confusions(counts)
        rows = [[names[i], f"<td>{names[j]}</td>", f"<td>{n:,}</td>"] for i, j, n in found]
        return _table(["true", "predicted", "rows"], rows[:_CONFUSIONS])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [
        [name, *(_count(int(counts[i, j]), shares[i, j], i == j) for j in range(len(names)))]
        for i, name in enumerate(names)
    ]
    note = "<p>Each row is a true class, each column what its rows were taken for.</p>"
    return _table(["true \\ predicted", *names], rows, "confusion") + note


def _count(count: int, share: float, right: bool) -> str:
    kind = "right" if right else "wrong"
    strength = 0 if not count else round(12 + 43 * share)
    return f'<td class="{kind}" style="--share:{strength}%">{count:,}</td>'


def _scatter(result: Result) -> str:
    y, predicted = result.labels, result.output
    at = np.unique(np.linspace(0, len(y) - 1, min(len(y), _POINTS)).astype(int))
    low = float(min(y.min(), predicted.min()))
    spread = float(max(y.max(), predicted.max())) - low or 1.0

    def place(value: float) -> float:
        return 10 + 280 * (value - low) / spread

    dots = "".join(
        f'<circle cx="{place(y[i]):.1f}" cy="{300 - place(predicted[i]):.1f}" r="2.5"/>' for i in at
    )
    return (
        '<figure class="square"><svg viewBox="0 0 300 300" role="img" aria-label="predicted by '
        'true values"><line class="mark" x1="10" y1="290" x2="290" y2="10"/>'
        f"{dots}</svg><figcaption>across: true, up: predicted; both from {low:.4g} to "
        f"{low + spread:.4g}; on the line they are equal</figcaption></figure>"
    )


def _columns(columns: Sequence[Column]) -> str:
    rows = [
        [_text(short(c.name)), f"<td>{escape(c.kind) or 'left out'}</td>", f"<td>{_done(c)}</td>"]
        for c in columns[:_COLUMNS]
    ]
    more = len(columns) - _COLUMNS
    said = f"<p>and {more:,} more</p>" if more > 0 else ""
    return _table(["column", "kind", "what was done"], rows, "columns") + said


_DONE: Mapping[str, str] = {
    "numeric": "the median where missing, then mean 0 and variance 1",
    "boolean": "1 for yes and 0 for no, the commonest where missing, then scaled",
    "categorical": "a feature for each category; rare ones share one",
    "date": "taken apart, then as numbers",
}


def _done(column: Column) -> str:
    parts: list[Any] = [_DONE.get(column.kind, "")]
    if column.parts:
        parts.append(", ".join(column.parts))
    if column.decimal == "," and column.kind == "numeric":
        parts.append("decimals after a comma")
    parts.append(_text(column.why))
    return "; ".join(filter(None, parts))
