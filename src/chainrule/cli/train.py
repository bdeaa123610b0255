"""``chainrule train``."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli import screen
from chainrule.cli.files import check_exists
from chainrule.errors import ArgumentError, NonFiniteError

if TYPE_CHECKING:
    from chainrule.tabular.experiment import Options, Result

HELP = "train a network on a table, and compare it with simple models"

#: As of a command that Ctrl-C ends, also where it has kept what there was.
INTERRUPTED = 130

_EPILOG = """\
The table is CSV (any delimiter) or Parquet, packed by gzip or not. Whether it is classification
or regression and what kind each column is, is found out and told. Missing values are filled in,
categories become features, numbers are scaled. Some rows are held out: all scores are of these.
Ctrl-C ends the training early and keeps the best network so far.

more examples:
  chainrule train data.csv --target price --task regression --ignore id,name
  chainrule train data.parquet --target churned -o churn.safetensors --report churn.html
  chainrule train data.csv --target species --hidden 64,32 --dropout 0.2 --seed 1
  chainrule train data.csv --target fraud --balanced
  chainrule predict model.safetensors new.csv

exit status: 0 when it is done, 2 when the table cannot be used, 130 when interrupted
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train", help=HELP, description=HELP[0].upper() + HELP[1:] + ".", epilog=_EPILOG,
        usage="chainrule train DATA --target NAME [options]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", help="a CSV or Parquet file, or .csv.gz")
    parser.add_argument("--target", required=True, metavar="NAME", help="the column to predict")
    parser.add_argument(
        "--task", choices=("classification", "regression"), help="found out unless given"
    )
    for what, said in (
        ("ignore", "columns to leave out"), ("numeric", "columns that are numbers"),
        ("categorical", "columns that are categories, also where they look like numbers"),
    ):  # fmt: skip
        parser.add_argument(
            f"--{what}", action="append", default=[], metavar="NAMES", help=f"{said}: age,city"
        )
    _number(parser, "--test", float, 0.2, "share of the rows that is held out for the scores",
            "a share between 0 and 1", lambda x: 0 < x < 1)  # fmt: skip
    parser.add_argument(
        "--hidden", action=_Checked, read=_layers, default=(128,), metavar="UNITS",
        help="units of the hidden layers: 64,32 (default: 128)",
    )  # fmt: skip
    _number(parser, "--epochs", int, 300, "at most; early stopping finds how many", *_COUNT)
    _number(parser, "--batch-size", int, None, "rows of a step (default: by the rows there are)",
            *_COUNT)  # fmt: skip
    _number(parser, "--lr", float, 1e-3, "learning rate", "a positive number", lambda x: x > 0)
    _number(parser, "--dropout", float, None,
            "of features and hidden units (default: 0.1 with up to 2000 rows, 0 with more)",
            "a share from 0, below 1", lambda x: 0 <= x < 1)  # fmt: skip
    _number(parser, "--l2", float, 0.1, "weight decay of AdamW", "a number from 0",
            lambda x: x >= 0)  # fmt: skip
    _number(parser, "--seed", int, 0, "of the rows held out, the first weights and dropout",
            "a whole number from 0", lambda x: x >= 0)  # fmt: skip
    parser.add_argument(
        "-o", "--output", default="model.safetensors", metavar="FILE",
        help="where the model goes (default: model.safetensors)",
    )  # fmt: skip
    parser.add_argument(
        "--report", metavar="FILE", help="where the report goes (default: the model's name, .html)"
    )
    parser.add_argument(
        "--balanced", action="store_true",
        help="let each class count as much as any other, however rare it is",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print scores and warnings only")
    parser.set_defaults(run=run)


class _Checked(argparse.Action):
    """An option that is refused in our own words; a `type` would be in those of argparse."""

    def __init__(self, *arguments: Any, read: Callable[[str], Any], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.read = read

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Keep what was read."""
        setattr(namespace, self.dest, self.read(values))


def _number(
    parser: Any, name: str, kind: type, default: float | None, said: str, expected: str,
    fits: Callable[[float], bool],
) -> None:  # fmt: skip
    """Add an option that is a number."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value) or value in (float("inf"), float("-inf")):
            raise ArgumentError(f"{name} cannot be this.", expected=expected, got=text.strip())
        return value

    told = said if default is None else f"{said} (default: {default:g})"
    parser.add_argument(name, action=_Checked, read=read, default=default, metavar="N", help=told)


_COUNT: tuple[str, Callable[[float], bool]] = ("a whole number from 1", lambda x: x >= 1)


def _layers(text: str) -> tuple[int, ...]:
    try:
        units = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        units = (0,)
    if not all(0 < u <= 100_000 for u in units):
        raise ArgumentError(
            "--hidden cannot be this.", expected="units of each hidden layer, such as 64,32",
            got=text.strip(),
        )  # fmt: skip
    return units


def run(options: argparse.Namespace) -> int:
    """Train on a table, and return the exit status."""
    data = Path(options.data.strip())
    check_exists(data)
    from chainrule.tabular.extras import require

    require("pandas", "sklearn", "safetensors")
    model, report = _outputs(options, data)
    from chainrule.tabular.experiment import train
    from chainrule.tabular.reading import read_table

    table = read_table(data)
    wanted = _options(options, list(table.frame.columns))
    try:
        result = train(table, wanted, _tell if sys.stderr.isatty() and not options.quiet else None)
    except KeyboardInterrupt:
        print("interrupted: nothing is written", file=sys.stderr)
        return INTERRUPTED
    except NonFiniteError as error:
        raise ArgumentError(
            f"The training diverged. {str(error).splitlines()[0]}",
            expected="steps small enough for the loss to become smaller",
            got=f"--lr {options.lr:g}",
            instead=f"--lr {options.lr / 10:g}",
        ) from error  # fmt: skip
    _write(result, model, report)
    _show(result, options.quiet)
    print(f"\nwrote {model} and {report}")
    if result.training.interrupted:
        print("interrupted: this is the best so far", file=sys.stderr)
    elif not options.quiet:
        print(f"next: chainrule predict {model} {data}")
    return INTERRUPTED if result.training.interrupted else 0


def _outputs(options: argparse.Namespace, data: Path) -> tuple[Path, Path]:
    """Return where model and report go, which can be written to."""
    from chainrule.tabular.output import check_writable

    model = check_writable(options.output)
    report = check_writable(options.report or model.with_suffix(".html"))
    paths = [path.resolve() for path in (data, model, report)]
    if len(set(paths)) < len(paths):
        raise ArgumentError(
            "Data, model and report are three files.",
            got=f"{data}, {model} and {report}", instead="-o FILE and --report FILE",
        )  # fmt: skip
    return model, report


def _options(options: argparse.Namespace, columns: Sequence[str]) -> Options:
    from chainrule.tabular.experiment import Options
    from chainrule.tabular.network import Settings

    settings = Settings(
        hidden=options.hidden, dropout=options.dropout, decay=options.l2, lr=options.lr,
        epochs=options.epochs, batch_size=options.batch_size, seed=options.seed,
        balanced=options.balanced,
    )  # fmt: skip
    kinds = {
        what: tuple(name for text in getattr(options, what) for name in _names(text, columns))
        for what in ("ignore", "numeric", "categorical")
    }
    return Options(options.target, options.task, test=options.test, settings=settings, **kinds)


def _names(text: str, columns: Sequence[str]) -> list[str]:
    """Return the names in a text: one of a column as it is, or several with commas between."""
    if text in columns:
        return [text]
    return [name.strip() for name in next(csv.reader([text], skipinitialspace=True)) if name]


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _write(result: Result, model: Path, report: Path) -> None:
    from chainrule.tabular.output import replace
    from chainrule.tabular.report import page

    result.predictor.save(model)
    replace(report, page(result))


def _show(result: Result, quiet: bool) -> None:
    from chainrule.tabular.summary import summary

    parts = summary(result)
    if quiet:
        parts = [part for part in parts if part[0].startswith(("Scores", screen.WARNINGS))]
    screen.show_parts(parts)
