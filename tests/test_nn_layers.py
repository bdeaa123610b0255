"""Layers: what they compute, what they keep, what they refuse."""

import inspect
import json
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError
from chainrule.nn.activations import Activation
from chainrule.nn.configs import MAKERS, from_config
from chainrule.nn.layers import Normalisation

EXAMPLES = [
    nn.Dense(3),
    nn.Dense(3, bias=False, init="orthogonal"),
    nn.ReLU(),
    nn.LeakyReLU(0.2),
    nn.ELU(alpha=0.5),
    nn.GELU(approximate=True),
    nn.SiLU(),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Softmax(),
    nn.Dropout(0.25),
    nn.LayerNorm(eps=1e-3),
    nn.BatchNorm(momentum=0.3),
    nn.Flatten(),
]
RNG = np.random.default_rng


def built(layer, shape, dtype=float):
    return layer.parameters(RNG(0), shape, dtype), layer.state(shape, dtype)


def test_every_layer_has_an_example():
    made = (m for m in MAKERS.values() if m.__module__.startswith("chainrule."))
    layers = {m for m in made if isinstance(m, type) and issubclass(m, nn.Layer)}
    assert {type(layer) for layer in EXAMPLES} == layers - {Activation, Normalisation}


@pytest.mark.parametrize("layer", EXAMPLES, ids=repr)
class TestEveryLayer:
    def test_is_made_again_of_its_config(self, layer):
        again = from_config(json.loads(json.dumps(layer.config())))
        assert type(again) is type(layer)
        assert again.config() == layer.config()
        assert eval(repr(layer), vars(nn)).config() == layer.config()
        assert pickle.loads(pickle.dumps(layer)).config() == layer.config()
        assert inspect.getdoc(layer)

    @pytest.mark.parametrize("context", [None, nn.Context(0, np.float32(3))])
    @pytest.mark.parametrize("shape", [(4,), (2, 4)])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_shapes_and_types(self, layer, shape, dtype, context):
        params, state = built(layer, shape, dtype)
        x = RNG(1).normal(size=(5, *shape)).astype(dtype)
        y, after = layer.apply(params, state, x, context)
        assert y.shape == (5, *layer.output_shape(shape))
        arrays = [y, *params.values(), *state.values(), *after.values()]
        assert {a.dtype for a in arrays} == {np.dtype(dtype)}
        assert {k: a.shape for k, a in after.items()} == {k: a.shape for k, a in state.items()}

    @pytest.mark.parametrize("context", [None, nn.Context(0, 3)])
    def test_gradients_are_differences(self, layer, context):
        params, state = built(layer, (4,))
        params = {k: w + RNG(2).normal(size=w.shape) for k, w in params.items()}
        x, shape = RNG(3).normal(size=(5, 4)), layer.output_shape((4,))
        weights = RNG(4).normal(size=(5, *shape))

        def total(params, x):
            return np.sum(layer.apply(params, state, x, context)[0] * weights)

        gradients = cr.grad(total, wrt=("params", "x"))(params, x)
        for name in (None, *params):
            e = RNG(5).normal(size=np.shape(x if name is None else params[name])) * 1e-6
            ways = []
            for sign in (1, -1):
                moved = {k: w + sign * e * (k == name) if k == name else w
                         for k, w in params.items()}  # fmt: skip
                ways.append(total(moved, x + sign * e if name is None else x))
            slope = np.sum((gradients[1] if name is None else gradients[0][name]) * e)
            assert slope == pytest.approx((ways[0] - ways[1]) / 2, rel=1e-6, abs=1e-12)


def test_activations_are_their_functions():
    x = RNG(0).normal(size=(3, 4))
    for layer in EXAMPLES:
        if isinstance(layer, Activation):
            options = {k: v for k, v in layer.config().items() if k != "name"}
            expected = type(layer).function(x, **options)
            np.testing.assert_array_equal(layer.apply({}, {}, x)[0], expected)
    assert str(inspect.signature(nn.LeakyReLU)) == "(slope: 'float' = 0.01)"


def test_dropout_keeps_the_mean_and_draws_for_each_step_and_layer():
    layer, x = nn.Dropout(0.3), np.ones((400, 50))
    y, _ = layer.apply({}, {}, x, nn.Context(0, 0))
    assert set(np.unique(y)) == {0, 1 / 0.7}
    deviation = np.sqrt(0.3 * 0.7 / x.size)
    assert np.mean(y == 0) == pytest.approx(0.3, abs=4 * deviation)
    kept = y != 0
    for other in (nn.Context(0, 1), nn.Context(1, 0), nn.Context(0, 0, 1)):
        other_kept = layer.apply({}, {}, x, other)[0] != 0
        both = np.mean(kept & other_kept)
        assert both == pytest.approx(0.49, abs=4 * np.sqrt(0.49 * 0.51 / x.size))
    np.testing.assert_array_equal(layer.apply({}, {}, x, nn.Context(0, 0))[0], y)
    assert layer.apply({}, {}, x)[0] is x
    assert nn.Dropout(0).apply({}, {}, x, nn.Context(0, 0))[0] is x


def test_what_is_dropped_carries_no_nan():
    layer, context = nn.Dropout(0.5), nn.Context(1, 0)
    x = np.ones((1, 6))
    dropped = layer.apply({}, {}, x, context)[0] == 0
    assert dropped.any()
    y, _ = layer.apply({}, {}, np.where(dropped, np.nan, x), context)
    assert np.isfinite(y).all()


def test_batch_norm_comes_to_the_moments_of_the_data():
    layer = nn.BatchNorm()
    params, state = built(layer, (2,))
    r = RNG(0)
    for _ in range(400):
        x = r.normal([3.0, -1.0], [2.0, 0.5], size=(64, 2))
        y, state = layer.apply(params, state, x, nn.Context(0, 0))
        np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-3)
    np.testing.assert_allclose(state["mean"], [3, -1], atol=0.2)
    np.testing.assert_allclose(state["var"], [4, 0.25], rtol=0.1)
    y, same = layer.apply(params, state, x)
    assert same is state
    np.testing.assert_allclose(y * np.sqrt(state["var"] + 1e-5) + state["mean"], x)


def test_batch_norm_of_one_sample():
    layer = nn.BatchNorm()
    params, state = built(layer, (2,))
    y, after = layer.apply(params, state, np.array([[3.0, -1.0]]), nn.Context(0, 0))
    np.testing.assert_array_equal(y, 0)
    np.testing.assert_allclose(after["mean"], [0.3, -0.1])
    np.testing.assert_allclose(after["var"], 0.9)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.Dense(0), r"Dense\(units=0.*whole number from 1"),
        (lambda: nn.Dense(2.0), "whole number from 1"),
        (lambda: nn.Dense(True), "whole number from 1"),
        (lambda: nn.Dense(2, 1), "bias: True or False"),
        (lambda: nn.Dense(2, bias="False"), "bias: True or False"),
        (lambda: nn.Dense(2, 64), "how many inputs there are is seen from the data"),
        (lambda: nn.Dense(2, init="best"), "no initialiser 'best'"),
        (lambda: nn.Dropout(1.0), r"Dropout\(rate=1.0\).*from 0, below 1"),
        (lambda: nn.Dropout(-0.1), "from 0, below 1"),
        (lambda: nn.BatchNorm(momentum=2), "momentum: from 0 to 1"),
        (lambda: nn.BatchNorm(eps=0), "eps: a positive number"),
        (lambda: nn.LayerNorm(eps=-1), "eps: a positive number"),
        (lambda: nn.Dense(2).output_shape(()), "one axis or more"),
        (lambda: nn.LayerNorm().parameters(RNG(0), (), float), "one axis or more"),
        (lambda: from_config({"name": "Dens", "units": 3}), "does not have.*'Dens'"),
        (lambda: from_config({"name": "Dense", "width": 3}), "other arguments than Dense takes"),
        (
            lambda: nn.Dense(2).apply({"W": np.ones((3, 2))}, {}, np.ones((5, 4))),
            r"(?s)Dense\(units=2.*3 features.*shape \(5, 4\)",
        ),
        (lambda: nn.Dense(2).apply({"W": np.ones((3, 2))}, {}, np.ones(3)), r"shape \(3,\)"),
    ],
)
def test_refused(make, says):
    with pytest.raises(ArgumentError, match=f"(?s){says}"):
        make()


def test_activations_refuse_what_is_no_option_of_theirs():
    with pytest.raises(TypeError, match="slope"):
        nn.ReLU(slope=0.1)


def test_a_layer_of_a_users_own_is_found():
    class Doubled(nn.Layer):
        def apply(self, params, state, x, context=None):
            return 2 * x, state

    try:
        assert isinstance(from_config({"name": "Doubled"}), Doubled)
        assert Doubled().config() == {"name": "Doubled"}
        np.testing.assert_array_equal(Doubled().apply({}, {}, np.ones(2))[0], 2)
    finally:
        del MAKERS["Doubled"]


def test_a_layer_of_a_users_own_has_a_name_of_its_own_and_keeps_its_arguments():
    with pytest.raises(ArgumentError, match=r"'Dense' already, in chainrule\.nn\.layers"):
        type("Dense", (nn.Layer,), {"__module__": "mine"})
    assert MAKERS["Dense"] is nn.Dense

    class Power(nn.Layer):
        def __init__(self, exponent):
            self.e = exponent

    try:
        with pytest.raises(ArgumentError, match=r"self\.exponent = exponent"):
            Power(2).config()
    finally:
        del MAKERS["Power"]
