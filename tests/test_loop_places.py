"""Loops that read and write at places: picked elements, other shapes, arrays used again."""

import numpy as np
import pytest
from kernels import AsPython, close, given_for, kernel_of, leaves_of
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr
from chainrule.emit.kernel import Size

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def python(f, *args, axes=()):
    """The results of a function of arrays, by its loops."""
    kernel = kernel_of(f, args, axes)
    return AsPython(kernel)(leaves_of(args), kernel.values)


X = np.arange(24.0).reshape(4, 6)
PICKS = {
    "negative": lambda x, i: x[i],
    "of a view": lambda x, i: x[1:, ::2][i % 2],
    "of a flipped view": lambda x, i: x[::-1][i % 3],
    "of windows": lambda x, i: sliding_window_view(x, 2, axis=0)[i % 3],
    "of a diagonal": lambda x, i: np.diagonal(x, 1)[i],
    "beside a slice": lambda x, i: x[1:3, i],
    "around a slice": lambda x, i: x[None, i, :, None][:, :, 2],
    "apart": lambda x, i: np.stack([x, x])[i % 2, :, i],
    "one beside several": lambda x, i: x[np.array([0]), i] + np.stack([x, x])[np.arange(1), 2, i],
    "one apart from several": lambda x, i: np.stack([x, x])[np.array([0]), :, i],
    "beside a number": lambda x, i: np.stack([x, x])[1, i],
    "two arrays": lambda x, i: x[i[:, None], i],
    "of positions": lambda x, i: x[i[i]],
    "along an axis": lambda x, i: np.take_along_axis(x[:3], i[:, None], axis=1),
    "beyond the end": lambda x, i: x[-10:, 10::-1][:3] + x[1:9][:3] * 2,
    "written": lambda x, i: np.where(i > 0, i, 0)[:, None] + x[:3],
}


@pytest.mark.parametrize("name", PICKS)
def test_elements_are_picked_as_numpy_does(name):
    positions = np.array([-1, 2, 1])
    (got,) = python(PICKS[name], X, positions)
    assert close(got, PICKS[name](X, positions))


def test_counting_positions_follow_the_batch():
    def f(x, y):
        return x[np.arange(len(y))] * 2, x[np.arange(len(y)), y]

    for n in (3, 5, 30):
        kernel = kernel_of(f, (np.ones((6, 4)), np.zeros(6, int)), [(0, 0), (1, 0)])
        x, y = np.random.default_rng(n).standard_normal((n, 4)), np.arange(n) % 4
        got = AsPython(kernel)([x, y], given_for(kernel, f, (x, y)))
        assert all(close(mine, theirs) for mine, theirs in zip(got, f(x, y), strict=True))


def written_row(x, i):
    x = x + 0.0
    x[i, 1:4] = x[:3, 3:]
    return x


def written_twice(x, i):
    x = x * 1.0
    x[np.stack([i, i]), 0] = np.arange(6.0).reshape(2, 3)
    return x


def written_mask(x, i):
    x = x * 1.0
    x[x > 7] = 7.0
    x[-2:, ::-2] = i[:, None][:2]
    return x


def written_from_a_row(x, i):
    x = x[np.arange(3), i]
    row = x[np.array([True, True, False])]  # which loops over columns make, not those over rows
    x[np.array([[1, 0], [0, -1]])] = row
    return np.sum(row) + x


@pytest.mark.parametrize("f", [written_row, written_twice, written_mask, written_from_a_row])
def test_elements_are_written_over_as_numpy_does(f):
    positions = np.array([-1, 2, 1])
    (got,) = python(f, X, positions)
    assert close(got, f(X, positions))


@pytest.mark.parametrize("position", [4, -5])
def test_computed_positions_out_of_range_are_refused(position):
    with pytest.raises(IndexError, match="out of range"):
        python(lambda x, i: x[i + np.abs(i - i)], X, np.array([0, position]))


@pytest.mark.parametrize("position", [4, -5])
def test_positions_out_of_range_are_refused_by_numba(position):
    pytest.importorskip("numba")
    from chainrule.execute.numba_executor import NumbaRunnable

    for f in (lambda x, i: x[i], lambda x, i: x[i + np.abs(i - i)], lambda x, i: x[i[0]]):
        kernel = kernel_of(f, (X, np.array([0, 1])))
        run = NumbaRunnable(kernel)
        run([X, np.array([3, -4])], kernel.values)
        with pytest.raises(IndexError):
            run([X, np.array([position, 1])], kernel.values)


RESHAPES = {
    "of an input": lambda x: np.reshape(x, (3, 8)) * 2,
    "of another": lambda x: np.reshape(np.reshape(x * 2, (3, 8)), (2, 12)) + 1,
    "of a view": lambda x: np.reshape(x.T[1:], (-1, 2)) * 2,
    "of a condition": lambda x: np.where(np.reshape(x > 3, (8, 3)), 1.0, 2.0),
    "to an output": lambda x: (np.reshape(x * 2, (3, 8)), x + 1),
    "of an output": lambda x: (h := x * 2, np.reshape(h, (3, 8)), np.reshape(h, (24,)) + 1),
    "columns first": lambda x: np.reshape(x + 1, (3, 8), order="F"),
    "beside the batch": lambda x: np.reshape(np.tanh(x), (len(x), 2, 3)).sum(axis=1),
    "of two axes": lambda x: np.reshape(np.tanh(x)[:, None] * x[:, :, None], (len(x), 36)),
}


@pytest.mark.parametrize("n", [4, 20])
@pytest.mark.parametrize("name", RESHAPES)
def test_arrays_in_another_shape(name, n):
    x = np.arange(6.0 * n).reshape(n, 6)
    f = RESHAPES[name]
    if n == 20 and "batch" not in name and "axes" not in name:

        def f(x):  # a batch lies innermost where it is long
            return RESHAPES[name](np.tanh(x)[:4])

    got, want = python(f, x, axes=[(0, 0)] if n == 20 else ()), f(x)
    for mine, theirs in zip(got, want if isinstance(want, tuple) else (want,), strict=True):
        assert close(mine, theirs)


def test_a_result_is_not_written_over_an_input_that_is_read_in_another_shape():
    def step(w, x):
        flat = np.reshape(w, (6,))
        return w - 0.1 * flat[::-1][:2, None], x

    kernel = kernel_of(step, (np.ones((2, 3)), np.ones(3)))
    assert (0, 0) not in AsPython(kernel).loops.in_place


def test_a_result_is_not_written_over_an_input_that_a_later_statement_reads():
    def step(w, x):
        return np.concatenate([x[:1], w[1:]]), np.cumsum(x)

    kernel = kernel_of(step, (np.ones(3), np.ones(3)))
    assert (0, 0) not in AsPython(kernel).loops.in_place


def test_two_numbers_of_an_outer_trace_are_told_apart():
    def f(x, a, b):
        return cr.grad(lambda x: np.sum(x * np.sum(a)) + np.sum(np.sin(x) * np.sum(b)))(x)

    x, a, b = np.ones(3), np.ones(2), np.full(4, 5.0)
    (got,) = python(f, x, a, b)
    assert close(got, f(x, a, b))


def test_a_size_is_told_for_other_sizes():
    n, m = Size(6, "n"), Size(4, "m")
    for size in (n + 1, 1 + n, n - 2, 10 - n, n * m, 3 * n, -n, (n - 1) * (m + 2), n - m):
        names = {"n": 9, "m": 5}
        assert size.at(names) == eval(str(size), names)
    assert n * 1 is n
    assert n + 0 is n
