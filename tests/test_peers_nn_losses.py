"""Each loss with all its options gives the value and the gradient that PyTorch gives."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import binary_cross_entropy, cross_entropy, hinge, huber, mae, mse

pytestmark = pytest.mark.peers

CLASSES = 4


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(params=range(3))
def r(request):
    return np.random.default_rng(request.param)


def compare(torch, mine, theirs, prediction, rtol=1e-10):
    """Hold a loss of a prediction against a loss of a tensor."""
    value, gradient = cr.value_and_grad(mine)(prediction)
    tensor = torch.tensor(prediction, requires_grad=True)
    loss = theirs(tensor)
    loss.backward()
    np.testing.assert_allclose(value, loss.item(), rtol=rtol)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=rtol, atol=1e-13)


def weighted(torch, weights, losses):
    """The mean with weights, which PyTorch leaves to the user."""
    w = torch.tensor(weights)
    if w.ndim < losses.ndim:
        losses = losses.flatten(1).mean(1)
    return (w * losses).sum() / w.sum()


def weightings(r, shape):
    return {"none": None, "samples": r.uniform(0, 2, shape[0]), "elements": r.uniform(0, 2, shape)}


@pytest.mark.parametrize("weighting", ["none", "samples", "elements"])
@pytest.mark.parametrize("shape", [(7,), (7, 3), (4, 2, 3)])
@pytest.mark.parametrize(
    ("loss", "theirs", "options"),
    [
        (mse, "mse_loss", {}),
        (mae, "l1_loss", {}),
        (huber, "huber_loss", {}),
        (huber, "huber_loss", {"delta": 0.3}),
        (binary_cross_entropy, "binary_cross_entropy_with_logits", {}),
    ],
)
def test_by_element(torch, r, loss, theirs, options, shape, weighting):
    f = getattr(torch.nn.functional, theirs)
    prediction, target = 3 * r.normal(size=shape), r.uniform(size=shape)
    target.flat[::2] = np.rint(target.flat[::2])
    weights = weightings(r, shape)[weighting]

    def reference(p):
        if weights is None:
            return f(p, torch.tensor(target), **options)
        return weighted(torch, weights, f(p, torch.tensor(target), reduction="none", **options))

    compare(torch, lambda p: loss(p, target, weights=weights, **options), reference, prediction)


@pytest.mark.parametrize("weighting", ["none", "samples", "elements"])
@pytest.mark.parametrize("shape", [(7,), (7, 3)])
def test_hinge(torch, r, shape, weighting):
    prediction, target = r.normal(size=shape), r.choice([-1.0, 1.0], shape)
    weights = weightings(r, shape)[weighting]

    def reference(p):
        losses = torch.relu(1 - torch.tensor(target) * p)
        return losses.mean() if weights is None else weighted(torch, weights, losses)

    compare(torch, lambda p: hinge(p, target, weights=weights), reference, prediction)


#: Targets, share of smoothing, weights of classes, weights of samples.
OPTIONS = list(
    itertools.product(["labels", "probabilities"], [0.0, 0.1, 1.0], [False, True], [False, True])
)


@pytest.mark.parametrize(("kind", "smoothing", "by_class", "by_sample"), OPTIONS)
def test_cross_entropy(torch, r, kind, smoothing, by_class, by_sample):
    logits = 3 * r.normal(size=(9, CLASSES))
    is_labels = kind == "labels"
    target = r.integers(0, CLASSES, 9) if is_labels else r.dirichlet(np.ones(CLASSES), 9)
    of_class = r.uniform(0.1, 3, CLASSES) if by_class else None
    of_sample = r.uniform(0.1, 3, 9) if by_sample else None

    def reference(z):
        y = torch.tensor(target)
        given = {
            "weight": None if of_class is None else torch.tensor(of_class),
            "label_smoothing": smoothing,
        }
        if of_sample is None:
            return torch.nn.functional.cross_entropy(z, y, **given)
        losses = torch.nn.functional.cross_entropy(z, y, reduction="none", **given)
        w = torch.tensor(of_sample)
        divisor = w * given["weight"][y] if is_labels and by_class else w
        return (w * losses).sum() / divisor.sum()

    options = {"class_weights": of_class, "label_smoothing": smoothing, "weights": of_sample}
    compare(torch, lambda z: cross_entropy(z, target, **options), reference, logits)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-10), (np.float32, 1e-6)])
def test_extreme_logits(torch, dtype, rtol):
    logits = np.array([[1000, -1000, 0], [-1000, 1000, 0], [0, 0, 0]], dtype)
    labels = np.array([1, 1, 2])
    rows = np.eye(3, dtype=dtype)[labels]
    f = torch.nn.functional
    compare(
        torch, lambda z: cross_entropy(z, labels),
        lambda z: f.cross_entropy(z, torch.tensor(labels)), logits, rtol,
    )  # fmt: skip
    compare(
        torch, lambda z: binary_cross_entropy(z, rows),
        lambda z: f.binary_cross_entropy_with_logits(z, torch.tensor(rows)), logits, rtol,
    )  # fmt: skip
