"""The learning rate of each epoch stands in the history, wherever it comes from."""

import math

import numpy as np
import pytest

from chainrule import nn
from chainrule.nn import schedules
from chainrule.nn.files import load_checkpoint, save_checkpoint
from chainrule.nn.transformations import clip_by_norm, scale, scale_by_adam

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
HALVED = schedules.step(0.1, every=8, factor=0.5)


def network():
    return nn.Sequential(nn.Dense(4), nn.Tanh(), nn.Dense(2))


def fit(model, optimizer, **others):
    options = {"loss": "cross_entropy", "epochs": 5, "batch_size": 15, "executor": "numpy"}
    return model.fit(X, Y, optimizer=optimizer, **options | others)


def expected(schedule, epochs, steps=4):
    return [float(schedule(np.array(float(epoch * steps)))) for epoch in range(epochs)]


@pytest.mark.parametrize(
    "others",
    [{}, {"callbacks": lambda run: None}, {"validation_split": 0.2, "batch_size": 12}],
    ids=["many epochs in one call", "one by one", "validated"],
)
def test_rates_of_a_schedule(others):
    schedule = schedules.cosine(0.1, steps=30)
    history = fit(network(), nn.Adam(schedule), epochs=12, **others)
    assert history["learning_rate"] == expected(schedule, 12)


def test_rates_of_batches_that_do_not_fill_the_epoch():
    history = fit(network(), nn.Adam(HALVED), batch_size=16)
    assert history["learning_rate"] == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_where_rates_come_from():
    assert fit(network(), nn.SGD(0.2))["learning_rate"] == [0.2] * 5
    composed = nn.Composed(scale_by_adam(), scale(0.5), clip_by_norm(1.0), scale(HALVED))
    assert fit(network(), composed)["learning_rate"] == [0.05, 0.05, 0.025, 0.025, 0.0125]

    class Constant:
        """An optimizer that tells nothing of itself."""

        def init(self, params):
            return {}

        def apply(self, params, gradients, state):
            trees = nn.trees.mapped(lambda p, g: p - 0.1 * g, params, gradients)
            return trees, state

    assert list(fit(network(), Constant())) == ["loss"]


def test_a_metric_of_that_name_keeps_it():
    def learning_rate(prediction, target):
        return np.mean(prediction) * 0 + 7

    assert fit(network(), nn.SGD(0.1), metrics=[learning_rate])["learning_rate"] == [7.0] * 5


def test_rates_go_on_from_a_checkpoint(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(network(), nn.Adam(HALVED), checkpoint=path, epochs=3)
    assert fit(network(), nn.Adam(HALVED), checkpoint=path)["learning_rate"] == expected(HALVED, 5)
    # One that was written before rates were recorded.
    tree, document = load_checkpoint(path)
    del tree["history"]["learning_rate"]
    save_checkpoint(path, tree, document)
    history = fit(network(), nn.Adam(HALVED), checkpoint=path, epochs=7)
    assert len(history["loss"]) == 7
    np.testing.assert_array_equal(
        history["learning_rate"], [math.nan] * 5 + expected(HALVED, 7)[5:]
    )
    history.plot()


def test_rates_of_training_in_parts():
    model = network()
    for _ in range(4):
        history = model.partial_fit(
            X, Y, loss="cross_entropy", optimizer=nn.SGD(HALVED), batch_size=15, executor="numpy"
        )
    assert history["learning_rate"] == expected(HALVED, 4)
    history = model.partial_fit(X, Y, metrics=["accuracy"])
    assert [len(values) for values in history.values()] == [5, 5, 5]
    assert np.isnan(history["accuracy"][:4]).all()


def test_rates_in_files(tmp_path):
    model = network()
    fit(model, nn.SGD(HALVED))
    model.save(tmp_path / "model.safetensors")
    again = nn.load(tmp_path / "model.safetensors")
    assert dict(again.history) == dict(model.history)


def test_rates_are_shown_where_they_change(capsys):
    moving = fit(network(), nn.SGD(HALVED), verbose=2)
    assert "learning_rate 0.025" in repr(moving)
    lines = capsys.readouterr().err.splitlines()
    assert "learning_rate" not in lines[0]
    assert "learning_rate 0.05" in lines[2]
    assert "learning_rate" in moving.frame().columns
    still = fit(network(), nn.SGD(0.1), verbose=2)
    assert "learning_rate" not in repr(still) + capsys.readouterr().err
    panels = [[ax.get_ylabel() for ax in history.plot()] for history in (moving, still)]
    assert panels == [["loss", "learning rate"], ["loss"]]
