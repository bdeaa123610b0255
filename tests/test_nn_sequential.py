"""Layers one after another: built, applied, compiled, explained."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError


def network():
    return nn.Sequential(
        nn.Dense(6, bias=False),
        nn.BatchNorm(),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Dense(5, init="glorot"),
        nn.LayerNorm(),
        nn.SiLU(),
        nn.Dropout(0.25),
        nn.Dense(3),
    )


def test_names_shapes_and_order():
    model = network()
    assert list(model.layers) == ["dense1", "batchnorm1", "relu1", "dropout1", "dense2",
                                  "layernorm1", "silu1", "dropout2", "dense3"]  # fmt: skip
    params, state = model.build((4,))
    assert list(params) == ["dense1", "batchnorm1", "dense2", "layernorm1", "dense3"]
    assert {k: w.shape for k, w in params["dense2"].items()} == {"W": (6, 5), "b": (5,)}
    assert list(params["dense1"]) == ["W"]
    assert list(state) == ["batchnorm1"]
    assert model.shapes((4,))["dropout1"] == (6,)
    assert {w.dtype for p in params.values() for w in p.values()} == {np.dtype(np.float32)}


def test_a_seed_decides():
    one, same, other = (network().build((4,), seed=s)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(one["dense3"]["W"], same["dense3"]["W"])
    assert np.abs(one["dense3"]["W"] - other["dense3"]["W"]).max() > 0.1
    double, _ = network().build((4,), seed=1, dtype=np.float64)
    np.testing.assert_array_equal(one["dense1"]["W"], double["dense1"]["W"].astype(np.float32))


def test_made_again_of_its_config():
    model = network()
    again = nn.Sequential.from_config(json.loads(json.dumps(model.config())))
    assert repr(again) == repr(model)
    (one, _), (same, _) = model.build((4,)), again.build((4,))
    np.testing.assert_array_equal(one["dense3"]["W"], same["dense3"]["W"])


def test_layers_draw_numbers_of_their_own():
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))
    y, _ = model.apply({}, {}, np.ones((100, 100)), nn.Context(0, 0))
    assert np.mean(y != 0) == pytest.approx(0.25, abs=0.02)


def test_a_layer_that_does_not_fit_is_named():
    with pytest.raises(ArgumentError, match=r"dense1: .*takes samples of features"):
        nn.Sequential(nn.ReLU(), nn.Dense(3)).build(())
    params, state = nn.Sequential(nn.Dense(3)).build((2,))
    with pytest.raises(ArgumentError, match=r"(?s)Dense\(.*2 features.*\(1, 5\)"):
        nn.Sequential(nn.Dense(3)).apply(params, state, np.ones((1, 5)))
    with pytest.raises(ArgumentError, match="floating"):
        nn.Sequential(nn.Dense(3)).build((2,), dtype=int)
    with pytest.raises(ArgumentError, match=r"(?s)made of layers.*ReLU\(\.\.\.\)"):
        nn.Sequential(nn.Dense(3), nn.ReLU)


def step(carry, X, y):
    model, seed = network(), 7

    def loss(params):
        context = nn.Context(seed, carry["step"])
        logits, state = model.apply(params, carry["state"], X, context)
        p = nn.functional.log_softmax(logits)
        return -np.mean(p[np.arange(len(y)), y]), state

    value, gradients = cr.value_and_grad(lambda params: loss(params)[0])(carry["params"])
    params = {
        name: {k: w - 0.1 * gradients[name][k] for k, w in arrays.items()}
        for name, arrays in carry["params"].items()
    }
    state = loss(carry["params"])[1]
    return {"params": params, "state": state, "step": carry["step"] + 1}, {"loss": value}


def assert_same(got, expected):
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    else:
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("executor", ["numpy", "numba", "jax"])
def test_training_steps_by_every_executor(executor):
    if executor != "numpy":
        pytest.importorskip(executor)
    r = np.random.default_rng(0)
    X = r.normal(size=(44, 4)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)
    params, state = network().build((4,), seed=3)
    carry = {"params": params, "state": state, "step": np.zeros((), np.float32)}
    expected, losses = carry, []
    for _ in range(3):
        for start in range(0, 44, 16):  # the last minibatch is smaller
            expected, report = step(expected, X[start : start + 16], y[start : start + 16])
            losses.append(report["loss"])
    run, got, reports = cr.epoch(step, executor), carry, []
    for _ in range(3):
        got, report = run(got, (X, y), batch_size=16)
        reports += list(report["loss"])
    np.testing.assert_allclose(reports, losses, rtol=1e-4)
    assert_same(got, expected)
    assert run.report().executor == executor


@pytest.mark.parametrize("executor", ["numpy", "numba", "jax"])
def test_prediction_for_any_number_of_samples(executor):
    if executor != "numpy":
        pytest.importorskip(executor)
    model = network()
    params, state = model.build((4,), seed=3)
    predict = cr.compile(lambda params, x: model.apply(params, state, x)[0], executor)
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    for rows in (x, x[:2], x[:1]):
        expected, _ = model.apply(params, state, rows)
        np.testing.assert_allclose(predict(params, rows), expected, rtol=1e-4, atol=1e-5)
    assert predict.report().executor == executor


def test_an_explanation_speaks_of_the_layers():
    model = nn.Sequential(nn.Dense(3), nn.ReLU(), nn.Dropout(0.5), nn.Dense(2))
    params, state = model.build((2,), seed=0, dtype=np.float64)

    def loss(params, x, label):
        logits, _ = model.apply(params, state, x)
        p = nn.functional.log_softmax(logits)
        return -p[0, label]

    s = cr.explain(loss, params, np.array([[1.0, -2.0]]), 1, wrt="params")
    text = s.text()
    for line in (
        "dense1 = t1 + params['dense1']['b']",
        "relu1 = max(dense1, 0)",
        "p = log_softmax(dense2)",
        "d dense1 = d relu1 · ∂relu1/∂dense1",
        "d params['dense2']['W'] = relu1.T @",
    ):
        assert line in text
    expected = cr.grad(loss)(params, np.array([[1.0, -2.0]]), 1)
    np.testing.assert_allclose(s.grads["params"]["dense1"]["W"], expected["dense1"]["W"])
    assert "relu1 = np.maximum(dense1, 0)" in s.code("numpy")


def test_a_single_sample_is_told_from_a_batch():
    model = nn.Sequential(nn.Dense(2))
    model.initialise((3,))
    with pytest.raises(ShapeError, match=r"x\[None\], where x is a single sample"):
        model.explain(np.ones(3), np.ones(2), loss="mse")
    with pytest.raises(ShapeError, match="initialise"):
        model.explain(np.ones((2, 4)), np.ones((2, 2)), loss="mse")


def test_targets_that_are_words_are_shown_as_words():
    model = nn.Sequential(nn.Dense(2))
    with pytest.raises(ArgumentError, match=r"y\[0\] is 'a'"):
        model.fit(np.ones((2, 3)), np.array(["a", "b"]), loss="cross_entropy", epochs=1)
