"""``Watch``: looks at a model while it is trained, and says early what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chainrule.calling import public
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.nn.health.curves import diverging, dying, overfitting, stuck
from chainrule.nn.health.examine import Examination
from chainrule.nn.health.finding import Finding
from chainrule.nn.health.gradients import rate_of
from chainrule.nn.health.report import Health
from chainrule.nn.health.thresholds import DYING, MANY_UNITS
from chainrule.nn.training.callbacks import Callback

if TYPE_CHECKING:
    from chainrule.nn.training.run import Run

#: Seconds that the first look is reckoned to take; later ones are known.
_FIRST = 0.03
#: Kinds of findings on layers that are said during training. Scale of data and the like do not
#: change on the way, and are for :func:`health`.
_SAID = ("dead", "saturated", "vanishing", "exploding", "no_gradient", "identical", "update_large")
#: Measures that a row of the table has, besides epoch and layer.
MEASURES = (
    "weight_norm", "gradient_norm", "update_ratio", "activation_mean", "activation_std",
    "dead_share", "saturated_share",
)  # fmt: skip


@public
class Watch(Callback):
    """Looks at a model while it is trained; a callback for `fit`.

    After each epoch it looks at the curves, and from time to time at the layers, on up to 512 rows
    of the training data. What it notices it warns of, each kind once.

    Parameters
    ----------
    every : int
        Epochs from one look at the layers to the next, at least.
    share : float or None
        Of the time that training takes, what looking at layers may cost at most; None for no
        limit. Looks come further apart when they would cost more, and a run of less than about a
        second may have none.
    stop : bool
        End training when the loss diverges.

    Attributes
    ----------
    findings : list of Finding
        What was warned of.
    table : list of dict
        A row for each look and layer: ``"epoch"``, ``"layer"`` and its measures, as in
        :attr:`Health.layers`.
    last : Health or None
        The last look.
    seconds : float
        What looking at layers has cost.

    Raises
    ------
    ArgumentError
        For an argument out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> X = np.random.default_rng(0).normal(size=(64, 2))
    >>> watch = Watch(share=None)
    >>> model = nn.Sequential(nn.Dense(8), nn.ReLU(), nn.Dense(1))
    >>> history = model.fit(X, X[:, :1], epochs=3, callbacks=[watch])
    >>> [row["epoch"] for row in watch.table if row["layer"] == "relu1"], watch.findings
    ([0, 1, 2], [])
    """

    def __init__(self, every: int = 1, share: float | None = 0.05, stop: bool = False) -> None:
        if not hasattr(every, "__index__") or every < 1:
            raise ArgumentError(
                "every is a number of epochs.", expected="a whole number from 1", got=repr(every)
            )
        if share is not None and not 0 < share <= 1:
            raise ArgumentError(
                "share is the part of the time that looking may take.",
                expected="a number above 0, to 1; or None", got=repr(share),
            )  # fmt: skip
        self.every, self.share, self.stop = int(every), share, bool(stop)
        self._forget()

    def __repr__(self) -> str:
        return f"Watch(every={self.every}, share={self.share}, stop={self.stop})"

    def _forget(self) -> None:
        self.findings: list[Finding] = []
        self.table: list[dict[str, Any]] = []
        self.last: Health | None = None
        self.seconds = 0.0
        self._cost = _FIRST
        self._looked: int | None = None
        self._began = time.perf_counter()
        self._guess: float | None = None
        #: Layer -> epoch and share of dead units at the first look.
        self._dead: dict[str, tuple[int, float]] = {}

    def on_start(self, run: Run) -> None:
        """Forget an earlier run."""
        self._forget()

    def on_epoch_end(self, run: Run) -> None:
        """Look at the curves, and at the layers if it is time to."""
        self._say(run, self._curves(run))
        if self._is_time(run.epoch):
            self._say(run, self.look(run))

    def on_end(self, run: Run) -> None:
        """Look at the layers once more, if there is time and the last look was earlier."""
        epoch = min(run.epoch, run.epochs - 1)
        if self._looked is not None and self._looked < epoch and self._may(1):
            self._say(run, self.look(run, epoch))

    # -- curves --------------------------------------------------------------------------

    def _curves(self, run: Run) -> Iterable[Finding | None]:
        losses = run.history.get("loss", [])
        # After a first bad epoch every one is bad; then only the first time is worth saying.
        yield diverging(losses, rate_of(run.optimizer))
        yield stuck(losses, self._guess)
        yield overfitting(losses, run.history.get("val_loss", []))

    # -- layers --------------------------------------------------------------------------

    def _is_time(self, epoch: int) -> bool:
        due = self._looked is None or epoch - self._looked >= self.every
        return due and self._may(1)

    def _may(self, looks: int) -> bool:
        if self.share is None:
            return True
        passed = time.perf_counter() - self._began
        return self.seconds + looks * self._cost <= self.share * passed

    def look(self, run: Run, epoch: int | None = None) -> list[Finding]:
        """Look at the layers now; return what is to be said.

        Parameters
        ----------
        run : Run
        epoch : int, optional
            The run's, unless given.
        """
        began = time.perf_counter()
        epoch = run.epoch if epoch is None else epoch
        try:
            found, guess = looked(run)
        except ChainruleError:
            return []  # what cannot be traced can be trained all the same
        finally:
            self._cost = time.perf_counter() - began
            self.seconds += self._cost
            self._looked = epoch
        self.last, self._guess = found, guess
        for layer, measures in found.layers.items():
            self.table.append({"epoch": epoch, "layer": layer} | {k: measures[k] for k in MEASURES})
        said = [f for f in found.findings if f.kind in _SAID and f.severity != "note"]
        return [*said, *self._dying(found, epoch)]

    def _dying(self, found: Health, epoch: int) -> Iterable[Finding]:
        for layer, measures in found.layers.items():
            share = measures["dead_share"]
            if share is None:
                continue
            since, first = self._dead.setdefault(layer, (epoch, share))
            if share >= max(first + DYING, MANY_UNITS):
                yield dying(first, share, layer, epoch - since)

    def series(self, measure: str) -> dict[str, tuple[list[int], list[float]]]:
        """Return a measure of each layer over the epochs, ready to be plotted.

        Parameters
        ----------
        measure : str
            ``"gradient_norm"``, ``"dead_share"``, ...

        Returns
        -------
        dict
            Layer -> epochs, and values; layers that have no such measure are left out.

        Raises
        ------
        ArgumentError
            For a measure that is not known.
        """
        if measure not in MEASURES:
            raise ArgumentError(
                f"There is no measure {measure!r}.", expected=f"one of {', '.join(MEASURES)}",
                got=repr(measure),
            )  # fmt: skip
        found: dict[str, tuple[list[int], list[float]]] = {}
        for row in self.table:
            if row[measure] is not None:
                epochs, values = found.setdefault(row["layer"], ([], []))
                epochs.append(row["epoch"])
                values.append(row[measure])
        return found

    # -- what is said --------------------------------------------------------------------

    def _say(self, run: Run, findings: Iterable[Finding | None]) -> None:
        for finding in findings:
            if finding is None or any(f.kind == finding.kind for f in self.findings):
                continue
            self.findings.append(finding)
            run.warn(f"Epoch {run.epoch + 1}: {finding}")
            if self.stop and finding.kind == "diverging":
                run.stop(finding.text)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint has to hold: which kinds have been said."""
        return {"said": [f.to_dict() for f in self.findings]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up again what :meth:`state` returned."""
        self.findings = [
            Finding(**{**each, "units": tuple(each["units"])}) for each in state["said"]
        ]


def looked(run: Run) -> tuple[Health, float | None]:
    """Return how the model of a run is on its sample of the data, and the loss of guessing."""
    x, y = run.data[0], run.data[1]
    examination = Examination(
        run.model, x, y, run.model.loss, run.optimizer, slots_of(run), rows=len(x),
        params=run.params, state=run.state,
    )  # fmt: skip
    return examination.result(), examination.guess


def slots_of(run: Run) -> Any:
    """Return the state of the optimizer of a run, or None where it does not tell."""
    carry = getattr(run, "carry", None)
    return carry.get("optimizer") if isinstance(carry, dict) else None
