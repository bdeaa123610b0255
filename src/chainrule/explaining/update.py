"""One gradient step, or several: what was predicted, what happened, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, NonFiniteError
from chainrule.structure import leaves, map_leaves
from chainrule.writing import scalar_text

#: Names that arguments holding data go by: `step` leaves them alone unless asked.
DATA_NAMES = frozenset(
    (
        *("x", "X", "xs", "inputs", "input", "input_data", "data", "features"),
        *("t", "target", "targets", "y", "y_true", "Y", "label", "labels"),
        *("actual", "actual_y", "output_data"),
    )
)


@dataclass(frozen=True)
class Update:
    """What one gradient step did.

    Attributes
    ----------
    lr : float
        Learning rate.
    parameters : dict
        Argument name -> new value, for the arguments that were moved.
    before, after : float
        The output before and after.
    predicted : float
        The change that the gradient promises: -lr · ‖g‖².
    held : tuple of str
        Arguments with a gradient that were left alone, as data.
    """

    lr: float
    parameters: Mapping[str, Any]
    before: float
    after: float
    predicted: float
    held: tuple[str, ...] = ()

    @property
    def actual(self) -> float:
        """The change that came."""
        return self.after - self.before

    def text(self) -> str:
        """Return the step in words and numbers."""
        lines = [
            f"gradient step, lr = {scalar_text(self.lr)}: "
            f"{scalar_text(self.before)} -> {scalar_text(self.after)}",
            f"  predicted change  -lr · ‖g‖² = {scalar_text(self.predicted)}",
            f"  actual change              = {scalar_text(self.actual)}",
        ]
        for name, value in self.parameters.items():
            for path, leaf in leaves(value, name):
                shown = np.array2string(np.asarray(leaf), precision=6, separator=", ")
                lines.append(f"  {path} = " + shown.replace("\n", "\n" + " " * (len(path) + 5)))
        if self.held:
            lines.append(f"  held fixed, as data: {', '.join(self.held)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class Descent:
    """What repeated gradient steps did.

    Attributes
    ----------
    updates : tuple of Update
    stopped : str
        Why it ended before all steps were taken; empty when it did not.
    stable_lr : float or None
        A learning rate with which the first growing step would have lowered the output.
    """

    updates: tuple[Update, ...]
    stopped: str = ""
    stable_lr: float | None = None

    @property
    def values(self) -> tuple[float, ...]:
        """The output at the start and after each step."""
        return (self.updates[0].before, *(u.after for u in self.updates))

    def text(self) -> str:
        """Return the course of the output, and why it ended."""
        lines = [
            f"step {i}: {scalar_text(u.before)} -> {scalar_text(u.after)}"
            f"   (predicted change {scalar_text(u.predicted)}, "
            f"actual {scalar_text(u.actual)})"
            for i, u in enumerate(self.updates, 1)
        ]
        return "\n".join([*lines, *([self.stopped] if self.stopped else [])])

    def __str__(self) -> str:
        return self.text()


#: Takes values by argument name; returns the output and the gradients by name.
Evaluate = Callable[[Mapping[str, Any]], tuple[float, Mapping[str, Any]]]


@dataclass(frozen=True)
class Point:
    """A function at some values of its arguments, from where a step can be taken.

    Attributes
    ----------
    evaluate : callable
    values : dict
        Argument name -> value.
    output : float
    gradients : dict
        Argument name -> gradient.
    moved : tuple of str
        The arguments that a step moves.
    """

    evaluate: Evaluate
    values: Mapping[str, Any]
    output: float
    gradients: Mapping[str, Any]
    moved: tuple[str, ...]

    def parameters(self, lr: float) -> dict[str, Any]:
        """Return the moved arguments after a step."""
        return {n: stepped(self.values[n], self.gradients[n], lr) for n in self.moved}

    def at(self, parameters: Mapping[str, Any]) -> Point:
        """Return the point at which some arguments have other values."""
        values = {**self.values, **parameters}
        output, gradients = self.evaluate(values)
        return Point(self.evaluate, values, output, gradients, self.moved)

    def product(self, other: Point) -> float:
        """Return the sum of products of its gradient's elements with another point's."""
        return float(
            sum(
                np.real(np.sum(np.asarray(g) * np.conj(h)))
                for name in self.moved
                for (_, g), (_, h) in zip(
                    leaves(self.gradients[name]), leaves(other.gradients[name]), strict=True
                )
                if g is not None
            )
        )


def moved_names(wrt: Sequence[str], chosen: Sequence[str] | None) -> tuple[str, ...]:
    """Return the arguments that a step moves: those chosen, else all that are not data.

    Raises
    ------
    ArgumentError
        When one is chosen that has no gradient.
    """
    if chosen is None:
        return tuple(n for n in wrt if n not in DATA_NAMES) or tuple(wrt)
    for name in chosen:
        if name not in wrt:
            raise ArgumentError(
                f"{name!r} cannot be moved: no gradient was derived for it.",
                expected=f"some of {', '.join(wrt)}",
                got=repr(name),
                instead=f"explain(..., wrt={(*wrt, name)})",
            )
    return tuple(chosen)


def check_lr(lr: float) -> float:
    """Return a learning rate, refusing what is none."""
    try:
        rate = float("nan" if isinstance(lr, (bool, str)) else lr)
    except TypeError:
        rate = float("nan")
    if not 0 < rate < float("inf"):
        raise ArgumentError(
            "The learning rate is not a positive number.",
            expected="a small positive number, such as 0.001",
            got=f"lr={lr!r}",
        )
    return rate


def stepped(value: Any, gradient: Any, lr: float) -> Any:
    """Return an argument moved against its gradient."""
    remaining = iter([g for _, g in leaves(gradient)])

    def visit(leaf: Any, path: str) -> Any:
        g = next(remaining)
        if g is None:
            return leaf
        # Of complex numbers, the output falls fastest against the conjugate.
        moved = leaf - lr * (np.conj(g) if np.iscomplexobj(g) else g)
        return moved.astype(leaf.dtype) if isinstance(leaf, np.ndarray) else moved

    return map_leaves(visit, value, "")


def step(start: Point, lr: float) -> tuple[Update, Point]:
    """Take one step; returns what it did, and the point that it led to."""
    parameters = start.parameters(lr)
    end = start.at(parameters)
    predicted = -lr * start.product(start)
    held = tuple(name for name in start.gradients if name not in start.moved)
    update = Update(lr, parameters, float(start.output), float(end.output), predicted, held)
    return update, end


def descend(start: Point, lr: float, steps: int) -> Descent:
    """Take steps until the output grows, or all are taken."""
    updates: list[Update] = []
    for count in range(1, steps + 1):
        try:
            update, end = step(start, lr)
        except NonFiniteError:
            return _stopped(updates, count, start, lr, np.inf)
        updates.append(update)
        if update.after > update.before:
            return _stopped(updates, count, start, lr, update.after)
        start = end
    return Descent(tuple(updates))


def _stopped(updates: list[Update], count: int, start: Point, lr: float, after: float) -> Descent:
    rate = stable_rate(start, lr)
    return Descent(tuple(updates), _too_large(count, lr, start.output, after, rate), rate)


def _too_large(count: int, lr: float, before: float, after: float, rate: float | None) -> str:
    word = (
        f"stopped after step {count}: the output grew from {scalar_text(before)} to "
        f"{scalar_text(after)}, so the step is too large (lr = {scalar_text(lr)})."
    )
    if rate is not None:
        word += f" From the same point, lr = {scalar_text(rate, 2)} would have been stable."
    return word


def stable_rate(start: Point, lr: float) -> float | None:
    """Find a learning rate with which the step lowers the output.

    The curvature along the gradient, from the gradient a little further on, bounds the
    stable rate by 2 / curvature; what is returned is the safe middle, 1 / curvature, halved
    until the output does fall.
    """
    squared = start.product(start)
    if squared == 0:
        return None
    tiny = 1e-6 * lr
    ahead = start.at(start.parameters(tiny))
    curvature = (squared - start.product(ahead)) / (tiny * squared)
    rate = min(lr / 2, 1 / curvature) if curvature > 0 else lr / 2
    for _ in range(60):
        try:
            if step(start, rate)[0].actual < 0:
                return rate
        except NonFiniteError:
            pass  # too far still
        rate /= 2
    return None
