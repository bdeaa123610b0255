"""Long chains and large graphs: no recursion, and each node visited once."""

import gc
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import backward
from chainrule.evaluate import evaluate
from chainrule.graphing import record
from chainrule.rules import products
from chainrule.simplify import simplify


def chain(x, w, length):
    for _ in range(length):
        x = x * w
    return x


def wide(x, width):
    total = x
    for i in range(width):
        total = total + x * float(i)
    return total


@pytest.fixture(autouse=True)
def _shallow():
    """A stack in which nothing that recurses over a graph gets far."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    yield
    sys.setrecursionlimit(before)


def test_gradient_of_a_chain_of_100_000():
    assert cr.grad(chain, "x")(1.0, 1.0, length=100_000) == 1.0
    assert cr.grad(chain, "w")(1.0, 1.0, length=100_000) == 100_000.0


def test_gradient_of_a_million_nodes():
    assert cr.grad(lambda x: wide(x, 500_000))(2.0) == 1 + sum(range(500_000))


def test_graph_of_a_chain_of_100_000():
    recording = record(lambda x, w: chain(x, w, 100_000), (1.0, 1.0), {})
    assert len(recording.graph) == 100_002
    joint = backward.differentiate(recording.graph, recording.wrt_inputs())
    assert joint.gradients[recording.wrt_inputs()[1]].value == 100_000.0
    assert len(joint.contributions) == 200_000
    assert evaluate(joint.graph, {"x": 1.0, "w": 1.0}) == (1.0, 1.0, 100_000.0)
    del joint, recording


def test_a_short_chain_is_explained_to_the_end():
    s = cr.explain(chain, 1.0, 1.01, 600, wrt=("x", "w"))
    assert s.grads["x"] == pytest.approx(1.01**600)
    assert len(s.steps) > 1_800
    assert s.why("w", k=3).count == 600
    graph, _ = simplify(s._derivation.joint.graph)
    assert evaluate(graph, {"x": 1.0, "w": 1.01, "length": 600.0})[0] == pytest.approx(s.value)
    assert s.code().count("\n") > 1_000


@pytest.mark.parametrize("length", [10, 1_000])
def test_each_product_is_computed_once(length, monkeypatch):
    """The work of the backward pass: one product for each operand, whatever the length."""
    seen = []
    fitted = backward.fitted
    monkeypatch.setattr(backward, "fitted", lambda g, a: seen.append(1) or fitted(g, a))
    x = np.ones(3)
    cr.grad(lambda w: np.sum(chain(x, w, length)))(2.0)
    assert len(seen) <= 2 * length + 2


def calls(work):
    """The calls that Python makes, of its own functions and of others: work without a clock."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def explained(f, *args):
    s = cr.explain(f, *args)
    return s.text(), s.shapes(), s._derivation.simplified


def one_sum(n):
    return lambda: explained(lambda a: sum(a), [0.5] * n)


def named_sums(n):
    return lambda: explained(lambda x: wide(x, n), 0.5)


def squares(n):
    return lambda: explained(lambda a: sum(v * v for v in a), [0.5] * n)


def used_by_all(n):
    return lambda: explained(lambda x: sum(np.sin(x) * float(i) for i in range(n)), 0.5)


def layers(n):
    def f(h, w):
        for _ in range(n):
            h = np.maximum(h @ w, 0)
        return np.sum(h)

    return lambda: explained(f, np.ones((2, 2)), np.eye(2))


def softmaxes(n):
    def f(z):
        total = 0.0
        for _ in range(n):
            e = np.exp(z)
            z = e / np.sum(e)
            total = total + np.sum(z * z)
        return total

    return lambda: explained(f, np.ones(3))


@pytest.mark.parametrize("of", [one_sum, named_sums, squares, used_by_all, layers, softmaxes])
def test_the_work_of_an_explanation_grows_with_its_operations(of):
    of(5)()  # what is looked up once
    few, many = calls(of(20)), calls(of(80))
    assert many < 4.2 * few


def test_the_collector_is_slowed_down_for_a_trace_and_no_longer():
    before = gc.get_threshold()
    during = []

    def nested(x):
        during.append(gc.get_threshold())
        return cr.grad(lambda y: y * y)(x) * x

    cr.grad(nested)(2.0)
    assert during[0][0] > before[0]
    assert gc.get_threshold() == before
    with pytest.raises(KeyError):
        cr.grad(lambda x: {}["missing"])(1.0)
    assert gc.get_threshold() == before


def test_a_collector_that_is_switched_off_or_set_by_the_function_is_left_alone():
    before = gc.get_threshold()
    try:
        gc.set_threshold(0)
        cr.grad(lambda x: x * x)(2.0)
        assert gc.get_threshold()[0] == 0
        gc.set_threshold(*before)

        def sets(x):
            gc.set_threshold(1234, 5, 6)
            return x * x

        cr.grad(sets)(2.0)
        assert gc.get_threshold() == (1234, 5, 6)
    finally:
        gc.set_threshold(*before)


def test_products_of_windows_are_summed_in_parts(monkeypatch):
    rng = np.random.default_rng(3)
    images, filters = rng.normal(size=(5, 3, 9, 9)), rng.normal(size=(3, 4, 3, 3))

    def convolved(images, filters):
        windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), (2, 3))
        return np.sum(np.tensordot(windows, filters, ((1, 4, 5), (0, 2, 3))) ** 2)

    whole = cr.grad(convolved, (0, 1))(images, filters)
    seen = []
    product = products.TENSORDOT

    def counted(*operands, **params):
        seen.append(np.shape(operands[0]))
        return product(*operands, **params)

    monkeypatch.setattr(products, "_PART", 4000)
    monkeypatch.setattr(products, "TENSORDOT", counted)
    for got, expected in zip(cr.grad(convolved, (0, 1))(images, filters), whole, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert len([shape for shape in seen if shape[0] == 1]) == len(images)
