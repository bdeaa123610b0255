"""Calls of NumPy's functions, as users write them: arithmetic, reductions, shape, products.

Each names its operands by single letters, whose values :data:`OPERANDS` describes. A
module ``calls_*.py`` beside this one adds the calls of a family to those here.
"""

import importlib
import itertools
from pathlib import Path

import numpy as np

#: Operands by the names that the calls use: shape, lowest and highest value.
OPERANDS = {
    "s": ((), 0.5, 2.0),
    "t": ((), 0.5, 2.0),
    "v": ((4,), 0.5, 2.0),
    "w": ((4,), -2.0, 2.0),
    "a": ((3, 4), -2.0, 2.0),
    "b": ((3, 4), -2.0, 2.0),
    "p": ((3, 4), 0.3, 2.0),
    "q": ((3, 4), 0.3, 2.0),
    "u": ((3, 4), -0.7, 0.7),
    "r": ((3, 4), 1.3, 3.0),
    "m": ((4, 2), -2.0, 2.0),
    "n": ((3, 3), -2.0, 2.0),
    "c": ((2, 3, 4), -2.0, 2.0),
    "d": ((2, 4, 3), -2.0, 2.0),
    "e": ((3, 1, 2), -2.0, 2.0),
}

CONSTANTS = {
    "np": np,
    "MASK": np.array([[True, False, True, False]] * 3),
    "ROWS": np.array([0, 2, 2, 1]),
    "GRID": np.array([[0, 2], [1, 1]]),
}

UNARY = {
    "exp exp2 expm1 sin cos arctan sinh cosh tanh arcsinh square negative positive": "asv",
    "deg2rad rad2deg radians degrees": "asv",
    "log log2 log10 log1p sqrt cbrt reciprocal absolute fabs abs": "psv",
    "arcsin arccos arctanh": "u",
    "tan": "us",
    "arccosh": "r",
    "sign floor ceil rint trunc isnan isfinite isinf": "asv",
}

BINARY = {
    "add subtract multiply maximum minimum logaddexp": ("a b", "a w", "w a", "a s", "a 2.0", "2 a"),
    "add subtract multiply divide power float_power hypot arctan2": (
        "p q", "p v", "v p", "s p", "p 2.0", "2 p", "s t", "s 3",
    ),
    "greater greater_equal less less_equal equal not_equal": ("a b", "a s", "a 0", "s t"),
}  # fmt: skip

REDUCTIONS = {
    "sum mean max min var std ptp": (
        "a", "a, axis=0", "a, axis=-1", "a, 1", "a, axis=(0, 1)", "a, axis=0, keepdims=True",
        "c, axis=(0, 2)", "c, axis=(-1, 0), keepdims=True", "v", "a, keepdims=True", "s",
    ),
    "any all count_nonzero": ("a > 0", "a > 0, axis=0", "a > 0, axis=-1, keepdims=True", "c > 1"),
    "argmax argmin": ("a", "a, axis=0", "a, axis=-1", "a, axis=1, keepdims=True", "v"),
}  # fmt: skip

CALLS = """
np.var(a, axis=0, ddof=1)
np.var(c, axis=(0, 2), ddof=1, keepdims=True)
np.std(a, ddof=1)
np.std(a, axis=-1, ddof=2)
np.amax(a, axis=0)
np.amin(a, axis=0)
np.clip(a, -0.5, 0.7)
np.clip(a, None, 0.7)
np.clip(a, -0.5, None)
np.clip(a, w - 3, w + 3)
np.clip(a, a_min=-0.5, a_max=0.7)
np.clip(a, min=-0.5, max=0.7)
np.where(a > 0, a, b)
np.where(a > 0, a, 0.0)
np.where(MASK, a, w)
np.where(MASK, s, a)
np.where(a > w, 1.0, a)
np.logical_and(a > 0, b > 0)
np.logical_or(a > 0, b > 0)
np.logical_not(a > 0)
np.bitwise_and(a > 0, MASK)
np.bitwise_or(a > 0, MASK)
np.invert(a > 0)
(a > 0) & (b > 0) | ~(a > 1)
np.size(a)
np.size(a, 0)
np.size(a, axis=-1)
np.shape(a)
np.ndim(a)
np.reshape(a, (2, 6))
np.reshape(a, 12)
np.reshape(a, (-1, 2))
np.reshape(a, [6, -1])
np.reshape(s, (1, 1))
np.transpose(a)
np.transpose(c, (2, 0, 1))
np.transpose(c, [-1, 0, 1])
np.transpose(v)
np.expand_dims(a, 0)
np.expand_dims(a, -1)
np.expand_dims(a, (0, 2))
np.expand_dims(a, axis=(-1, 0))
np.squeeze(e)
np.squeeze(e, axis=1)
np.squeeze(e, axis=(-2,))
np.broadcast_to(v, (3, 4))
np.broadcast_to(s, (2, 3))
np.broadcast_to(s, 3)
np.broadcast_to(a, (2, 3, 4))
np.concatenate([a, b])
np.concatenate((a, n), axis=1)
np.concatenate([a, n], axis=-1)
np.concatenate([a, v], axis=None)
np.concatenate([a, np.ones((1, 4))])
np.concatenate([a])
np.stack([a, b])
np.stack((v, w, v), axis=1)
np.stack([a, b], axis=-1)
np.stack([s, t, 1.0])
np.pad(a, 1)
np.pad(a, (1, 2))
np.pad(a, ((1, 0), (0, 2)))
np.pad(v, (0, 3), constant_values=2.0)
np.pad(a, 1, mode="constant")
np.flip(a)
np.flip(a, 0)
np.flip(a, axis=(-1, 0))
np.repeat(a, 2)
np.repeat(a, 3, axis=0)
np.repeat(a, 2, axis=-1)
np.repeat(s, 3)
np.copy(a)
np.ones_like(a)
np.zeros_like(a)
np.zeros_like(a, dtype=float)
np.ones_like(s)
np.full_like(a, 3.0)
np.matmul(a, m)
np.matmul(v, w)
np.matmul(a, v)
np.matmul(v, m)
np.matmul(c, m)
np.matmul(a, d)
np.matmul(c, v)
np.matmul(v, d)
np.matmul(c[:, None], d)
a @ m
a @ np.ones((4, 2))
np.ones((2, 3)) @ a
v @ w
np.dot(a, m)
np.dot(v, w)
np.dot(a, v)
np.dot(v, m)
np.dot(s, a)
np.dot(a, 2.0)
np.dot(c, m)
np.dot(c, v)
np.dot(v, d)
np.dot(a, d)
np.outer(v, w)
np.outer(a, v)
np.vdot(a, b)
np.vdot(v, w)
np.inner(v, w)
np.inner(a, b)
np.inner(a, v)
np.inner(c, a)
np.inner(s, a)
np.tensordot(a, b)
np.tensordot(a, m, axes=1)
np.tensordot(a, b, axes=([0], [0]))
np.tensordot(c, a, axes=([1, 2], [0, 1]))
np.tensordot(c, a, axes=(1, 0))
np.tensordot(c, d, axes=((-1, 0), (1, 0)))
np.tensordot(v, w, axes=0)
np.einsum("ij,jk->ik", a, m)
np.einsum("ij,jk", a, m)
np.einsum("ij->", a)
np.einsum("ij->ji", a)
np.einsum("ij", a)
np.einsum("ji", a)
np.einsum("ii->i", n)
np.einsum("ii->", n)
np.einsum("ii", n)
np.einsum("ij,ij->i", a, b)
np.einsum("i,j->ij", v, w)
np.einsum("bij,bjk->bik", c, d)
np.einsum("...ij,jk->...ik", c, m)
np.einsum("...i,i->...", c, v)
np.einsum("i...->...", c)
np.einsum("...ii->...i", n)
np.einsum("ij, jk, k -> i", a, m, np.array([1.0, 2.0]))
np.einsum("ij,j,j->i", a, v, w)
np.einsum("ij,kl->", a, n)
np.einsum("ij,i->ij", a, a[:, 0])
np.einsum("ij,jk->ik", a, m, optimize=True)
np.einsum("i,->i", v, s)
np.trace(n)
np.trace(np.stack([n, n * n]), axis1=1, axis2=2)
np.trace(n, offset=1)
np.trace(a)
np.trace(a, offset=-1)
np.trace(a, 9)
np.trace(c, 1, -1, 0)
np.linalg.norm(v)
np.linalg.norm(a)
np.linalg.norm(a, axis=1)
np.linalg.norm(a, axis=-1, keepdims=True)
np.linalg.norm(v, 2)
np.linalg.norm(a, "fro")
np.linalg.norm(a, 2, axis=0)
np.average(a)
np.average(a, axis=0)
np.average(a, axis=1, weights=v)
np.average(a, weights=p)
np.average(a, axis=0, weights=p)
np.average(v, weights=p[0])
np.average(n, axis=0, weights=v[:3])
np.average(c, axis=(2, 0), weights=p[:2].T)
np.average(a, axis=1, keepdims=True)
np.average(a, axis=1, weights=p, keepdims=True)
np.swapaxes(a, 0, 1)
np.swapaxes(c, -1, 0)
np.moveaxis(c, 0, -1)
np.moveaxis(c, -1, 0)
np.moveaxis(c, (0, 1), (-1, -2))
np.moveaxis(c, [2, 0], [0, 1])
np.ravel(a)
np.ravel(s)
np.vstack([a, b])
np.vstack([v, a])
np.vstack((v, w))
np.vstack([s, t])
np.hstack([a, n])
np.hstack([v, w])
np.hstack([s, v, t])
np.hstack([c, c])
np.atleast_1d(s)
np.atleast_1d(a)
np.atleast_2d(s)
np.atleast_2d(v)
np.atleast_2d(a)
np.tile(v, 3)
np.tile(v, (2, 3))
np.tile(a, 2)
np.tile(a, (2, 1, 2))
np.tile(s, 3)
np.tile(c, (2, 1))
np.take(a, ROWS)
np.take(a, ROWS, axis=1)
np.take(a, ROWS, axis=-1)
np.take(a, 1, axis=0)
np.take(a, GRID, axis=0)
np.take(a, [0, 2])
np.take(a, [0, 2], axis=1)
np.take(c, GRID, axis=1)
np.diff(a)
np.diff(a, axis=0)
np.diff(a, n=2)
np.diff(c, 1, 1)
np.split(a, 2, axis=1)[1]
np.split(a, 3)[2]
np.split(a, [1, 3], axis=-1)[1]
np.split(v, [1])[0]
np.flipud(a)
np.fliplr(a)
np.add.reduce(a)
np.add.reduce(a, axis=1, keepdims=True)
np.add.reduce(a, axis=None)
np.maximum.reduce(a, axis=1)
np.minimum.reduce(a, axis=-1)
np.maximum([0.0, 1.0, 2.0, 3.0], v)
np.add(v, [1, 2, 3, 4])
np.dot([1.0, 2.0, 3.0, 4.0], v)
np.matmul([[1.0, 2.0, 3.0]], a)
np.square(a) ** 0.5
p ** q
2.0 ** a
p ** -2
a ** 2
a ** 3
s ** t
1 / p
3 - a
-a + +b
abs(p)
a[0]
a[-1]
a[1, 2]
a[:, 1]
a[1:, ::2]
a[::-1, ::-1]
a[..., 0]
a[None, :, None]
a[np.newaxis]
a[ROWS]
a[ROWS, ROWS]
a[:, ROWS]
a[GRID]
a[[0, 2]]
a[[0, 2], [1, 1]]
a[1, ROWS]
a[ROWS, 1:]
a[ROWS, None]
c[:, [0, 1]]
c[ROWS[:1], :, ROWS]
c[0, [0, 1], :, None]
c[[[0], [1]], [0, 2]]
a[range(3), [1, 0, 1]]
a[MASK]
a[MASK[:, 0]]
a[:, MASK[0]]
a[[True, False, True]]
a[a > 0]
v[np.argmax(v)]
a[np.argmax(a[:, 0]), 1:]
a[:, np.argmin(v)]
a[np.argmax(v) - 1, ROWS]
a[np.arange(3), np.argmax(a, axis=1)]
a[()]
a[slice(0, 2)]
a[np.int64(1)]
v[2]
[x * x for x in v][1]
a.T
c.T
a.shape
a.ndim
a.size
len(a)
a.dtype
a.sum()
a.sum(0)
a.sum(axis=(0, 1), keepdims=True)
a.mean(-1)
a.mean(axis=0, keepdims=True)
a.max()
a.max(axis=1)
a.min(0)
a.var()
a.var(axis=0, ddof=1)
a.std(1)
(a > 0).any()
(a > 0).all(axis=0)
a.argmax()
a.argmin(axis=1)
a.clip(-0.5, 0.7)
a.clip(0)
a.clip(min=0)
a.clip(max=0.5)
a.dot(m)
v.dot(w)
a.ravel()
e.squeeze()
e.squeeze(1)
c.swapaxes(0, 2)
a.repeat(2)
a.repeat(2, axis=1)
a.take(ROWS)
a.take(ROWS, axis=1)
n.trace()
a.copy()
a.reshape(2, 6)
a.reshape((2, 6))
a.reshape(-1)
a.flatten()
a.transpose()
a.transpose(1, 0)
c.transpose((1, 2, 0))
c.transpose(-1, 0, 1)
a.astype(np.float32)
a.astype(float)
a.astype("float32").sum(dtype=None)
"""

SPREAD_OUT = [
    *(
        f"np.{name}({operand})"
        for names, operands in UNARY.items()
        for name, operand in itertools.product(names.split(), operands)
    ),
    *(
        f"np.{name}({', '.join(pair.split())})"
        for names, pairs in BINARY.items()
        for name, pair in itertools.product(names.split(), pairs)
    ),
    *(
        f"np.{name}({args})"
        for names, forms in REDUCTIONS.items()
        for name, args in itertools.product(names.split(), forms)
        if not (name == "std" and args == "s")  # its derivative at a single number is 0/0
    ),
]
#: What depends on values for its shape can only be traced with them.
NEEDS_VALUES = {"a[a > 0]"}

CASES = list(dict.fromkeys([*SPREAD_OUT, *CALLS.strip().splitlines()]))

for _path in sorted(Path(__file__).parent.glob("calls_*.py")):
    _family = importlib.import_module(_path.stem)
    _more = getattr(_family, "OPERANDS", {})
    assert all(OPERANDS.get(k, v) == v for k, v in _more.items()), f"{_path.name}: a letter twice"
    OPERANDS |= _more
    CONSTANTS |= getattr(_family, "CONSTANTS", {})
    NEEDS_VALUES |= getattr(_family, "NEEDS_VALUES", set())
    CASES += [c for c in _family.CALLS.strip().splitlines() if c and c not in CASES]
