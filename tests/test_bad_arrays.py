"""Keywords, indices and writes at the edge of NumPy: NumPy's own answer, or one clear refusal."""

import numpy as np
import pytest
from numeric import assert_gradients

import chainrule as cr
from chainrule import errors
from chainrule.evaluate import evaluate
from chainrule.graphing import record

#: The file that the calls below seem to stand in.
FILE = "written_by_a_user.py"

VALUES = {
    "x": np.array([0.5, 1.5, 2.5]),
    "a": np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]]),
    "s": np.array([[2.0, 0.5], [0.5, 1.0]]),
}
NAMES = {"np": np, "MASK": np.array([True, False, True]), "I": np.array([0, 2])}


def call_of(source):
    return eval(compile(f"lambda x, a, s: {source}", FILE, "eval"), dict(NAMES))


def arguments():
    return tuple(value.copy() for value in VALUES.values())


def abstractly(f, values):
    graph = record(f, values(), {}, values=False).graph.validate()
    inputs = {node.name: v for node, v in zip(graph.inputs, values(), strict=True)}
    return evaluate(graph, inputs)[0]


#: The ways in which chainrule runs a function, to be held against NumPy's.
ROUTES = {
    "tape": lambda f, values: cr.vjp(f, *values())[0],
    "graph": lambda f, values: record(f, values(), {}).graph.validate().output.value,
    "abstract": abstractly,
}


def outcome(run, *args):
    """What a call gives, or the error that it raises."""
    try:
        return run(*args)
    except Exception as error:
        return error


def by_numpy(f, values):
    return outcome(lambda: f(*values()))


def assert_same(got, expected):
    if isinstance(expected, (tuple, list)):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            assert_same(g, e)
        return
    assert np.shape(got) == np.shape(expected)
    dtype = np.asarray(expected).dtype
    assert np.asarray(got).dtype == dtype
    if dtype.kind in "fc":
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
    else:
        np.testing.assert_array_equal(got, expected)


def assert_refused(error):
    assert isinstance(error, errors.ChainruleError), repr(error)
    assert error.where is not None
    assert error.where.file == FILE
    assert error.instead or error.expected


def assert_numpys_or_refused(f, values, routes=ROUTES):
    """NumPy's result or one clear refusal; where NumPy raises, its error or a refusal."""
    expected = by_numpy(f, values)
    for route in routes:
        got = outcome(ROUTES[route], f, values)
        if isinstance(expected, Exception):
            assert isinstance(got, (type(expected), errors.ChainruleError)), (route, repr(got))
        elif isinstance(got, Exception):
            assert_refused(got)
        else:
            assert_same(got, expected)


def lines(text):
    return [line.strip() for line in text.strip().splitlines()]


# -- keywords --------------------------------------------------------------------------

HONOURED_OR_REFUSED = lines("""
np.sum(x, dtype=np.int64)
np.sum(x, dtype=np.float32)
np.sum(x, dtype=complex)
np.sum(x, dtype=bool)
np.sum(x, initial=2.0)
np.sum(x, where=MASK)
np.sum(x, where=MASK, initial=1.0)
np.sum(x, 0, None, None, True)
np.sum(x, 0, np.float32)
np.sum(a, axis=())
np.mean(a, axis=())
np.max(a, axis=())
np.mean(x, dtype=np.float32)
np.mean(x, dtype=int)
np.mean(x, where=MASK)
np.mean(x, where=[True, False, True])
np.prod(x, dtype=np.float32)
np.prod(x, initial=3.0)
np.prod(x, where=MASK)
np.max(x, initial=1.0)
np.max(x, initial=9.0)
np.max(x, where=MASK, initial=-1.0)
np.min(x, where=MASK, initial=1.0)
np.var(x, dtype=np.float32)
np.var(x, where=MASK)
np.var(x, mean=1.0)
np.var(x, correction=1)
np.var(x, ddof=1, correction=1)
np.std(x, correction=1)
np.std(x, mean=np.mean(x))
np.cumsum(x, dtype=np.float32)
np.cumsum(x, dtype=int)
np.cumprod(x, dtype=np.float32)
np.trace(a, dtype=np.float32)
np.trace(a, offset=1)
np.any(x > 1, where=MASK)
np.all(x > 1, where=MASK)
np.argmax(a, axis=1, keepdims=True)
np.ptp(a, axis=1, keepdims=True)
np.nansum(x, dtype=np.float32)
np.nansum(x, initial=2.0)
np.nansum(x, where=MASK)
np.nanmean(x, dtype=np.float32)
np.nanmean(x, where=MASK)
np.nanmax(x, initial=9.0)
np.nanmax(x, where=MASK, initial=0.0)
np.nanvar(x, ddof=1)
np.nanvar(x, correction=1)
np.nanstd(x, mean=1.5)
np.median(x, overwrite_input=True)
np.median(a, axis=(0, 1), keepdims=True)
np.quantile(x, 0.3, method="lower")
np.quantile(x, 0.3, method="nearest")
np.quantile(x, 0.3, method="midpoint")
np.quantile(x, 0.3, method="hazen")
np.quantile(x, 0.3, method="inverted_cdf")
np.quantile(x, [0.1, 0.9], axis=0, keepdims=True)
np.quantile(x, 0.3, weights=[1.0, 2.0, 1.0], method="inverted_cdf")
np.percentile(x, 30, interpolation="lower")
np.percentile(x, 130)
np.quantile(x, 1.5)
np.nanquantile(x, 0.3, method="higher")
np.average(x, weights=[1.0, 2.0, 3.0])
np.average(x, weights=[1.0, -1.0, 0.0])
np.average(x, weights=[1.0, 2.0])
np.average(a, axis=0, weights=[1.0, 2.0])
np.average(x, returned=True)
np.average(x, weights=x, returned=True)
np.average(a, weights=[1.0, 2.0])
np.exp(x, where=MASK)
np.exp(x, where=True)
np.exp(x, dtype=np.float32)
np.exp(x, dtype=int)
np.exp(x, dtype=complex)
np.exp(x, casting="no")
np.exp(x, casting="unsafe")
np.exp(x, order="F")
np.exp(x, subok=False)
np.exp(x, signature="f->f")
np.exp(x, sig="f->f")
np.exp(x, extobj=None)
np.exp(x, 1)
np.exp(x, np.zeros(3))
np.exp(x, out=np.zeros(3))
np.exp(x, out=(np.zeros(3),))
np.exp(x, None)
np.add(x, x, None)
np.add(x, 1, dtype=np.float32)
np.add(x, 1, dtype=int)
np.add(x, x, where=MASK)
np.add(x, x, np.zeros(3))
np.add(x)
np.add(x, x, x, x)
np.add.reduce(x, dtype=np.float32)
np.add.reduce(a, axis=None)
np.add.reduce(a, axis=(0, 1))
np.add.reduce(a, keepdims=True)
np.add.reduce(a, initial=2.0)
np.add.reduce(a, where=[[True], [False]])
np.add.reduce(a, 1, None, None, True)
np.add.reduceat(x, [0, 1])
np.add.accumulate(a, axis=1)
np.add.accumulate(a, 1, np.float32)
np.multiply.reduce(a, axis=None)
np.maximum.reduce(a)
np.maximum.reduce(a, axis=1, initial=0.0)
np.maximum.accumulate(x)
np.minimum.reduce(a, axis=1, where=[[True, True, False]], initial=9.0)
np.subtract.reduce(x)
np.divide.reduce(x)
np.power.reduce(x)
np.arctan2.reduce(x)
np.hypot.reduce(x)
np.subtract.accumulate(x)
np.add.outer(x, x)
np.add.outer(x, x, dtype=np.float32)
np.power.outer(x, [1, 2])
np.matmul(a, a.T, dtype=np.float32)
np.matmul(a, a.T, axes=[(0, 1), (0, 1), (0, 1)])
np.matmul(a, a, axes=[(1, 0), (0, 1), (0, 1)])
np.matmul(x, 2.0)
np.matmul(a, a)
np.dot(a, a)
np.dot(x, 2.0)
np.dot(x, [1.0, 2.0, 3.0])
np.vecdot(a, a, axis=0)
np.vecdot(a, a)
np.linalg.vecdot(a, a, axis=0)
np.tensordot(a, a, axes=([0], [0]))
np.tensordot(a, a, axes=2)
np.tensordot(a, a, axes=3)
np.einsum("ij,kj", a, a)
np.einsum("ij,kj->ik", a, a, optimize="greedy")
np.einsum("ij,kj->ik", a, a, dtype=np.float32)
np.einsum("ij,kj->ik", a, a, casting="no")
np.einsum("ij,kj->ik", a, a, order="F")
np.einsum(a, [0, 1], a, [2, 1], [0, 2])
np.einsum(a, [0, 1])
np.einsum("ij,jk", a, a)
np.einsum("ii", a)
np.einsum("ij->ijk", a)
np.cross(a, x)
np.cross(a, a, axis=1)
np.cross(x[:2], x[:2])
np.cross(a, a, axisa=1, axisb=-1, axisc=0)
np.kron(x, a)
np.outer(x, x, out=np.zeros((3, 3)))
np.clip(x, 1, 2, dtype=np.float32)
np.clip(x, 1, 2, out=np.zeros(3))
np.clip(x, 1, 2, where=MASK)
np.clip(x, None, None)
np.clip(x, 2, 1)
np.clip(x)
np.clip(x, 1, 2, min=1)
x.clip(1)
x.clip(max=2)
x.clip(min=1, max=2)
x.clip()
x.sum(0, np.float32)
x.sum(dtype=int)
x.sum(initial=1.0)
x.mean(where=MASK)
x.max(initial=9)
x.std(ddof=1)
x.var(0, None, None, 1)
x.round(decimals=1)
x.round(1, out=np.zeros(3))
x.take([0, 2])
x.take([0, 5])
x.take([0, 5], mode="clip")
x.take([0, 5], mode="wrap")
x.take([0, -1])
x.take(I, axis=0, out=np.zeros(2))
x.repeat([1, 2, 0])
x.repeat(-1)
x.astype(int)
x.astype(np.float32)
x.astype(float, copy=False)
x.astype(float, order="F")
x.astype(float, casting="no")
x.astype(np.float32, casting="no")
x.astype(dtype=np.float32)
x.astype("f4")
x.astype(complex)
x.astype(str)
x.astype(object)
x.copy("F")
x.copy(order="K")
x.reshape(3, 1, order="F")
x.reshape((3, 1), order="A")
x.reshape(shape=(3, 1))
x.reshape(2, 2)
x.reshape(-1, -1)
x.reshape(3, 1, copy=True)
a.reshape(3, 2, order="F")
a.ravel("K")
a.flatten("K")
a.T.ravel("K")
a.T.flatten("A")
a.transpose((1, 0))
a.transpose(1, 0)
a.transpose([1, 0])
a.transpose(0, 0)
a.transpose(None)
a.swapaxes(0, 2)
(a.sort(), a * 1)[1]
a.argsort(kind="stable")
a.argsort(stable=True)
a.dot(x)
a.dot(x, out=np.zeros(2))
a.trace(1)
a.diagonal(1)
a.diagonal(0, 1, 0)
a.choose([1, 2])
a.searchsorted(1.0)
a.item()
a.item(7)
a.item((1, 2))
a.tolist()
a.tobytes()
a.view(int)
a.byteswap()
a.resize((3, 2))
a.put([0], 1.0)
a.setflags(write=False)
(a.partition(1), np.sort(a))[1]
a.ptp()
a.newbyteorder()
a.ctypes
a.data
a.strides
a.flags
a.base
a.nbytes
a.itemsize
a.T
a.mT
x.mT
a.flat[0]
a.imag
a.real
a.all()
a.any()
a.conj()
a.nonzero()
a.is_nothing
np.sort(x, kind="stable")
np.sort(x, stable=True)
np.sort(x, kind="stable", stable=True)
np.sort(a, axis=None)
np.sort(x, 0, None, None)
np.argsort(x, kind="heapsort")
np.argsort(x, stable=True)
np.partition(x, 1, kind="introselect")
np.partition(x, 7)
np.partition(x, [0, 2])
np.searchsorted(x, 1.0, side="right")
np.searchsorted(x, 1.0, sorter=[0, 1, 2])
np.searchsorted(x, [1.0, 2.0])
np.take(x, [0, 5])
np.take(x, [0, -4])
np.take(x, [0, 5], mode="clip")
np.take(x, [0, -5], mode="wrap")
np.take(x, [0, 1], out=np.zeros(2))
np.take(x, 1.0)
np.take(x, [0.0, 1.0])
np.take(x, [True, False, True])
np.take(x, [])
np.take(a, [[0, 1]], axis=2)
np.take_along_axis(a, np.array([[0], [2]]), 1)
np.take_along_axis(a, np.array([[0], [3]]), 1)
np.take_along_axis(a, np.array([[0, -3], [1, 2]]), 1)
np.take_along_axis(a, np.array([0, 1]), 1)
np.take_along_axis(a, np.array([0, 1]), None)
np.take_along_axis(a, np.array([[0.0], [1.0]]), 1)
np.take_along_axis(a, [[0], [1]], 1)
np.take_along_axis(a, np.array([[0], [1], [1]]), 1)
np.choose([0, 1, 0], [x, -x])
np.choose([0, 2, 0], [x, -x])
np.choose([0, 2, 0], [x, -x], mode="wrap")
np.choose([0, 2, 0], [x, -x], out=np.zeros(3))
np.compress([True, False], x)
np.compress([True, False, True, True], x)
np.compress([1, 0, 1], x)
np.extract([1, 0, 1], x)
np.select([x > 1], [x])
np.select([x > 1, x > 2], [x])
np.select([x > 1], [x], default=7.0)
np.select([x], [x])
np.where(MASK, x)
np.where(MASK, x, 1.0)
np.where(MASK[:2], x, 1.0)
np.where([1, 0, 2], x, 0.0)
np.where(x > 1)
np.where(x, x, 1.0)
np.piecewise(x, [x > 1], [lambda v: v * 2, 7.0])
np.piecewise(x, [x > 1], [lambda v, k: v * k], 3.0)
np.piecewise(x, [x > 1], [1, 2, 3])
np.concatenate([x, a])
np.concatenate([x, x], dtype=np.float32)
np.concatenate([x, x], dtype=int, casting="unsafe")
np.concatenate([x, x], out=np.zeros(6))
np.concatenate([x, x], axis=1)
np.concatenate([x, 1.0])
np.concatenate([])
np.concatenate(x)
np.concatenate(a)
np.stack([x, a])
np.stack([x, x], dtype=np.float32)
np.stack([x, x], out=np.zeros((2, 3)))
np.stack(a)
np.stack([])
np.vstack([x, a])
np.vstack([x, x[:2]])
np.hstack([x, 1.0])
np.hstack([x, x], dtype=np.float32)
np.dstack([x, x])
np.column_stack([x, a.T])
np.column_stack([x, x[:2]])
np.block([[x], [a]])
np.block([x, [x]])
np.block([x, (x,)])
np.append(x, 1.0)
np.append(a, x)
np.append(a, x, axis=0)
np.insert(x, 1, 9.0)
np.insert(x, [0, 2], [8.0, 9.0])
np.insert(x, 7, 9.0)
np.insert(a, 1, x, axis=0)
np.insert(x, 1, x)
np.delete(x, 1)
np.delete(x, 7)
np.delete(x, [0, 2])
np.delete(x, MASK)
np.delete(a, 1)
np.delete(a, slice(0, 2), axis=1)
np.pad(x, 1, mode="edge")
np.pad(x, 1, mode="wrap")
np.pad(x, 1, mode="linear_ramp")
np.pad(x, 1, mode="maximum")
np.pad(x, 1, mode="empty")
np.pad(x, 5, mode="reflect")
np.pad(x, 1, constant_values=x[0])
np.pad(x, -1)
np.pad(x, (1, 2, 3))
np.pad(x, 1, "constant", constant_values=(1, 2))
np.pad(x, 1, mode="edge", constant_values=1)
np.pad(a, {0: 1})
np.tile(x, (2, 2))
np.tile(x, 0)
np.tile(x, -1)
np.repeat(x, [1, 0, 2])
np.repeat(x, [1, 2])
np.repeat(x, -1)
np.repeat(x, 1.5)
np.repeat(x, 2, axis=1)
np.roll(x, 1.5)
np.roll(a, (1, 2), axis=(0, 1))
np.roll(a, (1, 2), axis=0)
np.roll(a, 1, axis=2)
np.flip(x, 1)
np.rot90(a, 3)
np.rot90(x)
np.moveaxis(a, 0, 2)
np.moveaxis(a, [0, 1], [1])
np.squeeze(a, axis=0)
np.expand_dims(x, (0, 0))
np.expand_dims(x, 5)
np.broadcast_to(x, (3, 2))
np.broadcast_to(x, (2, 3), subok=True)
np.broadcast_arrays(x, a)
np.broadcast_arrays(x, x[:2])
np.atleast_3d(x)
np.split(x, 2)
np.split(x, [1, 2])
np.split(x, [1, 7])
np.array_split(x, 2)
np.hsplit(a, 3)
np.dsplit(a, 1)
np.unstack(a, axis=1)
np.tril(a, 1)
np.tril(x)
np.triu(a, k=-1)
np.diag(x, 1)
np.diag(a, -1)
np.diag(np.ones((2, 2, 2)) * x[0])
np.diagflat(x, 1)
np.diagonal(a, 1)
np.diagonal(a, 0, 0, 0)
np.diagonal(x)
np.trace(x)
np.diff(x, n=2)
np.diff(x, n=0)
np.diff(x, n=-1)
np.diff(x, prepend=0.0, append=x[:1])
np.diff(a, axis=2)
np.ediff1d(x, to_end=9.0, to_begin=[1.0, 2.0])
np.gradient(x)
np.gradient(x, 2.0)
np.gradient(x, x)
np.gradient(x, [1.0, 2.0])
np.gradient(x, edge_order=2)
np.gradient(x, edge_order=3)
np.gradient(a, 1.0, axis=1)
np.gradient(a)
np.gradient(x[:1])
np.trapezoid(x, dx=2.0)
np.trapezoid(x, [0.0, 1.0, 3.0])
np.trapezoid(x, [0.0, 1.0])
np.trapezoid(a, axis=0)
np.interp(1.2, x, x)
np.interp([0.1, 9.0], x, x, left=-1.0, right=x[0])
np.interp([0.1, 9.0], x, x, period=2.0)
np.interp(x, [0.0, 1.0], [0.0])
np.interp(x, [1.0, 0.0, 3.0], x)
np.convolve(x, x, mode="same")
np.convolve(x, x, "valid")
np.convolve(x, x, mode="circular")
np.convolve(x, [])
np.convolve(a, x)
np.correlate(x, x, "full")
np.correlate(x, x)
np.polyval(x, 2.0)
np.polyval([1.0, 2.0], x)
np.polyval(x, x)
np.vander(x, 3, increasing=True)
np.vander(a)
np.cov(a)
np.cov(a, rowvar=False)
np.cov(a, bias=True)
np.cov(a, ddof=0)
np.cov(a, fweights=[1, 2, 1])
np.cov(a, aweights=[1.0, 2.0, 1.0])
np.cov(x, x)
np.cov(a, dtype=np.float32)
np.corrcoef(a)
np.corrcoef(x, x)
np.corrcoef(a, rowvar=False)
np.histogram(x)
np.bincount([0, 1, 1], weights=x)
np.bincount([0, 1, 1], weights=x, minlength=5)
np.bincount([0, -1, 1], weights=x)
np.bincount([0, 1], weights=x)
np.digitize(x, [1.0, 2.0])
np.digitize(x, [1.0, 2.0], right=True)
np.unique(x, return_index=True)
np.unique(x, return_counts=True)
np.unique(x, equal_nan=False)
np.nan_to_num(x, nan=1.0)
np.nan_to_num(x, copy=True)
np.isclose(x, x, rtol=0.1)
np.allclose(x, x)
np.array_equal(x, x)
np.array_equal(x, x, equal_nan=True)
np.isin(x, [0.5])
np.round(x, 1)
np.round(x, decimals=-1)
np.around(x, 1)
np.ones_like(x, dtype=int)
np.zeros_like(x, shape=(2, 2))
np.full_like(x, 7)
np.full_like(x, x[0])
np.full_like(x, 7, dtype=int)
np.empty_like(x).shape
np.copy(x, order="F")
np.copy(x, subok=True)
(np.copyto(x, 1.0), x * 1)[1]
np.copyto(np.zeros(3), x)
(np.put(x, [0, 0, -1], [1.0, 2.0]), x * 1)[1]
(np.putmask(x, MASK, [7.0, 8.0]), x * 1)[1]
(np.place(x, MASK, [7.0, 8.0]), x * 1)[1]
(np.fill_diagonal(s, 0.0), s * 1)[1]
np.array([x, x])
np.array(x)
np.asarray(x)
np.array([x, x[:2]], dtype=object)
np.asarray(x, dtype=object)
np.linspace(x[0], x[1], 3)
np.linspace(x[0], x[1], 3, endpoint=False)
np.linspace(x[0], x[1], 3, retstep=True)
np.linspace(x, 2 * x, 3, axis=1)
np.linspace(x[0], x[1], 3, dtype=int)
np.linspace(x[0], x[1], -1)
np.arange(x[0])
np.arange(0, x[1], 0.5)
np.logspace(x[0], x[1], 3)
np.logspace(x[0], x[1], 3, base=2.0)
np.geomspace(x[0], x[1], 3)
np.meshgrid(x, x)
np.meshgrid(x, x, indexing="ij")
np.meshgrid(x, x, sparse=True)
np.meshgrid(x, x, indexing="xx")
np.meshgrid(x, x, copy=False)
np.indices((2, 2)) * x[0]
np.apply_along_axis(np.sum, 0, a)
np.apply_along_axis(lambda v: v * 2, 1, a)
np.apply_over_axes(np.sum, a, [0, 1])
np.vectorize(lambda v: v * 2)(x)
np.frompyfunc(lambda v: v * 2, 1, 1)(x)
np.linalg.norm(x, ord=3)
np.linalg.norm(x, ord=0)
np.linalg.norm(x, ord="fro")
np.linalg.norm(a, ord="nuc")
np.linalg.norm(a, ord="fro", axis=(0, 1), keepdims=True)
np.linalg.norm(a, ord=3)
np.linalg.norm(a, axis=(0, 0))
np.linalg.norm(a, axis=5)
np.linalg.inv(a)
np.linalg.inv(s * 0)
np.linalg.solve(s, x)
np.linalg.solve(s * 0, x[:2])
np.linalg.solve(s, x[:2])
np.linalg.det(a)
np.linalg.slogdet(s)
np.linalg.cholesky(s, upper=True)
np.linalg.cholesky(-s)
np.linalg.eigh(s, UPLO="U")
np.linalg.eigh(s, UPLO="X")
np.linalg.eigh(a)
np.linalg.svd(a, full_matrices=True)
np.linalg.svd(a, full_matrices=False)
np.linalg.svd(a, compute_uv=False)
np.linalg.svd(s, hermitian=True)
np.linalg.qr(a, mode="complete")
np.linalg.qr(s, mode="r")
np.linalg.qr(s, mode="raw")
np.linalg.qr(s, mode="nothing")
np.linalg.pinv(a, rcond=0.1)
np.linalg.pinv(a, rtol=0.1)
np.linalg.pinv(s, hermitian=True)
np.linalg.lstsq(a.T, x)
np.linalg.lstsq(a.T, x, rcond=None)
np.linalg.matrix_power(s, -1)
np.linalg.matrix_power(s, 0)
np.linalg.matrix_power(s, 1.5)
np.linalg.matrix_power(a, 2)
np.linalg.multi_dot([a, a.T, a])
np.linalg.multi_dot([a, a])
np.linalg.multi_dot([a])
np.linalg.matrix_rank(a)
np.linalg.cond(s)
np.linalg.tensorinv(s, ind=1)
np.linalg.tensorsolve(s, x[:2])
np.linalg.eig(s)
np.linalg.eigvals(s)
np.linalg.eigvalsh(s)
np.fft.fft(x)
np.fft.fft(x, n=5)
np.fft.fft(x, n=2)
np.fft.fft(x, n=0)
np.fft.fft(x, norm="ortho")
np.fft.fft(x, norm="sideways")
np.fft.fft(x, axis=3)
np.fft.fft(x, out=np.zeros(3, complex))
np.fft.ifft(x, n=4, norm="forward")
np.fft.rfft(x)
np.fft.rfft(x, 4)
np.fft.irfft(x)
np.fft.irfft(x, 5)
np.fft.hfft(x)
np.fft.ihfft(x)
np.fft.fft2(a, s=(3, 4))
np.fft.fft2(x)
np.fft.fftn(a, axes=(1,))
np.fft.fftn(a, s=(2,), axes=(0, 1))
np.fft.ifftn(a)
np.fft.rfft2(a)
np.fft.irfft2(a)
np.fft.fftshift(a)
np.fft.fftshift(a, axes=1)
np.fft.ifftshift(x)
np.fft.fftfreq(3, x[0])
np.lib.stride_tricks.sliding_window_view(x, 2)
np.lib.stride_tricks.sliding_window_view(x, 5)
np.lib.stride_tricks.sliding_window_view(a, 2, axis=1)
np.lib.stride_tricks.sliding_window_view(a, 2)
np.lib.stride_tricks.sliding_window_view(x, 2, writeable=True)
np.lib.stride_tricks.as_strided(x, (2, 2), (8, 8))
np.sinc(x)
np.heaviside(x, 0.5)
np.copysign(x, -1.0)
np.modf(x)
np.divmod(x, 2.0)
np.frexp(x)
np.ldexp(x, 2)
np.nextafter(x, 2.0)
np.spacing(x)
np.fmod(x, 1.0)
np.float_power(x, 2)
np.fix(x)
np.gcd(x, 2)
np.bitwise_and(x, 1)
np.left_shift(x, 1)
np.logical_and(x, x)
np.logical_not(x)
np.invert(x)
np.signbit(x)
np.angle(x, deg=True)
np.unwrap(x)
np.unwrap(x, period=3.0)
np.real_if_close(x)
np.i0(x)
np.sort_complex(x)
np.triu_indices_from(a)
np.tril_indices(2)
np.nonzero(x > 1)
np.flatnonzero(x > 1)
np.argwhere(x > 1)
np.count_nonzero(x > 1, axis=0)
np.count_nonzero(x)
np.lexsort((x,))
np.may_share_memory(x, x)
np.shares_memory(x, x)
np.iscomplex(x)
np.isreal(x)
np.zeros(2, np.result_type(x, np.float32))
np.can_cast(x, int)
np.common_type(x)
np.min_scalar_type(x)
np.size(x)
np.ndim(x)
np.shape(a)
np.put_along_axis(a, np.array([[0], [3]]), 9.0, axis=1)
np.array2string(x)
np.array_repr(x)
np.random.default_rng(0).normal(x)
np.random.default_rng(0).permutation(x)
np.testing.assert_allclose(x, x)
np.save("/nowhere/at/all.npy", x)
""")


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("call", HONOURED_OR_REFUSED)
def test_honoured_exactly_or_refused(call):
    assert_numpys_or_refused(call_of(call), arguments, ("tape", "graph"))


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("call", HONOURED_OR_REFUSED)
def test_gradient_of_what_is_honoured(call):
    f = call_of(call)
    expected = by_numpy(f, arguments)
    honoured = not isinstance(outcome(ROUTES["tape"], f, arguments), Exception)
    if not honoured or not isinstance(expected, (np.ndarray, np.float64)):
        return
    if expected.dtype.kind != "f" or expected.dtype.itemsize < 8:
        return
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 1.5, expected.shape)

    def total(x, a, s):
        return np.sum(weights * f(x * 1, a * 1, s * 1))

    gradients = cr.grad(total, wrt=(0, 1, 2))(*arguments())
    assert_gradients(total, arguments(), gradients, rng, tolerance=1e-7)


# -- writing ---------------------------------------------------------------------------

#: Each writes into y = x * 1 or A = outer(x, x), and leaves its result in `out`.
WRITES = lines("""
y[1:] += y[:-1]; out = y
y[:-1] += y[1:]; out = y
y[:-1] = y[1:]; out = y
y[1:] = y[:-1]; out = y
y[...] = y[::-1]; out = y
y[::-1] += y; out = y
y[:] = y[0]; out = y
y[1:] = y[0]; out = y
y[0], y[1] = y[1], y[0]; out = y
y[[0, 1]] = y[[1, 0]]; out = y
y[[0, 0]] += 1; out = y
y[[0, 0]] = [7.0, 8.0]; out = y
y[[0, 0]] = y[1:]; out = y
y[y > 1] = 0; out = y
y[y > 1] *= 2; out = y
y[y > 1] = y[y > 1][::-1]; out = y
y[MASK] = y[~MASK]; out = y
y[-1] = y[0]; out = y
y[::2] = [1.0, x[0]]; out = y
y[1:1] = 5.0; out = y
y[()] = y * 2; out = y
y[None] = y * 2; out = y
y[None, :] += 1; out = y
v = y[1:]; v[0] = 5.0; out = y * v.sum()
v = y[1:]; v += y[:-1]; out = y
v = y[1:]; w = v[1:]; w[0] = 9.0; out = y
v = y[1:]; w = v[1:]; w[0] = 9.0; out = v
v = y[1:]; w = v[1:]; w *= v[0]; out = y * w
v = y[::-1]; v += y; out = y
v = y[None]; v[0, 0] = 4.0; out = y
v = y[:, None]; v += 1; out = y
v = y; v += 1; out = y
v = y; v %= 1.0; out = y
v = y; v //= 0.7; out = y
v = y; v **= 2; out = y
v = y; v /= 3; v -= 1; v *= 2; out = y
v = y.copy(); v[0] = 5.0; out = y + v
v = y.flatten(); v[0] = 5.0; out = y
v = y[0]; y[0] = 7.0; out = v + y
v = y[[0, 1]]; y[0] = 7.0; out = v * 1
v = y[y > 1]; y[:] = 7.0; out = v * 1
v = +y; y[0] = 4.0; out = v * 1
v = np.conj(y); y[0] = 4.0; out = v * 1
v = np.split(y, 3); v[0][0] = 4.0; out = y
for v in A: v += 1; out = A
for v in A: v[0] = v[1]; out = A
A[0] = y; out = A
A[:, 0] = y; out = A
A[0] += A[1]; out = A
A[1:] += A[:-1]; out = A
A[:, 1:] -= A[:, :-1]; out = A
A[0, 1:] = A[1:, 0]; out = A
A[[0, 1]] = A[[1, 0]]; out = A
A[[0, 1], [1, 0]] = y[:2]; out = A
A[:, [0, 2]] = A[:, [2, 0]]; out = A
A[A > 1] = 0; out = A
A[MASK] = 0; out = A
A[:, MASK] = y[:, None]; out = A
A[MASK, 0] += 1; out = A
A[...] = y; out = A
A[...] = y[:, None]; out = A
A[0][1] = 5.0; out = A
A[0][1:][0] = 5.0; out = A
A[..., 0] = 5.0; out = A
A[1, ...] = y; out = A
A[np.eye(3, dtype=bool)] = y; out = A
A[np.ix_([0, 1], [1, 2])] = 0; out = A
A[np.arange(3), np.arange(3)] += y; out = A
A[np.triu_indices(3)] = 0; out = A
np.fill_diagonal(A, 7.0); out = A
np.put(y, [0, 2], y[1]); out = y
np.put_along_axis(A, np.array([[0], [1], [1]]), 9.0, 1); out = A
np.copyto(y, y[::-1]); out = y
np.copyto(y, 1.0, where=MASK); out = y
np.putmask(y, MASK, y * 2); out = y
np.add(y, 1, out=y); out = y
np.add(y[:-1], 1, out=y[1:]); out = y
np.cumsum(y, out=y); out = y
np.clip(y, 1, 2, out=y); out = y
np.add.at(y, [0, 0, 1], 1.0); out = y
np.add.at(y, [0, 0, 1], y); out = y
np.subtract.at(A, ([0, 0], [1, 1]), y[:2]); out = A
y **= 2; out = y
y /= y[0]; out = y
y -= y.mean(); out = y
y *= y; out = y
y.sort(); out = y
y.fill(y[1]); out = y
A.partition(1); A.sort(); out = A
x[0] = 5.0; out = x * 1
x += 1; out = x * x
x[:] = x[::-1]; out = x * 1
out = np.zeros_like(x); out[1:] = x[1:]
out = np.empty_like(x); out[:] = x
out = np.ones_like(x); out *= x; out[0] = 0
out = np.full_like(x, 2.0); out[[0, 2]] = x[1:]
""")


#: In NumPy a view and what it shows change together: so here, or there is no reading it any more.
VIEWS = {
    "y": lines("""
        y[1:]
        y[:]
        y[...]
        y[::-1]
        y[None]
        y[:2][::-1]
        y[1:][1:]
        y.reshape(3, 1)
        y.reshape(3, 1).T
        y.ravel()
        y.ravel("F")
        y.squeeze()
        y.swapaxes(0, 0)
        y.T
        y.view()
        y.real
        y.conj()
        np.real(y)
        np.ravel(y)
        np.reshape(y, (1, 3))
        np.expand_dims(y, 0)
        np.atleast_1d(y)
        np.atleast_2d(y)
        np.atleast_3d(y)
        np.squeeze(y[None])
        np.flip(y)
        np.transpose(y)
        np.broadcast_to(y, (2, 3))
        np.broadcast_arrays(y, np.zeros((2, 1)))[0]
        np.split(y, [1, 2])[1]
        np.array_split(y, 2)[0]
        np.hsplit(y, 3)[0]
        np.swapaxes(y[None], 0, 1)
        np.moveaxis(y[None], 0, 1)
        np.rollaxis(y[None], 1)
        np.permute_dims(y[None])
        np.linalg.matrix_transpose(y[None])
        np.unstack(y[None])[0]
        np.dsplit(y[None, None], 3)[0]
        np.einsum("i->i", y)
        np.asarray(y)
        np.asanyarray(y)
        np.ascontiguousarray(y)
        np.require(y)
        np.astype(y, float, copy=False)
        y.astype(float, copy=False)
        np.nan_to_num(y, copy=False)
        np.lib.stride_tricks.sliding_window_view(y, 2)
        np.lib.stride_tricks.as_strided(y, (2,))
        np.array(y, copy=False)
        np.trim_zeros(y)
        np.real_if_close(y)
        np.meshgrid(y, y, copy=False)[0]
        y.flat[:]
    """),
    "A": lines("""
        A[1]
        A[1:, 1:]
        A[:, 0]
        A[:2][:, 1]
        A.T
        A.T.T
        A.T[0]
        A.mT
        A.T.ravel()
        A.ravel()
        A.ravel("F")
        A.reshape(9)
        A[:2].reshape(6)
        A[:2, :2].reshape(4)
        A.T.reshape(9)
        A.diagonal()
        A[1:].diagonal()
        A.swapaxes(0, 1)
        np.diagonal(A)
        np.diagonal(A, 1)
        np.diag(A)
        np.rot90(A)
        np.rot90(A, 2)
        np.fliplr(A)
        np.flipud(A)
        np.vsplit(A, 3)[0]
        np.einsum("ii->i", A)
        np.einsum("ij->ji", A)
        np.real(A.T)
        np.unstack(A)[0]
        np.unstack(A, axis=1)[0]
        np.tril(A)
        np.triu(A)
        np.sort(A)
        np.roll(A, 1)
        list(A)[0]
        next(iter(A))
    """),
}


def program(body):
    names = dict(NAMES)
    source = f"def program(x):\n y = x * 1\n A = np.outer(x, x)\n {body}\n return out"
    if body.startswith("for"):
        head, tail = body.rsplit("; ", 1)
        source = f"def program(x):\n y = x * 1\n A = np.outer(x, x)\n {head}\n {tail}\n return out"
    exec(compile(source, FILE, "exec"), names)
    return names["program"]


def one():
    return (VALUES["x"].copy(),)


@pytest.mark.parametrize("body", WRITES)
def test_writing_gives_numpys_answer(body):
    f = program(body)
    for route in ROUTES:
        got = outcome(ROUTES[route], f, one)
        if not (route == "abstract" and isinstance(got, errors.BranchError)):
            assert_same(got, f(*one()))


@pytest.mark.parametrize("body", WRITES)
def test_gradient_of_writing(body):
    f, x = program(body), VALUES["x"]
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 1.5, np.shape(f(x.copy())))

    def total(x):
        return np.sum(weights * f(x))

    assert_gradients(lambda x: total(x.copy()), [x], [cr.grad(total)(x)], rng)
    np.testing.assert_array_equal(x, VALUES["x"])


def shared(name, view, write):
    return program(f"v = {view}; {write}; out = {{'v': v, 'y': y, 'A': A}}[{name!r}] * 1")


EVERY_VIEW = [(name, view) for name, views in VIEWS.items() for view in views]
PARTS = ("[...] = 4.0", "[0] = 4.0", " += 1")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "view"), EVERY_VIEW)
def test_a_view_of_what_was_written(name, view):
    """The view is read after its array was written to."""
    for part in PARTS:
        assert_numpys_or_refused(shared("v", view, f"{name}{part}"), one)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "view"), EVERY_VIEW)
def test_an_array_whose_view_was_written(name, view):
    """The array is read after a view of it was written to."""
    for part in PARTS:
        assert_numpys_or_refused(shared(name, view, f"v{part}"), one)


@pytest.mark.parametrize("first", ["y[1:]", "y[None]", "y[::-1]", "y.reshape(3, 1)", "y[1:][None]"])
@pytest.mark.parametrize("second", ["y[1:]", "y[:, None]", "y[1:][:1]", "y.T", "np.flip(y)[1:]"])
def test_siblings(first, second):
    """One view is read after another was written to."""
    assert_numpys_or_refused(program(f"v = {first}; w = {second}; v[...] = 4.0; out = w * 1"), one)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("y[:2] = y; out = y", ValueError),
        ("y[:] = A; out = y", ValueError),
        ("y += A; out = y", ValueError),
        ("y[0] = y; out = y", ValueError),
        ("y[[0, 1]] = y; out = y", ValueError),
        ("y[MASK] = y; out = y", ValueError),
        ("A[0] = y[:2]; out = A", ValueError),
        ("y[3] = 1.0; out = y", IndexError),
        ("y[-4] = 1.0; out = y", IndexError),
        ("y[[0, 3]] = 1.0; out = y", IndexError),
        ("y[0, 0] = 1.0; out = y", IndexError),
        ("y[MASK[:2]] = 1.0; out = y", IndexError),
        pytest.param("y['a'] = 1.0; out = y", IndexError),
        pytest.param("y[1.0] = 1.0; out = y", IndexError),
        ("y[0] = 'a'; out = y", ValueError),
        ("y[0] = 1j; out = y", TypeError),
        ("y[0] = {}; out = y", TypeError),
        pytest.param("y += 1j; out = y", TypeError),
        ("y[0] = np.array([1j]); out = y", (TypeError, ValueError)),
        ("del y[0]; out = y", (TypeError, ValueError, AttributeError)),
        ("np.add.at(y, [0, 3], 1.0); out = y", IndexError),
        ("np.add.at(y, [0, 1], A); out = y", ValueError),
        ("np.copyto(y, A); out = y", ValueError),
        pytest.param(
            "np.put(y, [3], 1.0); out = y",
            IndexError,
        ),
        ("np.put_along_axis(A, np.array([[3]]), 9.0, 1); out = A", IndexError),
        ("y.fill(A); out = y", (TypeError, ValueError)),
        ("np.add(y, A, out=y); out = y", ValueError),
        ("np.add(y, 1, out=A[0][:2]); out = y", ValueError),
    ],
)
def test_writes_that_do_not_fit(body, error):
    f = program(body)
    expected = (error if isinstance(error, tuple) else (error,)) + (errors.ChainruleError,)
    with pytest.raises((*expected, TypeError, ValueError)):
        f(*one())
    for route in ROUTES:
        got = outcome(ROUTES[route], f, one)
        assert isinstance(got, expected), (route, repr(got))


# -- indices ---------------------------------------------------------------------------

INDICES = lines("""
x[3]
x[-4]
x[-3]
x[5:]
x[::-1]
x[::0]
x[0, 0]
x[[0, 3]]
x[[0, -4]]
x[[]]
x[[0.0]]
x[0.0]
x["a"]
x[None, 0]
x[..., 0]
x[..., ...]
x[()]
x[True]
x[False]
x[np.True_]
x[MASK]
x[MASK[:2]]
x[[True, False]]
x[[True, False, True]]
x[[False] * 3]
x[np.array([[True, False, True]])]
x[I]
x[I.astype(float)]
x[I.astype(np.uint8)]
x[np.array([], int)]
x[np.array([])]
x[np.array(1)]
x[np.array(True)]
x[(0,)]
x[[0, 1], ]
x[[[0, 1], [1, 2]]]
x[[0, True]]
x[np.int8(1)]
x[1:np.int64(3)]
x[slice(None, None, -2)]
x[1.5:]
x[x > 1]
x[x]
x[x[0]]
x[None]
x[range(2)]
x[(range(2),)]
x[{0}]
x[{}]
a[0, 3]
a[2]
a[:, 3]
a[[0, 1], [0, 1]]
a[[0, 1], [0, 1, 2]]
a[[0, 1], [0, 3]]
a[[[0], [1]], [0, 2]]
a[:, [0, 2]]
a[[0, 1], None, [0, 1]]
a[None, [0, 1], ..., [0, 1]]
a[0, [0, 1]]
a[[0, 1], 1:]
a[..., [0, 1]]
a[MASK]
a[:, MASK]
a[[True, False]]
a[[True, False], [0]]
a[[True, False], MASK]
a[[True, True], MASK]
a[a > 0]
a[a > 0, 0]
a[a > 0, ...]
a[0, 0, 0]
a[np.ix_([0, 1], [2, 0])]
a[np.nonzero(a > 0)]
a[np.arange(2), np.argmax(a, axis=1)]
a[np.argsort(a[:, 0])]
a[1][2]
a[1][3]
a[-1, -1]
a[::-1, ::-2]
a[1:1]
a[[0, 0, 1]]
a.T[[0, 2], [1, 0]]
a[np.array([[0, 1]]).T, np.array([[0, 2]])]
a[np.array(1), [0, 2]]
a[np.array(1), :]
a[1, np.array(2)]
""")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", INDICES)
def test_indices(call):
    assert_numpys_or_refused(call_of(call), arguments, ("tape", "graph"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", INDICES)
def test_gradient_of_indices(call):
    f = call_of(call)
    expected = by_numpy(f, arguments)
    got = outcome(ROUTES["tape"], f, arguments)
    if isinstance(expected, Exception) or isinstance(got, Exception):
        return
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 1.5, np.shape(expected))

    def total(x, a, s):
        return np.sum(weights * f(x, a, s))

    assert_gradients(total, arguments(), cr.grad(total, wrt=(0, 1, 2))(*arguments()), rng)


# -- lists and objects -----------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "x + [1.0, [2.0, 3.0], 4.0]",
        "np.add(x, [[1.0], [2.0, 3.0]])",
        "np.stack([[x, x], [x]])",
        "np.sum([[x[0]], [x[1], x[2]]])",
        "np.array([[x[0]], [x[1], x[2]]])",
        "np.concatenate([[x[0]], [x[1], [x[2]]]])",
        "x @ [[1.0], [2.0, 3.0], [4.0]]",
        "np.where([[True], [False, True]], x, 0.0)",
        "x[[[0], [1, 2]]]",
        "np.einsum('i,i', x, [1.0, [2.0], 3.0])",
        "np.maximum(x, [x[0], [x[1]], x[2]])",
    ],
)
@pytest.mark.parametrize("route", ROUTES)
def test_ragged_lists(call, route):
    got = outcome(ROUTES[route], call_of(call), arguments)
    assert isinstance(got, (ValueError, TypeError, IndexError)), repr(got)
    assert not isinstance(got, (AttributeError, AssertionError))


@pytest.mark.parametrize(
    "call",
    [
        "x * np.array([1.0, None, 2.0], dtype=object)",
        "x + np.array([1, 2.0, 3], dtype=object)",
        "np.array([1, 2.0, 3], dtype=object) * x",
        "np.add(x, np.array([1, 2, 3], dtype=object))",
        "np.dot(x, np.array([1, 2, 3], dtype=object))",
        "np.concatenate([x, np.array([None, 1.0], dtype=object)])",
        "np.where(MASK, x, np.array([1, 2, 3], dtype=object))",
        "x * np.array(['a', 'b', 'c'])",
        "x + 'a'",
        "x + None",
        "None * x",
        "x * {}",
        "x + [None, 1.0, 2.0]",
        "np.maximum(x, None)",
        "np.add(x, 'abc')",
        "np.stack([x, None])",
        "np.concatenate([x, ['a']])",
        "x @ 'abc'",
        "x + np.datetime64('2020-01-01')",
        "x * np.timedelta64(1, 's')",
        "np.sum(x + np.array(3, dtype=object))",
    ],
)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("route", ["tape", "graph"])
def test_objects_and_text(call, route):
    """What NumPy makes of them, or a TypeError: nothing else."""
    f = call_of(call)
    expected, got = by_numpy(f, arguments), outcome(ROUTES[route], f, arguments)
    if isinstance(got, Exception):
        assert isinstance(got, (TypeError, ValueError)), repr(got)
    else:
        assert_same(got, expected)


# -- singular matrices -----------------------------------------------------------------

SINGULAR = {
    "inv": lambda n: np.linalg.inv(n),
    "solve": lambda n: np.linalg.solve(n, np.ones(2)),
    "cholesky": lambda n: np.linalg.cholesky(-n - np.eye(2)),
    "matrix_power": lambda n: np.linalg.matrix_power(n, -2),
    "tensorinv": lambda n: np.linalg.tensorinv(n, ind=1),
    "batched": lambda n: np.linalg.inv(np.stack([np.eye(2), n])),
}


@pytest.mark.parametrize("ask", ["grad", "explain"])
@pytest.mark.parametrize("name", SINGULAR)
def test_a_singular_matrix_is_named_with_the_line(name, ask):
    def f(n):
        return np.sum(SINGULAR[name](n))

    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(np.linalg.LinAlgError) as caught:
        cr.grad(f)(singular) if ask == "grad" else cr.explain(f, singular)
    assert isinstance(caught.value, errors.SingularError)
    assert caught.value.where.file == __file__
    assert "2, 2" in str(caught.value)
    assert cr.grad(lambda x: x * x)(3.0) == 6.0


def test_a_determinant_of_zero_has_a_gradient():
    np.testing.assert_allclose(
        cr.grad(np.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])), [[4.0, -2.0], [-2.0, 1.0]]
    )
    with pytest.raises(errors.NonFiniteError):
        cr.grad(lambda n: np.linalg.slogdet(n)[1])(np.zeros((2, 2)))
