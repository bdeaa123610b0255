"""Running a pass with one statement edited, to see whether the edit makes it right."""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import CodeType
from typing import Any

import numpy as np

from chainrule.checking.judging import Judged
from chainrule.checking.scene import Edit
from chainrule.checking.source import Unit

#: How well an edited pass has to agree, relative to the largest number.
_CLOSE = 1e-7


class Bench:
    """Where edits are tried: runs of a pass that went wrong, with the truth for each.

    Parameters
    ----------
    runs : sequence of Judged
        The first decides, the others confirm.
    seconds : float
        Computing time after which no more edits are tried.
    """

    def __init__(self, runs: Sequence[Judged], seconds: float = 4.0) -> None:
        self.runs = runs
        # Of its own time: what else the machine has to do changes no answer.
        self._until = time.thread_time() + seconds
        self.tried = 0
        self._targets = runs[0].subject.targets()
        self._truths: dict[tuple[int, str], tuple[Any, Any, float]] = {}

    def right_before(self) -> frozenset[str]:
        """Return the targets that are right as the pass stands."""
        return frozenset(n for n, j in self.runs[0].judgements.items() if j.ok)

    def repairing(
        self, edits: Iterable[Edit], aims: frozenset[str], enough: float = 0.8
    ) -> list[Edit]:
        """Return the edits that make some targets right and leave those right that were.

        Parameters
        ----------
        edits : iterable of Edit
            The lightest first.
        aims : set of str
            Targets to be made right; none stands for all that the pass then gives.
        enough : float
            How much heavier than the first that is found others may be.
        """
        found: list[Edit] = []
        needed = aims | self.right_before()
        for edit in edits:
            late = time.thread_time() > self._until
            if late or (found and edit.weight > found[0].weight + enough):
                break
            if self._repairs(edit, needed if aims else None):
                found.append(edit)
        return found

    def _repairs(self, edit: Edit, needed: frozenset[str] | None) -> bool:
        code = edited(edit)
        if code is None:
            return False
        self.tried += 1
        return all(self._is_right(k, edit.event.unit, code, needed) for k in range(len(self.runs)))

    def _is_right(self, k: int, unit: Unit, code: CodeType, needed: frozenset[str] | None) -> bool:
        run = self.runs[k]

        def around(handed: Mapping[str, Any]) -> AbstractContextManager[None]:
            return unit.running(code)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                called = run.subject.call(run.point.values, run.point.upstream, around)
        except Exception:  # an edit may make nonsense of the pass in any way
            return False
        if called.problems:
            return False
        names = frozenset(called.gradients) if needed is None else needed
        return bool(names) and all(
            name in called.gradients and _fits(called.gradients[name], self._truth(k, name))
            for name in names
        )

    def _truth(self, k: int, name: str) -> tuple[Any, Any, float]:
        if (k, name) not in self._truths:
            reference, target = self.runs[k].reference, self._targets[name]
            expected = np.asarray(reference.of(target))
            _, kinks = reference.bounds(target, np.dtype(np.float64))
            counts = ~np.asarray(kinks) & np.isfinite(expected)
            bound = _CLOSE * float(np.max(np.abs(expected), where=counts, initial=0.0))
            before: Any = self.runs[k].called.gradients.get(name)
            if np.shape(before) == expected.shape and self.runs[k].judgements.get(name) is not None:
                # What was off by little is to be off by much less.
                off = np.abs(np.asarray(before, float) - expected)
                largest = float(np.max(off, where=counts, initial=0.0))
                bound = min(bound, max(1e-3 * largest, 1e-9 * bound))
            self._truths[k, name] = expected, counts, bound
        return self._truths[k, name]


def _fits(got: Any, truth: tuple[Any, Any, float]) -> bool:
    expected, counts, bound = truth
    if np.shape(got) != expected.shape:
        return False
    try:
        difference = np.abs(np.asarray(got, float) - expected)[counts]
    except (TypeError, ValueError):
        return False
    return bool(np.all(difference <= bound + 1e-14 * (1 + bound)))


def edited(edit: Edit) -> CodeType | None:
    """Compile the function with an edit in it."""
    unit = edit.event.unit
    with in_place(unit, edit):
        return unit.compiled(unit.tree)


class in_place:  # noqa: N801  # a context manager, read as a word
    """Put an edit into the tree of its function for a while."""

    def __init__(self, unit: Unit, edit: Edit) -> None:
        self._body = _body_of(unit.tree, edit.event.statement)
        self._before = list(self._body)
        self._top = unit.tree.body
        self._top_before = list(self._top)
        self._unit, self._edit = unit, edit

    def __enter__(self) -> None:
        self._unit.watched.clear()
        statement = self._edit.event.statement
        index = next(i for i, s in enumerate(self._body) if s is statement)
        new = self._edit.statements or [ast.Pass()]
        for one in new:
            ast.copy_location(one, statement)
            ast.fix_missing_locations(one)
        self._body[index : index + 1] = new
        if self._edit.moved:
            returns = isinstance(self._top[-1], ast.Return)
            self._top.insert(len(self._top) - returns, statement)

    def __exit__(self, *error: object) -> None:
        self._unit.watched.clear()
        self._body[:] = self._before
        if self._top is not self._body:
            self._top[:] = self._top_before


def _body_of(tree: ast.AST, statement: ast.stmt) -> list[ast.stmt]:
    return next(body for body in _bodies(tree) if any(s is statement for s in body))


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                yield body
