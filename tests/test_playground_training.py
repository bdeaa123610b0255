import struct
from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.lab.playground import why
from chainrule.lab.playground.config import ACTIVATIONS, OPTIMIZERS, Config
from chainrule.lab.playground.fields import FieldsError
from chainrule.lab.playground.frame import SIDE, SMALL, Camera, described, grid
from chainrule.lab.playground.training import Training

SMALL_RUN = Config(data="moons", samples=60, layers=(5, 4), batch=7, l2=0.01, dropout=0.2, seed=3)


def flat(training):
    return np.concatenate([v.ravel() for p in training.model.params.values() for v in p.values()])


def parts_of(frame):
    import json

    size = struct.unpack("<I", frame[:4])[0]
    header = json.loads(frame[4 : 4 + size])
    at, parts = 4 + size, {}
    for name, kind, count in header["parts"]:
        parts[name] = np.frombuffer(frame, kind, count, at)
        at += parts[name].nbytes
    assert at == len(frame)
    return header, parts


@pytest.mark.parametrize("chunks", [[200], [1] * 200, [3, 64, 100, 33]])
def test_a_run_follows_from_its_configuration_however_it_is_cut(chunks):
    whole, cut = Training(SMALL_RUN), Training(SMALL_RUN)
    whole.advance(200)
    for steps in chunks:
        cut.advance(steps)
    assert whole.step == cut.step == 200
    assert whole.curve == cut.curve
    assert flat(whole).tobytes() == flat(cut).tobytes()


def test_another_seed_is_another_run():
    one, other = Training(SMALL_RUN), Training(replace(SMALL_RUN, seed=4))
    assert not np.array_equal(flat(one), flat(other))


def test_each_epoch_takes_each_sample_at_most_once():
    training = Training(SMALL_RUN)
    steps = len(training.data[0]) // training.batch
    for epoch in range(3):
        rows = training.rows(epoch * steps, (epoch + 1) * steps)
        assert len(set(rows.tolist())) == len(rows) == steps * training.batch


def test_curves_are_thinned_and_end_where_the_run_is():
    training = Training(Config(data="blobs", samples=30, layers=(), batch=30))
    training.advance(8 * 900)
    steps = [point[0] for point in training.curve]
    assert 200 <= len(steps) <= 401
    assert len(set(np.diff(steps))) == 1
    assert steps[0] == 0
    assert training.step - steps[-1] < steps[1]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_trains(activation):
    training = Training(Config(data="xor", activation=activation, layers=(6,), samples=80))
    before = training.curve[0][1]
    training.advance(160)
    if activation != "none":
        assert training.curve[-1][1] < before


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_trains(optimizer):
    training = Training(Config(data="circles", optimizer=optimizer, rate=0.01, samples=80))
    before = training.curve[0][1]
    training.advance(320)
    assert training.curve[-1][1] < before


def test_the_first_run_learns_the_spiral():
    training = Training(Config())
    training.advance(40_000)
    _, _, accuracy, _, held = training.curve[-1]
    assert accuracy >= 0.95
    assert held >= 0.9


def test_gradients_are_those_of_the_loss_of_the_next_step():
    config = replace(SMALL_RUN, dropout=0.0)
    training = Training(config)
    training.advance(10)
    _, gradients = training.gradients()
    rows = training.rows(10, 11)
    x, y = training.data[0][rows], training.data[1][rows]

    def loss(params):
        prediction, _ = training.model.apply(params, {}, x)
        return nn.cross_entropy(prediction, y) + 0.01 * nn.l2(params)

    expected = cr.grad(loss)(training.model.params)
    for layer, each in expected.items():
        for name, value in each.items():
            assert np.allclose(gradients[layer][name], value, rtol=1e-5, atol=1e-7)


def test_a_step_goes_along_the_gradient_that_was_shown():
    training = Training(replace(SMALL_RUN, optimizer="sgd", rate=0.1))
    training.advance(5)
    before, (_, gradients) = training.model.params, training.gradients()
    training.advance(1)
    for layer, each in gradients.items():
        for name, value in each.items():
            after = training.model.params[layer][name]
            assert np.allclose(after, before[layer][name] - 0.1 * value, atol=1e-6)


def test_a_huge_rate_ends_the_run_with_its_cause_and_the_last_good_numbers():
    training = Training(Config(rate=1000, activation="relu", l2=1, layers=(8, 8)))
    training.advance(5_000)
    assert training.is_over
    assert np.all(np.isfinite(flat(training)))
    assert "rate" in training.failure.autopsy.cause.text + training.failure.autopsy.cause.remedy
    step = training.step
    training.advance(10)
    assert training.step == step
    camera = Camera(training)
    camera.look()
    header, parts = parts_of(camera.frame(state="diverged"))
    assert np.all(np.isfinite(parts["weights"]))
    assert header["step"] == step


# -- frames ------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["spiral", "blobs"])
def test_a_frame_has_what_the_network_says(data):
    training = Training(replace(SMALL_RUN, data=data))
    training.advance(20)
    header, parts = parts_of(Camera(training).frame(state="paused"))
    assert np.array_equal(parts["weights"], flat(training))
    assert header["step"] == 20
    assert header["rows"] == training.rows(20, 21).tolist()
    logits = training.model.predict(grid(SIDE, training.points.reach)).astype(float)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    planes = parts["surface"].reshape(-1, SIDE * SIDE)
    expected = shares[:, 1:].T if data == "spiral" else shares.T
    assert np.allclose(planes / 255, expected, atol=0.003)
    # Where no class leads, two are equally likely, however flat all is.
    lead = parts["lead"].reshape(planes.shape) / 32_767 * 8
    others = (
        1 - shares.T[1:]
        if data == "spiral"
        else np.array([np.delete(shares, k, axis=1).max(axis=1) for k in range(3)])
    )
    odds = np.log(expected) - np.log(others)
    assert np.allclose(lead, np.clip(odds, -8, 8), atol=0.001)
    assert parts["units"].size == 9 * SMALL * SMALL
    norms = header["norms"]
    _, gradients = training.gradients()
    assert norms["dense2"] == pytest.approx(
        np.sqrt(sum(np.sum(v**2) for v in gradients["dense2"].values())), rel=1e-5
    )


def test_dead_units_are_marked():
    training = Training(Config(data="moons", activation="relu", layers=(4,)))
    training.model.params["dense1"]["b"][2] = -100
    camera = Camera(training)
    camera.look()
    header, _ = parts_of(camera.frame())
    assert header["dead"] == {"dense1": [2]}


def test_what_is_described_has_the_samples_exactly():
    training = Training(SMALL_RUN)
    told = described(training)
    assert np.array_equal(np.array(told["points"]["x"], np.float32), training.points.x)
    assert [layer["units"] for layer in told["layers"]] == [5, 4, 2]
    assert told["parameters"] == flat(training).size


# -- why ---------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [SMALL_RUN, Config(layers=()), Config(data="blobs", batch=1)])
def test_why_explains_the_gradient_that_is_shown(config):
    training = Training(config)
    training.advance(12)
    solution = why.explained(why.moment(why.told(training, "dense1_W[0, 1]")))
    loss, gradients = training.gradients()
    assert float(solution.value) == pytest.approx(loss, rel=1e-5)
    for layer, each in gradients.items():
        for name, value in each.items():
            assert np.allclose(solution.grads[f"{layer}_{name}"], value, rtol=1e-4, atol=1e-7)
    assert "dense1_W[0, 1]" in str(solution.why("dense1_W[0, 1]"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"params": "####"}, "params"), ({"params": ""}, "params"), ({"params": 3}, "params"),
        ({"params": "AAAAAA=="}, "params"), ({"x": [[1]]}, "x"), ({"x": []}, "x"),
        ({"x": [[1, float("inf")]] * 7}, "x"), ({"labels": [5] * 7}, "labels"),
        ({"labels": [0]}, "labels"), ({"step": -1}, "step"), ({"classes": 10**9}, "classes"),
        ({"config": {"layers": [10**9]}}, "config.layers.0"), ({"why": "loss"}, "why"),
        ({"why": "dense1_W[0, 99]"}, "why"), ({"why": "dense1_W[0]"}, "why"),
        ({"why": ["dense1_W[0, 0]"]}, "why"), ({"evil": 1}, "evil"),
    ],
)  # fmt: skip
def test_a_wrong_moment_is_refused_by_field(change, field):
    with pytest.raises(FieldsError) as caught:
        why.moment(why.told(Training(SMALL_RUN)) | change)
    assert field in [e["field"] for e in caught.value.errors]
