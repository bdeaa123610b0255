"""The same computation in other notations: right wherever it is offered, and written as wanted."""

import numpy as np
import pytest
from corpus import CASES
from pages import solved

import chainrule as cr
from chainrule.emit import numpy_source
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.explaining.averaging import found_average
from chainrule.explaining.notations import IDS, given_value, notations, reason_against, rewritten
from chainrule.render import RENDERERS
from chainrule.structure import leaves
from fuzz.generate import generate

rng = np.random.default_rng(3)
X, Y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
W1, B1, W2, B2 = (rng.normal(size=s) for s in ((3, 4), 4, (4, 2), (1, 2)))
LABELS = np.array([1, 0, 1, 1, 0])


def explained(f, *args, **kwargs):
    return cr.explain(f, *args, **kwargs)._explanation


def offered(explanation):
    return [n.id for n in notations(explanation)]


def steps_of(explanation, *targets):
    return [f"{s.target} = {s.symbols.text}" for s in explanation.steps
            if s.symbols is not None and s.target in targets]  # fmt: skip


def scale_of(explanation):
    return max([1.0, *(float(np.max(np.abs(g))) for _, g in leaves(explanation.gradients)
                       if g is not None and np.size(g))])  # fmt: skip


def assert_turned(before, after):
    """Each value and gradient is the transpose, and a vector one or a column."""
    tolerance = 1e-7 if _is_double(before) else 1e-2
    scale = scale_of(before) * tolerance
    pairs = [(before.value, after.value, 0.0)]
    pairs += [(a, b, scale) for (_, a), (_, b) in
              zip(leaves(before.gradients), leaves(after.gradients), strict=True)]  # fmt: skip
    for a, b, near in pairs:
        if a is not None:
            column = np.ndim(a) == 1 and np.ndim(b) == 2
            wanted = np.reshape(a, (-1, 1)) if column else np.transpose(a)
            assert np.shape(b) == np.shape(wanted)
            np.testing.assert_allclose(b, wanted, rtol=tolerance, atol=near)
    after.derivation.graph.validate()


def assert_scaled(before, after, factor):
    tolerance = 1e-8 if _is_double(before) else 1e-3
    scale = scale_of(after) * tolerance
    np.testing.assert_allclose(after.value, np.multiply(before.value, factor), rtol=tolerance)
    for (_, a), (_, b) in zip(leaves(before.gradients), leaves(after.gradients), strict=True):
        if a is not None:
            np.testing.assert_allclose(b, np.multiply(a, factor), rtol=tolerance, atol=scale)
    after.derivation.graph.validate()


def _is_double(explanation):
    return not any(n.abstract.dtype == np.float32 for n in explanation.derivation.graph.nodes)


def assert_right(explanation):
    """Whatever is offered is right, and whatever is not has a reason."""
    names = offered(explanation)
    for name in IDS:
        assert (reason_against(explanation, name) is None) == (name in names)
    for name in names:
        after = rewritten(explanation, [name])
        if name in ("columns", "rows"):
            assert_turned(explanation, after)
            back = {"columns": "rows", "rows": "columns"}[name]
            if back in offered(after):
                assert_turned(after, rewritten(after, [back]))
        else:
            count = found_average(explanation.derivation.graph).count
            assert_scaled(explanation, after, count if name == "sum" else 1 / count)
        assert [s.target for s in after.steps]
    return names


def network(X, y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    out = h @ W2 + b2
    loss = np.mean((out - y) ** 2)
    return loss


def test_rows_become_columns_as_in_textbooks():
    after = rewritten(explained(network, X, Y, W1, B1, W2, B2), ["columns"])
    text = RENDERERS["text"](after)
    assert "W1 @ X" in text
    assert "W2 @ h" in text
    assert ".T @ X" not in text.split("Backward")[0]
    assert after.arguments["W1"].shape == (4, 3)
    assert after.arguments["b1"].shape == (4, 1)
    assert after.arguments["b2"].shape == (2, 1)
    (dw2,) = steps_of(after, "dW2")
    assert dw2.endswith("@ h.T")


def test_softmax_with_cross_entropy_keeps_its_short_gradient():
    def loss(X, y, W, b):
        z = X @ W + b
        p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
        return -np.mean(np.log(p[range(len(X)), y]))

    before = explained(loss, X, LABELS, W1, B1, wrt=("W", "b"))
    after = rewritten(before, ["columns"])
    assert_turned(before, after)
    simpler = [s.simpler.text for s in after.steps if s.target == "dz" and s.simpler]
    assert any("p - eye(4)[:, y]" in s for s in simpler)


def test_a_function_with_columns_is_offered_rows():
    def loss(W, x, b):
        z = W @ x + b
        return np.sum(np.tanh(z), axis=0)

    before = explained(loss, W1.T, X.T, B1[:, None], upstream=np.ones(5))
    assert offered(before)[:1] == ["rows"]
    after = rewritten(before, "rows")
    assert steps_of(after, "t1") == ["t1 = x @ W"]
    assert_turned(before, after)


def test_upstream_is_turned_too():
    before = explained(lambda X, W, b: X @ W + b, X, W1, B1, upstream=rng.normal(size=(5, 4)))
    after = rewritten(before, ["columns"])
    assert after.has_upstream
    assert_turned(before, after)


def test_vectors_that_no_row_meets_stay_vectors():
    before = explained(lambda X, w: np.mean((X @ w) ** 2), X, rng.normal(size=3))
    after = rewritten(before, ["columns"])
    assert after.arguments["w"].shape == (3,)
    assert steps_of(after, "t1") == ["t1 = w @ X"]
    assert_turned(before, after)


def statistics(X, g):
    mu = np.mean(X, axis=0)
    return np.sum(((X - mu) * g) ** 3)


def pieces(X, W, b):
    h = np.concatenate([X, X[:, :1] ** 2], axis=1)
    top = np.stack([b, 2 * b])
    return np.sum(np.sort(h @ W, axis=1) * top[0]) + np.linalg.norm(b) + np.cumsum(b)[1]


def reshaped(X, W):
    return np.sum(X.reshape(3, 5) @ X * W[None, :, 0]) + np.ravel(X)[4] * X.T[1, 2]


def written_into(X, b):
    a = X * 2
    a[1:3] = b
    a[0, 1] = b[0]
    return np.sum(a**2)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (statistics, (X, B1[:3])),
        (pieces, (X, rng.normal(size=(4, 4)), B1)),
        (reshaped, (X, rng.normal(size=(3, 2)))),
        (written_into, (X, B1[:3])),
        (lambda X, v: np.sum(np.outer(X[0], v) @ np.linalg.inv(np.outer(v, v) + np.eye(3))),
         (X, B1[:3])),
        (lambda X, W: np.sum(np.einsum("ni,io,o->no", X, W, W[0]) ** 2), (X, W1)),
        (lambda X: np.sum(np.max(X, axis=0) * np.argmax(X, axis=0)), (X,)),
    ],
)  # fmt: skip
def test_made_up_functions_turn(function, args):
    before = explained(function, *args)
    assert "columns" in assert_right(before)


@pytest.mark.parametrize(
    ("function", "args", "reason"),
    [
        (lambda x: x * 2.0, (1.0,), "there is no matrix in it"),
        (lambda X: np.sum(X.reshape(5, 3, 1) ** 2), (X,), "has 3 axes"),
        (lambda A: np.sum(np.linalg.cholesky(A @ A.T + np.eye(5))), (X,), "cholesky"),
    ],
)
def test_what_cannot_be_turned_says_why(function, args, reason):
    before = explained(function, *args)
    assert "columns" not in offered(before)
    assert reason in reason_against(before, "columns")
    with pytest.raises(ArgumentError, match="samples as columns"):
        rewritten(before, ["columns"])


def test_a_mean_becomes_a_sum_and_a_sum_a_mean():
    def loss(X, y, W):
        each = np.sum((X @ W - y) ** 2, axis=1)
        return np.mean(each) / 2

    before = explained(loss, X, Y, rng.normal(size=(3, 2)))
    assert "sum" in assert_right(before)
    total = rewritten(before, ["sum"])
    assert "mean" in assert_right(total)
    assert_scaled(before, rewritten(total, ["mean"]), 1.0)
    assert "gradients times 5" in next(n.title for n in notations(before) if n.id == "sum")


def test_a_mean_written_as_a_quotient():
    def loss(X, w, t):
        error = X @ w - t
        return np.sum(error**2) / len(X)

    before = explained(loss, X, np.ones(3), np.ones(5))
    after = rewritten(before, ["sum"])
    assert_scaled(before, after, 5)
    assert "/" not in RENDERERS["text"](after).split("Backward")[0].split("Forward")[1]


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (lambda w, x: np.sum(w * x), (B1, B1 + 1)),  # a neuron: no samples
        (lambda X, W: np.mean((X @ W) ** 2) + 0.1 * np.sum(W**2), (X, W1)),
        (lambda X: np.log(np.mean(X**2)), (X,)),
        (lambda X: np.mean(X[:1, :1]), (X,)),
        (lambda x, w: -np.sum(np.exp(x @ w) / np.sum(np.exp(x @ w))), (X[0], W1)),
    ],
)
def test_where_there_is_no_sample_mean_none_is_offered(function, args):
    assert not {"sum", "mean"} & set(offered(explained(function, *args)))


def test_notations_go_together_and_are_the_same_each_time():
    before = explained(network, X, Y, W1, B1, W2, B2)
    both = rewritten(before, ["columns", "sum"])
    assert_scaled(rewritten(before, ["columns"]), both, 10)
    assert RENDERERS["text"](both) == RENDERERS["text"](rewritten(before, ["columns", "sum"]))
    np.testing.assert_array_equal(
        both.gradients["W1"], rewritten(before, ["sum", "columns"]).gradients["W1"]
    )


def test_symmetric_values_prove_nothing():
    """A matrix that equals its transpose must not let a wrong way pass."""
    before = explained(lambda A: np.sum(np.triu(A, 1) ** 2 * A[0]), np.ones((3, 3)))
    assert_right(before)


def test_structures_and_the_users_own_function():
    def loss(params, X):
        return np.mean(np.tanh(X @ params["W"] + params["b"]) ** 2)

    params = {"W": W1.copy(), "b": B1.copy()}
    before = explained(loss, params, X)
    after = rewritten(before, ["columns"])
    assert after.arguments["params"]["b"].shape == (4, 1)
    assert after.gradients["params"]["W"].shape == (4, 3)
    np.testing.assert_array_equal(params["W"], W1)
    assert_turned(before, after)


def test_unknown_notations_are_refused():
    before = explained(network, X, Y, W1, B1, W2, B2)
    with pytest.raises(ArgumentError, match="no notation 'polar'"):
        rewritten(before, ["polar"])
    with pytest.raises(ArgumentError, match="already"):
        rewritten(before, ["rows"])


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_corpus(case):
    assert_right(explained(case.function, **case.arguments, wrt=case.wrt, upstream=case.upstream))


@pytest.mark.parametrize("start", range(0, 120, 30))
def test_random_programs(start):
    for seed in range(start, start + 30):
        program = generate(seed, jax=False)
        arguments = program.arguments
        try:
            with np.errstate(all="ignore"):
                before = explained(program.function(), **arguments)
        except ChainruleError:
            continue
        assert_right(before)


@pytest.mark.parametrize("seed", [1224, 1381])
def test_a_way_that_is_right_forward_alone_is_not_taken(seed):
    """Eigenvalues may come in another order; running products of a column are another rule's."""
    program = generate(seed, jax=False)
    assert_right(explained(program.function(), **program.arguments))


# -- square matrices, which have the shape of their transposes -------------------------------------


def test_a_square_matrix_is_shown_turned_and_goes_back_as_it_was_given():
    def f(X, W):
        return X @ W

    X, W = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 9.0]])
    upstream = np.array([[1.0, 2.0], [0.0, 1.0]])
    s = cr.explain(f, X, W, upstream=upstream)
    turned = rewritten(s.explanation, ["columns"])
    np.testing.assert_array_equal(turned.arguments["W"], W.T)
    np.testing.assert_array_equal(turned.arguments["X"], X.T)
    for name, gradient in s.grads.items():
        np.testing.assert_array_equal(turned.gradients[name], gradient.T)
    np.testing.assert_array_equal(given_value(turned.arguments["W"], W, ["columns"]), W)
    back = rewritten(turned, ["rows"])
    np.testing.assert_array_equal(back.arguments["W"], W)
    np.testing.assert_array_equal(back.gradients["W"], s.grads["W"])


@pytest.mark.parametrize("name", ["classifier", "classifier-one-hot", "layer", "two-layer"])
def test_the_code_in_another_notation_gives_its_numbers(name):
    explanation = solved(name).explanation
    for found in notations(explanation):
        assert "def " in numpy_source(rewritten(explanation, [found.id]).derivation.program)
