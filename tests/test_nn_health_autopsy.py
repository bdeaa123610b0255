"""Trainings that fail, each in its own way, and what the autopsy says of them."""

import json
import linecache

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import NonFiniteError
from chainrule.nn.function_model import FunctionModel
from chainrule.nn.health import TrainingDivergedError, autopsy, diverged_error, failed_step
from chainrule.nn.training.trainer import Objective, Trainer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 5)).astype(np.float32)
LABELS = RNG.integers(0, 3, 96)
TARGETS = X @ np.ones((5, 1), np.float32)
D = nn.Dense


def failed(model, x, y, loss, optimizer, epochs=20, metrics=None, dtype=np.float32, **options):
    """Train with compiled epochs until one fails; return the error that `fit` is to raise."""
    model.initialise(x.shape[1:], seed=1, dtype=dtype)
    function = nn.LOSSES[loss] if isinstance(loss, str) else loss
    objective = Objective(model, function, metrics or {}, **options)
    trainer = Trainer(objective, optimizer, executor="numpy")
    carry, order = trainer.start(model.params, model.state), RNG.permutation(len(x))
    for epoch in range(epochs):
        try:
            carry, _ = trainer.run(carry, (x, y), order, 32)
        except NonFiniteError as error:
            return failed_step(
                error, model, objective, optimizer, (x, y), order, 32, epoch=epoch,
                start=model.params,
            )  # fmt: skip
    raise AssertionError("nothing failed")


def line_of(where):
    return linecache.getline(where.file, where.line).strip()


# -- forward ---------------------------------------------------------------------------


def test_a_learning_rate_of_a_million():
    model = nn.Sequential(D(8), nn.ReLU(), D(1))
    error = failed(model, X, TARGETS, "mse", nn.SGD(1e6))
    found = error.autopsy
    assert isinstance(error, TrainingDivergedError)
    assert isinstance(error, NonFiniteError)
    assert (error.epoch, error.batch) == (0, 2)
    assert found.phase == "forward"
    assert found.cause.kind == "learning_rate"
    assert "in 2 steps" in found.cause.text
    assert "100000 instead of 1e+06" in found.cause.remedy
    assert found.where.file.endswith(("layers.py", "losses.py"))
    for now, start in found.weights.values():
        assert now > 1e6 * start
    # The last good weights are those before the step: finite, if large.
    assert all(np.isfinite(a).all() for layer in error.params.values() for a in layer.values())
    assert "A NaN or an infinity arose in epoch 1, batch 3, in the forward pass: " in str(error)
    assert any(".autopsy" in note for note in error.__notes__)


def own_cross_entropy(z, y):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    q = e / np.sum(e, axis=1, keepdims=True)
    logq = np.log(q)
    onehot = (y[:, None] == np.arange(3)).astype(np.float32)
    return -np.mean(np.sum(onehot * logq, axis=1))


def test_a_logarithm_of_a_softmax_that_was_rounded_to_zero():
    found = failed(nn.Sequential(D(8), nn.ReLU(), D(3)), 100 * X, LABELS, own_cross_entropy,
                   nn.SGD(0.1)).autopsy  # fmt: skip
    assert (found.phase, found.layer, found.operation, found.name) == (
        "forward", "loss", "log", "logq",
    )  # fmt: skip
    assert found.product == "log(0) = -∞"
    assert "0 · (-∞) = NaN" in found.then
    assert line_of(found.where) == "logq = np.log(q)"
    assert found.cause.kind == "log_of_zero"
    assert 'loss="cross_entropy"' in found.cause.remedy
    assert found.sample.alone
    row = found.sample.row
    assert found.sample.values == tuple(map(float, 100 * X[row]))
    assert found.sample.target == (LABELS[row],)


class Steep(nn.Layer):
    def apply(self, params, state, x, context=None):
        e = np.exp(50 * x)
        return e, state


def test_an_exponential_in_a_layer_of_the_users_own():
    found = failed(nn.Sequential(D(8), Steep(), D(1)), X, TARGETS, "mse", nn.SGD(1e-3)).autopsy
    assert (found.layer, found.operation, found.name) == ("steep1", "exp", "e")
    assert line_of(found.where) == "e = np.exp(50 * x)"
    assert found.numbers["multiply"] > 88.7
    assert found.product == f"exp({found.numbers['multiply']:.4g}) = ∞"
    assert found.cause.kind == "overflow"
    assert "float32" in found.cause.text


class Standard(nn.Layer):
    def apply(self, params, state, x, context=None):
        centred = x - np.mean(x, axis=0)
        return centred / np.sqrt(np.mean(centred**2, axis=0)), state


def test_a_division_by_the_spread_of_a_constant_column():
    x = X.copy()
    x[:, 2] = 3
    found = failed(nn.Sequential(Standard(), D(1)), x, TARGETS, "mse", nn.SGD(0.1)).autopsy
    assert (found.layer, found.operation, found.product) == ("standard1", "divide", "0 / 0 = NaN")
    assert found.cause.kind == "division_by_zero"
    assert "spread" in found.cause.text


def test_a_bad_row_is_named_by_its_number_in_the_data():
    x = X.copy()
    x[41, 3] = 1e30
    found = failed(nn.Sequential(D(8), nn.ReLU(), D(1)), x, TARGETS, "mse", nn.SGD(1e-9)).autopsy
    assert found.sample.row == 41
    assert found.sample.alone
    assert found.cause.kind == "outlier"
    assert "Row 41 is out of the ordinary: 1e+30 in column 3" in found.cause.text


def test_data_that_hold_an_infinity():
    for value, said in ((np.inf, "an infinity"), (np.nan, "a NaN")):
        x = X.copy()
        x[17, 2] = value
        found = failed(nn.Sequential(D(1)), x, TARGETS, "mse", nn.SGD(0.1)).autopsy
        assert (found.phase, found.layer, found.cause.kind) == ("data", "x", "data")
        assert found.cause.text == f"x holds {said}: row 17, column 2."
    y = TARGETS.copy()
    y[5] = np.inf
    found = failed(nn.Sequential(D(1)), X, y, "mse", nn.SGD(0.1)).autopsy
    assert found.cause.text == "y holds an infinity: row 5, column 0."


def test_weights_of_samples_take_part():
    model = nn.Sequential(D(1))
    model.initialise((5,))
    weights = np.ones(96, np.float32)
    weights[3] = np.inf
    found = autopsy(model, model.params, {}, None, X, TARGETS, "mse", weights=weights)
    assert found.cause.text == "weights hold an infinity: row 3 of the minibatch."
    found = autopsy(model, model.params, {}, None, X, TARGETS, "mse", weights=np.zeros(96))
    assert found.product == "0 / 0 = NaN"


def test_numbers_too_large_for_single_precision():
    model = nn.Sequential(D(1))
    model.initialise((5,))
    x = X[:4].astype(float)
    x[2, 1] = 1e200
    found = autopsy(model, model.params, {}, None, x, TARGETS[:4], "mse")
    assert "x is too large for float32: 1e+200 in row 2 of the minibatch, column 1" in str(found)


def test_an_infinity_that_a_mask_takes_care_of_is_not_to_blame():
    def net(p, x):
        hidden = np.log(np.maximum(x, 0))  # -∞ where x is negative, and left out below
        chosen = np.where(x > 0, hidden, 0)
        return np.exp(p["a"] * (chosen @ p["w"]))

    model = FunctionModel(net, {"a": np.array(1e4), "w": np.ones((5, 1))})
    found = autopsy(model, model.params, {}, None, X.astype(float), TARGETS, "mse")
    assert found.operation == "exp"
    assert found.numbers


def test_a_row_that_is_masked_altogether():
    def net(p, x):
        z = x @ p["w"] + np.where(x[:, :1] > -9, 0, -np.inf)
        shifted = z - np.max(z, axis=1, keepdims=True)
        return shifted

    model = FunctionModel(net, {"w": np.ones((5, 3))})
    x = X.astype(float)
    x[30, 0] = -10
    found = autopsy(model, model.params, {}, None, x, LABELS, "cross_entropy")
    assert (found.operation, found.name) == ("subtract", "shifted")
    assert found.product == "-∞ - (-∞) = NaN"
    assert found.sample.row == 30


def test_weights_that_have_hardly_grown_are_not_to_blame():
    model = nn.Sequential(D(3))
    model.initialise((5,))
    start = {"dense1": {k: w / 4 for k, w in model.params["dense1"].items()}}
    found = autopsy(
        model, model.params, {}, None, 1000 * X, LABELS, own_cross_entropy, start=start, steps=9
    )
    assert [cause.kind for cause in found.causes] == ["log_of_zero", "not_scaled"]


def test_a_row_far_larger_than_the_others_is_told_besides():
    x = 0.01 * X
    x[8] = [0, 0, 40, 0, 0]
    model = nn.Sequential(Steep(), D(1))
    found = failed(model, x, TARGETS, "mse", nn.SGD(1e-3)).autopsy
    assert [cause.kind for cause in found.causes] == ["overflow", "outlier"]
    assert "Row 8 is out of the ordinary: 40 in column 2" in found.causes[1].text


# -- backward and update ---------------------------------------------------------------


def test_an_infinite_slope_times_zero():
    def distance(p, y):
        return np.mean(np.sqrt(np.square(np.max(p) - p)))

    found = failed(nn.Sequential(D(4), nn.ReLU(), D(1)), X, TARGETS, distance, nn.SGD(0.1)).autopsy
    assert (found.phase, found.layer, found.operation) == ("backward", "loss", "sqrt")
    assert found.product == "upstream · local = 0.03125 · ∞ = ∞, where sqrt is taken at 0"
    assert "∞ · 0 = NaN, where square is taken at 0" in found.then
    assert found.cause.kind == "slope"
    assert line_of(found.where) == "return np.mean(np.sqrt(np.square(np.max(p) - p)))"


def test_an_update_that_overflows():
    huge = np.float32(1e18) * TARGETS  # the squares of the gradients are beyond float32
    found = failed(nn.Sequential(D(1)), 30 * X, huge, "mse", nn.Adam(1.0)).autopsy
    assert (found.phase, found.layer, found.operation) == ("update", "dense1", "multiply")
    assert found.where.file.endswith("averages.py")
    assert found.cause.kind == "learning_rate"
    assert found.numbers["largest gradient"] > 1e18
    assert found.sample is None


def test_a_plain_loop_over_the_optimizer():
    """The same without compiled epochs: NumPy, a gradient and `optimizer.apply`."""
    model = nn.Sequential(D(6), nn.Tanh(), D(1))
    model.initialise((5,), seed=0, dtype=np.float64)
    optimizer = nn.SGD(1e30)
    params, slots = model.params, optimizer.init(model.params)
    x, y = X.astype(float), TARGETS.astype(float)
    with np.errstate(all="ignore"):
        for step in range(60):
            taken, before, slots_before = step, params, slots
            try:
                slopes = cr.grad(lambda p: nn.mse(model.apply(p, {}, x)[0], y))(params)
            except NonFiniteError:
                break
            params, slots = optimizer.apply(params, slopes, slots)
    found = autopsy(
        model, before, {}, None, x, y, "mse", optimizer=optimizer, slots=slots_before,
        start=model.params, steps=taken,
    )  # fmt: skip
    assert found.phase in ("forward", "backward")
    assert found.cause.kind == "learning_rate"
    assert f"in {taken} step" in found.cause.text


def test_a_metric_that_is_not_finite():
    def ratio(p, y):
        return np.mean(p) / np.mean(0 * y)

    error = failed(nn.Sequential(D(1)), X, TARGETS, "mse", nn.SGD(0.1), metrics={"ratio": ratio})
    assert (error.autopsy.phase, error.autopsy.layer) == ("metric", "ratio")
    assert "leave ratio out" in error.autopsy.cause.remedy


def test_a_penalty_takes_part():
    def penalty(params):
        return -np.log(np.sum(0 * params["dense1"]["W"] ** 2))

    found = failed(nn.Sequential(D(1)), X, TARGETS, "mse", nn.SGD(0.1), penalty=penalty).autopsy
    assert (found.phase, found.operation, found.product) == ("forward", "log", "log(0) = -∞")


def test_weights_that_were_not_finite_before():
    model = nn.Sequential(D(1))
    model.initialise((5,))
    model.params["dense1"]["b"][0] = np.nan
    found = autopsy(model, model.params, {}, None, X, TARGETS, "mse")
    assert (found.phase, found.layer, found.cause.kind) == ("weights", "dense1", "weights")


def test_a_step_that_is_finite_is_said_to_be():
    model = nn.Sequential(D(1))
    model.initialise((5,))
    found = autopsy(model, model.params, {}, None, X, TARGETS, "mse", optimizer=nn.SGD(0.1))
    assert found.phase == "unknown"
    assert "stays finite" in found.cause.text


def test_dropout_and_batch_norm_are_as_in_the_step():
    model = nn.Sequential(D(8), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.5), D(1))
    found = failed(model, X, TARGETS, "mse", nn.SGD(1e12)).autopsy
    assert found.cause.kind == "learning_rate"
    assert found.operation


# -- the report ------------------------------------------------------------------------


def test_the_report_reads_from_end_to_end():
    model = nn.Sequential(D(8), Steep(), D(1))
    error = failed(model, X, TARGETS, "mse", nn.SGD(1e-3))
    text = str(error.autopsy)
    for part in (
        "Autopsy: a number became infinite or NaN\n",
        "  when:      epoch 1, batch 1\n",
        "  where:     forward pass\n",
        "  layer:     steep1\n",
        "  operation: exp, called e\n",
        "e = np.exp(50 * x)",
        "  sample:    row ",
        "  weights:   dense1 up to ",
        "  cause:     exp(",
        "  remedies:  subtract the largest number first",
    ):
        assert part in text
    assert all(len(line) <= 100 for line in text.splitlines())
    written = json.loads(json.dumps(error.autopsy.to_dict()))
    assert written["operation"] == "exp"
    assert written["sample"]["row"] == error.autopsy.sample.row
    again = diverged_error(error.autopsy, error.params)
    assert str(again) == str(error)


def test_one_epoch_is_run_the_same_way_by_every_executor():
    pytest.importorskip("numba")
    model = nn.Sequential(D(4), nn.ReLU(), D(1))
    objective = Objective(model, nn.mse, {})
    found = []
    for executor in ("numpy", "numba"):
        model.initialise((5,), seed=1)
        optimizer = nn.SGD(1e6)
        trainer = Trainer(objective, optimizer, executor=executor)
        with pytest.raises(NonFiniteError) as caught:
            trainer.run(trainer.start(model.params, {}), (X, TARGETS), np.arange(96), 16)
        found.append(
            failed_step(
                caught.value, model, objective, optimizer, (X, TARGETS), np.arange(96), 16,
                epoch=0, first=10, start=model.params,
            ).autopsy
        )  # fmt: skip
        assert found[-1].batch == 10 + caught.value.step
    assert found[0].batch == found[1].batch
    assert found[0].operation == found[1].operation
    assert found[0].layer == found[1].layer
