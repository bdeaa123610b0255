import ast
import builtins
import copy
import inspect
import math
import os
import pathlib
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import chainrule.formula as package
from chainrule.errors import ChainruleError, FormulaError, ShapeError
from chainrule.formula import Formula, limits, parse, parse_assignment, parse_value


def _relu(x):
    return np.maximum(x, 0)


FUNCTIONS = {
    name: getattr(np, name)
    for name in ("exp", "log", "sqrt", "sin", "tanh", "maximum", "minimum", "where", "mean", "var")
} | {"max": np.maximum, "min": np.minimum, "abs": np.abs, "sum": np.sum, "relu": _relu}

X = np.array([1.0, -2.0, 0.5])
A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
W = np.array([[0.5, -1.0], [2.0, 0.25], [1.0, 1.0]])


def refused(text, functions=FUNCTIONS, **options):
    """Parse what must be refused and return the error, its shape checked."""
    with pytest.raises(FormulaError) as caught:
        parse(text, functions, **options)
    check_shape(caught.value)
    return caught.value


def check_shape(error):
    message = str(error)
    assert "column " in message
    assert error.instead
    if "\n" in error.what:
        assert error.what.splitlines()[-1].strip() == "^"


def pointed_at(error):
    """The character above the caret."""
    *_, line, caret = error.what.splitlines()
    return line[len(caret) - 1 : len(caret)]


# What a formula may be -----------------------------------------------------------------------

ALLOWED = [
    ("x", lambda x: x, (X,)),
    ("2", lambda: 2, ()),
    ("1.5e3", lambda: 1500.0, ()),
    (".5*x", lambda x: 0.5 * x, (X,)),
    ("w*x + b", lambda w, x, b: w * x + b, (2.0, X, 1.0)),
    ("w*x - b/3", lambda w, x, b: w * x - b / 3, (2.0, X, 1.0)),
    ("a - b - c + d", lambda a, b, c, d: a - b - c + d, (X, 2.0, 3.0, X)),
    ("a - (b - c)", lambda a, b, c: a - (b - c), (X, 2.0, 3.0)),
    ("a / b / c * d", lambda a, b, c, d: a / b / c * d, (X, 2.0, 3.0, X)),
    ("a + b*c**2", lambda a, b, c: a + b * c**2, (X, 2.0, X)),
    ("-x**2", lambda x: -(x**2), (X,)),
    ("(-x)**2", lambda x: (-x) ** 2, (X,)),
    ("2**x**2", lambda x: 2 ** (x**2), (X,)),
    ("x**-1", lambda x: x**-1, (X,)),
    ("+x - -x", lambda x: +x - -x, (X,)),
    ("A @ W", lambda a, w: a @ w, (A, W)),
    ("x @ W", lambda x, w: x @ w, (X, W)),
    ("W.T @ x", lambda w, x: w.T @ x, (W, X)),
    ("(A @ W).T", lambda a, w: (a @ w).T, (A, W)),
    ("x > 0", lambda x: x > 0, (X,)),
    ("x >= y", lambda x, y: x >= y, (X, 0.5)),
    ("x < 0", lambda x: x < 0, (X,)),
    ("x <= 0.5", lambda x: x <= 0.5, (X,)),
    ("x == 1", lambda x: x == 1, (X,)),
    ("x != 1", lambda x: x != 1, (X,)),
    ("(x > 0) * x + 1 > 1", lambda x: (x > 0) * x + 1 > 1, (X,)),
    ("exp(x)", np.exp, (X,)),
    ("np.exp(x)", np.exp, (X,)),
    ("numpy.exp(x)", np.exp, (X,)),
    ("max(x, 0)", lambda x: np.maximum(x, 0), (X,)),
    ("min(abs(x), 1)", lambda x: np.minimum(np.abs(x), 1), (X,)),
    ("where(x > 0, x, 0.1*x)", lambda x: np.where(x > 0, x, 0.1 * x), (X,)),
    ("sum(A)", np.sum, (A,)),
    ("sum(A, axis=0)", lambda a: np.sum(a, axis=0), (A,)),
    ("sum(A, axis=-1, keepdims=True)", lambda a: np.sum(a, axis=-1, keepdims=True), (A,)),
    ("sum(A, axis=(0, 1))", lambda a: np.sum(a, axis=(0, 1)), (A,)),
    ("sum(A, axis=None)", np.sum, (A,)),
    ("var(x, ddof=1)", lambda x: np.var(x, ddof=1), (X,)),
    ("1 / (1 + exp(-x))", lambda x: 1 / (1 + np.exp(-x)), (X,)),
    ("log(sum(exp(x)))", lambda x: np.log(np.sum(np.exp(x))), (X,)),
    ("[1, 2, 3] * x", lambda x: np.array([1.0, 2, 3]) * x, (X,)),
    ("[1, -1/2, 2*pi]", lambda: np.array([1, -0.5, 2 * np.pi]), ()),
    ("[[1, 2], [3, 4]]", lambda: np.array([[1.0, 2], [3, 4]]), ()),
    ("sum([[1, 2, 3], [4, 5, 6]] * x)", lambda x: np.sum([[1, 2, 3], [4, 5, 6]] * x), (X,)),
    ("x[0]", lambda x: x[0], (X,)),
    ("x[-1]", lambda x: x[-1], (X,)),
    ("x[1:]", lambda x: x[1:], (X,)),
    ("x[:-1]", lambda x: x[:-1], (X,)),
    ("x[::-1]", lambda x: x[::-1], (X,)),
    ("A[0, 1:3]", lambda a: a[0, 1:3], (A,)),
    ("A[:, 0]", lambda a: a[:, 0], (A,)),
    ("A[0,]", lambda a: a[0,], (A,)),
    ("A[0][1]", lambda a: a[0][1], (A,)),
    ("x[i]", lambda x, i: x[i], (X, np.array([2, 0]))),
    ("x[i:j]", lambda x, i, j: x[i:j], (X, 0, 2)),
    ("A[i, j]", lambda a, i, j: a[i, j], (A, np.array([0, 1]), np.array([2, 0]))),
    ("2*pi*x", lambda x: 2 * np.pi * x, (X,)),
    ("2*π*x", lambda x: 2 * np.pi * x, (X,)),
    ("e**x", lambda x: np.e**x, (X,)),
    ("α*x + β_1", lambda a, x, b: a * x + b, (2.0, X, 1.0)),
    ("z = w*x; y = max(z, 0)", lambda w, x: np.maximum(w * x, 0), (2.0, X)),
    ("z = w*x\ny = max(z, 0)\n", lambda w, x: np.maximum(w * x, 0), (2.0, X)),
    ("\n    z = w*x\n\n    z + 1\n", lambda w, x: w * x + 1, (2.0, X)),
    ("z = (w\n  + x)\r\nz**2;", lambda w, x: (w + x) ** 2, (2.0, X)),
    ("z = x;\n-z", lambda x: -x, (X,)),
    ("h = x; h = h*h; h = h + x", lambda x: x * x + x, (X,)),
    ("x = x + 1; x*2", lambda x: (x + 1) * 2, (X,)),
    ("e = x - 1; e**2", lambda x: (x - 1) ** 2, (X,)),
]


@pytest.mark.parametrize(("text", "function", "values"), ALLOWED, ids=[row[0] for row in ALLOWED])
def test_gives_what_numpy_gives(text, function, values):
    formula = parse(text, FUNCTIONS)
    by_position = formula(*values)
    by_name = formula(**dict(zip(formula.names, values, strict=True)))
    expected = function(*values)
    for result in (by_position, by_name):
        np.testing.assert_array_equal(result, expected, strict=isinstance(expected, np.ndarray))


def test_describes_itself():
    text = "z = w*x + b; y = max(z, 0)"
    formula = parse(text, FUNCTIONS)
    assert formula.text == text
    assert formula.names == ("w", "x", "b")
    assert formula.assigned == ("z", "y")
    assert formula.output == "y"
    assert formula.__name__ == "formula"
    signature = inspect.signature(formula)
    assert list(signature.parameters) == ["w", "x", "b"]
    assert {p.kind for p in signature.parameters.values()} == {
        inspect.Parameter.POSITIONAL_OR_KEYWORD
    }
    assert "text" in inspect.signature(Formula).parameters


def test_a_bare_expression_has_no_output_name():
    formula = parse("z = w*x; z + 1", FUNCTIONS)
    assert (formula.assigned, formula.output) == (("z",), None)


def test_is_a_frozen_value():
    formula = parse("z = w*[1, 2]; exp(z, )", FUNCTIONS)
    assert formula == parse("z = w*[1, 2]; exp(z, )", FUNCTIONS)
    assert hash(formula) == hash(copy.deepcopy(formula))
    again = pickle.loads(pickle.dumps(formula))
    assert again == formula
    np.testing.assert_array_equal(again(w=1.0), formula(w=1.0))
    with pytest.raises(AttributeError):
        formula.text = "x"


def test_lists_are_made_anew_at_each_call():
    formula = parse("[1, 2]", {})
    formula()[0] = 9
    np.testing.assert_array_equal(formula(), [1.0, 2.0])


def test_functions_are_bound_when_parsed():
    functions = {"f": np.exp}
    formula = parse("f(x)", functions)
    functions["f"] = np.log
    assert formula(0.0) == 1.0


def test_tells_of_each_assignment_in_order():
    seen = []
    result = parse("z = w*x; z = z + 1; y = z*2; y - 1", {}).evaluate(
        {"w": 2, "x": 3}, on_assign=lambda name, value: seen.append((name, value))
    )
    assert seen == [("z", 6), ("z", 7), ("y", 14)]
    assert result == 13


def test_variables_named_like_python_s_own_parameters():
    assert parse("self + values", {})(self=1, values=2) == 3
    assert parse("args*text", {})(args=2, text=3) == 6


def test_constants_are_no_arguments_but_can_be_given():
    formula = parse("e*x + [pi, 1]", {})
    assert formula.names == ("x",)
    assert formula.constants == ("e", "pi")
    np.testing.assert_allclose(formula(1.0), [math.e + math.pi, math.e + 1])
    np.testing.assert_array_equal(formula(x=1.0, e=2.0, pi=3.0), [5.0, 3.0])


def test_constants_can_be_variables():
    formula = parse("e*x", {}, variables=("e",))
    assert formula.names == ("e", "x")
    assert formula(2.0, 3.0) == 6.0


def test_lists_are_taken_as_arrays():
    np.testing.assert_array_equal(parse("2*x", {})(x=[1, 2]), [2, 4])
    np.testing.assert_array_equal(parse("2*x", {})(x=(1.5, 2)), [3.0, 4.0])


def test_float32_stays_float32():
    x = np.array([1, -2], dtype=np.float32)
    formula = parse("y = (1/3)*x**2 + pi*x + max(x, 0)*(w/7)", FUNCTIONS)
    assert formula(x=x, w=2.0).dtype == np.float32


class Recording:
    """Stands for a traced value: Python operators and both NumPy protocols."""

    def __init__(self, written):
        self.written = written

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return self.__array_function__(ufunc, (), inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        written = [getattr(a, "written", repr(a)) for a in args]
        written += [f"{k}={v}" for k, v in kwargs.items()]
        return Recording(f"{function.__name__}({', '.join(written)})")

    def __mul__(self, other):
        return Recording(f"({self.written}*{getattr(other, 'written', other)})")

    def __add__(self, other):
        return Recording(f"({self.written}+{getattr(other, 'written', other)})")

    def __pow__(self, other):
        return Recording(f"({self.written}**{other!r})")

    def __matmul__(self, other):
        return Recording(f"({self.written}@{other.written})")

    def __neg__(self):
        return Recording(f"-{self.written}")

    def __gt__(self, other):
        return Recording(f"({self.written}>{other})")

    def __getitem__(self, index):
        return Recording(f"{self.written}[{index}]")

    @property
    def T(self):  # noqa: N802 - NumPy's name
        return Recording(f"{self.written}.T")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("z = w*x + b; max(z, 0)", "maximum(((w*x)+b), 0)"),
        ("sum(-w.T @ x, axis=0)", "sum((-w.T@x), axis=0)"),
        ("w**2", "(w**2)"),
        ("where(w > 0, x[0], b[1:])", "where((w>0), x[0], b[slice(1, None, None)])"),
    ],
)
def test_works_over_anything_with_operators(text, written):
    formula = parse(text, FUNCTIONS)
    assert formula(**{name: Recording(name) for name in formula.names}).written == written


def test_plain_numbers_follow_numpy_not_python():
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert math.isnan(parse("x**0.5", {})(-8.0))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert parse("1/x", {})(0.0) == math.inf
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert parse("x**y", {})(10.0, 400.0) == math.inf
    assert parse("x**y", {})(2, -1) == 0.5
    assert parse("x.T", {})(2.0) == 2.0


@pytest.mark.parametrize(("text", "kind"), [("3*x", int), ("x**3", int), ("x/2", float)])
def test_whole_numbers_stay_whole(text, kind):
    assert type(parse(text, {})(2)) is kind


@pytest.mark.timeout(60)
def test_whole_numbers_do_not_grow_without_bound():
    text = "y = 9;" + "y = y*y;" * 60
    with np.errstate(all="ignore"):
        assert parse(text, {})() == math.inf
        assert parse("((x**100)**100)**100", {})(9) == math.inf


def test_long_sums_are_not_deep():
    terms = 900
    assert parse(" + ".join(["x"] * terms), {})(1) == terms
    assert parse("(" * 99 + "x" + ")" * 99, {})(1) == 1


# What goes wrong with values -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "values", "words"),
    [
        ((), {"w": 1, "x": 2}, ["'b' has no value", "b=VALUE"]),
        ((1, 2, 3, 4), {}, ["too many values", "at most 3"]),
        ((1,), {"w": 2}, ["'w' is given twice"]),
        ((1, 2, 3), {"bb": 2}, ["no variable 'bb'", "did you mean b?"]),
        ((1, 2, 3), {"z": 2}, ["'z' is worked out by the formula itself"]),
        ((1, 2, 3), {"pi": 2}, ["no variable 'pi'"]),
        ((1, "text", 3), {}, ["the value of 'x' is text"]),
        ((1, np.array(["a"]), 3), {}, ["the value of 'x' is text"]),
        ((1, [[1], [2, 3]], 3), {}, ["the list for 'x' is no array", "rows of one length"]),
    ],
)
def test_values_that_do_not_match_the_names(args, values, words):
    with pytest.raises(FormulaError) as caught:
        parse("z = w*x + b; z", {})(*args, **values)
    check_shape(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "values", "at"),
    [
        ("z = 2*(w @ x)", {"w": np.ones(3), "x": np.ones(2)}, "@"),
        ("z = exp(w + x)", {"w": np.ones(3), "x": np.ones(2)}, "+"),
        ("z = w + x[3]", {"w": 1, "x": np.ones(3)}, "x"),
        ("z = w + x[0]", {"w": 1, "x": 2.0}, "x"),
        ("z = w + sum(x, axis=4)", {"w": 1, "x": np.ones(3)}, "s"),
        ("z = exp(w, w, w, w, w, w, w)", {"w": 1}, "e"),
    ],
)
def test_values_that_do_not_fit_point_at_the_operation(text, values, at):
    with pytest.raises(FormulaError, match="cannot be worked out") as caught:
        parse(text, FUNCTIONS)(**values)
    check_shape(caught.value)
    assert pointed_at(caught.value) == at
    assert caught.value.got
    assert caught.value.__cause__ is not None


def test_errors_of_chainrule_pass_with_a_note():
    def failing(x):
        raise ShapeError("no")

    with pytest.raises(ShapeError) as caught:
        parse("1 + f(x)", {"f": failing})(1)
    assert "1 + f(x)\n        ^" in caught.value.__notes__[0]
    with pytest.raises(ZeroDivisionError):
        parse("y = x", {}).evaluate({"x": 1}, on_assign=lambda name, value: 1 // 0)


def test_other_errors_of_functions_are_not_hidden():
    def failing(x):
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        parse("f(x)", {"f": failing})(1)


# What is refused, and what to write instead --------------------------------------------------

REFUSED = [
    ("y = x^2", "^", "**"),
    ("2x", "x", "write 2*x"),
    ("2(x)", "(", "write 2*x"),
    ("2(x + 1)", "(", "write 2*(x + 1)"),
    ("2.5x", "x", "write 2.5*x"),
    ("3 x", "x", "write 3*x"),
    ("(a)(b)", "(", "write (...)*b"),
    ("(a) b", "b", "write (...)*b"),
    ("x[0] y", "y", "write x[...]*y"),
    ("a b", "b", "write a*b, or a(b)"),
    ("[1 2]", "2", "a comma between"),
    ("1_000", "_", "write 1000"),
    ("0x1F", "x", "255"),
    ("2j*x", "j", "2*j"),
    ("a if c else b", "i", "write where(cond, a, b)"),
    ("a < b < c", "a", "write (a < b) * (b < c)"),
    ("(x > 0) and (y > 0)", "a", "write (a > 0) * (b > 0)"),
    ("not x", "n", "opposite comparison"),
    ("x is 1", "i", "write =="),
    ("x & y", "&", "(a > 0) * (b > 0)"),
    ("x // 2", "/", "floor"),
    ("x % 2", "%", "floor"),
    ("x += 1", "+", "x = x + 1"),
    ("(y := x)", ":", "statement of its own"),
    ("lambda x: x", "l", "lam"),
    ("exq(x)", "e", "did you mean exp?"),
    ("np.exq(x)", "n", "did you mean exp?"),
    ("ln(x)", "l", "did you mean log?"),
    ("frobnicate(x)", "f", "write one of abs, exp"),
    ("x*x(3)", "x", "write x*(...) to multiply"),
    ("k(3)", "k", "write k*(...)"),
    ("exp + 1", "e", "write exp(...)"),
    ("exp = 3", "e", "choose another name"),
    ("np = 3", "n", "choose another name"),
    ("np + 1", "n", "np.exp(x)"),
    ("np.pi", "n", "write pi"),
    ("np.exp * 2", "n", "write exp(...)"),
    ("np.max(x, 0)", "n", "max(a, b)"),
    ("A.sum()", "s", "write sum(x)"),
    ("A.dot(x)", "d", "known function"),
    ("x.shape", "s", "x.T"),
    ("x.exp", "e", "exp(x)"),
    ("exp(x)(y)", "(", "*y"),
    ("exp(x, out=x)", "o", "axis="),
    ("sum(x, axis=x)", "x", "axis=0"),
    ("sum(x, axis=1.5)", "1", "axis=0"),
    ("sum(x, axis=(0, x))", "x", "axis=(0, 1)"),
    ("sum(x, axis=0, axis=1)", "a", "write it once"),
    ("exp(*x)", "*", "one by one"),
    ("exp(**x)", "*", "axis=0"),
    ("exp(axis=0, x)", ")", "separated by ;"),
    ("x[1.5]", "1", "whole numbers"),
    ("x[True]", "T", "whole numbers"),
    ("x[x > 0]", "x", "whole numbers"),
    ("x[None]", "N", "whole numbers"),
    ("x[()]", "(", "x[0, 1]"),
    ("x[...]", ".", "one : for each axis"),
    ("x[[0, 1]]", "[", "whole numbers"),
    ("[]", "[", "[1, 2]"),
    ("[x, 1]", "x", "give the whole list a name"),
    ("[1 > 0]", "1", "give the whole list a name"),
    ("[[1, 2], [3]]", "[", "rows of one length"),
    ("[[1, 2], 3]", "3", "rows of one length"),
    ("x, y", "x", "[1, 2]"),
    ("True", "T", "write 1 or 0"),
    ("a = b = x", "b", "a = ...; b = a"),
    ("a, b = x", "a", "one name on the left"),
    ("x[0] = 1", "x", "one name on the left"),
    ("x + 1 = y", "x", "one name on the left"),
    ("x: y = 1", "x", "z = w*x + b"),
    ("x; y = 1", "x", "write name = ..."),
    ("y = ", "", "z = w*x + b"),
    ("y = a +", "", "z = w*x + b"),
    ("y = a * / b", "/", "z = w*x + b"),
    (";", ";", "z = w*x + b"),
    ("007", "0", "z = w*x + b"),
    ("y = (a", "(", "missing ')'"),
    ("y = a)", ")", "without"),
    ("y = [(a]", "]", "write ')'"),
    ("y = a\n    + b", "+", "in parentheses"),
    ("x # half", "#", "comments"),
    ("x + 'a'", "'", "quotes"),
    ('f"{x}"', '"', "no text"),
    ("{1, 2}", "{", "[1, 2]"),
    ("x \\\n + 1", "\\", "parentheses"),
    ("x²", "²", "**2"),
    ("a × b", "×", "write *"),
    ("a − b", "−", "-"),
    ("a ≤ b", "≤", "<="),
    ("√x", "√", "sqrt"),
    ("x₁", "₁", "write '1'"),
    ("ｘ + 1", "ｘ", "write 'x'"),
    ("а + 1", "а", "Latin or Greek"),
    ("x @ 2", "@", "write *"),
    ("1/0", "/", "other numbers"),
    ("0**-1", "*", "other numbers"),
    ("(-8)**0.5", "*", "other numbers"),
    ("x**101", "*", "smaller exponent"),
    ("x**(50 + 51)", "*", "smaller exponent"),
    ("x**-101", "*", "smaller exponent"),
    ("9**9**9", "*", "smaller exponent"),
    ("1e9**99", "*", "stays below"),
    ("1e200 * 1e200", "*", "stays below"),
    ("1e400", "1", "1e300"),
    ("9223372036854775808", "9", "9.22337e+18"),
    ("1" * 101, "1", "100 digits"),
    ("_x", "_", "starts with a letter"),
    ("x.__class__", "_", "starts with a letter"),
    ("import os", "i", "exp(x)"),
    ("class A: pass", "c", "z = w*x + b"),
    ("", "", "z = w*x + b"),
    (" \n\t", " ", "z = w*x + b"),
]


@pytest.mark.parametrize(("text", "at", "instead"), REFUSED, ids=[repr(r[0])[:40] for r in REFUSED])
def test_refusals_point_and_say_what_to_write(text, at, instead):
    error = refused(text)
    assert pointed_at(error) == at
    assert instead in error.instead


def test_the_whole_message():
    assert str(refused("z = w*x + b; y = mux(z, 0)")) == (
        "'mux' is no known function (column 18)\n"
        "    z = w*x + b; y = mux(z, 0)\n"
        "                     ^\n"
        "  instead:  did you mean max?"
    )


def test_several_lines_are_counted_and_indentation_too():
    error = refused("\n    z = α*x\n      y = β*mux(z)\n")
    assert "(line 3, column 13)" in error.what
    assert pointed_at(error) == "m"


def test_a_syntax_error_after_wide_letters_points_right():
    assert pointed_at(refused("αβγ = αβγ * / x")) == "/"


def test_long_lines_are_cut_around_the_caret():
    error = refused("y = " + "a + " * 500 + "$")
    assert pointed_at(error) == "$"
    assert max(map(len, str(error).splitlines())) < 100


def test_control_characters_are_not_echoed():
    message = str(refused("x + \x1b[31m\x00y"))
    assert "\x1b" not in message
    assert "\x00" not in message


def test_known_functions_are_listed_within_reason():
    assert "+ - * /" in refused("frobnicate(x)", {}).instead
    many = {f"function_{i}": np.exp for i in range(100)}
    assert len(refused("zzzzz(x)", many).instead) < 350


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
def test_only_text_is_parsed(text):
    for function in (lambda t: parse(t, {}), parse_value, parse_assignment):
        with pytest.raises(FormulaError, match="is text"):
            function(text)


# Bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "x" * (limits.MAX_CHARACTERS + 1),
        "+".join(["x"] * (limits.MAX_NODES // 2 + 10)),
        "+".join(["x"] * 4_900),
        "(" * (limits.MAX_DEPTH + 1) + "x" + ")" * (limits.MAX_DEPTH + 1),
        "[" * 4_000,
        "(" * 250 + "x" + ")" * 250,
        "-" * 9_000 + "x",
        "-" * (limits.MAX_DEPTH + 2) + "x",
        "x**" * 3_000 + "x",
        "x**" * (limits.MAX_DEPTH + 2) + "x",
        "x" + ".T" * 4_000,
        "x" + ".T" * (limits.MAX_DEPTH + 2),
        "x" + "[0]" * 3_000,
        "exp(" * 2_000,
        "exp(" * 101 + "x" + ")" * 101,
        "[" + "1," * (limits.MAX_LIST + 1) + "]",
        "[" * 33 + "1" + "]" * 33,
        "x[" + "0," * 33 + "]",
        "sum(x, axis=(" + "0," * 33 + "))",
        "9" * 5_000,
        "1" + "0" * 25,
        "1." + "1" * 5_000,
        "1e" + "9" * 5_000,
        "x**1e99",
        "9**9**9**9**9",
        "10**(10**2)**2",
        "x**(10*11)",
        "y=1\n" * 2_499,
    ],
    ids=lambda text: repr(text)[:30],
)
@pytest.mark.timeout(60)
def test_bounds(text):
    refused(text)


def test_within_the_bounds():
    parse("x**100", {})
    parse("-" * 100 + "x", {})
    parse("[" + "1," * 1_000 + "]", {})
    parse("[" * 32 + "1" + "]" * 32, {})
    parse(str(2**63 - 1), {})


# Hostile text --------------------------------------------------------------------------------

HOSTILE = [
    "().__class__.__bases__",
    "().__class__.__bases__[0].__subclasses__()",
    "__import__('os')",
    "__import__('os').system('id')",
    "__builtins__",
    "__builtins__['eval']",
    "import os",
    "from os import system",
    "import os; os.system('id')",
    "np.__config__",
    "np.__dict__",
    "np.load('x')",
    "np.load(x)",
    "np.fromfile(x)",
    "np.memmap(x)",
    "np.os.system",
    "np.os.system(x)",
    "np.lib.npyio.os",
    "np.linalg.norm(x)",
    "np.exp.__call__(x)",
    "np.exp.reduce(x)",
    "np.exp.at(x)",
    "numpy.ctypeslib",
    "np[0]",
    "np()",
    "np.T",
    "exp.T",
    "exp[0]",
    "exp.__globals__",
    "exp.__init__.__globals__",
    "relu.__globals__",
    "relu.__code__",
    "relu.T",
    "x.T.__class__",
    "x.T.T.__array_interface__",
    "x.__class__.__mro__",
    "x.__reduce__()",
    "x.dtype",
    "x.data",
    "x.base",
    "x.ctypes",
    "x.flags",
    "x.tofile(y)",
    "x.tobytes()",
    "x.setflags(write=1)",
    "x.T.tofile(y)",
    "x.T()",
    "[1].append",
    "[1].append(2)",
    "(1).real",
    "1.0.hex()",
    "1.0.__class__",
    "getattr(x, y)",
    "getattr(x, '__class__')",
    "setattr(x, y, z)",
    "vars()",
    "globals()",
    "locals()",
    "dir()",
    "eval(x)",
    "eval('1')",
    "exec(x)",
    "exec('import os')",
    "compile(x, y, z)",
    "open(x)",
    "open('/etc/passwd').read()",
    "input()",
    "breakpoint()",
    "print(x)",
    "type(x)",
    "object()",
    "super()",
    "memoryview(x)",
    "lambda: 0",
    "lambda x: x",
    "(lambda: exp(1))()",
    "exp(lambda: 0)",
    "[x for x in y]",
    "[i for i in [1, 2]]",
    "{x for x in y}",
    "{x: 1 for x in y}",
    "(x for x in y)",
    "sum(i for i in x)",
    "exp(x for x in y)",
    "f'{x}'",
    "f'{__import__(\"os\")}'",
    "rf'{x!r}'",
    "'{0.__class__}'.format(x)",
    "'%s' % x",
    "b'x'",
    "u'x'",
    "'a' 'b'",
    "'''x'''",
    '"a"()',
    "'a' * 10**9",
    "r'\\d'",
    "'\\d'",
    "`x`",
    "9**9**9",
    "9**9**9**9",
    "(9**99)**99",
    "2**(2**(2**(2**(2**2))))",
    "x**9**9",
    "1e308 * 1e308",
    "10**10**10",
    "1 << 10**9",
    "9" * 9_999,
    "0x" + "f" * 9_000,
    "0b1",
    "0o7",
    "1__0",
    "1j",
    "1if x else 2",
    "0x1for x in y",
    "1or 2",
    "(" * 9_999,
    "[" * 9_999,
    "(" * 90 + ")" * 90,
    "((((x)))",
    "-" * 9_999,
    "~" * 9_999,
    "not " * 2_400 + "x",
    "lambda:" * 1_400 + "x",
    "x" + "()" * 4_000,
    "exp" + "(x)" * 3_000,
    "x if " * 1_900 + "x",
    "a." * 4_900 + "a",
    "a[" * 90 + "0" + "]" * 90 + "=1",
    "ｅｖａｌ(x)",
    "ｅｘｐ(x)",
    "__𝘪mport__('os')",
    "__𝘪mport__(x)",
    "𝓮𝔁𝓹(x)",
    "𝐞val(x)",
    "x.＿＿class＿＿",
    "x.﹍_class__",
    "x.ᵀ",
    "x.𝐓",
    "ｎｐ.exp(x)",
    "ﬁ + 1",
    "ſum(x)",
    "ехр(x)",
    "х + 1",
    "ℯ**x",
    "ϕ + 1",
    "µ + 1",
    "x\u200b + 1",
    "x\u202e + 1",
    "\ufeffx",
    "x\u2028y",
    "x\x0cy",
    "x + \u0661",
    "x\x00",
    "\x00",
    "exp\x00(x)",
    "\x1b[2J",
    "\ud800",
    "x = \udfff",
    "@exp\ndef f(): pass",
    "@exp",
    "def f(): return 1",
    "async def f(): pass",
    "class A: pass",
    "class A(x): y = 1",
    "global x",
    "nonlocal x",
    "del x",
    "return x",
    "yield x",
    "(yield)",
    "(yield from x)",
    "await x",
    "assert x",
    "raise x",
    "pass",
    "try: x\nexcept: y",
    "with x: y",
    "with open(x) as y: z",
    "while 1: x",
    "for x in y: z",
    "if x: y",
    "match x:\n case 1: y",
    "type X = y",
    "break",
    "(x := 1)",
    "x := 1",
    "exp(x := 1)",
    "*x",
    "*x, y = z",
    "[*x]",
    "[1, *x]",
    "exp(*x)",
    "exp(**x)",
    "exp(**{'out': x})",
    "x[*y]",
    "exp(x, out=x)",
    "exp(x, where=x)",
    "exp(x, dtype=x)",
    "exp(x, axis=exp)",
    "exp(x, axis=exp(x))",
    "exp(x, axis=[0])",
    "exp(x, axis=((0,),))",
    "exp(x, axis='a')",
    "exp(x, __class__=x)",
    "exp(exp)",
    "x += 1",
    "x[0] = 1",
    "x.T = 1",
    "exp = x",
    "exp.y = x",
    "np.exp = x",
    "np = x",
    "__x = 1",
    "__class__ = 1",
    "x.y = 1",
    "x: exp(y)",
    "x: int",
    "None",
    "True",
    "...",
    "x[...]",
    "x[exp]",
    "x[exp(y)]",
    "x['a']",
    "x[lambda: 0]",
    "x[y.z]",
    "x[0:y.z]",
    "x[(0, 1)[0]]",
    "x is y",
    "x in y",
    "x and y",
    "x; import os",
    "x\nimport os",
    "x;;y",
    "x #",
    "# x",
    "x \\",
    "\\",
    "$x",
    "x?",
    "!ls",
    "%timeit x",
    "x | y",
    "x -> y",
    "<script>",
    "{}",
    "{'a': 1}",
    "[]",
    "()",
    "[[]]",
    "[exp]",
    "[[1], 2]",
    "exp()()",
    "(exp)(x)(y)",
    "(exp, log)[0](x)",
    "where(x, exp, log)(x)",
    "1(x)",
    "1[0](x)",
    "[1](x)",
    "x(x)",
]


def test_there_are_many_hostile_texts():
    assert len(set(HOSTILE)) == len(HOSTILE) >= 50


@pytest.mark.parametrize("text", HOSTILE, ids=[f"{i}" for i in range(len(HOSTILE))])
def test_hostile_text_is_refused_and_nothing_runs(text, monkeypatch):
    ran = []

    def trap(*args, **kwargs):
        ran.append(args)
        return 0

    def checked_compile(text, file, mode, flags=0, **kwargs):
        if not flags & ast.PyCF_ONLY_AST:
            ran.append(text)
        return real_compile(text, file, mode, flags, **kwargs)

    real_compile = compile
    functions = dict.fromkeys(FUNCTIONS, trap)
    for name in ("eval", "exec", "open", "print", "input", "breakpoint"):
        monkeypatch.setattr(builtins, name, trap)
    monkeypatch.setattr(builtins, "compile", checked_compile)
    monkeypatch.setattr(os, "system", trap)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        caught = []
        for function in (lambda t: parse(t, functions), parse_value, parse_assignment):
            try:
                function(text)
            except FormulaError as error:
                caught.append(error)
    monkeypatch.undo()
    assert len(caught) == 3
    assert not ran
    assert not warned
    for error in caught:
        check_shape(error)


@pytest.mark.parametrize("name", ["getattr", "eval", "open", "print", "object"])
def test_names_of_builtins_are_variables_like_others(name):
    formula = parse(f"2*{name}", FUNCTIONS)
    assert formula.names == (name,)
    assert formula(3) == 6
    with pytest.raises(FormulaError, match="has no value"):
        formula()


def test_the_package_holds_no_way_to_run_text():
    # Not a proof, but the first thing a reader would look for.
    for path in pathlib.Path(package.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & {"eval", "exec", "compile", "__import__"}, path.name
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not imported & {"os", "sys", "subprocess", "importlib", "builtins"}, path.name


# Random text ---------------------------------------------------------------------------------

WORDS = "x y w z e pi np exp sum max T axis keepdims 0 1 2.5 1e3 99 lambda if __class__"
SYMBOLS = "+ - * / ** @ ( ) [ ] , . : ; = == < > ' { \\ # ｅ ² é α"
PIECES = st.sampled_from([*WORDS.split(), *SYMBOLS.split(), " ", "\t", "\n", "\x00", '"'])


def only_formula_errors(text):
    for function in (lambda t: parse(t, FUNCTIONS), parse_value, parse_assignment):
        try:
            function(text)
        except FormulaError as error:
            check_shape(error)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60))
@example("\r")
@example("x\r\n\r\ny")
@example("\t(")
def test_random_text_raises_formula_errors_alone(text):
    only_formula_errors(text)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_random_pieces_raise_formula_errors_alone(text):
    only_formula_errors(text)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_raise_formula_errors_alone(raw):
    only_formula_errors(raw.decode("utf-8", "surrogateescape"))
    only_formula_errors(raw.decode("latin-1"))


LEAVES = st.sampled_from(["x", "y", "2", "0.5", "pi", "[1, 2]", "A", "x[0]", "A[:, 1]"])


def grown(inner):
    binary = st.sampled_from(["+", "-", "*", "/", "**", "@", ">", "=="])
    return st.one_of(
        st.builds("({} {} {})".format, inner, binary, inner),
        st.builds("(-{})".format, inner),
        st.builds("({}).T".format, inner),
        st.builds("tanh({})".format, inner),
        st.builds("max({}, {})".format, inner, inner),
        st.builds("sum({}, axis=0)".format, inner),
    )


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.recursive(LEAVES, grown, max_leaves=12))
def test_random_formulas_agree_with_python(text):
    """Here alone Python evaluates the text: it was made of known pieces, by this test."""
    values = {"x": np.array([1.5, -0.5]), "y": 0.75, "A": np.array([[1.0, 2.0], [3.0, 4.0]])}
    try:
        formula = parse(text, FUNCTIONS)
    except FormulaError:
        return
    names = FUNCTIONS | values | {"pi": np.pi}
    python = text.replace("[1, 2]", "array_12")
    names["array_12"] = np.array([1.0, 2.0])
    with np.errstate(all="ignore"):
        try:
            expected = eval(python, {"__builtins__": {}}, names)
        except Exception as error:
            if isinstance(error, AttributeError | ZeroDivisionError | OverflowError):
                return  # .T of a plain number, and division as Python does it
            with pytest.raises(ChainruleError):
                formula.evaluate({name: values[name] for name in formula.names})
            return
        result = formula.evaluate({name: values[name] for name in formula.names})
    if np.iscomplexobj(expected):
        return
    np.testing.assert_allclose(result, expected, rtol=1e-14)


# Values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2.0),
        ("-1.5e3", -1500.0),
        ("+3", 3.0),
        (" ( 4 ) ", 4.0),
        (".5", 0.5),
        ("1/3", 1 / 3),
        ("2*pi", 2 * math.pi),
        ("-e", -math.e),
        ("2**-3", 0.125),
        ("1 - 2 - 3", -4.0),
    ],
)
def test_numbers(text, value):
    result = parse_value(text)
    assert type(result) is float
    assert result == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, -2, 3]", [1, -2, 3]),
        ("[[1,2],[3,4]]", [[1, 2], [3, 4]]),
        ("[1/3, pi]", [1 / 3, math.pi]),
        ("[[[1]]]", [[[1]]]),
        ("[[1, 2],\n [3, 4],]", [[1, 2], [3, 4]]),
    ],
)
def test_arrays(text, value):
    np.testing.assert_array_equal(parse_value(text), np.array(value, dtype=float), strict=True)


def test_integers_are_kept_on_request():
    labels = parse_value("[0, 2, 1]", integers=True)
    np.testing.assert_array_equal(labels, np.array([0, 2, 1], dtype=np.int64), strict=True)
    assert parse_value("[0, 2.0]", integers=True).dtype == np.float64
    assert parse_value("[4/2]", integers=True).dtype == np.float64
    assert type(parse_value("2", integers=True)) is int
    assert type(parse_value("2.0", integers=True)) is float


def test_what_stands_in_an_index_is_told_and_read_as_whole_numbers():
    formula = parse("y = P[rows, labels] + x[1:n] + k*x[k]; z = y[m]", {})
    assert formula.indices == ("rows", "labels", "n", "k", "m")
    assert set(formula.names) - set(formula.indices) == {"P", "x"}
    picked = parse("rows = [0, 1]; m = P > 2; y = sum(P[rows, 1]) + sum(P[m])", {"sum": np.sum})
    assert picked(np.array([[1.0, 2.0], [3.0, 4.0]])) == 2 + 4 + 3 + 4
    # What the formula works out itself needs no value.
    assert parse("m = x > 0; y = x[m]", {}).indices == ()
    for text, kind in (("2", int), ("[0, 2]", np.ndarray)):
        assert type(parse_value(text, whole=True)) is kind
    assert parse_assignment("i=[1]", indices=["i"])[1].dtype == np.int64
    assert parse_assignment("x=[1]", indices=["i"])[1].dtype == np.float64
    for text in ("1.5", "2.0", "[0, 2.0]", "4/2"):
        with pytest.raises(FormulaError, match="whole numbers belong"):
            parse_value(text, whole=True)


def test_functions_of_numpys_modules():
    functions = {"norm": np.linalg.norm, "fft": np.fft.fft, "trace": np.trace}
    assert parse("np.linalg.norm(x)", functions)(np.array([3.0, 4.0])) == 5.0
    np.testing.assert_array_equal(parse("numpy.fft.fft(x)", functions)(X), np.fft.fft(X))
    for text, instead in (
        ("np.linalg.nrm(x)", "did you mean norm?"),
        ("np.linalg.trace(x)", "did you mean trace?"),  # another function
        ("np.linalg.fft(x)", "did you mean fft?"),
        ("np.nowhere.norm(x)", "did you mean norm?"),
        ("np.linalg.os.system(x)", "write a known function"),
        ("np.linalg.__name__(x)", "starts with a letter"),
    ):
        with pytest.raises(FormulaError) as caught:
            parse(text, functions)
        assert instead in str(caught.value), text


@pytest.mark.parametrize(
    ("text", "at", "instead"),
    [
        ("", "", "w*x"),
        ("[]", "[", "[1, 2]"),
        ("[[1, 2], [3]]", "[", "rows of one length"),
        ("[[1, 2], 3]", "3", "rows of one length"),
        ("cat", "c", "write a number"),
        ("[1, cat]", "c", "write a number"),
        ("nan", "n", "finite"),
        ("NaN", "N", "finite"),
        ("-inf", "i", "finite"),
        ("[1, Infinity]", "I", "finite"),
        ("1e999", "1", "1e300"),
        ("1/0", "/", "other numbers"),
        ("9**9**9", "*", "smaller exponent"),
        ("1,5", "1", "1.5"),
        ("1 2", "2", "comma"),
        ("[1 2]", "2", "comma"),
        ("1; 2", "2", "a number or a list"),
        ("x = 1", "x", "a number or a list"),
        ("exp(1)", "e", "the number that the call gives"),
        ("[1, 2] * 2", "[", "the result itself"),
        ("[1, 2][0]", "[", "the result itself"),
        ("[1, 2].T", "[", "the result itself"),
        ("1 > 0", "1", "the result itself"),
        ("True", "T", "write 1 or 0"),
        ("'2'", "'", "quotes"),
        ("{1}", "{", "[1, 2]"),
        ("[1, 2", "[", "missing ']'"),
    ],
)
def test_values_that_are_refused(text, at, instead):
    with pytest.raises(FormulaError) as caught:
        parse_value(text)
    check_shape(caught.value)
    assert pointed_at(caught.value) == at
    assert instead in caught.value.instead


def test_nan_is_refused_with_the_reason():
    with pytest.raises(FormulaError, match="a derivative at nan says nothing"):
        parse_value("nan")


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("w=2", "w", 2.0),
        (" x = [1, -2] ", "x", [1, -2]),
        ("β_1=1/3", "β_1", 1 / 3),
        ("e=1", "e", 1),
    ],
)
def test_assignments(text, name, value):
    result = parse_assignment(text)
    assert result[0] == name
    np.testing.assert_array_equal(result[1], value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing here"),
        ("w", "the = is missing"),
        ("w 2", "the = is missing"),
        ("w:2", "the = is missing"),
        ("=2", "the name is missing"),
        ("w=", "the value is missing"),
        ("w= ", "the value is missing"),
        ("w==2", "one = too many"),
        ("1w=2", "'1w' is no name"),
        ("w x=2", "'w x' is no name"),
        ("w.T=2", "'w.T' is no name"),
        ("w[0]=2", "no name"),
        ("True=2", "'True' is no name"),
        ("if=2", "word of Python's"),
        ("__class__=2", "underscore"),
        ("ｗ=2", "U\\+FF57"),
        ("w=cat", "'cat' is a word"),
        ("w=1=2", "one = too many"),
    ],
)
def test_assignments_that_are_refused(text, words):
    with pytest.raises(FormulaError, match=words) as caught:
        parse_assignment(text)
    check_shape(caught.value)


def test_the_public_names():
    assert sorted(package.__all__) == [
        "CONSTANTS",
        "FUNCTIONS",
        "Formula",
        "like",
        "parse",
        "parse_assignment",
        "parse_value",
    ]
    assert list(inspect.signature(parse).parameters) == ["text", "functions", "variables"]
    assert list(inspect.signature(parse_value).parameters) == ["text", "integers", "whole"]
