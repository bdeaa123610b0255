"""Kernels to test executors with: a network, its gradients, a training step with Adam."""

import numpy as np

import chainrule as cr
from chainrule.compiling.arguments import flatten
from chainrule.compiling.sizes import grown, refilled, unified
from chainrule.compiling.tracing import kinds_of, outlined
from chainrule.evaluate import evaluate


def leaves_of(args):
    found = []
    flatten(args, found)
    return found


def kernel_of(f, *args, batch=()):
    """Make a kernel of a function; `batch` has the axes that vary: leaf and axis."""
    kinds = kinds_of(leaves_of(args))
    first = outlined(f, args, {}, kinds)
    return unified(first, outlined(f, args, {}, grown(kinds, batch)) if batch else None)


def reference(kernel, inputs):
    names = [n.name for n in kernel.graph.inputs]
    with np.errstate(all="ignore"):
        return evaluate(kernel.graph, dict(zip(names, inputs, strict=True)))


def assert_same(got, want, rtol=1e-9, atol=1e-12, says=""):
    for mine, theirs in zip(got, want, strict=True):
        assert np.asarray(mine).dtype == np.asarray(theirs).dtype, says
        assert np.shape(mine) == np.shape(theirs), says
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=atol, err_msg=says)


def loss(params, X, y):
    h = np.maximum(X @ params["W1"] + params["b1"], 0)
    z = h @ params["W2"] + params["b2"]
    z = z - np.max(z, axis=1, keepdims=True)
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y])


def step(params, X, y):
    return cr.value_and_grad(loss)(params, X, y)


def adam(params, m, v, t, X, y):
    value, g = cr.value_and_grad(loss)(params, X, y)
    t = t + 1
    m = {k: 0.9 * m[k] + 0.1 * g[k] for k in m}
    v = {k: 0.999 * v[k] + 0.001 * g[k] ** 2 for k in v}
    scale = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    new = {k: params[k] - 0.01 * scale * m[k] / (np.sqrt(v[k]) + 1e-8) for k in params}
    return new, m, v, t, value


def parameters(dtype):
    r = np.random.default_rng(1)
    shapes = {"W1": (4, 8), "b1": (8,), "W2": (8, 3), "b2": (3,)}
    return {k: r.normal(size=s).astype(dtype) for k, s in shapes.items()}


def rows(count, dtype):
    r = np.random.default_rng(2)
    return r.normal(size=(count, 4)).astype(dtype), r.integers(0, 3, count)


def outlines(f, args):
    """Return a function of a batch size: the outline of another with a batch of that size."""
    kinds = kinds_of(leaves_of(args))
    batch = [(len(kinds) - 2, 0), (len(kinds) - 1, 0)]

    def outline_for(size):
        larger = kinds
        while larger[-1].shape[0] < size:
            larger = grown(larger, batch)
        return outlined(f, args, {}, larger)

    return outline_for


def network(size, dtype):
    """Return the kernel of a network's gradients, outlines of it, and its arguments."""
    params, (x, y) = parameters(dtype), rows(size, dtype)
    kernel = kernel_of(step, params, x, y, batch=((4, 0), (5, 0)))
    return kernel, outlines(step, (params, x[:1], y[:1])), (list(params.values()), x, y)


def adam_step(dtype, count=100, size=16):
    """Return a kernel of a training step, the values of its sizes, its carry, data and order."""
    params, (x, y) = parameters(dtype), rows(count, dtype)
    zeros = {k: np.zeros_like(w) for k, w in params.items()}
    args = (params, zeros, zeros, np.zeros((), dtype))
    whole = (*args, x[:size], y[:size])
    kernel = kernel_of(adam, *whole, batch=((13, 0), (14, 0)))
    outline_for = outlines(adam, (*args, x[:1], y[:1]))
    given, last = (refilled(kernel, outline_for(n)) for n in (size, count % size or size))
    order = np.random.default_rng(3).permutation(count)
    return kernel, given, last, leaves_of(args), [x, y], order


def trained(kernel, given, last, carry, data, order, batch_size):
    """Train on the reference; returns the carry after all steps, and the losses."""
    losses, kernels = [], {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        names = [n.name for n in kernel.graph.inputs]
        batch = [d[rows] for d in data]
        if len(rows) not in kernels:
            kernels[len(rows)] = kernel_of(adam, *_structured([*carry, *batch]))
        sized = kernels[len(rows)]
        out = evaluate(sized.graph, dict(zip(names, [*carry, *batch], strict=True)))
        carry = out[: len(carry)]
        losses.append(out[-1])
    return [np.asarray(c) for c in carry], losses


def _structured(leaves):
    keys = ("W1", "b1", "W2", "b2")
    groups = [dict(zip(keys, leaves[i : i + 4], strict=True)) for i in (0, 4, 8)]
    return (*groups, *leaves[12:])
