"""Watching a run: what curves and layers tell, and what the looking costs."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ArgumentError, TrainingWarning
from chainrule.nn.function_model import FunctionModel
from chainrule.nn.health import Watch
from chainrule.nn.health import watch as watching
from chainrule.nn.health.curves import diverging, overfitting, stuck
from chainrule.nn.health.watch import MEASURES, looked

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 6)).astype(np.float32)
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)


def watched(model, x, y, watch, **options):
    """Train, and return what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TrainingWarning)
        model.fit(x, y, callbacks=[watch], verbose=0, executor="numpy", **options)
    return [str(w.message) for w in caught if w.category is TrainingWarning]


# -- curves ----------------------------------------------------------------------------


def test_a_loss_that_rises_for_five_epochs_diverges():
    losses = [1.0, 0.5, 0.52, 0.55, 0.6, 0.7, 0.9]
    assert diverging(losses[:-1]) is None  # four rises so far
    finding = diverging(losses, rate=0.05)
    assert finding.text == "The loss rose from 0.5 to 0.9 in 5 epochs."
    assert finding.remedy.startswith("a learning rate of 0.005 instead of 0.05")


@pytest.mark.parametrize(
    "losses",
    [
        [],
        [1.0],
        [1.0, 2.9],  # a bad epoch, but not three times as bad
        [1.0, 0.5, 0.501, 0.502, 0.503, 0.504, 0.505],  # hardly
        [2.0, 1.0, 1.5, 0.9, 1.4, 0.8, 1.3, 0.7, 1.2],  # up and down
        [0.0, 0.0],
    ],
)
def test_what_is_no_divergence(losses):
    assert diverging(losses) is None


def test_the_third_seed_diverges_in_one_epoch():
    """Two inputs, two hidden units without activation, a rate of 0.05: 1.6 becomes 49."""

    def net(p, x):
        return x @ p["w0"] @ p["w1"]

    def half_square(p, y):
        return 0.5 * np.mean((p - y) ** 2)

    w0 = np.array([[0.21, 0.19], [0.56, 0.02]])
    model = FunctionModel(net, {"w0": w0, "w1": np.array([[0.23], [0.16]])})
    watch = Watch(stop=True)
    said = watched(
        model, np.array([[8.0, 12.0]]), np.array([[4.0]]), watch,
        loss=half_square, optimizer=nn.SGD(0.05), epochs=3,
    )  # fmt: skip
    losses = model.history["loss"]
    assert losses[:2] == pytest.approx([1.59561248, 49.24728928673461])
    assert said == [f"Epoch 2: {watch.findings[0]}"]
    assert "rose from 1.596 to 49.25 in 1 epoch. " in said[0]
    assert "a learning rate of 0.005 instead of 0.05" in said[0]
    assert len(losses) == 2  # stop=True
    assert model.history.stopped == watch.findings[0].text


def test_a_loss_that_is_not_a_number_diverges():
    assert "nan after 2 epochs" in diverging([1.0, float("nan")]).text


def test_a_loss_that_does_not_fall():
    assert stuck([2.3026 - 1e-5 * n for n in range(20)]).kind == "stuck"
    assert stuck([2.3026] * 19) is None
    assert stuck([2.3026 - 1e-3 * n for n in range(20)]) is None
    assert stuck([0.01] * 20, guess=0.69) is None  # it has learned before


def test_overfitting():
    loss = [1 / (n + 1) for n in range(25)]
    validation = [1.0 - 0.05 * n if n < 8 else 0.65 + 0.02 * (n - 8) for n in range(25)]
    finding = overfitting(loss, validation)
    assert finding.numbers == pytest.approx({"best": 0.65, "epoch": 8, "now": validation[-1]})
    assert "early_stopping=True" in finding.remedy
    assert overfitting(loss, [0.65] * 25) is None
    assert overfitting(loss, loss) is None
    assert overfitting([1.0] * 25, validation) is None  # the loss does not fall
    once = [0.5] * 24 + [0.9]  # a single bad epoch
    assert overfitting(loss, once) is None
    assert overfitting(loss, []) is None


# -- in fit ----------------------------------------------------------------------------


def test_a_healthy_run_is_not_spoken_to_and_leaves_a_table():
    model = nn.Sequential(nn.Dense(32), nn.ReLU(), nn.Dense(2))
    watch = Watch(every=5, share=None)
    said = watched(
        model, X, LABELS, watch, loss="cross_entropy", optimizer=nn.Adam(3e-3), epochs=21
    )
    assert said == []
    assert watch.findings == []
    epochs, norms = watch.series("weight_norm")["dense2"]
    assert epochs == [0, 5, 10, 15, 20]
    assert norms[-1] == pytest.approx(
        np.sqrt(sum(np.sum(w.astype(float) ** 2) for w in model.params["dense2"].values()))
    )
    assert set(watch.table[0]) == {"epoch", "layer", *MEASURES}
    assert set(watch.series("dead_share")) == {"relu1"}
    assert watch.last.loss == pytest.approx(model.evaluate(X, LABELS)["loss"], rel=1e-5)
    with pytest.raises(ArgumentError, match="no measure"):
        watch.series("mood")


def test_training_is_the_same_with_and_without_a_watch():
    def trained(callbacks):
        model = nn.Sequential(nn.Dense(8), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(2))
        model.fit(
            X, LABELS, loss="cross_entropy", epochs=3, callbacks=callbacks, verbose=0,
            executor="numpy",
        )  # fmt: skip
        return model.params["dense2"]["W"]

    assert np.array_equal(trained([]), trained([Watch(share=None)]))


def test_units_that_die_in_training_are_told_once():
    model = nn.Sequential(nn.Dense(32), nn.ReLU(), nn.Dense(1))
    model.initialise((6,), seed=1)
    watch = Watch(share=None)

    def kill(run):
        """What a step that is much too large does."""
        params = {k: {n: a.copy() for n, a in v.items()} for k, v in run.params.items()}
        params["dense1"]["b"][: 4 * (run.epoch + 1)] = -1e3
        run.params = params

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TrainingWarning)
        model.fit(
            X, X[:, :1], callbacks=[kill, watch], verbose=0, executor="numpy", epochs=8,
            optimizer=nn.SGD(1e-3),
        )  # fmt: skip
    said = [str(w.message) for w in caught]
    dying = [text for text in said if "of the units are dead, after" in text]
    assert len(dying) == 1
    assert "relu1: 50% of the units are dead, after 12% 3 epochs ago" in dying[0]
    assert watch.series("dead_share")["relu1"][1][-1] == 1.0
    assert {f.kind for f in watch.findings} >= {"dying", "dead"}
    assert model.history.warnings == said


def test_overfitting_is_told_in_fit():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 20)), rng.integers(0, 2, 60)  # nothing to be learned
    model = nn.Sequential(nn.Dense(64), nn.ReLU(), nn.Dense(2))
    watch = Watch()
    said = watched(
        model, x[:40], y[:40], watch, loss="cross_entropy", optimizer=nn.Adam(1e-2), epochs=40,
        validation_data=(x[40:], y[40:]),
    )  # fmt: skip
    assert [f.kind for f in watch.findings if f.layer == "loss"] == ["overfitting"]
    assert any("The validation loss has risen" in text for text in said)


def test_looking_costs_no_more_than_its_share(monkeypatch):
    now = 0.0

    class AnEpoch(Watch):  # that takes one second
        def on_epoch_end(self, run):
            nonlocal now
            now += 1.0
            super().on_epoch_end(run)

    def three_seconds(run):
        nonlocal now
        now += 3.0
        return looked(run)

    monkeypatch.setattr(watching, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(watching, "looked", three_seconds)
    model = nn.Sequential(nn.Dense(16), nn.ReLU(), nn.Dense(2))
    watch = AnEpoch(share=0.05)
    watched(model, X, LABELS, watch, loss="cross_entropy", epochs=150)
    # What the first takes is not known before. After it a look waits until 60 seconds a look
    # have passed: 120 with the second, 180 with the third, which no longer comes.
    assert watch.series("weight_norm")["dense1"][0] == [0, 116]
    assert watch.seconds == 6.0 <= 0.05 * now
    every = Watch(share=None)
    watched(model, X, LABELS, every, loss="cross_entropy", epochs=20)
    assert len(every.series("weight_norm")["dense1"][0]) == 20


def test_a_second_run_starts_afresh():
    model = nn.Sequential(nn.Dense(2))
    watch = Watch(share=None)
    for _ in range(2):
        watched(model, X, LABELS, watch, loss="cross_entropy", epochs=2)
        assert watch.series("weight_norm")["dense1"][0] == [0, 1]


def test_what_was_said_goes_into_a_checkpoint_and_back():
    watch = Watch()
    watch.findings = [diverging([1.0, 5.0], 0.1)]
    other = Watch()
    other.restore(watch.state())
    assert other.findings == watch.findings


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": 1.5}, {"share": 0}, {"share": 2}])
def test_arguments_out_of_range(wrong):
    with pytest.raises(ArgumentError):
        Watch(**wrong)
