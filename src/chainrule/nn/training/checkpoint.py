"""Runs that can be killed at any moment and taken up again, to the same numbers."""

from __future__ import annotations

import os
import time
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.errors import ArgumentError
from chainrule.nn.base import Context
from chainrule.nn.files import load_checkpoint, save_checkpoint
from chainrule.nn.random import GENERATOR
from chainrule.nn.training.data import Data
from chainrule.nn.training.run import Position, Run
from chainrule.nn.training.streams import Whole
from chainrule.nn.trees import check_alike
from chainrule.trace import Recorder, tracing

if TYPE_CHECKING:
    from chainrule.nn.trainable import Trainable
    from chainrule.nn.training.fit import Settings

#: Bytes of an array, from both of its ends, that tell whether data are still the same.
_PROBE = 2**20
#: What drew random numbers before files named it.
_UNNAMED = "Squares"


class CheckpointedRun(Run):
    """A run that writes down where it stands, and goes on from there.

    Parameters
    ----------
    path : path
    seconds : float
        Time between two checkpoints; one more is written at the end, or when interrupted.
    settings : Settings
    writes : bool
        Whether it is this process, of several, that writes.
    """

    def __init__(
        self, *args: Any, path: Any, seconds: float, settings: Settings, writes: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.path = Path(path)
        self.seconds = seconds
        self.writes = writes
        self.settings = self._described(settings)
        self._mark: dict[str, Any] = {}
        self._written = 0.0
        self._unwritten = True

    def go(self) -> None:
        """Train, from the checkpoint where there is one."""
        for callback in self.callbacks:
            callback.on_start(self)
        if self.path.exists():
            self._take_up(*load_checkpoint(self.path))
        self._note()
        if self._unwritten:
            self._write()  # so that a place where nothing can be written is known at once
        try:
            self.go_on()
        except BaseException:
            if self._unwritten:
                self._write()
            raise

    # -- where it stands -----------------------------------------------------------------

    def part_done(self) -> None:
        """Take note of where the run stands, and write it down when it is time."""
        self._note()
        self._write_if_due()

    epoch_done = part_done

    def finished(self) -> None:
        """Write down the end."""
        if self._unwritten:
            self._write()

    def _note(self) -> None:
        """Remember all that is needed to go on from here; arrays are never written to again."""
        self._mark = {
            "tree": {
                "carry": self.carry,
                "callbacks": [callback.state() for callback in self.callbacks],
                "reported": [[logs, rows] for logs, rows in self.reported],
            },
            "position": Position(*asdict(self.position).values()),
            "length": self.history.length,
            "stopped": self.history.stopped,
            "best_epoch": self.history.best_epoch,
            "warnings": len(self.history.warnings),
        }
        self._unwritten = True

    def _write_if_due(self) -> None:
        if time.monotonic() - self._written >= self.seconds:
            self._write()

    def _write(self) -> None:
        mark = self._mark
        document = {
            "settings": self.settings,
            "executor": self.trainer.executor,
            "position": asdict(mark["position"]),
            "stopped": mark["stopped"],
            "best_epoch": mark["best_epoch"],
            "warnings": self.history.warnings[: mark["warnings"]],
        }
        if self.writes:
            history = {name: np.array(v[: mark["length"]]) for name, v in self.history.items()}
            save_checkpoint(self.path, mark["tree"] | {"history": history}, document)
        self._written, self._unwritten = time.monotonic(), False

    # -- going on ------------------------------------------------------------------------

    def _take_up(self, tree: Any, document: dict[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        ArgumentError
            When it is one of another run; says what differs.
        """
        earlier = {"random numbers": self.settings["random numbers"] and _UNNAMED}
        check_settings(self.path, self.settings, earlier | document.get("settings", {}))
        check_alike(self.carry, tree["carry"], f"What {self.path} holds")
        self.carry = self.whole = tree["carry"]
        for callback, state in zip(self.callbacks, tree["callbacks"], strict=True):
            callback.restore(state)
        self.reported = [(logs, rows) for logs, rows in tree["reported"]]
        self.position = Position(**document["position"])
        self.history.begin_with(tree["history"])
        self.history.stopped = document["stopped"]
        self.history.best_epoch = document["best_epoch"]
        self.history.warnings += document["warnings"]
        self._unwritten = False

    def _described(self, settings: Settings) -> dict[str, str]:
        """Return what a run has to have in common with the one that it goes on from."""
        return {
            "model": repr(self.model),
            "loss": name_of(settings.loss) if callable(settings.loss) else settings.loss,
            "optimizer": repr(settings.optimizer),
            "metrics": ", ".join(self.trainer.objective.metrics),
            "penalty": "" if settings.penalty is None else name_of(settings.penalty),
            "batch_size": str(self.batch_size),
            "shuffle": str(self.shuffle),
            "seed": str(self.seed),
            "random numbers": GENERATOR if draws(self.model) else "",
            "dtype": str(self.model.dtype),
            "callbacks": ", ".join(type(c).__name__ for c in self.callbacks),
            "data": fingerprint(self.source.data) if isinstance(self.source, Whole) else "parts",
            "validation": "" if self.validation is None else fingerprint(self.validation),
        }


def draws(model: Trainable) -> bool:
    """Whether a training step of a model depends on random numbers, such as those of dropout."""
    with tracing(lambda level: Recorder(level)) as recorder, np.errstate(all="ignore"):
        seed = recorder.input("seed", np.array(0))
        x = np.zeros((1, *(model.input_shape or ())), model.dtype)
        model.apply(model.params, model.state, x, Context(seed, np.array(0)))
    drawn = recorder.node(seed)
    return any(drawn in node.inputs for node in recorder.nodes)


def check_settings(path: Path, mine: dict[str, str], theirs: dict[str, str]) -> None:
    """Refuse to go on from a run with other settings.

    Raises
    ------
    ArgumentError
    """
    for name, value in mine.items():
        if theirs.get(name) != value:
            raise ArgumentError(
                f"The checkpoint {path} belongs to another run: {name} differs.",
                expected=str(theirs.get(name))[:200], got=value[:200],
                instead="the settings that it was begun with, another path, or a new begin "
                "after the file is deleted",
            )  # fmt: skip


def fingerprint(data: Data) -> str:
    """Return shapes, types and a checksum of both ends of arrays."""
    parts = []
    for array in data.arrays:
        rows = max(1, _PROBE // max(array[:1].nbytes, 1))
        check = zlib.crc32(np.ascontiguousarray(array[:rows]).tobytes())
        check = zlib.crc32(np.ascontiguousarray(array[-rows:]).tobytes(), check)
        parts.append(f"{array.dtype}{array.shape} {check:08x}")
    return "; ".join(parts)


def executor_of(path: str | os.PathLike[str]) -> str | None:
    """Return which executor a checkpoint was made with, or None where there is none."""
    if not Path(path).exists():
        return None
    found: str = load_checkpoint(path)[1]["executor"]
    return found
