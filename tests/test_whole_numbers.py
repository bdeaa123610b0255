"""Functions with whole numbers among their arguments: counts, places, axes, and operands."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ConversionError

X = np.arange(12.0).reshape(3, 4) / 3 + 0.1

#: What k is at 2 is a count, a place or an axis.
COUNTS = {
    "place": lambda x, k: x[k],
    "from the end": lambda x, k: x[-k],
    "a slice": lambda x, k: x[:k],
    "a slice with a step": lambda x, k: x[k - 1 : k + 1 : k],
    "two axes": lambda x, k: x[0, k],
    "an axis and a slice": lambda x, k: x[:, k:],
    "a list of places": lambda x, k: x[[0, k]],
    "reshape": lambda x, k: x.reshape(k, -1),
    "np.reshape": lambda x, k: np.reshape(x, (k, 6)),
    "a power": lambda x, k: x.reshape(2**k, -1),
    "axis": lambda x, k: np.sum(x, axis=k - 1),
    "axes": lambda x, k: np.sum(x, axis=(0, k - 1)),
    "repeat": lambda x, k: np.repeat(x, k, axis=k - 1),
    "tile": lambda x, k: np.tile(x, (k, 1)),
    "roll": lambda x, k: np.roll(x, k, axis=k - 1),
    "roll of all": lambda x, k: np.roll(x, k),
    "pad": lambda x, k: np.pad(x, ((k, k), (0, k))),
    "split": lambda x, k: np.split(x, k, axis=1)[0],
    "array_split": lambda x, k: np.array_split(x, k)[0],
    "take": lambda x, k: np.take(x, [0, k], axis=k - 1),
    "take of all": lambda x, k: np.take(x, k),
    "expand_dims": lambda x, k: np.expand_dims(x, k),
    "transpose": lambda x, k: x.transpose(k - 1, 0),
    "diff": lambda x, k: np.diff(x, k),
    "stack": lambda x, k: np.stack([x, x], axis=k),
    "broadcast_to": lambda x, k: np.broadcast_to(x, (k, 3, 4)),
    "zeros": lambda x, k: x[0, 0] + np.zeros((k, k)),
    "eye": lambda x, k: np.eye(k) @ x[:2],
    "a row of eye": lambda x, k: np.eye(4)[k] * x,
    "range": lambda x, k: sum(x[i, i] for i in range(k)),
    "a stride": lambda x, k: sum(np.sum(x[0, i * k : i * k + 2]) ** 2 for i in range((4 - 2) // k)),
    "diag": lambda x, k: np.diag(x, k),
    "fft": lambda x, k: np.real(np.fft.fft(x, k)),
    "windows": lambda x, k: np.lib.stride_tricks.sliding_window_view(x, k, axis=0),
    "delete": lambda x, k: np.delete(x, k, axis=0),
    "insert": lambda x, k: np.insert(x, k, 0.0, axis=0),
    "resize": lambda x, k: np.resize(x, (k, k)),
    "int": lambda x, k: x[int(k)],
    "arange of int": lambda x, k: x[0, 0] * np.arange(int(k)),
    "min": lambda x, k: x[min(k, 1)],
    "abs": lambda x, k: x[abs(-k)],
    "a rest": lambda x, k: x[5 % k],
    "a part of a length": lambda x, k: x[x.shape[0] // k],
    "divmod": lambda x, k: x[divmod(5, k)[1]],
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_counts(name):
    f = COUNTS[name]
    value, back = cr.vjp(lambda x: f(x, 2), X)
    ones = np.ones_like(value)
    solution = cr.explain(f, X, 2, upstream=ones if ones.ndim else None)
    np.testing.assert_allclose(solution.value, value)
    (right,) = back(ones)
    np.testing.assert_allclose(solution.grads["x"], right)
    assert solution.grads.keys() == {"x"}
    assert "Traced" not in solution.text() + solution.latex() + solution.code()


#: Here it is an operand as well, and a gradient goes through it.
OPERANDS = {
    "beside a count": lambda x, k: np.sum(x[:k]) * k,
    "a sum of places": lambda x, k: np.sum(x[: k + 1]) / (k + 1),
    "stacked": lambda x, k: np.sum(np.stack([x[0, 0], k]) ** 2),
    "inserted": lambda x, k: np.sum(np.insert(x, 0, k, axis=1) ** 2),
    "constant_values": lambda x, k: np.sum(np.pad(x, 1, constant_values=k) ** 2),
    "two to the k": lambda x, k: np.sum(x) * 2**k,
}


@pytest.mark.parametrize("name", OPERANDS)
def test_operands_have_a_gradient(name):
    f = OPERANDS[name]
    if name in ("beside a count", "a sum of places"):
        g = {"beside a count": lambda k: np.sum(X[:2]) * k,
             "a sum of places": lambda k: np.sum(X[:3]) / (k + 1)}[name]  # fmt: skip
    else:

        def g(k):
            return f(X, k)

    step = 1e-6
    slope = (g(2 + step) - g(2 - step)) / (2 * step)
    assert cr.explain(f, X, 2).grads["k"] == pytest.approx(slope, rel=1e-6)


LOST = {
    "polyval": lambda x, k: np.polyval([k, 1.0], x),
    "convolve": lambda x, k: np.convolve(x[0], [k, 1.0]),
    "weights": lambda x, k: np.average(x[0], weights=[k, 1, 1, 1]),
    "array": lambda x, k: x[0, 0] * np.sum(np.array([k, 1.0])),
    "half": lambda x, k: x[int(k / 2)],
    "by its order": lambda x, k: np.linalg.norm(x[0], k * 1.5),
}


@pytest.mark.parametrize("name", LOST)
def test_no_gradient_is_lost_without_a_word(name):
    f = LOST[name]
    shape = np.shape(f(X, 2))
    with pytest.raises(ConversionError):
        cr.explain(f, X, 2, upstream=np.ones(shape) if shape else None)


def test_what_numpy_is_asked_with_is_a_copy():
    kept = np.zeros(4)

    def f(x, k):
        np.place(kept, [True, True, False, False], [x[0, 0], k])
        return np.sum(x)

    with pytest.raises(ConversionError):
        cr.explain(f, X, 2)
    assert not kept.any()


def test_what_is_no_whole_number_is_no_count():
    with pytest.raises(ConversionError):
        cr.explain(lambda x, k: x[0, k / 2], X, 2)
    with pytest.raises(ConversionError):
        cr.explain(lambda x, k: x[0, k], X, 2.0)


def test_whole_numbers_are_told_by_name():
    text = cr.explain(lambda x, width: np.sum(x[:, :width]) / width, X, 2).text()
    assert "width = 2" in text
    assert "x[:, :2]" in text
