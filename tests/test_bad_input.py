"""What cannot be done is refused with what came, the user's line and what to write instead."""

import builtins
import math
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.graphing import record

HERE = Path(__file__).name
A34, A24 = np.ones((3, 4)), np.ones((2, 4))


def unmatched_product(a, b):
    return np.sum(a @ b)


def unmatched_sum(a, b):
    return np.sum(a + b)


def rows_and_numbers(a, b):
    return np.sum(a * b)


def rooting(x):
    return np.sum(np.roots(x))


def with_dtype(x):
    return np.sum(x, dtype=np.int64)


def with_where(x):
    return np.sum(np.exp(x, where=np.array([True, False])))


def into_out(x):
    out = np.zeros(2)
    np.multiply(x, 2, out=out)
    return out.sum()


def added_in_place(x):
    total = np.zeros(2)
    total += x
    return total.sum()


def put_into_an_array(x):
    return np.array([x[0], x[1]]).sum()


def as_an_array(x):
    return np.asarray(x).sum()


def stored_in_a_plain_array(x):
    out = np.zeros(2)
    out[0] = x[0]
    return out.sum()


def made_a_float(x):
    return float(x[0]) * x[1]


def exponentials_of_a_list(x):
    return np.sum(np.exp([x[0], x[1]]))


def made_an_int(x):
    return x[1] * int(x[0])


def a_float_as_an_index(x):
    return x[x[0]]


def through_math(x):
    return math.exp(x[0])


def written_through_a_reshaped_view(x):
    y = x * 1
    y.reshape(2, 1)[0] = 3.0
    return y.sum()


def read_after_its_array_was_written(x):
    y = x * 1
    head = y[0:1]
    y[0] = 5.0
    return head.sum()


def read_after_its_complex_array_was_written(x):
    z = x * 1j
    part = z.imag
    z[0] = 5.0
    return np.sum(part)


def written_through_a_real_part(x):
    z = x + 0j
    np.real(z)[0] = 3.0
    return np.sum(np.abs(z))


def log_of_negative(x):
    y = x - 2
    return np.sum(np.log(y))


def python_division(x):
    return 1.0 / x


def root_of_negative(x):
    return (x - 9.0) ** 0.5


def root_at_zero(x):
    return x**0.5


def zero_over_zero_on_the_way_back(x):
    return np.exp(np.log(x))


def infinite_on_the_way_back(x):
    y = np.sqrt(x)
    return np.sum(y)


def returns_text(x):
    return "loss"


def returns_an_array(x):
    return x * 2


CASES = [
    (unmatched_product, (A34, A24), errors.ShapeError, ["(3, 4) and (2, 4)", "b.T"]),
    (unmatched_sum, (A34, A24), errors.ShapeError, ["(3, 4) and (2, 4)", "expected"]),
    (rows_and_numbers, (A34, np.ones(3)), errors.ShapeError, ["b[:, None]"]),
    (rooting, (np.ones(3),), errors.UnsupportedError, ["np.roots"]),
    (with_dtype, (np.ones(2),), errors.UnsupportedError, ["'dtype'"]),
    (with_where, (np.ones(2),), errors.UnsupportedError, ["'where'"]),
    (into_out, (np.ones(2),), errors.MutationError, ["a = a + b"]),
    (added_in_place, (np.ones(2),), errors.MutationError, ["a = a + b"]),
    (put_into_an_array, (np.ones(2),), errors.ConversionError, ["np.stack"]),
    (as_an_array, (np.ones(2),), errors.ConversionError, ["np.asarray(x)"]),
    (stored_in_a_plain_array, (np.ones(2),), errors.ConversionError, ["np.stack"]),
    (made_a_float, (np.ones(2),), errors.ConversionError, ["float()"]),
    (exponentials_of_a_list, (np.ones(2),), errors.ConversionError, ["np.stack"]),
    (made_an_int, (np.ones(2),), errors.ConversionError, ["int()"]),
    (a_float_as_an_index, (np.ones(2),), errors.ConversionError, ["index"]),
    (through_math, (np.ones(2),), errors.ConversionError, ["np.exp, not math.exp"]),
    (written_through_a_reshaped_view, (np.ones(2),), errors.MutationError, ["copy"]),
    (read_after_its_array_was_written, (np.ones(2),), errors.MutationError, ["copy"]),
    (read_after_its_complex_array_was_written, (np.ones(2),), errors.MutationError, ["copy"]),
    (written_through_a_real_part, (np.ones(2),), errors.MutationError, ["copy"]),
    (log_of_negative, (np.ones(2),), errors.NonFiniteError, ["log gave a NaN", "np.clip"]),
    (python_division, (0.0,), errors.NonFiniteError, ["division by zero"]),
    (root_of_negative, (1.0,), errors.NonFiniteError, ["power gave a NaN"]),
    (root_at_zero, (0.0,), errors.NonFiniteError, ["derivative of power", "x = 0"]),
    (zero_over_zero_on_the_way_back, (0.0,), errors.NonFiniteError, ["log gave an infinity"]),
    (infinite_on_the_way_back, (np.zeros(2),), errors.NonFiniteError, ["derivative of sqrt"]),
]


def still_works():
    assert builtins.max is max
    assert not hasattr(builtins.max, "__wrapped__")
    assert max(2, 1) == 2
    assert cr.grad(lambda x: max(x, 0.0) ** 2)(3.0) == 6.0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("ask", ["explain", "grad"])
@pytest.mark.parametrize(("f", "args", "error", "words"), CASES, ids=[c[0].__name__ for c in CASES])
def test_refused_with_the_users_line(ask, f, args, error, words):
    original = builtins.max
    call = cr.grad(f) if ask == "grad" else lambda *a: cr.explain(f, *a)
    with pytest.raises(error) as caught:
        call(*args)
    message = str(caught.value)
    first, last = f.__code__.co_firstlineno, f.__code__.co_firstlineno + 6
    where = caught.value.where
    assert where.file == __file__
    assert first < where.line <= last
    assert where.function == f.__name__
    assert where.source in Path(__file__).read_text(encoding="utf-8")
    for word in words:
        assert word in message
    assert caught.value.instead or caught.value.expected
    assert builtins.max is original
    still_works()


@pytest.mark.parametrize(
    ("value", "kind"),
    [(np.array([1, 2]), "integers"), (np.array([True, False]), "booleans"),
     (np.array([None, 1.0]), "object"), (np.int64(3), "integers")],
)  # fmt: skip
def test_only_inexact_numbers_have_a_gradient(value, kind):
    for ask in (lambda: cr.grad(np.sum)(value), lambda: cr.explain(lambda x: x, value, wrt="x")):
        with pytest.raises(errors.DtypeError, match=kind) as caught:
            ask()
        assert "astype(float)" in caught.value.instead
    still_works()


def test_a_complex_output_is_refused():
    value = np.array([1j, 2])
    for ask in (lambda: cr.grad(np.sum)(value), lambda: cr.explain(lambda x: np.sum(x), value)):
        with pytest.raises(errors.ArgumentError, match="complex") as caught:
            ask()
        assert "np.abs" in caught.value.instead
    still_works()


def test_python_ints_count_as_floats():
    assert cr.grad(lambda x: x * x)(3) == 6.0
    assert cr.grad(lambda w: w[0] * w[1])([2, 5]) == [5.0, 2.0]
    assert cr.explain(lambda x, n: x**n, 2, 3).grads["x"] == 12.0


def test_an_output_that_is_no_number():
    with pytest.raises(errors.ArgumentError, match="upstream") as caught:
        cr.explain(returns_an_array, np.ones(3))
    assert caught.value.where.file == __file__
    assert "np.ones((3,))" in caught.value.instead
    with pytest.raises(errors.ArgumentError, match="single number") as caught:
        cr.grad(returns_an_array)(np.ones(3))
    assert caught.value.where.function == "returns_an_array"
    assert "cr.vjp" in caught.value.instead
    with pytest.raises(errors.ArgumentError, match="str"):
        cr.explain(returns_text, 1.0)
    with pytest.raises(errors.ArgumentError):
        cr.grad(returns_text)(1.0)
    with pytest.raises(errors.ArgumentError, match="shape"):
        cr.explain(returns_an_array, np.ones(3), upstream=np.ones(2))
    with pytest.raises(errors.ArgumentError, match="shape"):
        cr.vjp(returns_an_array, np.ones(3))[1](np.ones(2))


@pytest.mark.parametrize("wrt", ["weights", 2, -3, (), ("w", "v")])
def test_a_wrt_that_is_no_argument(wrt):
    def f(w, x):
        return w * x

    for ask in (lambda: cr.explain(f, 1.0, 2.0, wrt=wrt), lambda: cr.grad(f, wrt)(1.0, 2.0)):
        with pytest.raises(errors.ArgumentError) as caught:
            ask()
        assert "w, x" in str(caught.value) or "0 to 1" in str(caught.value)


def test_the_nearest_name_is_suggested():
    with pytest.raises(errors.ArgumentError) as caught:
        cr.explain(lambda weights, x: weights * x, 1.0, 2.0, wrt="weigths")
    assert caught.value.instead == "wrt='weights'"


def test_arguments_that_do_not_fit():
    with pytest.raises(errors.ArgumentError, match="do not fit"):
        cr.explain(lambda w, x: w * x, 1.0)


def branching(x):
    if x > 0:
        return x
    return -x


def test_a_branch_under_abstract_tracing():
    with pytest.raises(errors.BranchError) as caught:
        record(branching, (2.0,), {}, values=False)
    assert caught.value.where.source == "if x > 0:"
    assert "np.where" in caught.value.instead
    assert record(branching, (2.0,), {}).branches[0].taken is True


def test_a_mask_of_unknown_values_under_abstract_tracing():
    with pytest.raises(errors.BranchError, match="mask picks depends on its values") as caught:
        record(lambda a: np.sum(a[a > 0]), (np.ones(3),), {}, values=False)
    assert "np.where" in caught.value.instead


def test_an_argument_that_is_not_finite_is_named():
    for bad in (np.nan, np.inf):
        with pytest.raises(errors.NonFiniteError, match=r"argument x .*\(1,\)"):
            cr.explain(lambda x: np.sum(x), np.array([0.0, bad]))
        with pytest.raises(errors.NonFiniteError, match="argument x"):
            cr.grad(lambda x: np.sum(x))(np.array([0.0, bad]))


def test_infinities_that_are_meant_are_let_through():
    mask = np.array([0.0, -np.inf, 0.0])

    def masked(z):
        scores = z + mask
        e = np.exp(scores - np.max(scores))
        return np.sum(np.square(e / np.sum(e)))

    assert np.all(np.isfinite(cr.grad(masked)(np.ones(3))))


def test_a_traced_value_that_escapes():
    kept = []
    cr.grad(lambda x: kept.append(x) or x * x)(3.0)
    with pytest.raises(errors.LeakError, match="had returned"):
        kept[0] * 2


def test_a_users_own_exception_passes_and_leaves_nothing_behind():
    class OwnError(Exception):
        pass

    def failing(x):
        y = max(x, 0)
        raise OwnError(y)

    original = builtins.max
    for ask in (lambda: cr.explain(failing, 1.0), lambda: cr.grad(failing)(1.0)):
        with pytest.raises(OwnError):
            ask()
        assert builtins.max is original
    still_works()
