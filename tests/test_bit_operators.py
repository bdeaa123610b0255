"""Operators on bits: which of them binds tighter, and shifts of every kind of integer."""

import itertools
import operator

import numpy as np
import pytest

import chainrule as cr

A = np.array([-7, 5, 100, 3, 0, 1, 2, 127])
B = np.array([1, 2, 3, 4, 63, 64, 70, 0])
C = np.array([3, 9, 12, 5, 7, 8, 1, 6])
OPERATORS = {
    "&": operator.and_, "|": operator.or_, "^": operator.xor, ">": operator.gt,
    ">>": operator.rshift,
}  # fmt: skip


PAIRS = list(itertools.product(OPERATORS, repeat=2))


def every_pair(a, b, c):
    """Return all results of two operators, the first one on either side of the second."""
    found = []
    for first, second in PAIRS:
        inner = OPERATORS[first](a, b)
        found += [OPERATORS[second](inner, c), OPERATORS[second](c, inner)]
    return tuple(found)


@pytest.mark.parametrize("executor", ["numpy", "numba", "jax"])
def test_operators_in_operators(executor):
    if executor != "numpy":
        pytest.importorskip(executor)

    compiled = cr.compile(every_pair, executor)
    names = [f"{second} of {first}" for first, second in PAIRS for _ in "ab"]
    for name, got, want in zip(names, compiled(A, B, C), every_pair(A, B, C), strict=True):
        np.testing.assert_array_equal(got, want, name)
    assert compiled.report().executor == executor


def test_operators_in_shown_code():
    def f(x):
        chosen = ((x > 1) ^ (x < 5)) & (x > 3) | ((x < 2) | (x > 6)) & (x < 7)
        return np.sum(np.where(chosen, x, 0.0))

    s = cr.explain(f, np.array([1.0, 2.0, 4.0, 6.0]))
    assert "((x > 1) ^ (x < 5)) & (x > 3) | ((x < 2) | (x > 6)) & (x < 7)" in s.code()


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint64])
def test_shifts(dtype):
    pytest.importorskip("numba")

    def f(a, b):
        return a >> b, a << b, a >> 3, a << 5, (a >> 1) ^ b

    with np.errstate(all="ignore"):
        a, b = A.astype(dtype), B.astype(dtype)
        expected = f(a, b)
    compiled = cr.compile(f, "numba")
    for got, want in zip(compiled(a, b), expected, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    assert compiled.report().executor == "numba"
