import numpy as np
import pytest
from corpus import CASES, IDS

import chainrule as cr


def notes(f, *args, **options):
    s = cr.explain(f, *args, **options)
    return s, {note.gradient: note for note in s.shapes()}


def assert_holds(s, note):
    """The index sum, done by einsum on the numbers, is the gradient's product."""
    got = np.einsum(note.einsum, *(f.node.value for f in note.factors))
    np.testing.assert_allclose(got, note.contribution.node.value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_index_sum_holds(case):
    s = cr.explain(case.function, wrt=case.wrt, upstream=case.upstream, **case.arguments)
    for note in s.shapes():
        assert_holds(s, note)


def dense(X, W, b):
    Z = X @ W + b
    return Z


def test_dense_layer():
    r = np.random.default_rng(0)
    s, found = notes(dense, r.normal(size=(3, 4)), r.normal(size=(4, 2)), np.zeros(2),
                     upstream=r.normal(size=(3, 2)))  # fmt: skip
    assert found["dW"].formula == "X.T @ dt1"
    assert found["dW"].index_sum == "dW[i,j] = Σ_n X[n,i] · dt1[n,j]"
    assert found["dW"].shapes == "(4, 3) @ (3, 2) -> (4, 2), the shape of W"
    assert "3 ways" in found["dW"].reason
    assert found["dX"].index_sum == "dX[i,j] = Σ_n dt1[i,n] · W[j,n]"
    assert found["db"].index_sum == "db[i] = Σ_n dZ[n,i]"
    assert "used 3 times" in found["db"].reason
    assert r"\sum_{n}" in found["dW"].latex
    for note in found.values():
        assert_holds(s, note)


def test_one_sample_gives_an_outer_product():
    r = np.random.default_rng(0)
    s, found = notes(dense, r.normal(size=4), r.normal(size=(4, 2)), np.zeros(2),
                     upstream=r.normal(size=2))  # fmt: skip
    assert found["dW"].index_sum == "dW[i,j] = X[i] · dt1[j]"
    assert "nothing is summed" in found["dW"].reason
    assert_holds(s, found["dW"])


def test_einsum_and_transposed_weights():
    r = np.random.default_rng(0)

    def f(X, W, V):
        H = X @ W.T
        return np.sum(np.einsum("nk,kj->nj", H, V) ** 2)

    s, found = notes(f, r.normal(size=(3, 4)), r.normal(size=(5, 4)), r.normal(size=(5, 2)))
    assert {"dX", "dV", "dH"} <= set(found)
    for note in found.values():
        assert_holds(s, note)
