"""Subclasses of torch.autograd.Function: right ones, wrong ones, and what PyTorch refuses."""

import warnings

import numpy as np
import pytest

from chainrule.checking.api import check
from chainrule.errors import ArgumentError, TraceError

pytestmark = pytest.mark.peers

torch = pytest.importorskip("torch")
T = pytest.importorskip("torch_functions")
Function = torch.autograd.Function

X, W, B = T.X, T.W, T.B


@pytest.mark.parametrize("name", T.RIGHT)
def test_right(name):
    function, args = T.RIGHT[name]
    report = check(function, *args)
    assert report.ok, report.text()
    assert all(f.verdict == "right" for f in report.findings)


def test_each_gradient_is_named_as_it_is_returned():
    report = check(T.Linear, X, W, B)
    assert [(f.name, f.of) for f in report.findings] == [
        ("grad_x", "x"),
        ("grad_w", "w"),
        ("grad_b", "b"),
    ]
    assert "numeric derivative" in report.text()


def test_with_an_upstream_gradient_of_its_own():
    assert check(T.Linear, X, W, B, upstream=np.ones((3, 2))).ok
    assert check(T.Linear, X, W, B, upstream=torch.ones(3, 2)).ok
    with pytest.raises(ArgumentError, match=r"shape of the output"):
        check(T.Linear, X, W, B, upstream=np.ones(3))


def test_a_float32_gradient_is_as_exact_as_float32_can_be():
    class InSingle(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return (grad_output * (1 - y**2)).float()

    assert check(InSingle, X).ok


def test_pytorch_sums_what_was_broadcast():
    class Unsummed(T.Linear):
        @staticmethod
        def backward(ctx, grad_output):
            x, w = ctx.saved_tensors
            return grad_output @ w.T, x.T @ grad_output, grad_output

    assert check(Unsummed, X, W, B).ok


# -- wrong ones --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "args", "gradient", "mistake", "repaired"),
    list(T.WRONG.values()),
    ids=list(T.WRONG),
)
def test_wrong(function, args, gradient, mistake, repaired):
    report = check(function, *args)
    assert not report.ok
    first = report.first_wrong
    assert first.name == gradient, report.text()
    assert first.line.startswith(gradient), report.text()
    assert first.mistake == mistake, report.text()
    assert repaired in first.repair.after


def test_each_gradient_has_its_line():
    lines = [f.line for f in check(T.Linear, X, W, B).findings]
    assert [line.partition(" = ")[0] for line in lines] == ["grad_x", "grad_w", "grad_b"]


def finding(report):
    assert not report.ok
    return next(f for f in report.findings if f.verdict == "wrong")


def test_not_saved():
    class NotSaved(T.Tanh):
        @staticmethod
        def forward(x):
            return torch.tanh(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return grad_output * (1 - y**2)

    found = finding(check(NotSaved, X))
    assert found.mistake == "raises"
    assert "ValueError" in found.mistakes[0].evidence
    assert found.line == "(y,) = ctx.saved_tensors"


def test_an_error_in_forward():
    class Mismatched(T.Linear):
        @staticmethod
        def forward(ctx, x, w, b):
            return w @ x

    found = finding(check(Mismatched, X, W, B))
    assert found.mistake == "raises"
    assert "forward pass raised RuntimeError" in found.mistakes[0].evidence
    assert found.line == "return w @ x"


def test_too_few_gradients():
    class TooFew(T.Linear):
        @staticmethod
        def backward(ctx, grad_output):
            x, w = ctx.saved_tensors
            return grad_output @ w.T, x.T @ grad_output

    found = finding(check(TooFew, X, W, B))
    assert found.mistake == "count"
    assert "returned 2 gradients, and forward has 3 inputs: x, w, b" in found.mistakes[0].evidence
    assert "return grad_x, grad_w, grad_b" in found.note


def test_an_empty_tuple():
    class Empty(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            return ()

    assert finding(check(Empty, X)).mistake == "count"


def test_too_many_gradients():
    class TooMany(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return grad_output * (1 - y**2), grad_output

    assert finding(check(TooMany, X)).mistake == "count"


def test_more_values_of_none_are_allowed_as_pytorch_allows_them():
    class More(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return grad_output * (1 - y**2), None, None

    assert check(More, X).ok


def test_none_claims_nothing():
    class Some(T.Linear):
        @staticmethod
        def backward(ctx, grad_output):
            x, _ = ctx.saved_tensors
            return None, x.T @ grad_output, None

    report = check(Some, X, W, B)
    assert report.ok
    assert [f.of for f in report.findings] == ["w"]


def test_none_alone():
    class Nothing(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            pass

    found = finding(check(Nothing, X))
    assert found.mistake == "returns-none"
    assert found.note == "return grad_x"


def test_a_wrong_shape():
    class Rows(T.Linear):
        @staticmethod
        def backward(ctx, grad_output):
            x, w = ctx.saved_tensors
            return grad_output @ w.T, (x.T @ grad_output)[:2], grad_output.sum(0)

    found = finding(check(Rows, X, W, B))
    assert (found.of, found.mistakes[-1].kind) == ("w", "shape")
    assert "(2, 2), and w has shape (4, 2)" in found.mistakes[-1].evidence
    assert "return grad_output @ w.T" in found.line


def test_an_array_where_pytorch_takes_tensors():
    class Arrays(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return (grad_output * (1 - y**2)).numpy()

    found = finding(check(Arrays, X))
    assert found.mistake == "raises"
    assert "grad_x is ndarray, and PyTorch takes a tensor" in found.mistakes[0].evidence


def test_a_list_where_pytorch_takes_a_tuple():
    class Listed(T.Linear):
        @staticmethod
        def backward(ctx, grad_output):
            return list(T.Linear.backward(ctx, grad_output))

    found = finding(check(Listed, X, W, B))
    assert found.mistake == "raises"
    assert "returned a list, and PyTorch takes a tensor or a tuple" in found.mistakes[0].evidence


def test_a_mask_for_a_gradient():
    assert not check(T.Mask, X).ok  # right for an upstream gradient of 1 alone


def test_a_string():
    class String(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            return "gradient"

    assert finding(check(String, X)).mistakes[-1].kind == "not-a-number"


def test_a_gradient_of_an_index():
    class OfLabels(T.CrossEntropy):
        @staticmethod
        def backward(ctx, grad_output):
            probs, _ = ctx.saved_tensors
            return grad_output * probs, grad_output

    class Power(Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.save_for_backward(x)
            ctx.n = n
            return x**n

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.n * x ** (ctx.n - 1), g

    # PyTorch throws the gradient of an integer tensor away, and refuses that of an int.
    assert finding(check(OfLabels, X, np.array([0, 3, 1]))).of == "logits"
    found = finding(check(Power, X, 3))
    assert found.mistake == "unknown-gradient"
    assert "n, which is no tensor" in found.mistakes[0].evidence


def test_nan():
    class NotFinite(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return grad_output * (y - y) / (y - y)

    assert finding(check(NotFinite, X)).mistakes[-1].kind == "not-finite"


@pytest.mark.parametrize("what", ["upstream", "input"])
def test_writing_in_place(what):
    class Writes(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            if what == "input":
                x.mul_(2)
                return grad_output * x
            grad_output *= 2
            return grad_output * x

    found = finding(check(Writes, X))
    assert found.mistake == ("mutates-input" if what == "input" else "mutates-upstream")
    assert found.line == ("x.mul_(2)" if what == "input" else "grad_output *= 2")


def test_random_numbers_in_backward():
    class Redrawn(T.Dropout):
        @staticmethod
        def backward(ctx, grad_output):
            mask = (torch.rand(grad_output.shape) > 0.5) / 0.5
            return grad_output * mask, None

    class Jittered(T.Tanh):
        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return grad_output * (1 - y**2) + 0 * torch.rand(1)

    assert not check(Redrawn, X, 0.5).ok
    assert check(Jittered, X).ok


def test_a_generator_of_the_module_is_replayed():
    before = T.GENERATOR.get_state()
    assert check(T.OwnGenerator, X).ok
    assert torch.equal(T.GENERATOR.get_state(), before)


def test_state_of_the_class():
    assert not check(T.Adding, X).ok


# -- arguments, and what a check leaves behind -------------------------------------------------


def test_several_outputs():
    with pytest.raises(ArgumentError, match="Two has 2 outputs with a gradient"):
        check(T.Two, X)


def test_complex_output():
    with pytest.raises(ArgumentError, match="complex"):
        check(T.Fourier, X)


def test_arguments_that_do_not_fit():
    with pytest.raises(ArgumentError, match=r"Linear\.apply") as caught:
        check(T.Linear, X, W)
    assert "(x, w, b)" in str(caught.value)
    with pytest.raises(ArgumentError, match="nothing that has a gradient"):
        check(T.Tanh, np.arange(3))


def test_no_backward():
    with pytest.raises(ArgumentError, match="no backward method"):
        check(T.Forward, X)


def test_no_worked_solution():
    with pytest.raises(TraceError, match="not traced"):
        _ = check(T.Tanh, X).solution


def test_what_was_there_before_is_there_after():
    x = torch.tensor(X, requires_grad=True)
    before, state = x.detach().clone(), torch.get_rng_state()
    code, threads = T.Linear.backward.__code__, torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(T.Dropout, x, 0.5)
        check(T.Transposed, x, W, B)
    assert torch.equal(x.detach(), before)
    assert x.grad is None
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_default_dtype() is torch.float32
    assert torch.get_num_threads() == threads
    assert T.Linear.backward.__code__ is code


def test_where_gradients_are_switched_off():
    with torch.no_grad():
        assert check(T.Tanh, X).ok
        assert not torch.is_grad_enabled()
