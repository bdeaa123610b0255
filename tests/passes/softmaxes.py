import numpy as np

from passes.case import Case


def samples_and_classes(rng):
    return rng.permutation([3, 4, 5, 6])[:2]


class Softmax:
    def forward(self, inputs):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for index, (row, drow) in enumerate(zip(self.output, dvalues, strict=True)):
            column = row.reshape(-1, 1)
            jacobian = np.diagflat(column) - np.dot(column, column.T)
            self.dinputs[index] = np.dot(jacobian, drow)


def draw_softmax_class(rng):
    return (Softmax(), rng.normal(size=samples_and_classes(rng))), {}


def softmax_forward(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    s = e / e.sum(axis=-1, keepdims=True)
    return s, s


def softmax_backward(ds, s):
    inner = np.sum(ds * s, axis=-1, keepdims=True)
    dz = s * (ds - inner)
    return dz


def draw_softmax(rng):
    z = rng.normal(size=samples_and_classes(rng))
    return (softmax_forward, softmax_backward, z), {"upstream": rng.normal(size=z.shape)}


def softmax_of_one(x):
    e = np.exp(x)
    p = e / np.sum(e)
    return p


def softmax_of_one_backward(dp, p):
    n = len(p)
    dx = np.zeros(n)
    for i in range(n):
        for j in range(n):
            if i == j:
                dx[i] += dp[j] * p[i] * (1 - p[i])
            else:
                dx[i] += dp[j] * -p[i] * p[j]
    return dx


def draw_softmax_of_one(rng):
    n = rng.integers(3, 6)
    return (softmax_of_one, softmax_of_one_backward, rng.normal(size=n)), {}


class LogSoftmax:
    def forward(self, X):
        shifted = X - np.max(X, axis=1, keepdims=True)
        self.out = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
        return self.out

    def backward(self, dY):
        return dY - np.exp(self.out) * np.sum(dY, axis=1, keepdims=True)


def draw_log_softmax(rng):
    X = rng.normal(size=samples_and_classes(rng))
    return (LogSoftmax(), X), {"upstream": rng.normal(size=X.shape)}


def logsumexp(x):
    m = np.max(x, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(x - m), axis=1)) + m[:, 0]


def logsumexp_backward(dout, x):
    weights = np.exp(x - logsumexp(x)[:, None])
    dx = dout[:, None] * weights
    return dx


def draw_logsumexp(rng):
    n, d = samples_and_classes(rng)
    args = logsumexp, logsumexp_backward, rng.normal(size=(n, d))
    return args, {"upstream": rng.normal(size=n)}


class SoftmaxCrossentropy:
    def forward(self, inputs, y_true):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        confidences = self.output[np.arange(len(inputs)), y_true]
        return np.mean(-np.log(confidences))

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = dvalues.copy()
        self.dinputs[range(samples), y_true] -= 1
        self.dinputs = self.dinputs / samples


def draw_softmax_crossentropy(rng):
    n, k = samples_and_classes(rng)
    return (SoftmaxCrossentropy(), rng.normal(size=(n, k))), {"y_true": rng.integers(k, size=n)}


def softmax_loss(scores, y):
    shifted = scores - scores.max(axis=1, keepdims=True)
    exp_scores = np.exp(shifted)
    probs = exp_scores / exp_scores.sum(axis=1, keepdims=True)
    n = len(y)
    loss = -np.log(probs[np.arange(n), y]).sum() / n
    return loss, (probs, y)


def softmax_loss_backward(cache):
    probs, y = cache
    n = len(y)
    # The probabilities are used up: their array becomes the gradient.
    dscores = probs
    dscores[np.arange(n), y] -= 1
    dscores /= n
    return dscores


def draw_softmax_loss(rng):
    n, k = samples_and_classes(rng)
    scores, y = rng.normal(size=(n, k)), rng.integers(k, size=n)
    return (softmax_loss, softmax_loss_backward, scores, y), {}


def nll_of_softmax(logits, onehot):
    """Each step of the loss with a name of its own."""
    counts = np.exp(logits - logits.max(1, keepdims=True))
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    loss = -(onehot * logprobs).sum() / len(logits)
    return loss


def nll_of_softmax_backward(onehot, counts, counts_sum, counts_sum_inv, probs):
    dlogprobs = -onehot / len(onehot)
    dprobs = dlogprobs / probs
    dcounts_sum_inv = (counts * dprobs).sum(1, keepdims=True)
    dcounts = counts_sum_inv * dprobs
    dcounts_sum = -(counts_sum**-2) * dcounts_sum_inv
    dcounts += np.ones_like(counts) * dcounts_sum
    dlogits = counts * dcounts
    return dlogits


def draw_nll_of_softmax(rng):
    n, k = samples_and_classes(rng)
    onehot = np.eye(k)[rng.integers(k, size=n)]
    return (nll_of_softmax, nll_of_softmax_backward, rng.normal(size=(n, k)), onehot), {}


class LabelSmoothing:
    """Cross-entropy of logits with labels that are softened by `smoothing`."""

    def __init__(self, smoothing):
        self.smoothing = smoothing

    def soften(self, y_true, k):
        return (1 - self.smoothing) * np.eye(k)[y_true] + self.smoothing / k

    def forward(self, logits, y_true):
        shifted = logits - logits.max(axis=1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        target = self.soften(y_true, logits.shape[1])
        return -(target * logp).sum(axis=1)

    def backward(self, logits, y_true):
        n, k = logits.shape
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        target = self.soften(y_true, k)
        self.dinputs = (p - target) / n


def draw_label_smoothing(rng):
    n, k = samples_and_classes(rng)
    return (LabelSmoothing(0.1), rng.normal(size=(n, k))), {"y_true": rng.integers(k, size=n)}


def linear_softmax_loss(W, X, y, reg=0.05):
    scores = X @ W
    scores = scores - scores.max(axis=1, keepdims=True)
    P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    data_loss = -np.mean(np.log(P[np.arange(len(y)), y]))
    return data_loss + 0.5 * reg * np.sum(W * W)


def linear_softmax_grad(W, X, y, P, reg=0.05):
    dW = np.zeros_like(W)
    for i in range(len(X)):
        for c in range(W.shape[1]):
            dW[:, c] += (P[i, c] - (c == y[i])) * X[i]
    dW /= len(X)
    dW += reg * W
    return dW


def draw_linear_softmax(rng):
    n, d, k = rng.permutation([2, 3, 4, 5])[:3]
    inputs = rng.normal(size=(d, k)), rng.normal(size=(n, d)), rng.integers(k, size=n)
    return (linear_softmax_loss, linear_softmax_grad, *inputs), {}


CASES = [
    Case(
        "softmax, textbook class, a Jacobian for each sample", Softmax.backward, draw_softmax_class
    ),
    Case("softmax, vectorised", softmax_backward, draw_softmax),
    Case("softmax of one vector, element by element", softmax_of_one_backward, draw_softmax_of_one),
    Case("log-softmax, class", LogSoftmax.backward, draw_log_softmax),
    Case("log-sum-exp, no cache", logsumexp_backward, draw_logsumexp),
    Case(
        "softmax and cross-entropy, textbook class",
        SoftmaxCrossentropy.backward,
        draw_softmax_crossentropy,
    ),
    Case("softmax loss, gradient in the cached array", softmax_loss_backward, draw_softmax_loss),
    Case("softmax loss, every step by name", nll_of_softmax_backward, draw_nll_of_softmax),
    Case("label smoothing, class on logits", LabelSmoothing.backward, draw_label_smoothing),
    Case("linear softmax classifier with L2, loops", linear_softmax_grad, draw_linear_softmax),
]
