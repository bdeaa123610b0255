"""Runs that are killed, and taken up again, end in the numbers of one that was never stopped."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ArgumentError, FileError
from chainrule.nn.files import load_checkpoint, save_checkpoint
from chainrule.nn.random import GENERATOR

HERE = Path(__file__).parent
X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
@pytest.mark.parametrize(("executor", "share"), [("numpy", 0.75), ("numba", 0.25)])
def test_killed_at_random_moments(executor, share, request, tmp_path):
    if executor != "numpy":
        pytest.importorskip(executor)
    runs = max(2, round(request.config.getoption("kills") * share))
    done = subprocess.run(
        [sys.executable, HERE / "killing.py", str(runs), executor, tmp_path],
        capture_output=True, text=True, check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    kills = int(re.search(r"(\d+) kills", done.stdout)[1])
    assert kills > 0
    assert " 0 wrong" in done.stdout


def options(**others):
    return {"loss": "cross_entropy", "epochs": 6, "batch_size": 16} | others


def network():
    return nn.Sequential(nn.Dense(8), nn.ReLU(), nn.Dropout(0.2), nn.Dense(2))


def weights(model):
    return model.params["dense2"]["W"]


def interrupted(path, after=3, **others):
    def stop(run):
        if run.epoch == after - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, **options(checkpoint=path, callbacks=stop, **others))


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    path = tmp_path / "run.safetensors"
    whole = network()
    expected = whole.fit(X, Y, **options(callbacks=lambda run: None))
    interrupted(path)
    model, seen = network(), []
    history = model.fit(
        X, Y, **options(checkpoint=path, callbacks=lambda run: seen.append(run.epoch))
    )
    # The epoch whose callback was interrupted was not over; all before it are.
    assert seen == [2, 3, 4, 5]
    assert dict(history) == dict(expected)
    np.testing.assert_array_equal(weights(model), weights(whole))


def test_a_run_that_is_over_is_not_run_again(tmp_path):
    path = tmp_path / "run.safetensors"
    model = network()
    model.fit(X, Y, **options(checkpoint=path))
    again, seen = network(), []
    history = again.fit(X, Y, **options(checkpoint=path))
    assert history.length == 6
    np.testing.assert_array_equal(weights(model), weights(again))
    # More epochs go on from there.
    longer = network()
    longer.fit(X, Y, **options(checkpoint=path, epochs=8))
    apart = network()
    apart.fit(X, Y, **options(epochs=8))
    np.testing.assert_array_equal(weights(longer), weights(apart))
    assert not seen


def without_the_generator(path, instead=None):
    """Write a checkpoint again as an earlier version did, or one with another generator."""
    tree, document = load_checkpoint(path)
    del document["settings"]["random numbers"]
    if instead:
        document["settings"]["random numbers"] = instead
    save_checkpoint(path, tree, document)


@pytest.mark.parametrize("generator", [None, "Threefry"])
def test_a_run_that_draws_other_random_numbers_is_refused(generator, tmp_path):
    path = tmp_path / "run.safetensors"
    interrupted(path)
    without_the_generator(path, generator)
    with pytest.raises(ArgumentError, match="random numbers differs") as caught:
        network().fit(X, Y, **options(checkpoint=path))
    assert caught.value.expected == (generator or "Squares")
    assert caught.value.got == GENERATOR


def test_a_run_without_random_numbers_goes_on_whoever_began_it(tmp_path):
    path = tmp_path / "run.safetensors"

    def plain():
        return nn.Sequential(nn.Dense(8), nn.ReLU(), nn.Dropout(0.0), nn.Dense(2))

    plain().fit(X, Y, **options(checkpoint=path, epochs=3))
    without_the_generator(path)
    model, whole = plain(), plain()
    model.fit(X, Y, **options(checkpoint=path))
    whole.fit(X, Y, **options())
    np.testing.assert_array_equal(weights(model), weights(whole))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"batch_size": 8}, "batch_size"),
        ({"seed": 3}, "seed"),
        ({"optimizer": nn.SGD(0.1)}, "optimizer"),
        ({"metrics": "accuracy"}, "metrics"),
        ({"x": X + 1}, "data"),
        ({"validation_data": (X, Y)}, "validation"),
        ({"early_stopping": nn.EarlyStopping("loss")}, "callbacks"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(changed, named, tmp_path):
    path = tmp_path / "run.safetensors"
    network().fit(X, Y, **options(checkpoint=path, epochs=1))
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match=f"{named} differs"):
        network().fit(changed.pop("x", X), Y, **options(checkpoint=path, **changed))
    with pytest.raises(ArgumentError, match="model differs"):
        nn.Sequential(nn.Dense(2)).fit(X, Y, **options(checkpoint=path))
    assert path.read_bytes() == before


def test_a_place_where_nothing_can_be_written_is_told_before_training(tmp_path):
    model, seen = network(), []
    with pytest.raises(FileError):
        model.fit(X, Y, **options(checkpoint=tmp_path / "none" / "run.st", callbacks=seen.append))
    assert not seen
    with pytest.raises(ArgumentError, match="checkpoint_seconds"):
        model.fit(X, Y, **options(checkpoint=tmp_path / "run.st", checkpoint_seconds=-1))
    (tmp_path / "other.st").write_bytes(b"not a checkpoint")
    with pytest.raises(FileError):
        model.fit(X, Y, **options(checkpoint=tmp_path / "other.st"))
    assert (tmp_path / "other.st").read_bytes() == b"not a checkpoint"


def test_early_stopping_is_taken_up_too(tmp_path):
    path = tmp_path / "run.safetensors"
    both = options(
        validation_data=(X[:20], 1 - Y[:20]), early_stopping=nn.EarlyStopping(patience=5), epochs=30
    )
    whole = network()
    expected = whole.fit(X, Y, **both, callbacks=[lambda run: None])
    interrupted(
        path,
        after=4,
        **{k: v for k, v in both.items() if k not in options()},
    )
    model = network()
    history = model.fit(X, Y, **both | {"checkpoint": path, "callbacks": [lambda run: None]})
    assert dict(history) == dict(expected)
    assert (history.stopped, history.best_epoch) == (expected.stopped, expected.best_epoch)
    np.testing.assert_array_equal(weights(model), weights(whole))


def test_a_saved_model_predicts_explains_and_is_trained_on(tmp_path):
    model = network()
    model.fit(X, Y, **options(metrics="accuracy", validation_split=0.2))
    model.save(tmp_path / "m.safetensors")
    other = nn.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    assert other.evaluate(X, Y) == model.evaluate(X, Y)
    assert dict(other.history) == dict(model.history)
    assert str(other.explain(X[:2], Y[:2])) == str(model.explain(X[:2], Y[:2]))
    other.fit(X, Y, **options())
    model.fit(X, Y, **options())
    np.testing.assert_array_equal(weights(model), weights(other))
    with pytest.raises(ArgumentError, match="no parameters"):
        network().save(tmp_path / "n.safetensors")
