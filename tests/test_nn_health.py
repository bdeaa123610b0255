"""What `health` finds in models that are ill, and does not find in those that are well."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError
from chainrule.nn.function_model import FunctionModel
from chainrule.nn.health import health
from chainrule.nn.health.inputs import spread_rows
from chainrule.nn.health.probe import forward
from chainrule.nn.health.regions import regions

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
CE = {"loss": "cross_entropy", "optimizer": nn.Adam()}


def made(*layers, seed=0, x=X, dtype=np.float32):
    model = nn.Sequential(*layers)
    model.initialise(x.shape[1:], seed=seed, dtype=dtype)
    return model


def kinds(found):
    return {f.kind for f in found.findings}


class Shifted(nn.Layer):
    """A layer of the user's own that nothing is known of: weights, ReLU and all."""

    def parameters(self, rng, shape, dtype):
        b = np.zeros(5, dtype)
        b[[1, 3]] = -100
        return {"V": rng.normal(size=(shape[-1], 5)).astype(dtype), "b": b}

    def output_shape(self, shape):
        return (5,)

    def apply(self, params, state, x, context=None):
        z = x @ params["V"] + params["b"]
        h = z * (z > 0)
        return h, state


class Step(nn.Layer):
    def apply(self, params, state, x, context=None):
        return np.sign(x), state


# -- units -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer", [nn.ReLU(), nn.ELU(), nn.GELU(), nn.GELU(approximate=True), nn.SiLU(), nn.Softplus()]
)
def test_a_bias_of_minus_100_makes_units_dead_whatever_the_activation(layer):
    model = made(nn.Dense(8), layer, nn.Dense(3))
    model.params["dense1"]["b"][[2, 5]] = -100
    (finding,) = health(model, X, LABELS, **CE).of("dead")
    name = type(layer).__name__.lower() + "1"
    assert finding.layer == name
    assert finding.units == (2, 5)
    assert finding.numbers == {"dead": 2, "units": 8}
    assert f"dense1: 2 of 8 units of {name} are dead on all 200 rows (units 2, 5)" in finding.text
    assert "LeakyReLU" in finding.remedy


def test_a_leaky_relu_is_never_dead_and_a_linear_layer_neither():
    for layer in (nn.LeakyReLU(), nn.BatchNorm(), nn.LayerNorm()):
        model = made(nn.Dense(8), layer, nn.Dense(3))
        model.params["dense1"]["b"][[2, 5]] = -100
        assert not health(model, X, LABELS, **CE).of("dead")
        assert not health(model, X, LABELS, **CE).of("saturated")


@pytest.mark.parametrize(("layer", "name"), [(nn.Sigmoid(), "sigmoid1"), (nn.Tanh(), "tanh1")])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_sigmoid_of_inputs_of_1000_is_saturated_and_not_dead(layer, name, sign):
    model = made(nn.Dense(4), layer, nn.Dense(3))
    model.params["dense1"]["b"][1] = sign * 1000
    found = health(model, X, LABELS, **CE)
    (finding,) = found.of("saturated")
    assert (finding.layer, finding.units) == (name, (1,))
    assert not found.of("dead")
    assert found.layers[name]["saturated_share"] == 0.25


def test_every_unit_saturated_is_severe():
    model = made(nn.Dense(4), nn.Sigmoid(), nn.Dense(3))
    (finding,) = health(model, X * 1e5, LABELS, **CE).of("saturated")
    assert finding.severity == "severe"
    assert finding.units == (0, 1, 2, 3)


def test_units_in_the_middle_of_a_layer_of_the_users_own_are_found():
    found = health(made(Shifted(), nn.Dense(3)), X, LABELS, **CE)
    (finding,) = found.of("dead")
    assert (finding.layer, finding.units) == ("shifted1", (1, 3))


def test_a_step_function_lets_nothing_through():
    found = health(made(nn.Dense(4), Step(), nn.Dense(3)), X, LABELS, **CE)
    assert [f.layer for f in found.of("flat")] == ["step1"]
    assert [f.layer for f in found.of("no_gradient")] == ["dense1"]
    assert not found.ok


def test_dropout_on_few_rows_kills_no_unit():
    model = made(nn.Dense(30), nn.Tanh(), nn.Dropout(0.9), nn.Dense(3))
    assert not health(model, X[:8], LABELS[:8], **CE).of("dead")


def test_what_is_saturated_before_dropout_is_found_all_the_same():
    model = made(nn.Dense(4), nn.Tanh(), nn.Dropout(0.5), nn.Dense(3))
    model.params["dense1"]["b"][1] = 1000
    (finding,) = health(model, X, LABELS, **CE).of("saturated")
    assert (finding.layer, finding.units) == ("tanh1", (1,))


def test_a_result_that_is_spread_over_columns_is_where_a_function_begins():
    def net(p, x):
        spread = (x @ p["w"]) * np.array([1.0, 0.0, -1.0])
        h = np.maximum(spread, 0)
        return h

    model = FunctionModel(net, {"w": np.ones((6, 1))})
    (finding,) = health(model, X, LABELS, **CE).of("dead")
    assert (finding.layer, finding.units) == ("h", (1,))


def test_certain_predictions_of_a_last_sigmoid_are_a_note():
    model = made(nn.Dense(1), nn.Sigmoid())
    model.params["dense1"]["W"] *= 1e4
    (finding,) = health(model, X, X[:, :1], loss="mse").of("saturated")
    assert finding.severity == "note"
    assert "takes logits" in finding.remedy


def test_a_function_of_parameters_is_looked_at_by_its_lines():
    def net(p, x):
        hidden = np.maximum(x @ p["first"]["W"] + p["first"]["b"], 0)
        squashed = 1 / (1 + np.exp(-(hidden @ p["V"] + 50)))
        return squashed @ p["U"]

    rng = np.random.default_rng(1)
    params = {
        "first": {"W": rng.normal(size=(6, 4)), "b": np.array([0, -99.0, 0, 0])},
        "V": 1e3 * rng.normal(size=(4, 3)),
        "U": rng.normal(size=(3, 3)),
    }
    found = health(FunctionModel(net, params), X, LABELS, **CE)
    assert [(f.layer, f.units) for f in found.of("dead")] == [("hidden", (1,))]
    assert [f.layer for f in found.of("saturated")] == ["squashed"]
    assert list(found.layers)[:3] == ["first", "V", "U"]
    assert found.layers["first"]["parameters"] == 28


def test_a_hand_written_softmax_and_normalisation_are_no_activations():
    def net(p, x):
        centred = x - np.mean(x, axis=1, keepdims=True)
        normal = centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + 1e-5)
        z = normal @ p["W"]
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    def likelihood(p, y):
        return -np.mean(np.log(p[np.arange(len(y)), y]))

    model = FunctionModel(net, {"W": 3 * np.random.default_rng(0).normal(size=(6, 3))})
    found = health(model, 1e4 * X, LABELS, loss=likelihood)
    assert not {"dead", "saturated", "flat"} & kinds(found)


def test_derivatives_of_a_region_are_those_of_the_whole():
    model = made(nn.Dense(5), nn.SiLU(), dtype=np.float64)
    x = X.astype(float)
    run = forward(model, model.params, model.state, x)
    (region,) = regions(run.nodes, len(x), run.prediction)
    z = x @ model.params["dense1"]["W"]
    s = 1 / (1 + np.exp(-z))
    assert np.allclose(region.slopes(region.start.value), s + z * s * (1 - s), rtol=1e-12)


def test_zero_initialisation_makes_units_the_same():
    model = made(nn.Dense(8, init="zeros"), nn.Tanh(), nn.Dense(3, init="zeros"))
    found = health(model, X, LABELS, **CE)
    (finding,) = found.of("identical")
    assert (finding.layer, finding.severity) == ("dense1", "severe")
    assert finding.units == tuple(range(8))
    # A last layer of zeros is harmless: its units have gradients of their own.
    assert not health(made(nn.Dense(8), nn.Tanh(), nn.Dense(3, init="zeros")), X, LABELS, **CE).of(
        "identical"
    )


def test_two_units_that_are_copies_are_named():
    model = made(nn.Dense(8), nn.Tanh(), nn.Dense(3))
    for a, axis in ((model.params["dense1"]["W"], 1), (model.params["dense2"]["W"], 0)):
        a.swapaxes(0, axis)[6] = a.swapaxes(0, axis)[2]
    (finding,) = health(model, X, LABELS, **CE).of("identical")
    assert finding.units == (2, 6)


def test_the_pass_is_that_of_training():
    model = made(nn.Dense(8), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.5), nn.Dense(3))
    context = nn.Context(seed=4, step=7)
    run = forward(model, model.params, model.state, X, context=context)
    expected, state = model.apply(model.params, model.state, X, context)
    assert np.array_equal(run.prediction.value, expected)
    assert np.array_equal(run.state["batchnorm1.var"].value, state["batchnorm1"]["var"])


# -- gradients -------------------------------------------------------------------------


def test_twenty_sigmoids_make_the_gradient_vanish():
    layers = [layer for _ in range(20) for layer in (nn.Dense(12), nn.Sigmoid())]
    found = health(made(*layers, nn.Dense(3)), X, LABELS, **CE)
    (finding,) = found.of("vanishing")
    assert finding.layer == "dense1"
    assert finding.severity == "severe"
    first, last = (found.layers[n]["result_gradient_norm"] for n in ("dense1", "dense21"))
    assert finding.numbers["ratio"] == pytest.approx(first / last)
    assert finding.numbers["ratio"] < 1e-6


def test_large_initial_weights_make_it_explode():
    model = made(*[layer for _ in range(8) for layer in (nn.Dense(12), nn.ReLU())], nn.Dense(3))
    for layer in model.params.values():
        layer["W"] *= 8
    found = health(model, X, LABELS, **CE)
    assert "dense1" in {f.layer for f in found.of("exploding")}
    assert found.of("worse_than_guessing")


def test_gradients_are_those_of_value_and_grad():
    model = made(nn.Dense(8), nn.Tanh(), nn.Dense(3), dtype=np.float64)
    found = health(model, X, LABELS, **CE)

    def loss(params):
        return nn.cross_entropy(model.apply(params, {}, X.astype(float))[0], LABELS)

    value, gradients = cr.value_and_grad(loss)(model.params)
    assert found.loss == pytest.approx(value)
    for name, layer in gradients.items():
        expected = np.sqrt(sum(np.sum(g**2) for g in layer.values()))
        assert found.layers[name]["gradient_norm"] == pytest.approx(expected)
        size = np.sqrt(sum(np.sum(w**2) for w in model.params[name].values()))
        assert found.layers[name]["weight_norm"] == pytest.approx(size)


def test_update_over_weights_is_that_of_one_step():
    model = made(nn.Dense(8), nn.Tanh(), nn.Dense(3), dtype=np.float64)
    found = health(model, X, LABELS, loss="cross_entropy", optimizer=nn.SGD(0.1))
    for layer in ("dense1", "dense2"):
        measures = found.layers[layer]
        ratio = 0.1 * measures["gradient_norm"] / measures["weight_norm"]
        assert measures["update_ratio"] == pytest.approx(ratio)
    assert found.ok
    too_large = health(model, X, LABELS, loss="cross_entropy", optimizer=nn.SGD(100.0))
    (finding,) = too_large.of("update_large")
    assert finding.numbers["ratio"] > 0.1
    usual = 100 * 0.003 / finding.numbers["ratio"]
    assert f"such as {usual:.0e} instead of 100" in finding.remedy
    (small,) = health(model, X, LABELS, loss="cross_entropy", optimizer=nn.SGD(1e-6)).of(
        "update_small"
    )
    assert small.severity == "note"


def test_nothing_is_changed_by_a_look():
    model = made(nn.Dense(8), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.5), nn.Dense(3))
    before = {k: {n: a.copy() for n, a in v.items()} for k, v in model.params.items()}
    state = model.state["batchnorm1"]["var"].copy()
    first, again = (health(model, X, LABELS, **CE) for _ in range(2))
    assert first.to_dict() == again.to_dict()
    assert all(
        np.array_equal(model.params[k][n], a) for k, v in before.items() for n, a in v.items()
    )
    assert np.array_equal(model.state["batchnorm1"]["var"], state)


# -- the report ------------------------------------------------------------------------


def test_the_report_reads_from_end_to_end():
    model = made(nn.Dense(4), nn.ReLU(), nn.Dense(3))
    model.params["dense1"]["b"][:3] = -100
    found = health(model, X, LABELS, **CE)
    text = str(found)
    assert text.startswith("Health on 200 rows; loss ")
    assert "severe:  dense1: 3 of 4 units of relu1 are dead" in text
    assert "remedies: a smaller learning rate" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    assert json.loads(json.dumps(found.to_dict()))["findings"][0]["units"] == [0, 1, 2]
    html = found._repr_html_()
    assert "<th>relu1</th>" in html
    assert "3 of 4 units" in html


def test_nothing_found_says_what_was_looked_at():
    found = health(made(nn.Dense(8), nn.Tanh(), nn.Dense(3)), X, LABELS, **CE)
    assert found.ok
    assert not found.findings
    assert "Nothing found.\n\nLooked at: NaN and infinities" in str(found)


def test_rows_are_sampled_evenly_and_said_to_be():
    x, y = np.tile(X, (10, 1)), np.tile(LABELS, 10)
    found = health(made(nn.Dense(3)), x, y, rows=100, **CE)
    assert (found.rows, found.every) == (100, 2000)
    assert "100 rows of 2,000, evenly spread" in str(found)
    assert spread_rows(2000, 3).tolist() == [0, 999, 1999]


def test_few_rows_and_no_targets_say_so():
    found = health(made(nn.Dense(4), nn.ReLU(), nn.Dense(3)), X[:2])
    assert "No targets given" in str(found)
    assert "from 8 rows on" in str(found)


def test_a_loss_of_the_users_own_that_fails_is_a_finding():
    def likelihood(p, y):
        return -np.mean(p[np.arange(len(y)), y])

    found = health(made(nn.Dense(4), nn.ReLU(), nn.Dense(3)), X, LABELS + 1, loss=likelihood)
    (finding,) = found.of("targets")
    assert "IndexError" in finding.text
    assert found.layers["relu1"]["dead_share"] is not None


def test_what_cannot_be_looked_at_is_refused():
    with pytest.raises(ArgumentError, match="no parameters yet"):
        health(nn.Sequential(nn.Dense(3)), X, LABELS, **CE)
    with pytest.raises(ArgumentError, match="no loss 'entropy'"):
        health(made(nn.Dense(3)), X, LABELS, loss="entropy")
    with pytest.raises(ArgumentError, match="nothing to look at"):
        health(made(nn.Dense(3)), X[:0], LABELS[:0], **CE)
