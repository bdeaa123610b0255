import numpy as np

from passes.case import Case


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    xmu = x - mu
    sq = xmu**2
    var = sq.mean(axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    gammax = gamma * xhat
    out = gammax + beta
    cache = (xhat, gamma, xmu, ivar, sqrtvar, var, eps)
    return out, cache


def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var, eps = cache
    N, _ = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    dgamma = np.sum(dgammax * xhat, axis=0)
    dxhat = dgammax * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / sqrtvar**2 * divar
    dvar = 0.5 / np.sqrt(var + eps) * dsqrtvar
    dsq = np.ones_like(dout) * dvar / N
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = np.ones_like(dout) * dmu / N
    dx = dx1 + dx2
    return dx, dgamma, dbeta


def draw_batchnorm(rng):
    n, d = rng.permutation([3, 4, 5, 6])[:2]
    x = 2 * rng.normal(size=(n, d)) + 1
    args = batchnorm_forward, batchnorm_backward, x, rng.normal(size=d), rng.normal(size=d)
    return args, {"upstream": rng.normal(size=(n, d))}


def batchnorm_compact(x, gamma, beta):
    std = np.sqrt(x.var(axis=0) + 1e-3)
    xhat = (x - x.mean(axis=0)) / std
    return gamma * xhat + beta, (xhat, gamma, std)


def batchnorm_compact_backward(dout, cache):
    xhat, gamma, std = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dx = gamma / std * (dout - dbeta / len(dout) - xhat * dgamma / len(dout))
    return dx, dgamma, dbeta


def draw_batchnorm_compact(rng):
    n, d = rng.permutation([3, 4, 5])[:2]
    inputs = rng.normal(size=(n, d)), rng.normal(size=d), rng.normal(size=d)
    return (batchnorm_compact, batchnorm_compact_backward, *inputs), {}


class BatchNorm:
    """Keeps running statistics for later, which this pass does not use."""

    def __init__(self, gamma, beta, momentum=0.9, epsilon=1e-4):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.epsilon = epsilon
        self.running_mean = np.zeros_like(gamma)
        self.running_var = np.ones_like(gamma)

    def forward(self, inputs):
        self.inputs = inputs
        self.mean = np.mean(inputs, axis=0)
        self.var = np.var(inputs, axis=0)
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * self.mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * self.var
        self.x_norm = (inputs - self.mean) / np.sqrt(self.var + self.epsilon)
        self.output = self.gamma * self.x_norm + self.beta

    def backward(self, dvalues):
        m = self.inputs.shape[0]
        centred = self.inputs - self.mean
        inv_std = 1 / np.sqrt(self.var + self.epsilon)
        self.dgamma = np.sum(dvalues * self.x_norm, axis=0)
        self.dbeta = np.sum(dvalues, axis=0)
        dx_norm = dvalues * self.gamma
        dvar = np.sum(dx_norm * centred, axis=0) * -0.5 * inv_std**3
        dmean = np.sum(-dx_norm * inv_std, axis=0) + dvar * np.mean(-2 * centred, axis=0)
        self.dinputs = dx_norm * inv_std + dvar * 2 * centred / m + dmean / m


def draw_batchnorm_class(rng):
    n, d = rng.permutation([3, 4, 5, 6])[:2]
    return (BatchNorm(rng.normal(size=d), rng.normal(size=d)), rng.normal(size=(n, d))), {}


def spatial_batchnorm(x, gamma, beta):
    """Statistics over samples, height and width of (N, C, H, W)."""
    axes = (0, 2, 3)
    mean = x.mean(axis=axes, keepdims=True)
    inv = 1 / np.sqrt(x.var(axis=axes, keepdims=True) + 1e-5)
    xhat = (x - mean) * inv
    y = gamma[:, None, None] * xhat + beta[:, None, None]
    return y, (xhat, inv, gamma)


def spatial_batchnorm_backward(dy, cache):
    xhat, inv, gamma = cache
    axes = (0, 2, 3)
    count = dy.size // dy.shape[1]
    dbeta = np.sum(dy, axis=axes)
    dgamma = np.sum(dy * xhat, axis=axes)
    dxhat = dy * gamma[None, :, None, None]
    mean_dxhat = dxhat.sum(axis=axes, keepdims=True) / count
    mean_product = (dxhat * xhat).sum(axis=axes, keepdims=True) / count
    dx = (dxhat - mean_dxhat - xhat * mean_product) * inv
    return {"dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def draw_spatial_batchnorm(rng):
    n, c, h, w = rng.permutation([2, 3, 4, 5])
    inputs = rng.normal(size=(n, c, h, w)), rng.normal(size=c), rng.normal(size=c)
    return (spatial_batchnorm, spatial_batchnorm_backward, *inputs), {}


def layernorm_forward(x, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    rstd = (var + 1e-5) ** -0.5
    norm = (x - mean) * rstd
    out = norm * gamma + beta
    return out, (norm, rstd, gamma)


def layernorm_backward(dout, cache):
    norm, rstd, gamma = cache
    dgamma = (dout * norm).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dnorm = dout * gamma
    dx = dnorm - dnorm.mean(axis=-1, keepdims=True)
    dx -= norm * (dnorm * norm).mean(axis=-1, keepdims=True)
    dx *= rstd
    return dx, dgamma, dbeta


def draw_layernorm(rng):
    n, d = rng.permutation([3, 4, 5, 6])[:2]
    inputs = rng.normal(size=(n, d)), rng.normal(size=d), rng.normal(size=d)
    return (layernorm_forward, layernorm_backward, *inputs), {"upstream": rng.normal(size=(n, d))}


class LayerNorm:
    """Over the last axis of (batch, time, features), parameters in a dictionary."""

    def __init__(self, rng, d):
        self.params = {"g": rng.normal(size=d), "b": rng.normal(size=d)}
        self.grads = {}

    def forward(self, x):
        self.centred = x - x.mean(-1, keepdims=True)
        self.sigma = np.sqrt((self.centred**2).mean(-1, keepdims=True) + 1e-5)
        self.normed = self.centred / self.sigma
        return self.params["g"] * self.normed + self.params["b"]

    def backward(self, dy):
        d = dy.shape[-1]
        self.grads["dg"] = np.sum(dy * self.normed, axis=(0, 1))
        self.grads["db"] = np.sum(dy, axis=(0, 1))
        dnormed = dy * self.params["g"]
        dsigma = np.sum(-dnormed * self.centred / self.sigma**2, axis=-1, keepdims=True)
        dcentred = dnormed / self.sigma
        dcentred += dsigma * self.centred / (d * self.sigma)
        dmean = -np.sum(dcentred, axis=-1, keepdims=True)
        return dcentred + dmean / d


def draw_layernorm_class(rng):
    n, t, d = rng.permutation([2, 3, 4, 5])[:3]
    x = rng.normal(size=(n, t, d))
    return (LayerNorm(rng, d), x), {"upstream": rng.normal(size=x.shape)}


def rmsnorm(x, weight, eps=1e-6):
    ms = np.mean(x * x, axis=1, keepdims=True)
    r = 1 / np.sqrt(ms + eps)
    y = weight * x * r
    return y


def rmsnorm_backward(dy, x, weight, r):
    d = x.shape[1]
    dweight = np.sum(dy * x * r, axis=0)
    dr = np.sum(dy * weight * x, axis=1, keepdims=True)
    dms = -0.5 * r**3 * dr
    dx = dy * weight * r + dms * 2 * x / d
    return dx, dweight


def draw_rmsnorm(rng):
    n, d = rng.permutation([3, 4, 5])[:2]
    x, weight = rng.normal(size=(n, d)), rng.normal(size=d)
    return (rmsnorm, rmsnorm_backward, x, weight), {"upstream": rng.normal(size=(n, d))}


def groupnorm_forward(x, gamma, beta, groups):
    n, c, length = x.shape
    grouped = x.reshape(n, groups, -1)
    mean = grouped.mean(axis=2, keepdims=True)
    std = np.sqrt(grouped.var(axis=2, keepdims=True) + 1e-5)
    xhat = ((grouped - mean) / std).reshape(n, c, length)
    out = gamma[:, None] * xhat + beta[:, None]
    return out, (xhat, std, gamma, groups)


def groupnorm_backward(dout, cache):
    xhat, std, gamma, groups = cache
    n, c, length = dout.shape
    dgamma = np.einsum("ncl,ncl->c", dout, xhat)
    dbeta = np.einsum("ncl->c", dout)
    dxhat = (dout * gamma[:, None]).reshape(n, groups, -1)
    xhat = xhat.reshape(n, groups, -1)
    m = xhat.shape[2]
    dx = m * dxhat
    dx = dx - dxhat.sum(axis=2, keepdims=True)
    dx = dx - xhat * (dxhat * xhat).sum(axis=2, keepdims=True)
    dx = dx / (m * std)
    return dx.reshape(n, c, length), dgamma, dbeta


def draw_groupnorm(rng):
    n, length = rng.permutation([2, 3, 5])[:2]
    x = rng.normal(size=(n, 4, length))
    inputs = x, rng.normal(size=4), rng.normal(size=4), 2
    return (groupnorm_forward, groupnorm_backward, *inputs), {}


class L2Normalise:
    def forward(self, X):
        self.X = X
        self.norm = np.linalg.norm(X, axis=1, keepdims=True)
        self.out = X / self.norm
        return self.out

    def backward(self, grad):
        along = np.sum(grad * self.out, axis=1, keepdims=True)
        return (grad - along * self.out) / self.norm


def draw_l2_normalise(rng):
    X = rng.normal(size=rng.permutation([3, 4, 5])[:2])
    return (L2Normalise(), X), {"upstream": rng.normal(size=X.shape)}


def cosine_similarity(u, v):
    nu = np.sqrt(np.sum(u**2))
    nv = np.sqrt(np.sum(v**2))
    cos = np.dot(u, v) / (nu * nv)
    return cos


def cosine_similarity_backward(u, v, nu, nv, cos, g=1.0):
    du = g * (v / (nu * nv) - cos * u / nu**2)
    dv = g * (u / (nu * nv) - cos * v / nv**2)
    return du, dv


def draw_cosine_similarity(rng):
    d = rng.integers(3, 6)
    u, v = rng.normal(size=d), rng.normal(size=d)
    return (cosine_similarity, cosine_similarity_backward, u, v), {}


class WeightNorm:
    """A dense layer whose rows of weights are g v / |v|."""

    def __init__(self, v, g):
        self.v = v
        self.g = g

    def forward(self, x):
        self.x = x
        self.length = np.sqrt((self.v**2).sum(axis=1))
        self.w = (self.g / self.length)[:, None] * self.v
        return x @ self.w.T

    def backward(self, dy):
        dw = dy.T @ self.x
        unit = self.v / self.length[:, None]
        self.grad_g = np.sum(dw * unit, axis=1)
        self.grad_v = (self.g / self.length)[:, None] * (dw - self.grad_g[:, None] * unit)
        return dy @ self.w


def draw_weight_norm(rng):
    n, d, m = rng.permutation([3, 4, 5])
    layer = WeightNorm(rng.normal(size=(m, d)), rng.normal(size=m))
    return (layer, rng.normal(size=(n, d))), {"upstream": rng.normal(size=(n, m))}


CASES = [
    Case("batch norm, staged", batchnorm_backward, draw_batchnorm),
    Case("batch norm, compact", batchnorm_compact_backward, draw_batchnorm_compact),
    Case("batch norm, textbook class", BatchNorm.backward, draw_batchnorm_class),
    Case("batch norm of images", spatial_batchnorm_backward, draw_spatial_batchnorm),
    Case("layer norm, functions with a cache", layernorm_backward, draw_layernorm),
    Case("layer norm, class, staged", LayerNorm.backward, draw_layernorm_class),
    Case("rms norm, intermediates by name", rmsnorm_backward, draw_rmsnorm),
    Case("group norm, functions with a cache", groupnorm_backward, draw_groupnorm),
    Case("unit rows, class", L2Normalise.backward, draw_l2_normalise),
    Case(
        "cosine similarity, upstream 1 by default",
        cosine_similarity_backward,
        draw_cosine_similarity,
    ),
    Case("weight norm, class", WeightNorm.backward, draw_weight_norm),
]
