"""The values that a program has while it is drawn, and what may be drawn next.

Every line is run as soon as it is drawn, in five *worlds*: with the arguments as they are, and with
the arguments moved a little to either side along one direction. A line stays only if its values
are finite, not too large, and smooth from world to world: so no kink, tie or pole is near, and a
right derivative is never called wrong.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from chainrule.structure import map_leaves
from fuzz.program import SCOPE, is_real, quietly
from fuzz.templates import Slot

T = TypeVar("T")

#: How far the worlds lie apart: along the direction, whose length is 1.
MARGIN = 0.02
#: How far a single operand is moved to see whether it is at a kink.
NUDGE = 1e-4
WORLDS = (0.0, MARGIN, -MARGIN, MARGIN / 8, -MARGIN / 8)
#: Larger values than this are scaled down.
LARGEST = 3.0
#: Arrays with more elements, or axes, than this are not made.
MOST, AXES = 150, 4
#: Shapes of arguments; few, so that JAX compiles what it runs only once.
SHAPES = [(3, 4), (3, 4), (3, 4), (4,), (3,), (), (2, 3, 4), (4, 2), (3, 3), (1, 4), (3, 1)]


class RejectedError(Exception):
    """What was drawn does not suit the program."""


@dataclass
class Value:
    """An expression that later lines may use.

    Attributes
    ----------
    worlds : list
        Its value in each world.
    depends : bool
        It changes with the arguments.
    base : str or None
        The array that it is a view of, by a basic index.
    """

    worlds: list[Any]
    depends: bool
    base: str | None = None
    used: bool = False

    @property
    def kind(self) -> str:
        return str(np.asarray(self.worlds[0]).dtype.kind)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.worlds[0])

    @property
    def is_array(self) -> bool:
        return isinstance(self.worlds[0], np.ndarray)


@dataclass
class Draw:
    """Random choices, and a program as far as it has been drawn."""

    rng: np.random.Generator
    traits: set[str]
    arguments: dict[str, Any] = field(default_factory=dict)
    ways: dict[str, Any] = field(default_factory=dict)
    pool: dict[str, Value] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    namespaces: list[dict[str, Any]] = field(default_factory=lambda: [{} for _ in WORLDS])
    count: int = 0
    most_arguments: int = 6
    touched: list[str] = field(default_factory=list)

    # -- random choices ------------------------------------------------------------------

    def choice(self, items: Iterable[T]) -> T:
        items = list(items)
        if not items:
            raise RejectedError
        return items[self.rng.integers(len(items))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))

    def number(self, low: float, high: float) -> str:
        return f"{self.rng.uniform(low, high):.3g}"

    # -- operands ------------------------------------------------------------------------

    def find(self, fits: Callable[[Value], bool] = lambda v: True, kind: str = "f") -> str:
        """Expression with a value that fits; the latest ones are the likeliest."""
        names = [n for n, v in self.pool.items() if v.kind == kind and fits(v)]
        name = self.choice(names[-4:] if self.chance(0.6) else names)
        self.touched.append(name)
        return name

    def array(self, least: int = 1, most: int = 3) -> str:
        return self.find(lambda v: least <= len(v.shape) <= most)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.pool[name].shape if name in self.pool else ()

    def partner(self, name: str) -> str:
        """A value, or a number, that broadcasts with another value."""
        if self.chance(0.15):
            return self.number(0.4, 1.9)

        def fits(v: Value) -> bool:
            try:
                return int(np.prod(np.broadcast_shapes(v.shape, self.shape(name)))) <= MOST
            except ValueError:
                return False

        return self.find(fits)

    def within(self, name: str, slot: Slot) -> str:
        """Expression that brings a value into the range that a slot asks for."""
        if (
            name not in self.pool
            or self.pool[name].kind == "c"
            or (slot.low <= -2.0 and slot.high >= 2.0)
        ):
            return name
        worlds = self.pool[name].worlds
        if all(np.min(w) >= slot.low and np.max(w) <= slot.high for w in worlds):
            return name
        middle, half = (slot.low + slot.high) / 2, (slot.high - slot.low) / 2 * 0.95
        return f"({middle:.4g} + {half:.4g} * np.tanh({name}))"

    def fitting(self, slot: Slot, kinds: str = "f") -> str:
        """Expression of the shape and range that a slot asks for."""
        shape, size = slot.shape, int(np.prod(slot.shape))
        exact = [n for n, v in self.pool.items() if v.kind in kinds and v.shape == shape]
        larger = [n for n, v in self.pool.items() if v.kind == "f" and v.is_array
                  and len(v.shape) > 0 and np.size(v.worlds[0]) >= size]  # fmt: skip
        if exact and not self.chance(0.1):
            name = self.choice(exact[-3:] if self.chance(0.5) else exact)
            self.touched.append(name)
            return self.within(name, slot)
        if larger and self.chance(0.6):
            name = self.choice(larger)
            self.touched.append(name)
            inside = self.within(name, slot)
            if shape == ():
                return f"np.ravel({inside})[{self.integer(0, np.size(self.pool[name].worlds[0]))}]"
            return f"np.ravel({inside})[:{size}].reshape({shape})"
        return self.within(self.argument(shape), slot)

    def has_full_rank(self, expression: str) -> bool:
        """Whether a matrix is far from those where its decompositions have no derivative."""
        with quietly():
            value = np.asarray(eval(expression, SCOPE, self.namespaces[0]))
        if value.ndim < 2:
            return True
        widths = np.linalg.svd(value, compute_uv=False)
        return bool(np.all(widths[..., -1] > 1e-3 * widths[..., 0]))

    # -- arguments -----------------------------------------------------------------------

    def argument(self, shape: tuple[int, ...]) -> str:
        """Add an argument of the program."""
        if len(self.ways) >= self.most_arguments:
            raise RejectedError
        name = f"x{len(self.arguments)}"
        values = self.rng.uniform(-1.5, 1.5, shape).astype(np.float32).astype(float)
        way = self.rng.standard_normal(shape)
        # Together they have about the length 1.
        way = way / (np.linalg.norm(way) * np.sqrt(3.0) + 1e-300)
        number = shape == () and self.chance(0.5)
        self.arguments[name] = float(values) if number else values if shape else values[()]
        self.ways[name] = way
        worlds = [values + step * way for step in WORLDS]
        self.register(name, [float(w) if number else w if shape else w[()] for w in worlds], True)
        for namespace, world in zip(self.namespaces, self.pool[name].worlds, strict=True):
            namespace[name] = world
        return name

    def labels(self, count: int, below: int) -> str:
        """Add an argument of whole numbers, such as labels."""
        name = f"x{len(self.arguments)}"
        self.arguments[name] = self.rng.integers(0, below, count)
        self.register(name, [self.arguments[name].copy() for _ in WORLDS], False)
        for namespace, world in zip(self.namespaces, self.pool[name].worlds, strict=True):
            namespace[name] = world
        return name

    # -- lines ---------------------------------------------------------------------------

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count - 1}"

    def register(
        self, name: str, worlds: list[Any], depends: bool, base: str | None = None
    ) -> None:
        self.pool[name] = Value(worlds, depends, base)

    def run(self, text: str) -> None:
        """Run a line in every world."""
        code = compile(text, "<line>", "exec")
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            try:
                for namespace in self.namespaces:
                    exec(code, SCOPE, namespace)
            except Exception:  # drawn text may fail in any way: draw another
                raise RejectedError from None

    def assign(self, text: str, base: str | None = None, lines: str = "") -> str:
        """Add the line ``v = text``, scaled where its values are large; return its name.

        `lines` are run before it, and are part of the program too.
        """
        name = self.fresh()
        whole = f"{lines}{name} = {text}"
        self.run(whole)
        worlds = [n[name] for n in self.namespaces]
        many = isinstance(worlds[0], (list, tuple)) and len(worlds[0]) > 0
        if len({len(w) if isinstance(w, (list, tuple)) else None for w in worlds}) > 1:
            raise RejectedError  # a branch that is taken in one world alone
        if many:
            parts = [f"{name}[{i}]" for i in range(len(worlds[0]))]
            found = [(p, [w[i] for w in worlds]) for i, p in enumerate(parts)]
        else:
            found = [(name, worlds)]
        for _, values in found:
            check(values)
        largest = max(float(np.max(np.abs(v[0] * 1.0))) for _, v in _arrays(found))
        if largest > LARGEST and not many and np.asarray(worlds[0]).dtype.kind in "fc":
            factor = f"{2.0 / largest:.2g}"
            worlds = [float(factor) * w for w in worlds]
            whole = f"{lines}{name} = {factor} * ({text})"
            found, base = [(name, worlds)], None
            for namespace, world in zip(self.namespaces, worlds, strict=True):
                namespace[name] = world
        if np.asarray(found[0][1][0]).dtype.kind in "fc":
            self.nudge(whole, [part for part, _ in found])
        self.lines.append(whole)
        for part, values in found:
            self.register(part, values, changes(values), base)
        self._use()
        return name

    def nudge(self, text: str, results: list[str]) -> None:
        """Refuse a line that has a kink where its operands are, whether or not they move.

        The worlds do not show it where an operand is a constant, as for the norm of zeros.
        """
        named = [n for n in self.namespaces[0] if n in text and re.search(rf"\b{n}\b", text)]

        with quietly():
            line = compile(text, "<line>", "exec")
            parts = [compile(result, "<part>", "eval") for result in results]

        def nudged(*weights: float) -> list[Any]:
            """Results where the operands are moved along two ways, by these weights."""
            rng = np.random.default_rng(len(text))

            def visit(leaf: Any, path: str) -> Any:
                if np.asarray(leaf).dtype.kind not in "fc":
                    return leaf
                unit = 1.0 if is_real(leaf) else 1.0 + 0.7j
                ways = [rng.standard_normal(np.shape(leaf)) for _ in weights]
                return leaf + NUDGE * unit * sum(w * d for w, d in zip(weights, ways, strict=True))

            names = {n: map_leaves(visit, self.namespaces[0][n], n) for n in named}
            try:
                with quietly():
                    exec(line, SCOPE, names)
                return [np.asarray(eval(r, SCOPE, names)) * 1.0 for r in parts]
            except Exception:  # drawn text may fail in any way: draw another
                raise RejectedError from None

        moved = [nudged(*w) for w in ((0, 0), (1, 0), (-1, 0), (0, 1), (1, 1))]
        for at, right, left, other, both in zip(*moved, strict=True):
            if not at.shape == right.shape == left.shape == other.shape == both.shape:
                raise RejectedError
            if not (at.any() or right.any() or left.any()):
                raise RejectedError  # as the standard deviation of a single number
            # A kink shows to both sides of it; the edge of a cone, as at a matrix that has not
            # full rank, where two ways together lead elsewhere than one after the other.
            limit = 0.1 * NUDGE * max(1e-3, float(np.max(np.abs(at))))
            for bend in (right - 2 * at + left, both - right - other + at):
                if not np.all(np.abs(bend) <= limit):
                    raise RejectedError

    def write(self, target: str, text: str) -> None:
        """Add a line that writes into an array."""
        value = self.pool[target]
        if not value.is_array or not value.depends:
            # Traced values cannot be written into an array that is a constant.
            raise RejectedError
        before = [w.copy() for w in value.worlds]
        try:
            self.run(text)
            check(value.worlds)
            if np.max(np.abs(value.worlds[0])) > LARGEST:
                raise RejectedError
        except RejectedError:
            for world, old in zip(value.worlds, before, strict=True):
                world[...] = old
            raise
        self.lines.append(text)
        kept = {target}
        above = value.base
        while above is not None:
            kept.add(above)
            above = self.pool[above].base if above in self.pool else None
        memory = owner(value.worlds[0])
        for name, other in list(self.pool.items()):
            if name in kept or not other.is_array:
                continue
            if np.shares_memory(other.worlds[0], memory) and "alias" not in self.traits:
                del self.pool[name]  # chainrule would refuse to read it, though NumPy does not
        self._use()
        value.used = False

    def is_writable(self, value: Value) -> bool:
        """Whether chainrule follows what is written to an array: through basic indices alone."""
        above = value
        while above.base is not None:
            if above.base not in self.pool:
                return False
            above = self.pool[above.base]
        return bool(above.worlds[0].base is None)

    def _use(self) -> None:
        for name in self.touched:
            if name in self.pool:
                self.pool[name].used = True
        self.touched.clear()


def owner(array: Any) -> Any:
    """Return the array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def can_be_written(array: Any) -> bool:
    with quietly():  # NumPy warns where an array that it repeats is asked
        return bool(array.flags.writeable) and 0 not in array.strides


def _arrays(found: Sequence[tuple[str, list[Any]]]) -> list[tuple[str, list[Any]]]:
    return [(name, [np.asarray(w) for w in worlds]) for name, worlds in found]


def changes(worlds: list[Any]) -> bool:
    """Whether a value is another in another world."""
    if np.asarray(worlds[0]).dtype.kind not in "fc":
        return not all(np.array_equal(worlds[0], w) for w in worlds[1:])
    return not all(np.allclose(worlds[0], w, rtol=1e-9, atol=1e-12) for w in worlds[1:])


def check(worlds: list[Any]) -> None:
    """Refuse values that are no fitting arrays, or that are not smooth from world to world."""
    if not all(isinstance(w, (np.ndarray, np.generic, float, int)) for w in worlds):
        raise RejectedError
    arrays = [np.asarray(w) for w in worlds]
    first = arrays[0]
    if first.dtype.kind not in "fcbiu" or not 0 < first.size <= MOST or first.ndim > AXES:
        raise RejectedError
    if any(a.shape != first.shape for a in arrays):
        raise RejectedError
    if first.dtype.kind not in "fc":
        if not all(np.array_equal(a, first) for a in arrays):
            raise RejectedError
        return
    if not all(np.all(np.isfinite(a)) for a in arrays):
        raise RejectedError
    base, right, left, near_right, near_left = arrays
    scale = max(1e-3, float(np.max(np.abs(base))))
    wide = np.abs(right - 2 * base + left)
    near = np.abs(near_right - 2 * base + near_left)
    # Smooth: 64 times as much at 8 times the distance. A kink at hand: 8 times; one further out
    # shows at the wide distance alone.
    loose = 1e-10 if first.dtype in (np.float64, np.complex128) else 1e-5
    if np.any(near > wide / 16 + loose * scale) or np.any(wide > 256 * near + 1e-4 * scale):
        raise RejectedError
    if np.any(wide > 0.2 * scale) or np.any(np.abs(right - left) > scale):
        raise RejectedError  # a pole is near
