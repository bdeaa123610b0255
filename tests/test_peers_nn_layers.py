"""Activations and layers equal PyTorch's: results, and gradients of input and parameters."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional

pytestmark = pytest.mark.peers

CLOSE = {"rtol": 1e-10, "atol": 1e-12}
TRAINING = nn.Context(0, 0)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


ACTIVATIONS = {
    "relu": (functional.relu, lambda F, x: F.relu(x)),
    "leaky_relu": (functional.leaky_relu, lambda F, x: F.leaky_relu(x)),
    "leaky_relu, slope": (
        lambda x: functional.leaky_relu(x, 0.3), lambda F, x: F.leaky_relu(x, 0.3)),
    "elu": (functional.elu, lambda F, x: F.elu(x)),
    "elu, alpha": (lambda x: functional.elu(x, 0.3), lambda F, x: F.elu(x, 0.3)),
    "gelu": (functional.gelu, lambda F, x: F.gelu(x)),
    "gelu by tanh": (
        lambda x: functional.gelu(x, True), lambda F, x: F.gelu(x, approximate="tanh")),
    "silu": (functional.silu, lambda F, x: F.silu(x)),
    "sigmoid": (functional.sigmoid, lambda F, x: F.sigmoid(x)),
    "tanh": (functional.tanh, lambda F, x: F.tanh(x)),
    "softplus": (functional.softplus, lambda F, x: F.softplus(x)),
    "softmax": (functional.softmax, lambda F, x: F.softmax(x, -1)),
    "softmax, axis": (lambda x: functional.softmax(x, 0), lambda F, x: F.softmax(x, 0)),
    "log_softmax": (functional.log_softmax, lambda F, x: F.log_softmax(x, -1)),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(torch, name):
    if name == "gelu":
        pytest.importorskip("scipy")
    mine, theirs = ACTIVATIONS[name]
    r = np.random.default_rng(0)
    x = np.concatenate([r.normal(size=24) * 3, [0.0, -30.0, 30.0, -800.0, 800.0, -0.0]])
    x = x.reshape(5, 6)
    g = r.normal(size=x.shape)
    tensor = torch.tensor(x, requires_grad=True)
    y = theirs(torch.nn.functional, tensor)
    y.backward(torch.tensor(g))
    np.testing.assert_allclose(mine(x), y.detach().numpy(), **CLOSE)
    gradient = cr.grad(lambda x: np.sum(mine(x) * g))(x)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), **CLOSE)


def compare(torch, layer, module, names, shape, rows=7, context=None):
    """Give both the same parameters and state, and compare what they do."""
    r = np.random.default_rng(1)
    params, state = layer.parameters(r, shape, np.float64), layer.state(shape, np.float64)
    params = {k: w + r.normal(size=w.shape) for k, w in params.items()}
    state = {k: s + r.uniform(size=s.shape) for k, s in state.items()}
    assert set(names) == set(params)
    module = module.double().train(context is not None)
    module.zero_grad()
    with torch.no_grad():
        for name, theirs in names.items():
            getattr(module, theirs).copy_(torch.tensor(params[name].T))
        for name, array in state.items():
            getattr(module, f"running_{name}").copy_(torch.tensor(array))
    x = r.normal(size=(rows, *shape)) * 2 + 1
    g = r.normal(size=(rows, *layer.output_shape(shape)))
    tensor = torch.tensor(x, requires_grad=True)
    y = module(tensor)
    y.backward(torch.tensor(g))

    got, after = layer.apply(params, state, x, context)
    np.testing.assert_allclose(got, y.detach().numpy(), **CLOSE)
    gradients, dx = cr.grad(
        lambda params, x: np.sum(layer.apply(params, state, x, context)[0] * g),
        wrt=("params", "x"),
    )(params, x)
    np.testing.assert_allclose(dx, tensor.grad.numpy(), **CLOSE)
    for name, theirs in names.items():
        expected = getattr(module, theirs).grad.numpy()
        np.testing.assert_allclose(gradients[name], expected.T, **CLOSE)
    for name, array in after.items():
        np.testing.assert_allclose(array, getattr(module, f"running_{name}").numpy(), **CLOSE)


AFFINE = {"scale": "weight", "shift": "bias"}


@pytest.mark.parametrize("shape", [(5,), (3, 5)])
def test_dense(torch, shape):
    compare(torch, nn.Dense(4), torch.nn.Linear(5, 4), {"W": "weight", "b": "bias"}, shape)
    without = torch.nn.Linear(5, 4, bias=False)
    compare(torch, nn.Dense(4, bias=False), without, {"W": "weight"}, shape)


@pytest.mark.parametrize("shape", [(5,), (3, 5)])
def test_layer_norm(torch, shape):
    compare(torch, nn.LayerNorm(), torch.nn.LayerNorm(5), AFFINE, shape)
    compare(torch, nn.LayerNorm(0.1), torch.nn.LayerNorm(5, eps=0.1), AFFINE, shape)


@pytest.mark.parametrize("context", [None, TRAINING], ids=["prediction", "training"])
@pytest.mark.parametrize(("momentum", "eps"), [(0.1, 1e-5), (0.4, 0.1)])
def test_batch_norm(torch, context, momentum, eps):
    theirs = torch.nn.BatchNorm1d(5, momentum=momentum, eps=eps)
    layer = nn.BatchNorm(momentum, eps)
    compare(torch, layer, theirs, AFFINE, (5,), context=context)
    compare(torch, layer, theirs, AFFINE, (5,), rows=2, context=context)


@pytest.mark.parametrize("context", [None, TRAINING], ids=["prediction", "training"])
def test_batch_norm_with_more_axes(torch, context):
    class ChannelsLast(torch.nn.BatchNorm1d):
        def forward(self, x):
            return super().forward(x.transpose(1, 2)).transpose(1, 2)

    compare(torch, nn.BatchNorm(), ChannelsLast(5), AFFINE, (3, 5), context=context)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_in_its_statistics(torch, rate):
    x = np.full((500, 200), 3.0)
    mine, _ = nn.Dropout(rate).apply({}, {}, x, TRAINING)
    torch.manual_seed(0)
    theirs = torch.nn.Dropout(rate)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(np.unique(mine), np.unique(theirs), **CLOSE)
    for f in (np.mean, np.std):
        assert f(mine) == pytest.approx(f(theirs), rel=0.03)
    for axis in (0, 1):  # no row and no column is another's
        spread = np.std(np.mean(mine, axis=axis))
        assert spread == pytest.approx(np.std(np.mean(theirs, axis=axis)), rel=0.3)


@pytest.mark.parametrize("context", [None, TRAINING], ids=["prediction", "training"])
def test_a_network(torch, context):
    model = nn.Sequential(nn.Dense(6), nn.BatchNorm(), nn.ReLU(), nn.Dense(3))
    params, state = model.build((4,), seed=0, dtype=np.float64)
    t = torch.nn
    theirs = t.Sequential(t.Linear(4, 6), t.BatchNorm1d(6), t.ReLU(), t.Linear(6, 3)).double()
    theirs.train(context is not None)
    r = np.random.default_rng(0)
    x, labels = r.normal(size=(8, 4)), r.integers(0, 3, 8)
    arrays = [params[n][k].T for n, k in (
        ("dense1", "W"), ("dense1", "b"), ("batchnorm1", "scale"), ("batchnorm1", "shift"),
        ("dense2", "W"), ("dense2", "b"))]  # fmt: skip
    with torch.no_grad():
        for parameter, array in zip(theirs.parameters(), arrays, strict=True):
            parameter.copy_(torch.tensor(array))
    value = t.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
    value.backward()

    def loss(params):
        logits, _ = model.apply(params, state, x, context)
        return -np.mean(functional.log_softmax(logits)[np.arange(8), labels])

    mine, gradients = cr.value_and_grad(loss)(params)
    assert mine == pytest.approx(value.item(), rel=1e-12)
    got = [gradients[n][k].T for n, arrays in params.items() for k in arrays]
    for gradient, parameter in zip(got, theirs.parameters(), strict=True):
        np.testing.assert_allclose(gradient, parameter.grad.numpy(), **CLOSE)
