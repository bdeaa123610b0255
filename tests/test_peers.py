"""The same networks in PyTorch give the same losses and gradients."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.examples.classifier import classifier, classifier_one_hot
from chainrule.examples.two_layer import two_layer

pytestmark = pytest.mark.peers


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def tensors(torch, *arrays):
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def assert_gradients(s, names, parameters):
    for name, parameter in zip(names, parameters, strict=True):
        np.testing.assert_allclose(s.grads[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("f", [classifier, classifier_one_hot])
@pytest.mark.parametrize("seed", range(5))
def test_classifier(torch, f, seed):
    r = np.random.default_rng(seed)
    X, y = r.normal(size=(8, 5)), r.integers(0, 4, 8)
    values = [r.normal(size=s) for s in ((5, 6), (6,), (6, 4), (4,))]
    W1, b1, W2, b2 = tensors(torch, *values)
    hidden = torch.relu(torch.tensor(X) @ W1 + b1)
    loss = torch.nn.functional.cross_entropy(hidden @ W2 + b2, torch.tensor(y))
    loss.backward()
    labels = y if f is classifier else np.eye(4)[y]
    names = ("W1", "b1", "W2", "b2")
    s = cr.explain(f, X, labels, *values, wrt=names)
    assert s.value == pytest.approx(loss.item(), rel=1e-12)
    assert_gradients(s, names, (W1, b1, W2, b2))


def test_two_layer(torch):
    s = cr.explain(two_layer, wrt=("w0", "w1"))
    recording = s._derivation.recording.values
    w0, w1 = tensors(torch, recording["w0"], recording["w1"])
    out = torch.tensor(recording["input_data"]).T @ w0 @ w1
    loss = 0.5 * torch.mean((out - torch.tensor(recording["actual_y"])) ** 2)
    loss.backward()
    assert s.value == pytest.approx(loss.item(), rel=1e-14)
    assert_gradients(s, ("w0", "w1"), (w0, w1))


def test_layer_norm_gelu_and_attention(torch):
    r = np.random.default_rng(3)
    values = {"Q": r.normal(size=(4, 6)), "K": r.normal(size=(4, 6)), "V": r.normal(size=(4, 6))}

    def mine(Q, K, V):
        scores = Q @ K.T / np.sqrt(6.0)
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights = e / e.sum(axis=1, keepdims=True)
        out = weights @ V
        centred = out - out.mean(axis=1, keepdims=True)
        normal = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        gelu = 0.5 * normal * (1 + np.tanh(np.sqrt(2 / np.pi) * (normal + 0.044715 * normal**3)))
        return np.sum(gelu**2)

    Q, K, V = tensors(torch, *values.values())
    out = torch.softmax(Q @ K.T / 6.0**0.5, dim=1) @ V
    normal = torch.nn.functional.layer_norm(out, (6,))
    loss = torch.sum(torch.nn.functional.gelu(normal, approximate="tanh") ** 2)
    loss.backward()
    s = cr.explain(mine, **values)
    assert s.value == pytest.approx(loss.item(), rel=1e-10)
    assert_gradients(s, "QKV", (Q, K, V))
