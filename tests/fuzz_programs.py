"""Random programs over every rule that has a derivative.

A program is text that reads the same for NumPy and for jax.numpy. While it is drawn it
is run on plain arrays, so that its values stay in a safe range, inside the domains of
its functions, and away from the points where a derivative jumps.
"""

from dataclasses import dataclass, field

import numpy as np

from chainrule.rules import TABLE
from chainrule.rules.index import Slot

#: Values stay this far from points without a derivative.
MARGIN = 0.02
#: Larger values than this are scaled down.
LARGEST = 3.0
#: Arrays with more elements than this are not made.
MOST = 150


# -- what the text of a program may name -----------------------------------------------


class _Key:
    def __getitem__(self, key):
        return key if isinstance(key, tuple) else (key,)


def _put(a, key, value):
    b = np.copy(a)
    b[key] = value
    return b


def _scatter(like, value, key):
    positions = [k for k in key if isinstance(k, np.ndarray)]
    slots = iter(range(len(positions)))
    key = tuple(Slot(next(slots)) if isinstance(k, np.ndarray) else k for k in key)
    return TABLE["scatter"](like, value, *positions, key=key)


def _gap(a, axis):
    """Least distance between the greatest two elements, and between the least two."""
    ordered = np.sort(np.ravel(a) if axis is None else a, axis=-1 if axis is None else axis)
    return np.abs(np.diff(ordered, axis=-1 if axis is None else axis)) if a.ndim else np.ones(1)


NUMPY = {
    "np": np,
    "S": _Key(),
    "put": _put,
    "scatter": _scatter,
    "softmax": lambda z, axis: TABLE["softmax"](z, axis=(axis,)),
    "log_softmax": lambda z, axis: TABLE["log_softmax"](z, axis=(axis,)),
    "gap": _gap,
}


# -- drawing ---------------------------------------------------------------------------


@dataclass
class Draw:
    """Random choices, and the values that a program has so far."""

    rng: np.random.Generator
    values: dict = field(default_factory=dict)
    used: set = field(default_factory=set)
    guards: list = field(default_factory=list)

    def choice(self, items):
        items = list(items)
        return items[self.rng.integers(len(items))]

    def integer(self, low, high):
        return int(self.rng.integers(low, high))

    def number(self, low, high):
        return f"{self.rng.uniform(low, high):.3f}"

    def value(self, fits=lambda v: True):
        """Name of a value that fits; the latest ones are the likeliest."""
        names = [n for n, v in self.values.items() if fits(v)]
        if not names:
            raise NoOperandError
        name = self.choice(names[-3:] if self.rng.random() < 0.6 else names)
        self.used.add(name)
        return name

    def array(self, least=1, most=3):
        return self.value(lambda v: least <= v.ndim <= most)

    def shape(self, name):
        return self.values[name].shape

    def axis(self, name):
        ndim = self.values[name].ndim
        return self.integer(-ndim, ndim)

    def partner(self, name):
        """A value, or a number, that broadcasts with another value."""
        if self.rng.random() < 0.15:
            return self.number(0.4, 1.9)

        def fits(v):
            try:
                return np.prod(np.broadcast_shapes(v.shape, self.shape(name))) <= MOST
            except ValueError:
                return False

        return self.value(fits)

    def moved(self, name, row):
        """Expression that brings a value between the row's lowest and highest operand."""
        if row.low <= -2.0 and row.high >= 2.0:
            return name
        middle, half = (row.low + row.high) / 2, (row.high - row.low) / 2 * 0.95
        return f"({middle:.4g} + {half:.4g} * np.tanh({name}))"

    def keep_away(self, expression):
        """Ask for an expression not to come near 0."""
        self.guards.append(expression)


class NoOperandError(Exception):
    """No value of the program suits the operation."""


# -- a form of call for each row -------------------------------------------------------


def _unary(row):
    def form(d):
        operand = d.value()
        if row.name == "absolute":
            d.keep_away(operand)
            return d.choice([f"np.abs({operand})", f"abs({operand})", f"np.fabs({operand})"])
        return f"np.{row.name}({d.moved(operand, row)})"

    return form


def _binary(row, symbol=None):
    def form(d):
        a = d.value()
        b = d.partner(a)
        if row.name in ("maximum", "minimum"):
            d.keep_away(f"{a} - {b}" if a != b else "0.0")
        left, right = (
            d.moved(x, row) if x in d.values else x for x in ([a, b], [b, a])[d.integer(0, 2)]
        )
        if symbol and d.rng.random() < 0.6:
            return f"{left} {symbol} {right}"
        return f"np.{row.name}({left}, {right})"

    return form


def _reduction(name):
    def form(d):
        a = d.array(0)
        ndim = len(d.shape(a))
        axes = {"": None}
        if ndim:
            axis = d.axis(a)
            axes[f"axis={axis}"] = axis
        if ndim > 1:
            first, second = sorted(d.rng.permutation(ndim)[:2].tolist())
            axes[f"axis=({first}, {second - ndim})"] = (first, second)
        text = d.choice(axes)
        if name in ("max", "min"):
            if isinstance(axes[text], tuple):
                text = ""
            d.keep_away(f"gap({a}, {axes[text]})")
        keep = d.choice(["", "keepdims=True"])
        args = ", ".join(filter(None, [text, keep]))
        return d.choice([f"np.{name}({', '.join(filter(None, [a, args]))})", f"{a}.{name}({args})"])

    return form


def _matmul(d):
    a = d.array(1)
    last = d.shape(a)[-1]

    def fits(v):
        if v.ndim == 0 or v.shape[0 if v.ndim == 1 else -2] != last:
            return False
        try:
            return np.matmul(d.values[a], v).size <= MOST
        except ValueError:
            return False

    try:
        b = d.value(fits)
    except NoOperandError:
        rows = np.array2string(d.rng.uniform(-1, 1, (last, 2)), separator=", ", precision=3)
        b = f"np.array({' '.join(rows.split())})"
    return d.choice([f"{a} @ {b}", f"np.matmul({a}, {b})"])


def _einsum(d):
    a = d.array(1)
    letters = "ijk"[: len(d.shape(a))]
    sizes = dict(zip(letters, d.shape(a), strict=True))
    b = d.array(0)
    other = ""
    for n in d.shape(b):
        same = [c for c, m in sizes.items() if m == n and c not in other]
        if same and d.rng.random() < 0.8:
            other += d.choice(same)
        else:
            fresh = next(c for c in "lmnopq" if c not in sizes)
            sizes[fresh] = n
            other += fresh
    if np.prod(list(sizes.values())) > 4 * MOST:
        raise NoOperandError
    kept = [c for c in sizes if d.rng.random() < 0.5]
    result = "".join(kept[i] for i in d.rng.permutation(len(kept)))
    return f'np.einsum("{letters},{other}->{result}", {a}, {b})'


def _getitem(d):
    a = d.array(1)
    n, *_ = d.shape(a)
    last = d.shape(a)[-1]
    rows = ", ".join(str(d.integer(-n, n)) for _ in range(3))
    columns = ", ".join(str(d.integer(0, last)) for _ in range(3))
    mask = ", ".join(str(bool(b)) for b in [True, *(d.rng.random(n - 1) < 0.5)])
    keys = [
        f"{d.integer(-n, n)}", "::-1", f"{d.integer(0, n)}:", "None", "..., None",
        f"..., {d.integer(-last, last)}", "..., 1:" if last > 1 else "...",
        f"np.array([{rows}])", f"..., np.array([{columns}])", f"np.array([{mask}])",
        f"np.array([[{rows}], [{rows}]])",
    ]  # fmt: skip
    if len(d.shape(a)) == 2:
        keys += [f"np.array([{rows}]), np.array([{columns}])", f":, {d.integer(0, last)}"]
        keys += [f"None, np.array([{rows}]), ::-1"]
    return f"{a}[{d.choice(keys)}]"


def _setitem(d):
    a = d.array(1)
    n, *rest = d.shape(a)
    row = d.integer(-n, n)
    value = d.value(lambda v: v.shape == tuple(rest) or v.shape == ())
    picks = d.rng.permutation(n)[: max(1, n - 1)].tolist()
    key = d.choice([f"{row}", f"{row}:", f"np.array({picks})", "::2"])
    return f"put({a}, S[{key}], {value})"


def _scatter_form(d):
    a = d.array(1)
    n, *rest = d.shape(a)
    value = d.value(lambda v: v.shape == tuple(rest))
    i = d.integer(0, n)
    key = d.choice([f"{i}", f"np.array([{i}, 0, {i}])"])
    return f"scatter({a}, {value}, S[{key}])"


def _where(d):
    a = d.value()
    b = d.partner(a)
    shape = np.broadcast_shapes(d.shape(a), d.shape(b) if b in d.values else ())
    if d.rng.random() < 0.5:
        d.keep_away(a)
        return f"np.where({a} > 0, {a}, {b})"
    mask = (d.rng.random(shape) < 0.5).tolist()
    return f"np.where(np.array({mask}), {a}, {b})"


def _clip(d):
    a, low, high = d.value(), d.number(-1.0, -0.2), d.number(0.2, 1.0)
    d.keep_away(f"{a} - ({low})")
    d.keep_away(f"{a} - {high}")
    return f"np.clip({a}, {low}, {high})"


def _power(d):
    a = d.value()
    if d.rng.random() < 0.5:
        return f"{a} ** {d.choice([2, 3])}"
    return _binary(TABLE["power"], "**")(d)


def _reshape(d):
    a = d.array(1)
    first = d.choice([n for n in (1, 2, 3, 4) if d.values[a].size % n == 0])
    return d.choice([f"np.reshape({a}, ({first}, -1))", f"{a}.reshape(-1)", f"np.ravel({a})"])


def _transpose(d):
    a = d.array(1)
    order = tuple(d.rng.permutation(len(d.shape(a))).tolist())
    return d.choice([f"{a}.T", f"np.transpose({a}, {order})", f"np.swapaxes({a}, 0, -1)"])


def _squeeze(d):
    a = d.array(1)
    ones = [i for i, n in enumerate(d.shape(a)) if n == 1]
    return f"np.squeeze({a}, axis={d.choice(ones)})" if ones else f"np.squeeze({a}[None], axis=0)"


def _concatenate(d):
    a = d.array(1)
    axis = d.axis(a)
    at = range(len(d.shape(a)))[axis]
    shape = d.shape(a)

    def fits(v):
        return v.ndim == len(shape) and all(
            n == m for i, (n, m) in enumerate(zip(v.shape, shape, strict=True)) if i != at
        )

    return f"np.concatenate([{a}, {d.value(fits)}], axis={axis})"


def _stack(d):
    a = d.array(0, 2)
    b = d.value(lambda v: v.shape == d.shape(a))
    return f"np.stack([{a}, {b}], axis={d.integer(0, len(d.shape(a)) + 1)})"


def _pad(d):
    a = d.array(1, 2)
    widths = tuple((d.integer(0, 2), d.integer(0, 3)) for _ in d.shape(a))
    return f"np.pad({a}, {widths})"


def _repeat(d):
    a = d.array(1)
    return f"np.repeat({a}, {d.integer(1, 4)}, axis={d.axis(a)})"


def _along_axis(name):
    def form(d):
        a = d.array(1)
        return f"{name}({a}, {range(len(d.shape(a)))[d.axis(a)]})"

    return form


def _add(d):
    if d.rng.random() < 0.8:
        return _binary(TABLE["add"], "+")(d)
    a = d.value()
    return f"{a} + {d.partner(a)} + {a}"


SYMBOLS = {"subtract": "-", "multiply": "*", "divide": "/"}

_DIFFERENTIABLE = {name: row for name, row in TABLE.items() if row.differentiable}

FORMS = {
    **{
        name: _unary(row)
        for name, row in _DIFFERENTIABLE.items()
        if row.elementwise and row.numpy and len(row.samples[0].operands) == 1
    },
    **{
        name: _binary(row, SYMBOLS.get(name))
        for name, row in _DIFFERENTIABLE.items()
        if row.elementwise and len(row.samples[0].operands) == 2
    },
    **{name: _reduction(name) for name in ("sum", "mean", "max", "min")},
    "negative": lambda d: f"-{d.value()}",
    "add": _add,
    "power": _power,
    "where": _where,
    "clip": _clip,
    "matmul": _matmul,
    "outer": lambda d: f"np.outer({d.array(1, 2)}, {d.array(1, 1)})",
    "einsum": _einsum,
    "getitem": _getitem,
    "setitem": _setitem,
    "scatter": _scatter_form,
    "reshape": _reshape,
    "transpose": _transpose,
    "expand_dims": lambda d: f"np.expand_dims({d.array(0, 2)}, {d.integer(-1, 1)})",
    "squeeze": _squeeze,
    "broadcast_to": lambda d: (a := d.array(0, 2)) and f"np.broadcast_to({a}, {(2, *d.shape(a))})",
    "concatenate": _concatenate,
    "stack": _stack,
    "pad": _pad,
    "flip": lambda d: (a := d.array(1)) and f"np.flip({a}, {d.axis(a)})",
    "repeat": _repeat,
    "astype": lambda d: f"{d.value()}.astype(float)",
    "copy": lambda d: f"np.copy({d.value()})",
    "softmax": _along_axis("softmax"),
    "log_softmax": _along_axis("log_softmax"),
}


# -- programs --------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    seed: int
    text: str
    inputs: tuple
    rows: tuple

    def function(self, names):
        """Compile the program over what `names` gives for NumPy."""
        scope = dict(names)
        exec(compile(self.text, f"<program {self.seed}>", "exec"), scope)
        return scope["program"]


def generate(seed):
    """Draw the program of a seed."""
    rng = np.random.default_rng(seed)
    d = Draw(rng)
    shapes = [(3, 4), (4,), (), (2, 3), (3, 1), (4, 3), (2, 3, 4)]
    for i in range(d.integer(1, 4)):
        shape = shapes[0] if i == 0 else d.choice(shapes)
        d.values[f"x{i}"] = np.asarray(rng.uniform(-1.5, 1.5, shape))[()]
    inputs = dict(d.values)
    lines, rows = [], []
    d.used.clear()
    count = d.integer(3, 26)
    while len(lines) < count:
        name = d.choice(FORMS)
        before = set(d.used)
        d.guards.clear()
        try:
            text = FORMS[name](d)
            value = _evaluated(d, text)
        except NoOperandError:
            d.used = before
            continue
        largest = np.max(np.abs(value))
        if largest > LARGEST:
            factor = f"{2.0 / largest:.3g}"
            text, value = f"{factor} * ({text})", float(factor) * value
        result = f"v{len(lines)}"
        lines.append(f"{result} = {text}")
        d.values[result] = value
        rows.append(name)
    ends = [n for n in d.values if n not in d.used]
    total = " + ".join(f"{d.number(0.5, 1.5)} * np.sum(np.sin({n}))" for n in ends)
    body = "\n    ".join([*lines, f"return {total}"])
    text = f"def program({', '.join(inputs)}):\n    {body}\n"
    return Program(seed, text, tuple(inputs.values()), tuple(rows))


def _evaluated(d, text):
    with np.errstate(all="ignore"):
        value = np.asarray(eval(text, NUMPY, d.values))[()]
        if value.size > MOST or value.size == 0 or value.ndim > 3 or not np.all(np.isfinite(value)):
            raise NoOperandError
        for guard in d.guards:
            distance = np.abs(eval(guard, NUMPY, d.values))
            if np.size(distance) and np.min(distance) < MARGIN:
                raise NoOperandError
    return value
