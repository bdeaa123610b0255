"""``chainrule predict``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli import screen
from chainrule.cli.files import check_exists

if TYPE_CHECKING:
    from chainrule.tabular.predictor import Predictions, Predictor

HELP = "predict the rows of a table with a network of chainrule train"

_EPILOG = """\
The columns are found by their names, in any order; others are ignored. The predictions are CSV, a
line for each row, and go to -o or are printed; all else is told beside them. If the table has the
target, too, its predictions are scored.

more examples:
  chainrule predict model.safetensors new.csv -o predicted.csv
  chainrule predict model.safetensors new.parquet --probabilities
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "predict", help=HELP, description=HELP[0].upper() + HELP[1:] + ".", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="what chainrule train wrote")
    parser.add_argument("data", metavar="DATA", help="a CSV or Parquet file, or .csv.gz")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the predictions there")
    parser.add_argument(
        "--probabilities", action="store_true", help="add the probability of each class"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Predict the rows of a table."""
    model, data = Path(options.model.strip()), Path(options.data.strip())
    check_exists(model)
    check_exists(data)
    from chainrule.tabular.extras import require

    require("pandas", "safetensors")
    from chainrule.tabular.output import check_writable, replace
    from chainrule.tabular.predictor import Predictor
    from chainrule.tabular.reading import read_table

    output = None if options.output is None else check_writable(options.output)
    predictor = Predictor.load(model)
    table = read_table(data)
    found = predictor.predict(table)
    text = _csv(predictor, found, options.probabilities)
    if output is not None:
        replace(output, text)
        screen.show_parts(_told(predictor, found))
        print(f"wrote {output}: {len(found.values):,} predictions of {predictor.target.name}")
        return
    sys.stdout.write(text)
    sys.stdout.flush()
    for title, lines in _told(predictor, found):
        print("\n".join([title, *(f"  {line}" for line in lines)]), file=sys.stderr)


def _csv(predictor: Predictor, found: Predictions, probabilities: bool) -> str:
    import pandas as pd

    name = predictor.target.name
    columns: dict[str, Any] = {name: found.values}
    if probabilities and found.probabilities is not None:
        for label, shares in zip(predictor.target.classes, found.probabilities.T, strict=True):
            columns[f"{name}: {label}"] = shares.round(6)
    text: str = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    return text


def _told(predictor: Predictor, found: Predictions) -> list[tuple[str, list[str]]]:
    from chainrule.tabular.scoring import score_text
    from chainrule.tabular.telling import counted

    parts = []
    if found.notes:
        parts.append(("Notes", list(found.notes)))
    if found.scores:
        title = f"Scores on {counted(found.scored, 'row')} with {predictor.target.name}"
        scores = [f"{name}  {score_text(value, name)}" for name, value in found.scores.items()]
        parts.append((title, scores))
    return parts
