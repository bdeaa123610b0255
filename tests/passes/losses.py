import numpy as np

from passes.case import Case, now_and_then


def two_sizes(rng):
    return rng.permutation([2, 3, 4, 5])[:2]


class MeanSquaredError:
    def forward(self, y_pred, y_true):
        return np.mean((y_true - y_pred) ** 2, axis=-1)

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        outputs = len(dvalues[0])
        self.dinputs = -2 * (y_true - dvalues) / outputs
        self.dinputs = self.dinputs / samples


def draw_mean_squared_error(rng):
    shape = two_sizes(rng)
    return (MeanSquaredError(), rng.normal(size=shape)), {"y_true": rng.normal(size=shape)}


def squared_error(y, t):
    n = y.shape[0]
    diff = y - t
    loss = 0.5 * np.sum(diff**2) / n
    return loss, diff


def squared_error_backward(diff):
    n = diff.shape[0]
    dy = diff / n
    return dy


def draw_squared_error(rng):
    shape = two_sizes(rng)
    return (
        squared_error,
        squared_error_backward,
        rng.normal(size=shape),
        rng.normal(size=shape),
    ), {}


class MeanAbsoluteError:
    def forward(self, y_pred, y_true):
        sample_losses = np.mean(np.abs(y_true - y_pred), axis=-1)
        return sample_losses

    def backward(self, dvalues, y_true):
        samples, outputs = dvalues.shape
        self.dinputs = np.sign(dvalues - y_true) / outputs
        self.dinputs /= samples


def draw_mean_absolute_error(rng):
    shape = two_sizes(rng)
    y_pred, error = rng.normal(size=shape), now_and_then(rng, rng.normal(size=shape))
    return (MeanAbsoluteError(), y_pred), {"y_true": y_pred + error}


def huber_loss(pred, target, delta=1.0):
    error = pred - target
    small = np.abs(error) <= delta
    quadratic = 0.5 * error**2
    linear = delta * (np.abs(error) - 0.5 * delta)
    return np.mean(np.where(small, quadratic, linear))


def huber_loss_backward(pred, target, delta=1.0):
    error = pred - target
    dpred = np.where(np.abs(error) <= delta, error, delta * np.sign(error))
    return dpred / error.size


def draw_huber(rng):
    shape = two_sizes(rng)
    target = np.zeros(shape) if rng.integers(5) == 0 else rng.normal(size=shape)
    pred = now_and_then(rng, 2 * rng.normal(size=shape), value=1.0, one_in=3)
    return (huber_loss, huber_loss_backward, pred, target), {}


class BinaryCrossentropy:
    eps = 1e-7

    def forward(self, y_pred, y_true):
        p = np.clip(y_pred, self.eps, 1 - self.eps)
        sample_losses = -(y_true * np.log(p) + (1 - y_true) * np.log(1 - p))
        return np.mean(sample_losses, axis=-1)

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        outputs = len(dvalues[0])
        p = np.clip(dvalues, self.eps, 1 - self.eps)
        inside = (dvalues > self.eps) & (dvalues < 1 - self.eps)
        self.dinputs = -(y_true / p - (1 - y_true) / (1 - p)) / outputs
        self.dinputs = self.dinputs * inside
        self.dinputs = self.dinputs / samples


def draw_binary_crossentropy(rng):
    shape = two_sizes(rng)
    y_pred = now_and_then(rng, rng.uniform(0.1, 0.9, size=shape), rng.integers(2), one_in=3)
    return (BinaryCrossentropy(), y_pred), {"y_true": rng.integers(2, size=shape)}


def clipped_nll(p, y):
    q = np.clip(p, 0.1, 0.9)
    nll = -np.mean(y * np.log(q) + (1 - y) * np.log(1 - q))
    return nll, (p, q, y)


def clipped_nll_backward(dout, cache):
    p, q, y = cache
    dq = dout * (q - y) / (q * (1 - q)) / q.size
    dp = dq.copy()
    dp[(p < 0.1) | (p > 0.9)] = 0
    return dp


def draw_clipped_nll(rng):
    n = rng.integers(4, 7)
    p, y = rng.uniform(0.15, 0.85, size=n), rng.integers(2, size=n)
    p[rng.integers(n)] = rng.choice([0.02, 0.95])
    return (clipped_nll, clipped_nll_backward, p, y), {}


def bce_with_logits(z, y):
    # log1p of the smaller exponential: the kinks of maximum and abs at 0 cancel.
    losses = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    return np.mean(losses)


def bce_with_logits_backward(z, y):
    p = 1 / (1 + np.exp(-z))
    dz = (p - y) / len(z)
    return dz


def draw_bce_with_logits(rng):
    n = rng.integers(3, 7)
    z = now_and_then(rng, 2 * rng.normal(size=n))
    return (bce_with_logits, bce_with_logits_backward, z, rng.integers(2, size=n)), {}


class CategoricalCrossentropy:
    """Labels may be class numbers or one-hot rows."""

    def forward(self, y_pred, y_true):
        clipped = np.clip(y_pred, 1e-7, 1 - 1e-7)
        if len(y_true.shape) == 1:
            confidences = clipped[range(len(y_pred)), y_true]
        else:
            confidences = np.sum(clipped * y_true, axis=1)
        return -np.log(confidences)

    def backward(self, dvalues, y_true):
        samples, labels = dvalues.shape
        if len(y_true.shape) == 1:
            y_true = np.eye(labels)[y_true]
        clipped = np.clip(dvalues, 1e-7, 1 - 1e-7)
        self.dinputs = -y_true / clipped
        self.dinputs[clipped != dvalues] = 0
        self.dinputs = self.dinputs / samples


def draw_categorical_crossentropy(rng):
    n, k = rng.permutation([3, 4, 5])[:2]
    y_pred = rng.uniform(0.2, 1, size=(n, k))
    y_pred /= y_pred.sum(axis=1, keepdims=True)
    y_true = rng.integers(k, size=n)
    if rng.integers(4) == 0:
        y_pred[0], y_pred[0, y_true[0]] = 1 / k, 0
    if rng.integers(2):
        y_true = np.eye(k, dtype=int)[y_true]
    return (CategoricalCrossentropy(), y_pred), {"y_true": y_true}


def cross_entropy(probs, y):
    return -np.sum(y * np.log(probs))


def cross_entropy_backward(probs, y):
    dprobs = -y / probs
    return dprobs


def draw_cross_entropy(rng):
    n, k = two_sizes(rng)
    probs = rng.dirichlet(np.full(k, 4.0), size=n)
    y = np.eye(k)[rng.integers(k, size=n)]
    return (cross_entropy, cross_entropy_backward, probs, y), {}


def svm_loss(scores, y):
    n = scores.shape[0]
    correct = scores[np.arange(n), y][:, None]
    margins = np.maximum(0, scores - correct + 1.0)
    margins[np.arange(n), y] = 0
    loss = margins.sum() / n
    return loss, (margins, y)


def svm_loss_backward(dloss, cache):
    margins, y = cache
    n = margins.shape[0]
    dscores = np.zeros_like(margins)
    dscores[margins > 0] = 1
    violations = np.sum(margins > 0, axis=1)
    dscores[np.arange(n), y] -= violations
    dscores *= dloss / n
    return dscores


def draw_svm(rng):
    n, k = rng.permutation([3, 4, 5])[:2]
    # Quarters are exact, so that in some draws a margin is exactly 0.
    scores = rng.normal(size=(n, k))
    scores = np.round(4 * scores) / 4 if rng.integers(10) == 0 else scores
    return (svm_loss, svm_loss_backward, scores, rng.integers(k, size=n)), {}


class SquaredHinge:
    """Labels are -1 and 1; the squared margin has no kink."""

    def forward(self, scores, y_true):
        margin = np.maximum(0, 1 - y_true * scores)
        return np.mean(margin**2)

    def backward(self, scores, y_true):
        margin = np.maximum(0, 1 - y_true * scores)
        dmargin = 2 * margin / scores.size
        self.dinputs = -y_true * dmargin
        return self.dinputs


def draw_squared_hinge(rng):
    n = rng.integers(3, 7)
    scores = now_and_then(rng, rng.normal(size=n), value=1.0)
    return (SquaredHinge(), scores), {"y_true": rng.choice([-1, 1], size=n)}


def log_cosh(pred, target, weight):
    d = pred - target
    per_item = weight * np.log(np.cosh(d))
    return per_item.sum() / weight.sum()


def log_cosh_backward(pred, target, weight):
    total = weight.sum()
    d = pred - target
    dd = weight * np.tanh(d) / total
    dpred = dd
    dtarget = -dd
    loss = np.sum(weight * np.log(np.cosh(d))) / total
    dweight = (np.log(np.cosh(d)) - loss) / total
    return dpred, dtarget, dweight


def draw_log_cosh(rng):
    n = rng.integers(3, 6)
    inputs = rng.normal(size=n), rng.normal(size=n), rng.uniform(0.5, 2, size=n)
    return (log_cosh, log_cosh_backward, *inputs), {}


def contrastive(a, b, same):
    diff = a - b
    dist = np.sqrt(np.sum(diff**2, axis=1))
    gap = np.maximum(0, 1.5 - dist)
    losses = np.where(same, dist**2, gap**2)
    return losses.mean(), (diff, dist, gap, same)


def contrastive_backward(cache):
    diff, dist, gap, same = cache
    ddist = np.where(same, 2 * dist, -2 * gap) / len(dist)
    ddiff = ddist[:, np.newaxis] * diff / dist[:, np.newaxis]
    return ddiff, -ddiff


def draw_contrastive(rng):
    n, d = rng.permutation([3, 4, 5])[:2]
    same = rng.permutation(np.arange(n) % 2 == 0)
    inputs = 0.7 * rng.normal(size=(n, d)), 0.7 * rng.normal(size=(n, d)), same
    return (contrastive, contrastive_backward, *inputs), {}


CASES = [
    Case("mean squared error, textbook class", MeanSquaredError.backward, draw_mean_squared_error),
    Case("half squared error, functions", squared_error_backward, draw_squared_error),
    Case(
        "mean absolute error, textbook class", MeanAbsoluteError.backward, draw_mean_absolute_error
    ),
    Case("huber loss, no cache", huber_loss_backward, draw_huber),
    Case(
        "binary cross-entropy, textbook class with a clip",
        BinaryCrossentropy.backward,
        draw_binary_crossentropy,
    ),
    Case("binary cross-entropy of clipped probabilities", clipped_nll_backward, draw_clipped_nll),
    Case("binary cross-entropy from logits", bce_with_logits_backward, draw_bce_with_logits),
    Case(
        "categorical cross-entropy, textbook class with a clip",
        CategoricalCrossentropy.backward,
        draw_categorical_crossentropy,
    ),
    Case("cross-entropy of one-hot labels, sum", cross_entropy_backward, draw_cross_entropy),
    Case("multiclass hinge, functions with a cache", svm_loss_backward, draw_svm),
    Case("squared hinge, class", SquaredHinge.backward, draw_squared_hinge),
    Case("log-cosh, weighted mean", log_cosh_backward, draw_log_cosh),
    Case("contrastive loss of pairs", contrastive_backward, draw_contrastive),
]
