"""Calls of NumPy's functions that arrange, join, part, pick and pad."""

import re

import numpy as np

CONSTANTS = {
    "PLACES": np.array([[0, 2, 1, 1], [2, 0, 0, 1]]),
    "COLUMNS": np.array([[0, 3], [1, 1], [2, 0]]),
    "WHICH": np.array([0, 2, 1, 0]),
    "FAR": np.array([[-1, 5], [7, -6]]),
}

CALLS = """
np.reshape(a, (2, 6), order="F")
np.reshape(a, (-1, 2), order="F")
np.reshape(c, (4, 6), "F")
np.reshape(a, 12, order="C")
np.ravel(a, order="F")
np.ravel(c, "F")
np.ravel(a, "C")
np.roll(a, 1)
np.roll(v, -6)
np.roll(a, 1, axis=0)
np.roll(a, 2, axis=-1)
np.roll(a, (1, 2), axis=(0, 1))
np.roll(a, (1, 2), axis=1)
np.roll(a, 1, axis=(0, 1))
np.roll(a, (1, 2))
np.roll(s, 1)
np.rollaxis(c, 2)
np.rollaxis(c, 0, 3)
np.rollaxis(c, -1, 1)
np.rollaxis(c, 1, -1)
np.rot90(a)
np.rot90(a, 2)
np.rot90(a, -1)
np.rot90(a, 4)
np.rot90(c, 1, axes=(1, 2))
np.rot90(c, k=3, axes=(2, 0))
np.moveaxis(c, -1, 1)
np.expand_dims(c, (0, -1))
np.squeeze(e, axis=-2)
np.flip(c, axis=(0, -1))
np.flip(s)
np.dstack([a, b])
np.dstack((v, w))
np.dstack([c, c])
np.dstack([s, t])
np.column_stack([v, w])
np.column_stack((v, a.T, w))
np.column_stack([a, n])
np.vstack([v, a], dtype=float)
np.hstack([a, n], dtype="float64")
np.concatenate([a, b], dtype=float)
np.concatenate([a, b], axis=1, dtype="float64")
np.stack([v, w], dtype=float)
np.array_split(v, 3)[0]
np.array_split(v, 3)[2]
np.array_split(a, 3, axis=1)[1]
np.array_split(a, [1, 2], axis=-1)[2]
np.array_split(a, [5, 9])[1]
np.hsplit(a, 2)[1]
np.hsplit(a, [1, 3])[1]
np.hsplit(v, 2)[0]
np.vsplit(a, 3)[1]
np.vsplit(a, [2])[0]
np.dsplit(c, 2)[1]
np.dsplit(c, [1])[1]
np.diag(v)
np.diag(v, 1)
np.diag(v, k=-2)
np.diag(n)
np.diag(a, 1)
np.diag(a, -1)
np.diag(a, k=7)
np.diagflat(a)
np.diagflat(v, 1)
np.diagflat(s)
np.diagonal(n)
np.diagonal(a)
np.diagonal(a, -1)
np.diagonal(n, offset=1)
np.diagonal(n, 1, 1, 0)
np.diagonal(c, axis1=1, axis2=2)
np.diagonal(c, 1, -1, 0)
np.tril(a)
np.tril(a, 1)
np.tril(a, k=-1)
np.tril(c)
np.tril(v)
np.triu(a)
np.triu(n, 1)
np.triu(c, -1)
np.triu(v, k=1)
np.meshgrid(v, w)[0]
np.meshgrid(v, w)[1]
np.meshgrid(v, n[0], indexing="ij")[0]
np.meshgrid(v, n[0], indexing="ij")[1]
np.meshgrid(v, n[0], w, sparse=True)[1]
np.meshgrid(v, n[0], w)[2]
np.meshgrid(v, n[0], copy=False)[0]
np.meshgrid(v)[0]
np.meshgrid(s, v)[0]
np.atleast_1d(s, v)[0]
np.atleast_2d(s, v, a)[1]
np.atleast_3d(s)
np.atleast_3d(v)
np.atleast_3d(a)
np.atleast_3d(c)
np.atleast_3d(v, a)[1]
np.append(a, b)
np.append(a, s)
np.append(a, n, axis=1)
np.append(v, [1.0, 2.0])
np.insert(v, 1, s)
np.insert(v, 1, w)
np.insert(v, [1, 3], [5.0, 6.0])
np.insert(v, [3, 1], w[:2])
np.insert(v, -1, 2.0)
np.insert(v, [1, 1], w[:2])
np.insert(v, 4, s)
np.insert(a, 1, v, axis=0)
np.insert(a, 1, 2.0, axis=1)
np.insert(a, [1], [[1.0], [2.0], [3.0]], axis=1)
np.insert(a, [0, 2], s, axis=1)
np.insert(a, slice(0, 2), b[:, :2], axis=1)
np.insert(a, 2, v)
np.insert(v, np.array([True, False, True, False]), w[:2])
np.insert(v, 1, 3)
np.delete(v, 1)
np.delete(v, -1)
np.delete(a, 1, axis=0)
np.delete(a, [0, 2], axis=1)
np.delete(a, slice(None, None, 2), axis=-1)
np.delete(a, [1, 5])
np.delete(v, [True, False, True, False])
np.block([a, b])
np.block([[a, b], [b, a]])
np.block([[a, n], [v, w[:3]]])
np.block([s, v])
np.block([[s, 1.0], [2.0, t]])
np.block(v)
np.block([[v], [a]])
np.block([[np.zeros((3, 3)), a], [m.T[:, :3], m.T]])
np.resize(a, (2, 3))
np.resize(a, (5, 4))
np.resize(v, 6)
np.resize(s, (2, 2))
np.pad(a, 1, constant_values=s)
np.pad(a, ((1, 0), (0, 2)), constant_values=((1.0, 2.0), (3.0, 4.0)))
np.pad(a, 1, "constant", constant_values=(1.0, 2.0))
np.pad(a, 0)
np.pad(a, 1, mode="edge")
np.pad(a, ((0, 2), (1, 0)), "edge")
np.pad(a, 2, mode="reflect")
np.pad(a, ((1, 1), (3, 5)), mode="reflect")
np.pad(a, 1, mode="symmetric")
np.pad(a, (0, 6), mode="symmetric")
np.pad(a, 1, mode="wrap")
np.pad(v, (6, 3), mode="wrap")
np.pad(c, ((0, 0), (1, 1), (2, 0)), mode="reflect", reflect_type="even")
np.pad(a, 0, mode="edge")
np.repeat(v, [1, 0, 3, 2])
np.repeat(a, [2, 0, 1], axis=0)
np.repeat(a, np.array([2, 0, 1, 1]), axis=-1)
np.repeat(v, [2])
np.repeat(v, 0)
np.tile(v, 0)
np.tile(a, 1)
np.tile(v, (2, 1))
np.tile(a, [2, 2])
np.tile(v, np.int64(2))
np.tile(c, (2, 1, 1, 2))
np.tile(v, ())
np.broadcast_arrays(a, v)[0]
np.broadcast_arrays(a, v)[1]
np.broadcast_arrays(s, v, a)[0]
np.full_like(a, s)
np.full_like(a, w)
np.full_like(v, 2, dtype=float)
np.take(a, FAR, mode="clip")
np.take(a, FAR, mode="wrap")
np.take(a, FAR, axis=0, mode="wrap")
np.take(a, FAR, axis=-1, mode="clip")
np.take(a, -1, axis=1)
np.take(v, np.argsort(v))
np.take(a, np.argmax(a, axis=1), axis=1, mode="clip")
np.take(s, [0, 0])
np.take_along_axis(a, COLUMNS, axis=1)
np.take_along_axis(a, COLUMNS, -1)
np.take_along_axis(a, PLACES, axis=0)
np.take_along_axis(a, np.argmax(a, axis=1, keepdims=True), axis=1)
np.take_along_axis(a, np.argsort(a, axis=0), axis=0)
np.take_along_axis(v, WHICH, axis=0)
np.take_along_axis(a, np.array([3, 3, 0]), axis=None)
np.take_along_axis(c, np.argsort(c, axis=1), axis=1)
(lambda y: (np.put_along_axis(y, COLUMNS[:, :1], w[:3, None], 1), y)[1])(np.copy(a))
(lambda y: (np.put_along_axis(y, np.argmax(y, axis=0, keepdims=True), s, 0), y)[1])(np.copy(a))
(lambda y: (np.put_along_axis(y, WHICH[:2], w[:2], 0), y)[1])(np.copy(v))
(lambda y: (np.copyto(y, b), y)[1])(np.copy(a))
(lambda y: (np.copyto(y, s, where=MASK), y)[1])(np.copy(a))
(lambda y: (np.putmask(y, y > 0, b), y)[1])(np.copy(a))
(lambda y: (np.putmask(y, MASK, 2.0), y)[1])(np.copy(a))
(lambda y: (np.fill_diagonal(y, s), y)[1])(np.copy(a))
np.select([a > 1, a > 0], [a, b])
np.select([a > 1, a > 0], [a * 2, s], default=t)
np.select([MASK], [a], 1.5)
np.select([a > 0, MASK], [b, w], default=a)
np.choose(WHICH, [v, w, v * w])
np.choose(WHICH, [v, 1.0, s])
np.choose(WHICH, a)
np.choose(np.array([[0], [1], [0]]), [a, b])
np.choose(WHICH - 1, [v, w], mode="clip")
np.choose(WHICH + 3, [v, w], mode="wrap")
np.choose(np.argmax(a, axis=0), [v, w, v * w])
np.piecewise(a, [a < 0, a >= 0], [lambda x: -x, lambda x: x**2])
np.piecewise(v, [v < 1], [lambda x: 2 * x, np.square])
np.piecewise(a, [MASK], [lambda x, y: x * y, 3.0], 2.5)
np.piecewise(a, [MASK], [np.exp, np.sin])
np.piecewise(v, [WHICH > 0, WHICH > 1], [1.0, np.square, np.exp])
np.piecewise(s, [s > 1, s <= 1], [np.exp, np.square])
np.compress([True, False, True], a, axis=0)
np.compress([True, False, True], a)
np.compress(MASK[0], a, axis=1)
np.compress([True, False], a, axis=-1)
np.compress(v > 1, a, axis=1)
np.extract(MASK, a)
np.extract(a > 0, b)
np.nonzero(a > 0)[0]
np.nonzero(a > 0)[1]
np.nonzero(v)[0]
np.flatnonzero(a > 0)
np.argwhere(a > 0)
a[np.nonzero(a > 0)]
a.ravel()[np.flatnonzero(a > 0)]
"""

if hasattr(np, "unstack"):
    CALLS += """
np.unstack(a)[1]
np.unstack(c, axis=-1)[2]
"""

#: What depends on values for its shape can only be traced with them.
NEEDS_VALUES = {
    line
    for line in CALLS.splitlines()
    if re.match(
        r"np\.(nonzero|flatnonzero|argwhere|extract\(a >|compress\(v >|piecewise\([avs], \[[avs])"
        r"|a\[np\.nonzero|a\.ravel\(\)\[np\.flatnonzero",
        line,
    )
}
