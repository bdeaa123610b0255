"""``fit``: the same numbers as a loop in NumPy, and what its users rely on."""

import copy
import functools
import io
import pickle
import re
import sys
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import (
    ArgumentError,
    DtypeError,
    NonFiniteError,
    ShapeError,
    TrainingWarning,
)
from chainrule.nn.training import run as running
from chainrule.structure import leaves

X = np.random.default_rng(0).normal(size=(70, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)


def network():
    return nn.Sequential(
        nn.Dense(8, bias=False), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(3)
    )


def arrays(model):
    return [leaf for tree in (model.params, model.state) for _, leaf in leaves(tree)]


def assert_identical(one, other):
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_array_equal(a, b)


def by_hand(model, epochs, batch, optimizer, seed=0):
    """Train in plain NumPy; returns the mean loss of each epoch and the parameters."""
    x = X.astype(np.float32)
    params, state = model.build((4,), seed)
    slots, step, losses = optimizer.init(params), 0, []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch, 0]).permutation(len(x))
        total = 0.0
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            context = nn.Context(seed, np.array(step))

            def loss(params, rows=rows, context=context, state=state):
                prediction, _ = model.apply(params, state, x[rows], context)
                return nn.cross_entropy(prediction, Y[rows])

            value, gradients = cr.value_and_grad(loss)(params)
            _, state = model.apply(params, state, x[rows], context)
            params, slots = optimizer.apply(params, gradients, slots)
            total += float(value) * len(rows)
            step += 1
        losses.append(total / len(x))
    return losses, params


@pytest.mark.parametrize("executor", ["numpy", "numba", "jax"])
def test_the_numbers_of_a_loop_in_numpy(executor):
    if executor != "numpy":
        pytest.importorskip(executor)
    expected, params = by_hand(network(), 3, 16, nn.Adam(0.01))
    model = network()
    history = model.fit(
        X, Y, loss="cross_entropy", optimizer=nn.Adam(0.01), epochs=3, batch_size=16,
        executor=executor,
    )  # fmt: skip
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-4)
    for name, each in params.items():
        for key, array in each.items():
            np.testing.assert_allclose(model.params[name][key], array, rtol=2e-3, atol=1e-4)
    assert all(a.dtype == np.float32 for a in arrays(model))


def fitted(**options):
    model = network()
    options = {"loss": "cross_entropy", "epochs": 6, "batch_size": 10} | options
    history = model.fit(X, Y, **options)
    return model, history


def test_the_same_seed_gives_the_same_numbers():
    assert_identical(fitted()[0], fitted()[0])
    assert not np.array_equal(arrays(fitted()[0])[0], arrays(fitted(seed=1)[0])[0])


@pytest.mark.parametrize("batch_size", [10, 32, 70])
def test_several_epochs_at_once_are_as_one_after_another(batch_size, monkeypatch):
    together, history = fitted(batch_size=batch_size)
    watched, other = fitted(batch_size=batch_size, callbacks=[lambda run: None])
    assert_identical(together, watched)
    np.testing.assert_allclose(history["loss"], other["loss"], rtol=1e-12)
    # So are the parts of an epoch that takes long.
    monkeypatch.setattr(running, "_PART", 1e-9)
    parts, third = fitted(batch_size=batch_size, callbacks=[lambda run: None])
    assert_identical(together, parts)
    np.testing.assert_allclose(history["loss"], third["loss"], rtol=1e-12)


def test_validation_is_what_evaluate_says():
    seen = []

    def look(run):
        params, state = model.params, model.state
        model.params, model.state = run.params, run.state
        seen.append(model.evaluate(X[-14:], Y[-14:]))
        model.params, model.state = params, state

    model = network()
    history = model.fit(
        X, Y, loss="cross_entropy", epochs=3, validation_split=0.2, metrics=["accuracy"],
        callbacks=look,
    )  # fmt: skip
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(history[f"val_{name}"], [s[name] for s in seen], rtol=1e-5)
    apart = network()
    other = apart.fit(
        X[:56], Y[:56], loss="cross_entropy", epochs=3, validation_data=(X[56:], Y[56:]),
        metrics="accuracy",
    )  # fmt: skip
    assert dict(other) == dict(history)
    assert_identical(model, apart)


def test_early_stopping_keeps_the_best():
    r = np.random.default_rng(1)
    y = r.integers(0, 3, 70)  # nothing to be learned: validation becomes worse
    kept = {}

    def keep(run):
        kept[run.epoch] = run.params

    model = nn.Sequential(nn.Dense(32), nn.Tanh(), nn.Dense(3))
    history = model.fit(
        X, y, loss="cross_entropy", optimizer=nn.Adam(0.03), epochs=200, validation_split=0.3,
        early_stopping=nn.EarlyStopping(patience=4), callbacks=[keep],
    )  # fmt: skip
    best = int(np.argmin(history["val_loss"]))
    assert history.length == best + 5 < 200
    assert history.best_epoch == best
    assert "val_loss" in history.stopped
    np.testing.assert_array_equal(model.params["dense1"]["W"], kept[best]["dense1"]["W"])
    last = model.fit(
        X, y, loss="cross_entropy", epochs=200, validation_split=0.3, metrics="accuracy",
        early_stopping=nn.EarlyStopping("val_accuracy", patience=3, restore_best=False),
    )  # fmt: skip
    assert last.length == int(np.argmax(last["val_accuracy"])) + 4


def test_callbacks_see_the_run_and_can_end_it():
    seen = []

    class Own(nn.Callback):
        def on_start(self, run):
            seen.append("start")

        def on_epoch_end(self, run):
            seen.append((run.epoch, set(run.logs), run.history.length))
            if run.epoch == 2:
                run.stop("enough")
                run.warn("something odd")

        def on_end(self, run):
            seen.append("end")

    with pytest.warns(TrainingWarning, match="something odd"):
        _, history = fitted(callbacks=Own())
    assert seen == ["start", *[(k, {"loss", "learning_rate"}, k + 1) for k in range(3)], "end"]
    assert history.stopped == "enough"
    assert history.length == 3
    assert history.warnings == ["something odd"]


def test_an_interrupt_leaves_what_was_learned():
    after = []

    def interrupt(run):
        after.append(run.params)
        if run.epoch == 3:
            raise KeyboardInterrupt

    model = network()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, loss="cross_entropy", epochs=9, callbacks=interrupt)
    assert len(after) == 4
    np.testing.assert_array_equal(model.params["dense1"]["W"], after[-1]["dense1"]["W"])
    assert model.history.length == 4
    model.predict(X)


def test_numbers_that_are_not_finite_leave_the_last_good_parameters():
    after = []
    model = nn.Sequential(nn.Dense(8), nn.Dense(1))
    with pytest.raises(NonFiniteError):
        model.fit(
            X, X[:, 0], optimizer=nn.SGD(30.0), epochs=50, batch_size=35,
            callbacks=lambda run: after.append(run.params),
        )  # fmt: skip
    assert np.isfinite(model.params["dense1"]["W"]).all()
    if after:
        np.testing.assert_array_equal(model.params["dense1"]["W"], after[-1]["dense1"]["W"])


def test_weights_count_as_repeated_rows():
    weights = np.random.default_rng(2).integers(1, 4, 70)
    every = np.repeat(np.arange(70), weights)
    options = {"loss": "cross_entropy", "optimizer": nn.SGD(0.1), "epochs": 5, "dtype": float}
    model = nn.Sequential(nn.Dense(3))
    model.fit(X, Y, sample_weights=weights, batch_size=70, **options)
    repeated = nn.Sequential(nn.Dense(3))
    repeated.fit(X[every], Y[every], batch_size=len(every), **options)
    np.testing.assert_allclose(model.params["dense1"]["W"], repeated.params["dense1"]["W"])
    a = model.evaluate(X, Y, sample_weights=weights)
    assert a["loss"] == pytest.approx(repeated.evaluate(X[every], Y[every])["loss"])


def test_weights_of_classes_are_weights_of_samples():
    options = {"loss": "cross_entropy", "epochs": 2}
    one, other, third = network(), network(), network()
    one.fit(X, Y, class_weights={0: 2.0, 2: 0.5}, **options)
    other.fit(X, Y, sample_weights=np.array([2.0, 1.0, 0.5])[Y], **options)
    third.fit(X, Y, class_weights=[2.0, 1.0, 0.5], **options)
    assert_identical(one, other)
    assert_identical(one, third)
    balanced = network()
    balanced.fit(X, Y, class_weights="balanced", **options)
    counted = network()
    counted.fit(X, Y, sample_weights=(70 / (3 * np.bincount(Y)))[Y], **options)
    assert_identical(balanced, counted)


def test_a_penalty_is_added_to_the_loss():
    model = nn.Sequential(nn.Dense(3))
    history = model.fit(
        X, Y, loss="cross_entropy", penalty=lambda p: 0.5 * nn.l2(p), optimizer=nn.SGD(1e-9),
        batch_size=70,
    )  # fmt: skip
    plain = model.evaluate(X, Y)["loss"]
    assert history["loss"][0] == pytest.approx(plain + 0.5 * float(nn.l2(model.params)), rel=1e-5)


def test_a_loss_and_a_metric_of_ones_own():
    def fourth_power(prediction, target):
        return np.mean((prediction[:, 0] - target) ** 4)

    def worst(prediction, target):
        return np.max(np.abs(prediction[:, 0] - target))

    model = nn.Sequential(nn.Dense(1))
    history = model.fit(
        X, X[:, 0], loss=fourth_power, metrics=[worst, "mae"], optimizer=nn.Adam(0.05), epochs=50
    )
    assert history["loss"][-1] < history["loss"][0] / 20
    assert list(history) == ["loss", "worst", "mae", "learning_rate"]
    found = model.evaluate(X, X[:, 0])
    assert found["worst"] == pytest.approx(np.abs(model.predict(X)[:, 0] - X[:, 0]).max(), rel=1e-5)
    with pytest.raises(ArgumentError, match="takes no weights"):
        model.fit(X, X[:, 0], loss=fourth_power, sample_weights=np.ones(70))


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "hinge"])
def test_accuracy_is_by_sign_for_losses_by_sign(loss):
    y = (X[:, 0] > 0).astype(int)
    target = y if loss == "binary_cross_entropy" else 2 * y - 1
    model = nn.Sequential(nn.Dense(1))
    history = model.fit(X, target, loss=loss, metrics="accuracy", optimizer=nn.Adam(0.1), epochs=60)
    assert history["accuracy"][-1] > 0.95
    share = np.mean((model.predict(X)[:, 0] > 0) == y)
    assert model.evaluate(X, target)["accuracy"] == pytest.approx(share)


def test_options_of_a_loss():
    smooth = functools.partial(nn.cross_entropy, label_smoothing=0.1)
    model = network()
    history = model.fit(X, Y, loss=smooth, epochs=1)
    assert history["loss"][0] > 0
    with pytest.raises(ArgumentError, match="out of range"):
        model.fit(X, Y + 1, loss=smooth)


# -- data ------------------------------------------------------------------------------


def test_data_in_parts_as_a_generator_function():
    def parts():
        for start in range(0, 70, 20):
            yield X[start : start + 20], Y[start : start + 20]

    model = network()
    history = model.fit(parts, loss="cross_entropy", epochs=4, batch_size=8, metrics="accuracy")
    assert history.length == 4
    listed = network()
    listed.fit(list(parts()), loss="cross_entropy", epochs=4, batch_size=8, metrics="accuracy")
    assert_identical(model, listed)
    with pytest.raises(ArgumentError, match="gives its parts once") as refused:
        network().fit(parts(), loss="cross_entropy", epochs=2)
    assert "without calling it" in refused.value.instead
    with pytest.raises(ArgumentError, match="not a tuple of x and y"):
        network().fit(lambda: iter([X]), loss="cross_entropy")
    with pytest.raises(ArgumentError, match="part"):
        network().fit(lambda: iter([]), loss="cross_entropy")


def test_memory_mapped_arrays_are_as_arrays(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    x, y = (np.load(tmp_path / name, mmap_mode="r") for name in ("x.npy", "y.npy"))
    model = network()
    model.fit(x, y, loss="cross_entropy", epochs=2)
    assert_identical(model, fitted(epochs=2, batch_size=None)[0])
    np.testing.assert_array_equal(model.predict(x), model.predict(X))


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    columns = {f"x{k}": X[:, k] for k in range(4)} | {"kind": Y}
    pq.write_table(pa.table(columns), tmp_path / "d.parquet")
    data = nn.Parquet(tmp_path / "d.parquet", target="kind", rows=25)
    model = network()
    model.fit(data, loss="cross_entropy", epochs=2, batch_size=10)
    parts = network()
    parts.fit(
        lambda: ((X[k : k + 25], Y[k : k + 25]) for k in range(0, 70, 25)),
        loss="cross_entropy", epochs=2, batch_size=10,
    )  # fmt: skip
    assert_identical(model, parts)
    with pytest.raises(ArgumentError) as refused:
        nn.Parquet(tmp_path / "d.parquet", target="kid")
    assert refused.value.instead == "'kind'"
    with pytest.raises(ArgumentError, match="no file"):
        nn.Parquet(tmp_path / "e.parquet", target="kind")


def test_data_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = network()
    history = model.fit(frame, pd.Series(Y), loss="cross_entropy", epochs=6, batch_size=10)
    assert_identical(model, fitted()[0])
    table = history.frame()
    assert list(table.columns) == ["loss", "learning_rate"]
    assert len(table) == 6
    frame.loc[12, "c"] = np.nan
    with pytest.raises(ArgumentError, match=r"row 12, column c"):
        model.fit(frame, Y, loss="cross_entropy")
    frame = frame.astype(object)
    frame.loc[3, "b"] = "blue"
    with pytest.raises(DtypeError) as refused:
        model.fit(frame, Y, loss="cross_entropy")
    assert "'blue' in row 3 of column b" in refused.value.got


def test_single_precision_and_double():
    for dtype in (np.float32, np.float64):
        model, _ = fitted(dtype=dtype, epochs=1)
        assert all(a.dtype == dtype for a in arrays(model))
        assert model.predict(X).dtype == dtype


def test_partial_fit_goes_on_where_the_last_call_ended():
    parts = [(X[:30], Y[:30]), (X[30:50], Y[30:50]), (X[50:], Y[50:])]
    options = {"loss": "cross_entropy", "optimizer": nn.Adam(0.02), "batch_size": 10}
    model = network()
    for k, (x, y) in enumerate(parts):
        history = model.partial_fit(x, y, **(options if k == 0 else {}))
    assert history.length == 3
    # Orders follow from the number of the call: so does one epoch of each, carried over by hand.
    other = network()
    other.initialise((4,))
    step = 0
    slots = nn.Adam(0.02).init(other.params)
    for k, (x, y) in enumerate(parts):
        order = np.random.default_rng([0, k, 0]).permutation(len(x))
        for start in range(0, len(x), 10):
            rows = order[start : start + 10]
            context = nn.Context(0, np.array(step))

            def loss(params, x=x, y=y, rows=rows, context=context):
                given = x[rows].astype(np.float32)
                return nn.cross_entropy(
                    other.apply(params, other.state, given, context)[0], y[rows]
                )

            gradients = cr.grad(loss)(other.params)
            _, state = other.apply(other.params, other.state, x[rows].astype(np.float32), context)
            other.params, slots = nn.Adam(0.02).apply(other.params, gradients, slots)
            other.state, step = state, step + 1
    for a, b in zip(arrays(model), arrays(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-5)
    before = copy.deepcopy(arrays(model))
    with pytest.raises(ArgumentError, match="no argument 'epochs'"):
        model.partial_fit(X, Y, epochs=3)
    with pytest.raises(ShapeError):
        model.partial_fit(X[:, :2], Y)
    for a, b in zip(before, arrays(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.partial_fit(X, Y).length == 4
    assert model.fit(X, Y, loss="cross_entropy").length == 1
    assert model.partial_fit(X, Y, loss="cross_entropy").length == 1


# -- what does not fit -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"x": X[:0], "y": Y[:0]}, ArgumentError, "x is empty"),
        ({"x": 3.0}, ShapeError, "single number"),
        ({"y": Y[:60]}, ShapeError, "60 rows"),
        ({"y": Y + 5}, ArgumentError, "out of range"),
        ({"y": Y.astype(str)}, ArgumentError, "not numbers"),
        ({"y": None}, ArgumentError, "y is missing"),
        ({"x": np.where(X > 2, np.inf, X)}, ArgumentError, "an infinity: row"),
        ({"x": X.astype(str)}, DtypeError, "does not hold numbers"),
        ({"loss": "entropy"}, ArgumentError, "no loss 'entropy'"),
        ({"loss": 3}, ArgumentError, "name or a function"),
        ({"metrics": "precision"}, ArgumentError, "no metric 'precision'"),
        ({"optimizer": nn.Adam}, ArgumentError, r"nn.Adam\(\)"),
        ({"optimizer": "adam"}, ArgumentError, "no such optimizer"),
        ({"epochs": 0}, ArgumentError, "whole number from 1"),
        ({"epochs": 2.5}, ArgumentError, "whole number"),
        ({"batch_size": 0}, ArgumentError, "whole number"),
        ({"seed": -1}, ArgumentError, "whole number from 0"),
        ({"validation_split": 1.5}, ArgumentError, "between 0 and 1"),
        ({"validation_split": 0.001}, ArgumentError, "0 of 70"),
        ({"validation_data": X}, ArgumentError, "is a tuple"),
        ({"validation_data": (X[:, :2], Y)}, ShapeError, "validation data"),
        ({"validation_data": (X, Y), "validation_split": 0.1}, ArgumentError, "Both"),
        ({"callbacks": nn.EarlyStopping}, ArgumentError, "nn.Callback"),
        ({"callbacks": [3]}, ArgumentError, "nn.Callback"),
        ({"early_stopping": 5}, ArgumentError, "nn.EarlyStopping"),
        ({"early_stopping": True}, ArgumentError, "validation_split=0.1"),
        ({"verbose": 7}, ArgumentError, "verbose"),
        ({"executor": "cuda"}, ArgumentError, "cuda"),
        ({"class_weights": {7: 1.0}}, ArgumentError, "does not occur"),
        ({"class_weights": [1.0]}, ArgumentError, "3 numbers"),
        ({"sample_weights": -np.ones(70)}, ArgumentError, "negative"),
        ({"sample_weights": np.ones(3)}, ShapeError, "shape"),
        ({"penalty": 0.1}, ArgumentError, "function of the parameters"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, said):
    options = {"x": X, "y": Y, "loss": "cross_entropy", "epochs": 1} | options
    model = nn.Sequential(nn.Dense(8), nn.ReLU(), nn.Dense(3))
    with pytest.raises(error) as refused:
        model.fit(options.pop("x"), options.pop("y"), **options)
    assert re.search(said, str(refused.value)), str(refused.value)


def test_a_refused_fit_leaves_a_trained_model_as_it_was():
    model, history = fitted()
    before = copy.deepcopy(arrays(model))
    with pytest.raises(ShapeError) as refused:
        model.fit(X[:, :3], Y, loss="cross_entropy")
    assert "(n, 4)" in refused.value.expected
    with pytest.raises(ArgumentError):
        model.fit(X, Y + 3, loss="cross_entropy")
    assert model.history is history
    for a, b in zip(before, arrays(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_layer_that_does_not_fit_is_named():
    model = nn.Sequential(nn.Dense(3), nn.Flatten(), nn.Dense(3))
    with pytest.raises(ArgumentError, match="dense1"):
        model.fit(np.ones(5), np.ones(5))


def test_a_batch_larger_than_the_data():
    with pytest.warns(TrainingWarning, match="there are 70 rows"):
        model, _ = fitted(batch_size=100)
    assert_identical(model, fitted(batch_size=70)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network().fit(X[:5], Y[:5], loss="cross_entropy")


def test_before_there_are_parameters():
    model = network()
    for use in (lambda: model.predict(X), lambda: model.evaluate(X, Y, loss="mse")):
        with pytest.raises(ArgumentError, match="no parameters yet"):
            use()
    model.initialise((4,))
    assert model.predict(X).shape == (70, 3)
    with pytest.raises(ArgumentError, match="Which loss"):
        model.evaluate(X, Y)
    with pytest.raises(ShapeError):
        model.predict(X[:, :2])


# -- use -------------------------------------------------------------------------------


def test_predictions_in_blocks():
    model, _ = fitted()
    many = np.random.default_rng(3).normal(size=(9000, 4))
    whole, _ = model.apply(model.params, model.state, many.astype(np.float32))
    np.testing.assert_allclose(model.predict(many), whole, rtol=1e-5, atol=1e-6)


def test_an_explanation_has_readable_names():
    model, _ = fitted(dtype=float)
    s = model.explain(X[:3], Y[:3])

    def loss(params):
        return nn.cross_entropy(model.apply(params, model.state, X[:3])[0], Y[:3])

    expected = cr.grad(loss)(model.params)
    np.testing.assert_allclose(s.grads["dense1_W"], expected["dense1"]["W"], atol=1e-12)
    assert {"dense1_W", "batchnorm1_scale", "dense2_b"} <= set(s.grads)
    assert "d dense2_W = relu1.T @ " in s.text()
    assert "params" not in s.text()


@pytest.mark.parametrize("batch_size", [10, 32])
def test_health_looks_at_what_was_trained_on(batch_size):
    model, _ = fitted(batch_size=batch_size)
    own = model.health()
    given = model.health(X.astype(np.float32), Y, optimizer=nn.Adam())
    assert own.to_dict() == given.to_dict()
    with pytest.raises(ArgumentError, match="no rows to look at"):
        copy.deepcopy(model).health()


def test_models_are_copied_and_pickled():
    model, _ = fitted()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(model.predict(X), other.predict(X))
        other.fit(X, Y, loss="cross_entropy")
        assert model.history.length == 6


def test_a_plain_function_of_parameters():
    def curve(params, x):
        return params["scale"] * np.tanh(x[:, 0] * params["rate"]) + params["steps"][0]

    start = {"scale": np.array(1.0), "rate": np.array(1.0), "steps": [np.array(0.0)]}
    model = nn.FunctionModel(curve, start)
    x = np.linspace(-2, 2, 64)[:, None]
    y = 3 * np.tanh(0.7 * x[:, 0]) - 1
    history = model.fit(x, y, optimizer=nn.Adam(0.05), epochs=600, batch_size=64)
    assert history["loss"][-1] < 1e-4
    np.testing.assert_allclose(model.params["steps"][0], -1, atol=0.02)
    assert start["scale"] == 1.0
    s = model.explain(x[:2], y[:2])
    assert {"scale", "rate", "steps_0"} == set(s.grads)
    with pytest.raises(ShapeError):
        model.predict(np.ones((3, 2)))
    with pytest.raises(ArgumentError, match="row for each sample"):
        nn.FunctionModel(lambda p, x: np.sum(x) * p, np.ones(1)).fit(x, y)


# -- what is shown ---------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_a_bar_and_silence(monkeypatch, capsys):
    fitted(epochs=2, verbose=2)
    assert capsys.readouterr().err.startswith("epoch 1/2  loss ")
    fitted(epochs=2)
    fitted(epochs=2, verbose=0)
    assert capsys.readouterr() == ("", "")
    pytest.importorskip("rich")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    fitted(epochs=2, metrics="accuracy")
    shown = screen.getvalue()
    assert "epoch 2/2" in shown
    assert "accuracy 0." in shown
    assert "100 %" in shown


def test_a_plot_of_the_history():
    plt = pytest.importorskip("matplotlib.pyplot")
    _, history = fitted(validation_split=0.2, metrics="accuracy", early_stopping=True)
    axes = history.plot()
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy"]
    assert len(axes[0].lines) == 4  # training, validation, which epoch was kept, and where
    np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), history["loss"])
    plt.close("all")


@pytest.mark.parametrize(
    ("last", "loss", "told"),
    [
        ([nn.Dense(3), nn.Softmax()], "cross_entropy", "no Softmax at the end"),
        ([nn.Dense(1), nn.Sigmoid()], "binary_cross_entropy", "no Sigmoid at the end"),
    ],
)
def test_probabilities_where_logits_are_taken_are_warned_of_before_training(last, loss, told):
    """Such a loss cannot get low, and nothing else would say so."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 4)), rng.integers(0, 2, 40)
    with pytest.warns(TrainingWarning, match=told) as caught:
        history = nn.Sequential(nn.Dense(8), nn.ReLU(), *last).fit(x, y, loss=loss, epochs=3)
    assert len(caught) == 1
    assert [told in text for text in history.warnings] == [True]
    right = nn.Sequential(nn.Dense(8), nn.ReLU(), last[0]).fit(x, y, loss=loss, epochs=1)
    assert right.warnings == []
