"""Subclasses of torch.autograd.Function as people write them: right ones, then wrong ones."""

import numpy as np
import torch
from torch.autograd import Function

R = np.random.default_rng(5)
X, W, B = R.normal(size=(3, 4)), R.normal(size=(4, 2)), R.normal(size=2)

GENERATOR = torch.Generator().manual_seed(3)


class Linear(Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w + b

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        grad_x = grad_output @ w.T
        grad_w = x.T @ grad_output
        grad_b = grad_output.sum(axis=0)
        return grad_x, grad_w, grad_b


class Tanh(Function):
    """In the newer style, with a value of the forward pass kept."""

    @staticmethod
    def forward(x):
        return torch.tanh(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        return grad_output * (1 - y**2)


class Leaky(Function):
    """The slope is a number and no tensor: clamp takes nothing else."""

    @staticmethod
    def forward(ctx, x, slope):
        assert isinstance(slope, float)
        ctx.save_for_backward(x)
        ctx.slope = slope
        return x.clamp(min=0.0) + slope * x.clamp(max=0.0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return torch.where(x > 0, grad_output, ctx.slope * grad_output), None


class Scaled(Function):
    """The factor has a gradient, so that it has to be a tensor."""

    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    def backward(ctx, g):
        x, factor = ctx.saved_tensors
        return g * factor, (g * x).sum()


class CrossEntropy(Function):
    @staticmethod
    def forward(ctx, logits, labels):
        probs = torch.softmax(logits, dim=1)
        ctx.save_for_backward(probs, labels)
        return -torch.log(probs[torch.arange(len(labels)), labels]).mean()

    @staticmethod
    def backward(ctx, grad_output):
        probs, labels = ctx.saved_tensors
        dlogits = probs.clone()
        dlogits[torch.arange(len(labels)), labels] -= 1
        return grad_output * dlogits / len(labels), None


class Dropout(Function):
    @staticmethod
    def forward(ctx, x, p):
        ctx.mask = (torch.rand(x.shape) > p) / (1 - p)
        return x * ctx.mask

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.mask, None


class InPlace(Function):
    @staticmethod
    def forward(ctx, x):
        x.exp_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[0]


class OnceDifferentiable(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad_output


class WithVjp(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def vjp(ctx, grad_output):
        return grad_output * torch.cos(ctx.saved_tensors[0])


class SumOfAll(Function):
    @staticmethod
    def forward(ctx, *xs):
        return sum(xs)

    @staticmethod
    def backward(ctx, g):
        return g, g, g


class WithIndices(Function):
    """Of two outputs one has a gradient."""

    @staticmethod
    def forward(ctx, x):
        values, indices = x.max(dim=1)
        ctx.mark_non_differentiable(indices)
        ctx.save_for_backward(indices)
        ctx.shape = x.shape
        return values, indices

    @staticmethod
    def backward(ctx, grad_values, _):
        grad_x = torch.zeros(ctx.shape)
        return grad_x.scatter(1, ctx.saved_tensors[0][:, None], grad_values[:, None])


class OwnGenerator(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mask = torch.rand(x.shape, generator=GENERATOR) > 0.5
        return x * ctx.mask

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.mask


#: Function and inputs.
RIGHT = {
    "linear": (Linear, (X, W, B)),
    "newer style": (Tanh, (X,)),
    "float32 tensors": (Linear, tuple(torch.tensor(a, dtype=torch.float32) for a in (X, W, B))),
    "tensors that require gradients": (Tanh, (torch.tensor(X, requires_grad=True),)),
    "half precision": (Tanh, (torch.tensor(X, dtype=torch.bfloat16),)),
    "float32 arrays": (Tanh, (X.astype(np.float32),)),
    "a number": (Tanh, (0.5,)),
    "a float that stays one": (Leaky, (X, 0.1)),
    "a float with a gradient": (Scaled, (X, 1.5)),
    "two numbers": (Scaled, (2.0, 1.5)),
    "labels as an array": (CrossEntropy, (X, np.array([0, 3, 1]))),
    "labels as a tensor": (CrossEntropy, (X, torch.tensor([0, 3, 1]))),
    "random masks": (Dropout, (X, 0.5)),
    "written in place": (InPlace, (X,)),
    "once differentiable": (OnceDifferentiable, (X,)),
    "vjp": (WithVjp, (X,)),
    "any number of inputs": (SumOfAll, (X, 2 * X, 3 * X)),
    "an output without gradient": (WithIndices, (X,)),
    "one element": (Tanh, (np.array([0.3]),)),
    "no elements": (Tanh, (np.zeros((0, 3)),)),
    "read-only": (Tanh, (np.broadcast_to(X[0], (3, 4)),)),
    "Fortran order": (Linear, (np.asfortranarray(X), np.asfortranarray(W), B)),
}


# -- wrong ones --------------------------------------------------------------------------------


class MissingFactor(Tanh):
    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        grad_x = 2 * grad_output * (1 - y**2)
        return grad_x


class NoDerivative(Tanh):
    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        grad_x = grad_output * torch.ones_like(y)
        return grad_x


class WrongSign(Tanh):
    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        grad_x = grad_output * (1 + y**2)
        return grad_x


class NoUpstream(Tanh):
    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        grad_x = 1 - y**2
        return grad_x


class Transposed(Linear):
    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        grad_x = grad_output @ w.T
        grad_w = grad_output.T @ x
        return grad_x, grad_w, grad_output.sum(0)


class WrongAxis(Linear):
    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        grad_x = grad_output @ w.T
        grad_w = x.T @ grad_output
        grad_b = grad_output.sum(1)
        return grad_x, grad_w, grad_b


class NotAveraged(CrossEntropy):
    @staticmethod
    def backward(ctx, grad_output):
        probs, labels = ctx.saved_tensors
        dlogits = probs.clone()
        dlogits[torch.arange(len(labels)), labels] -= 1
        grad_logits = grad_output * dlogits
        return grad_logits, None


class Two(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, g, h):
        return 2 * g + 3 * h


class Fourier(Function):
    @staticmethod
    def forward(ctx, x):
        return torch.fft.fft(x)

    @staticmethod
    def backward(ctx, g):
        return torch.fft.ifft(g).real


class Forward(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2


class Adding(Tanh):
    total = 0

    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        Adding.total = Adding.total + grad_output * (1 - y**2)
        return Adding.total


class Mask(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0.0).sum()

    @staticmethod
    def backward(ctx, grad_output):
        return ctx.saved_tensors[0] > 0


#: Function, inputs, the gradient that is wrong, the mistake, what the line should hold.
WRONG = {
    "factor": (MissingFactor, (X,), "grad_x", "scale", "grad_output * (1 - y ** 2)"),
    "no derivative": (NoDerivative, (X,), "grad_x", "derivative-missing", "(1 - y ** 2)"),
    "sign": (WrongSign, (X,), "grad_x", "sign", "1 - y ** 2"),
    "no upstream": (NoUpstream, (X,), "grad_x", "upstream-ignored", "* grad_output"),
    "transposed": (Transposed, (X, W, B), "grad_w", "transposed", "x.T @ grad_output"),
    "axis": (WrongAxis, (X, W, B), "grad_b", "wrong-axis", "0"),
    "mean": (NotAveraged, (X, np.array([0, 3, 1])), "grad_logits", "scale", "/"),
}
