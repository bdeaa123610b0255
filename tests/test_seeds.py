"""Every number that the hand-worked documents print, from the shipped examples.

The documents backpropagate one ReLU neuron (three of them), a layer, and a 2-2-1
network; a last one lists activations and losses for a softmax classifier, without
numbers. Where a document is itself wrong, its test says so.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule.examples.classifier import (
    B1,
    B2,
    LABELS,
    ONE_HOT,
    W2,
    X,
    classifier,
    classifier_one_hot,
)
from chainrule.examples.classifier import W1 as CLASSIFIER_W1
from chainrule.examples.layer import BIASES, INPUTS, UPSTREAM, WEIGHTS, layer
from chainrule.examples.neuron import neuron
from chainrule.examples.two_layer import W0, W1, two_layer


@pytest.fixture(scope="module")
def solved():
    return cr.explain(neuron)


def values(solution):
    return {step.target: step.value for step in solution.steps}


# -- one ReLU neuron ---------------------------------------------------------------------


def test_neuron_forward(solved):
    """xw0, xw1, xw2 = -3.0 2.0 6.0; the weighted sum and the output are 6.0."""
    found = values(solved)
    assert (found["xw0"], found["xw1"], found["xw2"]) == (-3.0, 2.0, 6.0)
    assert str(found["z"]) == "6.0"
    assert str(found["y"]) == "6.0"
    assert str(solved.value) == "6.0"


def test_neuron_relu_and_sum(solved):
    """drelu_dz = 1.0; the derivatives of the sum are 1, and their gradients 1.0."""
    found = values(solved)
    assert found["dz"] == 1.0
    assert [found[k] for k in ("dxw0", "dxw1", "dxw2", "db")] == [1.0, 1.0, 1.0, 1.0]
    through_sum = [s for s in solved.steps if s.local is not None and s.local.of == "z"]
    assert [s.local.by for s in through_sum] == ["xw0", "xw1", "xw2", "b"]
    assert [s.local.value for s in through_sum] == [1, 1, 1, 1]


def test_neuron_gradients(solved):
    """-3.0 -1.0 2.0 for the inputs, 1.0 -2.0 3.0 for the weights, 1 for the bias."""
    assert solved.grads == {"x": [-3.0, -1.0, 2.0], "w": [1.0, -2.0, 3.0], "b": 1.0}


def test_neuron_update(solved):
    """w, b = [-3.001, -0.998, 1.997] 0.999, and the output falls to 5.985."""
    update = solved.step(lr=0.001)
    assert str(update.parameters["w"]) == "[-3.001, -0.998, 1.997]"
    assert str(update.parameters["b"]) == "0.999"
    assert update.after == pytest.approx(5.985, abs=1e-12)
    assert f"{update.after:.3f}" == "5.985"
    assert update.predicted == pytest.approx(-0.015, abs=1e-15)
    assert update.actual == pytest.approx(-0.015, abs=1e-12)


def test_neuron_second_update(solved):
    """The first document prints 5.97 because it steps twice; its prose says 5.985."""
    descent = solved.descend(lr=0.001, steps=2)
    assert str(descent.updates[1].parameters["w"]) == "[-3.002, -0.996, 1.9940000000000002]"
    assert str(descent.updates[1].parameters["b"]) == "0.998"
    assert str(descent.values[2]) == "5.9700000000000015"
    assert descent.values[1] == pytest.approx(5.985, abs=1e-12)
    assert not descent.stopped


# -- a layer -----------------------------------------------------------------------------


def test_layer_weights():
    """The weights as printed, one column a neuron."""
    printed = [[0.2, 0.5, -0.26], [0.8, -0.91, -0.27], [-0.5, 0.26, 0.17], [1.0, -0.5, 0.87]]
    np.testing.assert_array_equal(WEIGHTS, printed)


def test_layer_inputs_gradient():
    """The first document prints a 4x3 repeat of 0.44, -0.38, -0.07, 1.37.

    It multiplies each row sum by the whole upstream row. The gradient of the inputs is
    one row: the four sums, once each.
    """
    s = cr.explain(layer, upstream=UPSTREAM)
    gradient = s.grads["inputs"]
    assert gradient.shape == INPUTS.shape == (1, 4)
    assert [f"{g:.2f}" for g in gradient[0]] == ["0.44", "-0.38", "-0.07", "1.37"]
    np.testing.assert_allclose(gradient, UPSTREAM @ WEIGHTS.T, rtol=0, atol=0)
    as_printed = np.array([sum(row) * UPSTREAM[0] for row in WEIGHTS])
    assert as_printed.shape == (4, 3)
    np.testing.assert_allclose(as_printed[:, 0], gradient[0], rtol=1e-15)
    np.testing.assert_array_equal(s.grads["weights"], INPUTS.T @ UPSTREAM)
    np.testing.assert_array_equal(s.grads["biases"], UPSTREAM)
    assert s.grads["biases"].shape == BIASES.shape


# -- the 2-2-1 network -------------------------------------------------------------------


def test_two_layer_losses():
    """Losses 1.59561248 and 49.24728928473661.

    The last of the sixteen digits of the second depends on how the BLAS at hand rounds
    a product of 1x2 and 2x2 matrices: the document's own code, run here, is the judge of it.
    """
    s = cr.explain(two_layer, wrt=("w0", "w1"))
    assert str(s.value) == "1.59561248"
    after = s.descend(lr=0.05, steps=2).values[1]
    assert f"{after:.13f}" == "49.2472892847366"
    assert after == pytest.approx(49.24728928473661, rel=3e-16)
    w0, w1, data, target = W0, W1, np.array([[8], [12]]), np.array([4])
    for _ in range(2):
        layer1 = np.dot(data.T, w0)
        layer2 = np.dot(layer1, w1)
        loss = np.mean(np.power(layer2 - target, 2)) * 0.5
        delta, before = layer2 - target, w1
        w1 = w1 - (0.05 * delta * layer1).reshape(2, 1)
        w0 = w0 - (0.05 * delta * before.T * data)
    assert after == pytest.approx(loss, rel=3e-16)


def test_two_layer_prediction_after_a_step():
    """layer2 is 13.92444349 in the code's output, where the prose says 13.95."""
    s = cr.explain(two_layer, wrt=("w0", "w1"))
    after = s.step(lr=0.05).parameters
    again = cr.explain(two_layer, **after, wrt=("w0", "w1"))
    (layer2,) = [step for step in again.steps if step.target == "layer2"]
    assert str(layer2.value) == "[[13.92444349]]"
    assert f"{layer2.value.item():.2f}" != "13.95"
    before = {step.target: step.value for step in s.steps}["layer2"]
    assert str(before) == "[[2.2136]]"


def test_two_layer_step_is_too_large():
    s = cr.explain(two_layer, wrt=("w0", "w1"))
    descent = s.descend(lr=0.05, steps=50)
    assert len(descent.updates) == 1
    assert "grew from 1.59561 to 49.2473" in descent.stopped
    assert "too large" in descent.stopped
    assert descent.stable_lr is not None
    assert 0 < descent.stable_lr < 0.05
    assert cr.explain(two_layer, wrt=("w0", "w1")).step(descent.stable_lr).actual < 0
    calm = s.descend(lr=descent.stable_lr / 2, steps=50)
    assert not calm.stopped
    assert calm.values[-1] < calm.values[0] / 100


def test_two_layer_update_by_hand():
    """The document's own update of both weight matrices."""
    s = cr.explain(two_layer, wrt=("w0", "w1"))
    lr, data = 0.05, np.array([[8], [12]])
    layer1 = data.T @ W0
    delta = layer1 @ W1 - np.array([4])
    update = s.step(lr)
    np.testing.assert_allclose(
        update.parameters["w1"], W1 - (lr * delta * layer1).reshape(2, 1), rtol=1e-15
    )
    np.testing.assert_allclose(update.parameters["w0"], W0 - (lr * delta * W1.T * data), rtol=1e-15)


# -- softmax with cross-entropy ----------------------------------------------------------


def forward_by_hand():
    z1 = X @ CLASSIFIER_W1 + B1
    a1 = np.maximum(0, z1)
    z2 = a1 @ W2 + B2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    return z1, a1, e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("f", [classifier, classifier_one_hot])
def test_classifier_by_hand(f):
    """The combined backward pass of the fifth document, written out layer by layer."""
    z1, a1, p = forward_by_hand()
    dz2 = p.copy()
    dz2[range(3), LABELS] -= 1
    dz2 /= 3
    da1 = dz2 @ W2.T
    dz1 = da1.copy()
    dz1[z1 <= 0] = 0
    s = cr.explain(f, wrt=("W1", "b1", "W2", "b2"))
    np.testing.assert_allclose(s.value, -np.mean(np.log(p[range(3), LABELS])), rtol=1e-15)
    np.testing.assert_allclose(s.grads["W2"], a1.T @ dz2, rtol=1e-13)
    np.testing.assert_allclose(s.grads["b2"], dz2.sum(axis=0), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(s.grads["W1"], X.T @ dz1, rtol=1e-13)
    np.testing.assert_allclose(s.grads["b1"], dz1.sum(axis=0), rtol=1e-13)


def test_explicit_jacobian_of_the_softmax_class():
    """Row by row: diag(p) - p pᵀ times the upstream gradient, as the document loops it."""
    _, _, p = forward_by_hand()
    dvalues = -ONE_HOT / p / len(p)
    by_hand = np.empty_like(dvalues)
    for i, (row, upstream) in enumerate(zip(p, dvalues, strict=True)):
        column = row.reshape(-1, 1)
        jacobian = np.diagflat(column) - np.dot(column, column.T)
        by_hand[i] = np.dot(jacobian, upstream)
    for simplify in (True, False):
        s = cr.explain(classifier, wrt="W2", simplify=simplify)
        (dz2,) = [step.value for step in s.steps if step.target == "dz2"][-1:]
        np.testing.assert_allclose(dz2, by_hand, rtol=1e-12, atol=1e-16)


def test_clipped_confidences_run_as_written():
    """The fifth document's loss, clip and both kinds of labels included."""

    def loss(y_pred, y_true):
        samples = len(y_pred)
        y_pred_clipped = np.clip(y_pred, 1e-7, 1 - 1e-7)
        if len(y_true.shape) == 1:
            correct_confidences = y_pred_clipped[range(samples), y_true]
        else:
            correct_confidences = np.sum(y_pred_clipped * y_true, axis=1)
        negative_log_likelihoods = -np.log(correct_confidences)
        return np.mean(negative_log_likelihoods)

    _, _, p = forward_by_hand()
    expected = -ONE_HOT / p / len(p)
    for labels in (LABELS, ONE_HOT):
        s = cr.explain(loss, p, labels, wrt="y_pred")
        np.testing.assert_allclose(s.grads["y_pred"], expected, rtol=1e-14)
