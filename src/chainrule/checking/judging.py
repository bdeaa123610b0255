"""One run of a pass at one point, held against the truth there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.checking.reference import Numeric, Reference, Traced
from chainrule.checking.subject import Around, Called, Problem, Subject, unwatched
from chainrule.checking.targets import Target
from chainrule.errors import ChainruleError
from chainrule.writing import scalar_text

#: A penalty changes a gradient by no more than this part of it.
_PENALTY = 1.0
#: A constant against 0 / 0 changes a gradient by no more than this part of it.
_GUARD = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Where a pass is tested.

    Attributes
    ----------
    values : mapping
        Leaf path -> number or array.
    upstream : number or array
    label : str
    """

    values: Mapping[str, Any]
    upstream: Any
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """How a gradient compares with the true one.

    Attributes
    ----------
    target : Target
    got, expected : array or number
    wrong : array of bool
        Element by element.
    kinks : array of bool
        Where there is no derivative.
    guarded : bool
        Whether it is right but for a small constant of forward's, as in ``log(p + 1e-7)``.
    penalty : str
        What it holds beyond the gradient, where that is a penalty on the weights.
    """

    target: Target
    got: Any
    expected: Any
    wrong: Any
    kinks: Any
    guarded: bool = False
    penalty: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong outside of kinks."""
        return bool(self.penalty) or not np.any(self.wrong & ~self.kinks)

    @property
    def at_kink(self) -> bool:
        """Whether some element cannot be judged, and differs."""
        return bool(np.any(self.wrong & self.kinks))

    @property
    def error(self) -> float:
        """The largest difference, as a part of the largest number."""
        difference = np.abs(np.asarray(self.got, float) - self.expected)
        scale = max(float(np.max(np.abs(self.expected), initial=0.0)), 1e-300)
        return float(np.max(difference, initial=0.0)) / scale


@dataclass(eq=False)
class Judged:
    """A run of a pass at a point."""

    subject: Subject
    point: Point
    called: Called
    reference: Reference
    problems: list[Problem] = field(default_factory=list)
    judgements: dict[str, Judgement] = field(default_factory=dict)

    @cached_property
    def wrong(self) -> list[str]:
        """The targets whose gradients are wrong."""
        return [name for name, j in self.judgements.items() if not j.ok]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong here."""
        return not (self.problems or self.wrong)


def reference_at(subject: Subject, point: Point) -> Reference:
    """Return the true gradients at a point: traced where forward can be, numeric elsewhere."""
    if subject.traceable:
        try:
            return Traced(subject.recording(point.values), point.upstream)
        except (ChainruleError, TypeError, AttributeError) as error:
            # What a trace does not follow is seldom more than a numeric derivative can take.
            return Numeric(subject, point.values, point.upstream, why=str(error))
    return Numeric(subject, point.values, point.upstream)


def judge(
    subject: Subject, point: Point, around: Around = unwatched, reference: Reference | None = None
) -> Judged:
    """Run a pass at a point and compare what it gives."""
    called = subject.call(point.values, point.upstream, around)
    reference = reference_at(subject, point) if reference is None else reference
    judged = Judged(subject, point, called, reference, list(called.problems))
    targets = subject.targets()
    for name, got in list(called.gradients.items()):
        target = targets[name]
        number, problem = as_numbers(got, target, called.said.get(name, f"d{name}"))
        if number is None and problem is not None and problem.kind == "not-a-number":
            called.gradients = {n: g for n, g in called.gradients.items() if n != name}
        if problem is not None:
            judged.problems.append(problem)
        else:
            judgement = compared(reference, target, number)
            if not judgement.ok and judgement.error < _PENALTY:
                value = np.asarray(target.whole(point.values), float)
                judgement = with_penalty(judgement, value, subject.constants)
            judged.judgements[name] = judgement
    return judged


def as_numbers(got: Any, target: Target, said: str) -> tuple[Any, Problem | None]:
    """Return a gradient as an array of floats, or what is wrong with it as such."""
    what = f"{said} is {type(got).__name__}"
    try:
        array = np.asarray(got)
        if array.dtype.kind not in "fiub":
            raise TypeError
    except (TypeError, ValueError):
        return None, Problem("not-a-number", f"{what}, not an array of numbers.", target.name)
    if array.shape != target.shape:
        problem = Problem(
            "shape",
            f"{said} has shape {array.shape}, and {target.name} has shape {target.shape}.",
            target.name,
        )
        return None, problem
    if not np.all(np.isfinite(array)):
        count = int(np.sum(~np.isfinite(array)))
        problem = Problem(
            "not-finite", f"{count} of {array.size} numbers of {said} are NaN or infinite.",
            target.name,
        )  # fmt: skip
        return None, problem
    return (array if array.dtype.kind == "f" else array.astype(float)), None


def compared(reference: Reference, target: Target, got: Any) -> Judgement:
    """Compare a gradient with the true one, element by element."""
    if reference.agrees(target, got):
        none = np.zeros(np.shape(got), bool)
        return Judgement(target, got, got, none, none)
    expected = np.asarray(reference.of(target))
    known = np.isfinite(expected)
    difference = np.where(known, np.abs(got - np.where(known, expected, 0.0)), 0.0)
    scale = float(np.max(np.abs(expected), where=known, initial=0.0))
    surely = np.all(difference <= 1e-12 * scale) and np.all(difference <= 1e-9 * np.abs(expected))
    if known.all() and surely:  # no need to know how far rounding may go
        none = np.zeros(difference.shape, bool)
        return Judgement(target, got, expected, none, none)
    bound, kinks = reference.bounds(target, np.asarray(got).dtype)
    largest = float(np.max(difference, initial=0.0))
    if 0.0 < largest <= _GUARD * scale:
        plain = reference.unguarded(target)
        if plain is not None and np.all(np.abs(got - plain) <= bound + 1e-9 * np.abs(plain)):
            none = np.zeros(difference.shape, bool)
            return Judgement(target, got, expected, none, none, guarded=True)
    # A derivative that is not finite is one that nothing can be held against.
    wrong = ~(difference <= bound) | (~known & ~(got == expected))
    return Judgement(target, got, expected, wrong, kinks | ~known)


def with_penalty(judgement: Judgement, value: Any, constants: Collection[float]) -> Judgement:
    """Take a gradient for right that holds that of a penalty by constants of the object's.

    Layers often add the gradient of an L1 or L2 penalty, which the loss adds up elsewhere.
    """
    extra = np.ravel(np.asarray(judgement.got, float) - judgement.expected)
    if np.shape(value) != np.shape(judgement.got) or not np.all(np.isfinite(extra)):
        return judgement
    parts = np.stack([np.ravel(value), np.where(np.ravel(value) < 0, -1.0, 1.0)], axis=1)
    fit, *_ = np.linalg.lstsq(parts, extra, rcond=None)
    largest = float(np.max(np.abs(extra)))
    if extra.size < 4 or np.max(np.abs(parts @ fit - extra)) > 1e-6 * largest:
        return judgement
    said = []
    for factor, what in zip(fit, ("the value itself", "its sign"), strict=True):
        known = [c for c in constants if np.any(np.isclose(factor, [c, 2 * c], rtol=1e-5))]
        if known:
            said.append(f"{scalar_text(float(factor))} times {what}")
        elif abs(factor) * np.max(np.abs(value)) > 1e-6 * largest:
            return judgement
    text = f"holds {' and '.join(said)} beyond the gradient: a penalty that forward has not."
    return replace(judgement, penalty=text) if said else judgement


def nearby(subject: Subject, point: Point, count: int = 2, seed: int = 1) -> Iterator[Point]:
    """Yield points around another one, with other upstream gradients."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        for size in (0.05, 1e-3):
            values = dict(point.values)
            for path in subject.moving:
                values[path] = _moved(values[path], rng, size, zeros=i > 0)
            try:
                output = subject.output(values)
            except Exception:  # forward may not be defined there, whatever it raises
                continue
            if np.all(np.isfinite(output)):
                upstream = point.upstream
                if subject.takes_upstream and np.shape(output):
                    upstream = subject.default_upstream(output, seed + i)
                elif subject.takes_upstream:
                    upstream = point.upstream * (1.5 + 0.25 * i)
                yield Point(values, upstream, f"inputs {size * 100:g} % away")
                break


def _moved(value: Any, rng: np.random.Generator, size: float, zeros: bool) -> Any:
    """Move numbers by a part of their size, and zeros, where many a kink is, if asked to."""
    noise = size * rng.uniform(-1, 1, np.shape(value))
    moved = value * (1 + noise)
    if zeros or not np.any(value):
        largest = float(np.max(np.abs(np.asarray(value)), initial=0.0)) or 1.0
        moved = moved + (np.asarray(value) == 0) * largest * noise
    if isinstance(value, float) and not isinstance(value, np.generic):
        return float(moved)
    return np.asarray(moved, np.asarray(value).dtype)[()]
