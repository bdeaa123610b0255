"""What the gradients are in truth at one point, and how well that can be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from chainrule.backward import backpropagate
from chainrule.careful import Guard
from chainrule.checking.numeric import Partials, Slope, coordinates, directional
from chainrule.checking.subject import Subject
from chainrule.checking.targets import Target
from chainrule.graph import Node
from chainrule.graphing import Recording
from chainrule.structure import leaves

#: Relative size of the noise by which rounding and kinks are found out.
_NOISE = 1e-9
#: How often the rounding of one operation may add up in another way of computing the same.
_SLACK = {np.dtype(np.float64): 5e3, np.dtype(np.float32): 1e2, np.dtype(np.float16): 4.0}
_TRIES = 3
#: Constants up to this size stand against 0 / 0.
_SMALL = 1e-4
#: Noise that changes a gradient by this part of it has met a kink.
_JUMP = 1e-4


class Reference(Protocol):
    """The true gradients at one point."""

    @property
    def method(self) -> str:
        """How they were derived."""

    @property
    def value(self) -> Any:
        """The output."""

    def agrees(self, target: Target, got: Any) -> bool:
        """Whether it is certain, and cheaply so, that a gradient is right."""

    def unguarded(self, target: Target) -> Any:
        """Return the gradient without small constants in forward; None where there are none."""

    def of(self, target: Target) -> Any:
        """Return the gradient of a target."""

    def bounds(self, target: Target, precision: np.dtype[Any]) -> tuple[Any, Any]:
        """Return the error that rounding explains, and where a kink is, element by element."""


class Numeric:
    """The derivative by complex steps or by extrapolated differences.

    Parameters
    ----------
    subject : Subject
    values : mapping
    upstream : number or array
    why : str
        Why there is no trace.
    """

    def __init__(
        self, subject: Subject, values: Mapping[str, Any], upstream: Any, why: str = ""
    ) -> None:
        self._subject, self._values, self._upstream = subject, dict(values), upstream
        self.why = why
        self._found: dict[str, list[Partials]] = {}

    @cached_property
    def value(self) -> Any:
        """The output."""
        return self._subject.output(self._values)

    @cached_property
    def _precision(self) -> float:
        """Rounding of what forward gives."""
        kind = np.asarray(self.value).dtype
        return float(np.finfo(kind if kind.kind == "f" else np.float64).eps)

    @cached_property
    def method(self) -> str:
        """How the derivatives are taken."""
        paths = sorted(self._subject.moving)
        return self._slope(paths, self._direction(paths, 0)).method

    def along(self, arrays: Sequence[Any], paths: Sequence[str]) -> Any:
        """Return upstream times output with other numbers in some leaves."""
        values = {**self._values, **dict(zip(paths, arrays, strict=True))}
        return np.sum(self._upstream * self._subject.output(values))

    def _direction(self, paths: Sequence[str], seed: int) -> list[Any]:
        rng = np.random.default_rng(seed)
        return [rng.standard_normal(np.shape(self._values[path])) for path in paths]

    def _slope(self, paths: Sequence[str], direction: Sequence[Any]) -> Slope:
        start = [np.asarray(self._values[path]) for path in paths]
        return directional(
            lambda arrays: self.along(arrays, paths), start, direction, precision=self._precision
        )

    def agrees(self, target: Target, got: Any) -> bool:
        """Whether a gradient is right along random directions."""
        parts = [np.reshape(got, np.shape(self._values[p])) for p in target.paths] if len(
            target.paths) == 1 else list(np.ravel(got))  # fmt: skip
        for seed in range(_TRIES):
            direction = self._direction(target.paths, seed)
            slope = self._slope(target.paths, direction)
            mine = sum(float(np.sum(g * v)) for g, v in zip(parts, direction, strict=True))
            size = sum(float(np.sum(np.abs(g * v))) for g, v in zip(parts, direction, strict=True))
            if slope.kink or not abs(mine - slope.value) <= 3 * slope.error + 1e-10 * size:
                return False
        return True

    def unguarded(self, target: Target) -> Any:
        """Return nothing: it is not known which constants there are."""
        return None

    def _of(self, target: Target) -> list[Partials]:
        if target.name not in self._found:
            start = [np.asarray(self._values[path]) for path in target.paths]
            self._found[target.name] = coordinates(
                lambda arrays: self.along(arrays, target.paths), start, precision=self._precision
            )
        return self._found[target.name]

    def _whole(self, target: Target, part: str) -> Any:
        found = [getattr(p, part)[()] for p in self._of(target)]
        return target.whole(dict(zip(target.paths, found, strict=True)))

    def of(self, target: Target) -> Any:
        """Return the gradient of a target."""
        return self._whole(target, "values")

    def bounds(self, target: Target, precision: np.dtype[Any]) -> tuple[Any, Any]:
        """Return the estimated error of the differences, and where a kink is."""
        errors = np.asarray(self._whole(target, "errors"))
        kinks = np.asarray(self._whole(target, "kinks"), bool)
        exact = np.abs(np.asarray(self.of(target)))
        eps = float(np.finfo(precision).eps)
        floor = float(np.max(exact, initial=0.0))
        return 3 * errors + 1e4 * eps * exact + 1e-9 * floor, kinks


class Traced:
    """The derivative by the chain rule, from a trace of the forward pass.

    Parameters
    ----------
    recording : Recording
    upstream : number or array
    """

    method = "traced derivative"

    def __init__(self, recording: Recording, upstream: Any) -> None:
        self.recording = recording
        self.graph = recording.graph
        self.upstream = upstream
        self._nodes = self.graph.nodes
        self._position = {node: i for i, node in enumerate(self._nodes)}
        self._parents = [tuple(self._position[i] for i in n.inputs) for n in self._nodes]
        self._end = self._position[self.graph.output]
        self.inputs = {
            node.name: node
            for name, structure in recording.arguments.items()
            for _, node in leaves(structure, name)
            if isinstance(node, Node)
        }
        self._needed = self._on_the_way()

    @property
    def value(self) -> Any:
        """The output."""
        return self.graph.output.value

    def _on_the_way(self) -> list[bool]:
        needed: list[bool] = []
        for node, above in zip(self._nodes, self._parents, strict=True):
            by_input = node.is_input and node.carries_gradient
            needed.append(by_input or (node.carries_gradient and any(needed[i] for i in above)))
        return needed

    @cached_property
    def consumers(self) -> dict[Node, list[tuple[Node, int]]]:
        """Who reads each node, and as which operand."""
        return self.graph.consumers()

    def gradients(
        self, given: Mapping[Node, Any] | None = None, only: bool = False
    ) -> dict[Node, Any]:
        """Return the gradient of every node.

        Parameters
        ----------
        given : mapping, optional
            Nodes whose gradients are as given, right or wrong: what lies before them
            follows from these.
        only : bool
            Leave out what does not come by the nodes given.
        """
        upstream = self.upstream * 0.0 if only else self.upstream
        return self._passed([n.value for n in self._nodes], upstream, given or {})

    def _passed(
        self, values: list[Any], upstream: Any, given: Mapping[Node, Any]
    ) -> dict[Node, Any]:
        records = [
            (node.op, above, [values[i] for i in above], node.params, value)
            for node, above, value in zip(self._nodes, self._parents, values, strict=True)
        ]
        blocked = {self._position[node]: g for node, g in given.items()}
        needed = [flag and i not in blocked for i, flag in enumerate(self._needed)]
        seeds = {self._end: upstream, **blocked}
        every = range(len(records))
        if not (self._needed[self._end] or blocked):
            return {}
        with np.errstate(all="ignore"):
            found = backpropagate(records, seeds, every, needed)
            if not all(np.all(np.isfinite(g)) for g in found.values()):
                found = backpropagate(
                    records, seeds, every, needed, guard=Guard(records, seeds, needed)
                )
        return {self._nodes[i]: g for i, g in found.items()}

    @cached_property
    def exact(self) -> dict[Node, Any]:
        """The gradient of every node."""
        return self.gradients()

    def agrees(self, target: Target, got: Any) -> bool:
        """Whether it is the same number by number."""
        return bool(np.array_equal(got, self.of(target)))

    def unguarded(self, target: Target) -> Any:
        """Return the gradient with the constants against 0 / 0 left out, as in log(p + 1e-7)."""
        small = {n for n in self._nodes if n.is_constant and _is_small(n.value)}
        if not small:
            return None
        values: list[Any] = []
        with np.errstate(all="ignore"):
            for node, above in zip(self._nodes, self._parents, strict=True):
                if node.is_leaf:
                    values.append(node.value * 0.0 if node in small else node.value)
                else:
                    values.append(node.op.forward(*(values[i] for i in above), **node.params))
            found = np.asarray(self.of(target, self._passed(values, self.upstream, {})))
        return found if np.all(np.isfinite(found)) else None

    def of(self, target: Target, found: Mapping[Node, Any] | None = None) -> Any:
        """Return the gradient of a target."""
        found = self.exact if found is None else found
        return target.whole({path: self.of_node(self.inputs[path], found) for path in target.paths})

    @staticmethod
    def of_node(node: Node, found: Mapping[Node, Any]) -> Any:
        """Return the gradient of a node; zeros where the output does not depend on it."""
        gradient = found.get(node)
        return np.zeros(node.shape)[()] if gradient is None else gradient

    # -- how well it is known --------------------------------------------------------------

    @cached_property
    def precision(self) -> np.dtype[Any]:
        """The coarsest type that forward computes in."""
        single = any(n.abstract.dtype in (np.float32, np.float16) for n in self._nodes)
        return np.dtype(np.float32 if single else np.float64)

    @cached_property
    def _noisy(self) -> list[dict[Node, Any]]:
        found = []
        # To both sides: a kink lies to one of them, as seen from a point that is on it.
        for seed in range(_TRIES):
            for size in (_NOISE, -_NOISE):
                rng = np.random.default_rng(seed)
                noise = 1 + size * rng.uniform(-1, 1, np.shape(self.upstream))
                # A mask that picks other elements than it did leaves shapes that do not match.
                with np.errstate(all="ignore"), suppress(ValueError, IndexError):
                    values = self._with_noise(rng, size)
                    found.append(self._passed(values, self.upstream * noise, {}))
        return found

    def _with_noise(self, rng: np.random.Generator, size: float) -> list[Any]:
        values: list[Any] = []
        for node, above in zip(self._nodes, self._parents, strict=True):
            value = (
                node.value
                if node.is_leaf
                else node.op.forward(*(values[i] for i in above), **node.params)
            )
            if node in self._rounding:
                noise = size * rng.uniform(-1, 1, np.shape(value))
                if node.is_input:
                    # What is 0 is moved as well; ties are most often between zeros.
                    largest = float(np.max(np.abs(value), initial=0.0)) or 1.0
                    value = value + (value == 0) * largest * noise
                value = value * (1 + noise)
            values.append(value)
        return values

    @cached_property
    def _rounding(self) -> frozenset[Node]:
        """The values that are rounded or given: not those that were picked among others."""
        return frozenset(
            node
            for node, above in zip(self._nodes, self._parents, strict=True)
            if node.abstract.dtype.kind == "f"
            and not node.is_constant
            and (node.is_input or not _is_picked(node.value, [self._nodes[i].value for i in above]))
        )

    def spread(self, target: Target) -> Any:
        """Return how far noise moves each element of a gradient."""
        exact = np.asarray(self.of(target))
        there = [np.asarray(self.of(target, found)) for found in self._noisy]
        moved = [np.abs(one - exact) for one in there if one.shape == exact.shape]
        if not moved:
            return np.full(exact.shape, np.inf)
        return np.max(np.where(np.isfinite(moved), moved, np.inf), axis=0)

    def bounds(self, target: Target, precision: np.dtype[Any]) -> tuple[Any, Any]:
        """Return the error that rounding explains, and where a kink is, element by element."""
        exact = np.abs(np.asarray(self.of(target)))
        scale = float(np.max(exact, initial=0.0))
        floor = max(scale, 1e-3 * self._largest)
        coarse = max(precision, self.precision, key=lambda d: np.finfo(d).eps)
        eps = float(np.finfo(coarse).eps)
        spread = self.spread(target)
        kinks = spread > _JUMP * np.maximum(exact, 1e-3 * floor)
        # By chance the noise may cancel in one element; the others tell how much it is.
        smooth = np.mean(spread, where=~kinks) if np.any(~kinks) else 0.0
        spread = np.maximum(spread, 0.02 * smooth)
        bound = _SLACK[coarse] * eps * (spread / _NOISE + exact) + 8 * eps * floor
        return bound, kinks

    @cached_property
    def _largest(self) -> float:
        ends = [self.exact[n] for n in self.inputs.values() if n in self.exact]
        sizes = [float(np.max(np.abs(g), initial=0.0)) for g in ends]
        return max(sizes, default=0.0)


def _is_small(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and 0.0 < float(value) <= _SMALL


def _is_picked(value: Any, among: Sequence[Any]) -> bool:
    """Whether all numbers of a value are found in what it was made from."""
    parts = [np.ravel(a) for a in among if np.asarray(a).dtype.kind in "fiub"]
    return bool(parts) and bool(np.isin(value, np.concatenate(parts)).all())
