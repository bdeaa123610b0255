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
        moved = leaf - lr * g
        return moved.astype(leaf.dtype) if isinstance(leaf, np.ndarray) else moved

    return map_leaves(visit, value, "")


def step(
    evaluate: Evaluate,
    values: Mapping[str, Any],
    before: float,
    gradients: Mapping[str, Any],
    lr: float,
    names: Sequence[str],
) -> tuple[Update, Mapping[str, Any], Mapping[str, Any]]:
    """Take one step.

    Returns
    -------
    update : Update
    values, gradients : dict
        At the new point.
    """
    parameters = {name: stepped(values[name], gradients[name], lr) for name in names}
    new_values = {**values, **parameters}
    after, new_gradients = evaluate(new_values)
    predicted = -lr * squared_norm(gradients, names)
    held = tuple(name for name in gradients if name not in names)
    update = Update(lr, parameters, float(before), float(after), predicted, held)
    return update, new_values, new_gradients


def squared_norm(gradients: Mapping[str, Any], names: Sequence[str]) -> float:
    """Return the sum of the squares of all elements of some gradients."""
    return float(
        sum(
            np.sum(np.square(np.asarray(g, dtype=float)))
            for name in names
            for _, g in leaves(gradients[name])
            if g is not None
        )
    )


def descend(
    evaluate: Evaluate,
    values: Mapping[str, Any],
    before: float,
    gradients: Mapping[str, Any],
    lr: float,
    names: Sequence[str],
    steps: int,
) -> Descent:
    """Take steps until the output grows, or all are taken."""
    updates: list[Update] = []
    for count in range(1, steps + 1):
        try:
            update, new_values, new_gradients = step(evaluate, values, before, gradients, lr, names)
        except NonFiniteError:
            rate = stable_rate(evaluate, values, before, gradients, lr, names)
            return Descent(tuple(updates), _too_large(count, lr, before, np.inf, rate), rate)
        updates.append(update)
        if update.after > update.before:
            rate = stable_rate(evaluate, values, before, gradients, lr, names)
            word = _too_large(count, lr, update.before, update.after, rate)
            return Descent(tuple(updates), word, rate)
        values, gradients, before = new_values, new_gradients, update.after
    return Descent(tuple(updates))


def _too_large(count: int, lr: float, before: float, after: float, rate: float | None) -> str:
    word = (
        f"stopped after step {count}: the output grew from {scalar_text(before)} to "
        f"{scalar_text(after)}, so the step is too large (lr = {scalar_text(lr)})."
    )
    if rate is not None:
        word += f" From the same point, lr = {scalar_text(rate, 2)} would have been stable."
    return word


def stable_rate(
    evaluate: Evaluate,
    values: Mapping[str, Any],
    before: float,
    gradients: Mapping[str, Any],
    lr: float,
    names: Sequence[str],
) -> float | None:
    """Find a learning rate with which the step lowers the output.

    The curvature along the gradient, from the gradient a little further on, bounds the
    stable rate by 2 / curvature; what is returned is the safe middle, 1 / curvature, halved
    until the output does fall.
    """
    squared = squared_norm(gradients, names)
    if squared == 0:
        return None
    tiny = 1e-6 * lr
    _, ahead = evaluate({**values, **{n: stepped(values[n], gradients[n], tiny) for n in names}})
    along = sum(
        np.sum(np.asarray(g, dtype=float) * np.asarray(h, dtype=float))
        for name in names
        for (_, g), (_, h) in zip(leaves(gradients[name]), leaves(ahead[name]), strict=True)
        if g is not None
    )
    curvature = float((squared - along) / (tiny * squared))
    rate = min(lr / 2, 1 / curvature) if curvature > 0 else lr / 2
    for _ in range(60):
        try:
            update, *_ = step(evaluate, values, before, gradients, rate, names)
        except NonFiniteError:
            rate /= 2
            continue
        if update.after < before:
            return rate
        rate /= 2
    return None
