"""What `health` finds in data, targets, the loss and running averages."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ArgumentError, TrainingWarning
from chainrule.nn.health import health
from chainrule.nn.health.inputs import guess

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
CE = {"loss": "cross_entropy", "optimizer": nn.Adam()}


def made(*layers, x=X):
    model = nn.Sequential(*layers)
    model.initialise(x.shape[1:], seed=0)
    return model


def test_columns_that_are_not_scaled_are_named_with_their_numbers():
    x = X.copy()
    x[:, 2] = 2000 + 5 * x[:, 2]
    x[:, 4] = 3
    x[:, 5] *= 1e-6
    found = health(made(nn.Dense(4), nn.Tanh(), nn.Dense(3)), x, LABELS, **CE)
    large, small = found.of("not_scaled")
    assert large.units == (2,)
    assert "column 2 (mean 2e+03, spread 5.07)" in large.text
    assert small.units == (5,)
    (constant,) = found.of("constant")
    assert constant.units == (4,)


def test_inputs_that_are_tiny_throughout():
    model = made(nn.Dense(4), nn.Tanh(), nn.Dense(3))
    (finding,) = health(model, 1e-3 * X, LABELS, **CE).of("not_scaled")
    assert "tiny: 0.00098 on average" in finding.text
    assert not health(model, 0.1 * X, LABELS, **CE).findings


def test_columns_of_a_data_frame_go_by_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": X[:, 0] * 1000, "size": X[:, 1]})
    model = made(nn.Dense(3), x=X[:, :2])
    assert "age (mean" in health(model, frame, LABELS, **CE).of("not_scaled")[0].text


def test_labels_out_of_range_are_a_finding_and_no_exception():
    found = health(made(nn.Dense(4), nn.Tanh(), nn.Dense(3)), X, LABELS + 1, **CE)
    (finding,) = found.of("targets")
    row = int(np.argmax(LABELS == 2))
    assert f"y[{row}] is 3" in finding.text
    assert finding.severity == "severe"
    assert found.loss is None
    assert found.layers["dense1"]["activation_std"] > 0
    assert "Gradients were not looked at" in str(found)


def test_rows_that_are_not_finite_are_named_and_left_out():
    x = X.copy()
    x[7, 3], x[9, 0] = np.nan, np.inf
    found = health(made(nn.Dense(4), nn.Tanh(), nn.Dense(3)), x, LABELS, **CE)
    (finding,) = found.of("not_finite")
    assert "x holds nan in row 7, column 3; 2 rows of 200" in finding.text
    assert (found.rows, finding.units) == (198, (7, 9))
    assert np.isfinite(found.loss)


def test_weights_that_are_not_finite_are_told():
    model = made(nn.Dense(4), nn.Tanh(), nn.Dense(3))
    model.params["dense2"]["W"][1, 1] = np.nan
    found = health(model, X, LABELS, **CE)
    assert {f.layer for f in found.of("not_finite")} == {"dense2", "loss"}


def test_rare_and_absent_classes():
    y = np.zeros(200, int)
    y[:2] = 1
    found = health(made(nn.Dense(3)), X, y, **CE)
    (imbalance,) = found.of("imbalance")
    assert imbalance.numbers["ratio"] == 99
    assert "99.0%" in imbalance.text
    assert found.of("absent_classes")[0].units == (2,)
    assert health(made(nn.Dense(3)), X, np.zeros(200, int), **CE).of("one_class")


def test_a_loss_worse_than_guessing():
    y = 1000 + X[:, :1]
    (finding,) = health(made(nn.Dense(1)), X, y, loss="mse").of("worse_than_guessing")
    assert finding.numbers["guess"] == pytest.approx(np.var(X[:, 0]), rel=1e-3)
    assert finding.numbers["loss"] > 9e5
    assert not health(made(nn.Dense(1)), X, X[:, :1], loss="mse").of("worse_than_guessing")


@pytest.mark.parametrize("name", list(nn.LOSSES))
def test_no_constant_is_better_than_the_guess(name):
    y = np.where(X[:, :1] > 0, 1.0, -1.0 if name == "hinge" else 0.0)
    k = 2 if name == "cross_entropy" else 1
    y = y[:, 0].astype(int) if name == "cross_entropy" else y
    value, _ = guess(name, np.zeros((200, k)), y)
    best = min(
        nn.LOSSES[name](np.full((200, k), c) * np.arange(1, k + 1), y)
        for c in np.linspace(-2, 2, 41)
    )
    # Labels come about half and half, so that knowing their shares is worth little.
    assert 0.85 * value < best < 1.01 * value
    assert guess(lambda p, t: 0.0, np.zeros((2, 1)), y) is None


def test_running_averages_far_from_the_data():
    model = made(nn.Dense(4), nn.BatchNorm(), nn.ReLU(), nn.Dense(3))
    assert not health(model, X, LABELS, **CE).of("running_average")  # not trained yet
    variance = np.var(X @ model.params["dense1"]["W"], axis=0)
    model.state["batchnorm1"] = {"mean": np.ones(4, np.float32), "var": variance}
    assert not health(model, X, LABELS, **CE).of("running_average")
    model.state["batchnorm1"]["var"] = variance * np.array([1, 50, 1, 0.01], np.float32)
    (finding,) = health(model, X, LABELS, **CE).of("running_average")
    assert (finding.layer, finding.units) == ("batchnorm1", (1, 3))
    model.params["dense1"]["W"][:, 3] = 0  # a unit that always gives the same
    model.state["batchnorm1"]["var"] = variance * np.array([1, 1, 1, 1e-6], np.float32)
    assert not health(model, X, LABELS, **CE).of("running_average")


@pytest.mark.parametrize(
    ("layers", "loss", "least"),
    [
        ([nn.Dense(3), nn.Softmax()], "cross_entropy", np.log(np.e + 2) - 1),
        ([nn.Dense(1), nn.Sigmoid()], "binary_cross_entropy", np.log(1 + np.exp(-1))),
    ],
    ids=["softmax", "sigmoid"],
)
def test_probabilities_where_logits_are_taken(layers, loss, least):
    r = np.random.default_rng(0)
    x, y = r.normal(size=(60, 4)), r.integers(0, 2, 60)
    model = nn.Sequential(*layers)
    with pytest.warns(TrainingWarning, match="takes logits"):
        model.fit(x, y, loss=loss, epochs=2, verbose=0)
    found = [f for f in model.health(x, y).findings if f.kind == "not_logits"]
    assert len(found) == 1
    assert found[0].numbers["least"] == pytest.approx(least)
    assert type(layers[-1]).__name__ in found[0].remedy
    plain = nn.Sequential(*layers[:-1])
    plain.fit(x, y, loss=loss, epochs=2, verbose=0)
    assert not [f for f in plain.health(x, y).findings if f.kind == "not_logits"]
    perfect = np.eye(3)[y] if loss == "cross_entropy" else y[:, None].astype(float)
    assert nn.LOSSES[loss](perfect, y) >= least - 1e-9


@pytest.mark.parametrize("layers", [(), (nn.ReLU(),)])
def test_a_model_without_parameters_is_refused(layers):
    with pytest.raises(ArgumentError, match="no parameters: there is nothing to train"):
        nn.Sequential(*layers).fit(np.ones((4, 2)), np.ones((4, 2)), loss="mse", epochs=1)
