"""The whole way from a table to a trained network and its scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.tabular import baselines, columns, scoring
from chainrule.tabular import target as targets
from chainrule.tabular.cleaning import cleaned
from chainrule.tabular.columns import Column
from chainrule.tabular.leaks import leaks
from chainrule.tabular.learning import learned
from chainrule.tabular.network import Settings, Training, trained
from chainrule.tabular.predictor import Predictor
from chainrule.tabular.reading import Table, check_names
from chainrule.tabular.splitting import equally_many, held_out
from chainrule.tabular.telling import listed, short

#: A difference of R² that says nothing.
_CHANCE = 0.02
#: The commonest class has so many times the rows of the rarest before that is worth a word.
_UNLIKE = 3
_BALANCE = "--balanced; a look at balanced accuracy beside accuracy; more data of rare classes"


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes
    ----------
    target : str
    task : str, optional
        ``"classification"`` or ``"regression"``; by the target's values unless given.
    ignore, numeric, categorical : tuple of str
        Columns that are to be this.
    test : float
        Share of the rows that is held out.
    settings : Settings
    """

    target: str
    task: str | None = None
    ignore: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    test: float = 0.2
    settings: Settings = field(default_factory=Settings)

    def asked(self) -> dict[str, str]:
        """Return what each named column is to be.

        Raises
        ------
        ArgumentError
            For a column that is to be two things.
        """
        found: dict[str, str] = {}
        for what in ("ignore", "numeric", "categorical"):
            for name in getattr(self, what):
                if found.setdefault(name, what) != what:
                    raise ArgumentError(
                        f"{short(name)!r} cannot be two things.",
                        expected="one of --ignore, --numeric and --categorical for a column",
                        got=f"--{found[name]} and --{what}",
                    )
        return found


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes
    ----------
    predictor : Predictor
    columns : tuple of Column
        All of the table, those that are left out among them.
    training : Training
    rows, held : int
        Trained on, and held out.
    scores : dict of str to dict
        ``"network"`` and the baselines -> scores on the rows held out.
    labels, output : array
        The target of the rows held out, and what the network gives for them.
    notes, warnings : list of str
    health : list of str
        Findings about the network.
    """

    file: str
    predictor: Predictor
    columns: tuple[Column, ...]
    training: Training
    settings: Settings
    rows: int
    held: int
    scores: Mapping[str, Mapping[str, float]]
    labels: np.ndarray
    output: np.ndarray
    notes: Sequence[str]
    warnings: Sequence[str]
    health: Sequence[str]

    @property
    def confusion(self) -> np.ndarray:
        """How often each class of the rows held out was taken for each."""
        classes = len(self.predictor.target.classes)
        return scoring.confusion(self.labels, self.output.argmax(axis=1), classes)


def train(table: Table, options: Options, tell: Callable[[str], None] | None = None) -> Result:
    """Train a network on a table.

    Parameters
    ----------
    table : Table
    options : Options
    tell : callable, optional
        Gets a line now and then.

    Returns
    -------
    Result

    Raises
    ------
    ArgumentError
        When the table, the target or an option cannot be used; says what to do instead.
    KeyboardInterrupt
        When interrupted before anything has been learned; later, what there is is returned.
    """
    asked = options.asked()
    target, known, notes = _target(table, options, asked)
    frame = table.frame.loc[known].reset_index(drop=True)
    y, _ = target.encode(frame[target.name])
    if options.settings.balanced and not target.is_classes:
        raise ArgumentError(
            "Only classes can be balanced.", expected="--task classification with --balanced",
            got=f"{short(target.name)!r}, whose numbers are predicted",
            instead="the same without --balanced",
        )  # fmt: skip
    seed = options.settings.seed
    held = held_out(y if target.is_classes else None, len(y), options.test, seed)
    notes += _small_classes(target, y)
    features = frame.drop(columns=target.name)
    found = columns.worked_out(features[~held], table.unusable, asked)
    used = tuple(column for column in found if column.kind)
    if not used:
        raise _nothing_left(found, target)
    warned = leaks(features[~held], used, target, y[~held])
    clean, clean_held = cleaned(features[~held], used), cleaned(features[held], used)
    notes += [*clean.notes, *(f"{note} (held out)" for note in clean_held.notes)]
    preparation = learned(used, clean)
    notes += [f"{note} (held out)" for note in preparation.unseen(clean_held)]
    x, x_held = preparation.transform(clean), preparation.transform(clean_held)
    if not target.is_classes:
        target = replace(target, mean=float(y[~held].mean()), scale=float(y[~held].std()) or 1.0)
    balanced = options.settings.balanced
    scores = _baselines(target, x, y[~held], x_held, y[held], balanced)
    training = _trained(x, y[~held], target, options.settings, tell)
    score = scoring.of_classes if target.is_classes else scoring.of_values
    predictor = Predictor(training.model, target, used, preparation)
    output = predictor.output(x_held)
    scores = {"network": score(y[held], output), **scores}
    facts = {"rows": len(x), "held out": len(x_held), "scores": _plain(scores["network"])}
    return Result(
        table.name, replace(predictor, facts=facts), found, training, options.settings, len(x),
        len(x_held), scores, y[held], output, [*table.notes, *notes],
        [*warned, *_no_better(scores, target, y[held], balanced)],
        _health(predictor, x, y[~held], balanced),
    )  # fmt: skip


def _target(
    table: Table, options: Options, asked: Mapping[str, str]
) -> tuple[targets.Target, np.ndarray, list[str]]:
    names = list(table.frame.columns)
    targets.check_is_there(options.target, names, " to predict", table.name)
    for name in asked:
        targets.check_is_there(name, names, f" for --{asked[name]}", table.name)
    if options.target in asked:
        raise ArgumentError(
            f"{short(options.target)!r} is the target.",
            got=f"--{asked[options.target]} {short(options.target)}",
            instead="--task classification or --task regression, which say what the target is",
        )  # fmt: skip
    if options.target in table.unusable:
        raise ArgumentError(
            f"{short(options.target)!r} cannot be predicted: it {table.unusable[options.target]}.",
            expected="one word or number a row",
        )
    check_names(table, frozenset(options.ignore))
    return targets.worked_out(options.target, table.frame[options.target], options.task)


def _trained(
    x: np.ndarray, y: np.ndarray, target: targets.Target, settings: Settings, tell: Any
) -> Training:
    values = y if target.is_classes else (y - target.mean) / target.scale
    return trained(x, values, len(target.classes), settings, tell)


def _baselines(
    target: targets.Target, x: np.ndarray, y: np.ndarray, x_held: np.ndarray, y_held: np.ndarray,
    balanced: bool,
) -> dict[str, dict[str, float]]:  # fmt: skip
    if target.is_classes:
        return baselines.of_classes(x, y, x_held, y_held, len(target.classes), balanced)
    return baselines.of_values(x, y, x_held, y_held)


def _small_classes(target: targets.Target, y: np.ndarray) -> list[str]:
    """Return a note on classes too small to say anything about."""
    if not target.is_classes:
        return []
    counts = np.bincount(y, minlength=len(target.classes))
    small = [f"{short(target.classes[i])} ({counts[i]})" for i in np.flatnonzero(counts < 5)]
    if not small:
        return []
    return [f"Classes with fewer than 5 rows, hardly to be learned: {listed(small)}."]


def _nothing_left(found: Sequence[Column], target: targets.Target) -> ArgumentError:
    reasons = "; ".join(f"{short(c.name)}: {c.why}" for c in found[:6])
    return ArgumentError(
        f"No column is left to predict {short(target.name)!r} from.",
        expected="a column besides the target", got=reasons or "no other column",
        instead="--numeric NAME or --categorical NAME to use one nevertheless" if found else None,
    )  # fmt: skip


def _no_better(
    scores: Mapping[str, Mapping[str, float]], target: targets.Target, y: np.ndarray, balanced: bool
) -> list[str]:
    """Return a warning where the network is not worth its while, beyond what chance may do."""
    name = "balanced accuracy" if balanced else "accuracy" if target.is_classes else "R²"
    own = scores["network"][name]
    simple = "commonest class" if target.is_classes else "mean"
    counts = np.unique(y, return_counts=True)[1]
    if own <= scores[simple][name]:
        unlike = target.is_classes and not balanced and counts.max() > _UNLIKE * counts.min()
        hint = " With --balanced, rare classes count as much as common ones." if unlike else ""
        return [f"The network is no better than the {simple}: it has learned nothing of use.{hint}"]
    linear = scores["linear model"][name]
    chance = _CHANCE
    if target.is_classes:
        # A mean over classes is as sure as that over rows would be if all were as many as this.
        rows = len(counts) ** 2 / np.sum(1 / counts) if balanced else len(y)
        chance = (linear * (1 - linear) / rows) ** 0.5
    if own < linear - chance:
        return [
            f"The linear model is better: {name} {linear:.3f} against {own:.3f} of the network."
        ]
    return []


def _health(predictor: Predictor, x: np.ndarray, y: np.ndarray, balanced: bool) -> list[str]:
    """Return what is noticed about the network, with the names of features for their numbers."""
    target, names = predictor.target, predictor.preparation.names
    if balanced:  # rows as it was trained on them: as many of each class
        rows = equally_many(y)
        x, y = x[rows], y[rows]
    values = y if target.is_classes else ((y - target.mean) / target.scale).astype(x.dtype)[:, None]
    lines = []
    for finding in predictor.model.health(x, values).findings:
        about = finding.units if finding.layer == "x" else ()
        told = f" Features: {listed([names[i] for i in about])}." if about else ""
        if finding.kind == "imbalance":  # whose remedy is an argument of fit
            finding = replace(finding, remedy=_BALANCE)
        numbered = [str(i) for i in range(len(target.classes))]
        if finding.layer == "y" and list(target.classes) != numbered:  # known by their numbers
            told = f" Classes: {listed([f'{i} is {c}' for i, c in enumerate(target.classes)])}."
        lines.append(f"{finding}{told}")
    return lines


def _plain(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Return scores as JSON has them, which knows no NaN."""
    return {name: value if np.isfinite(value) else None for name, value in scores.items()}
