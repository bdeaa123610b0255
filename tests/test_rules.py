"""Walks the table of rules: each row is complete, and right to second order."""

import zlib

import numpy as np
import pytest
from numeric import assert_gradients, direction_like, with_arguments

import chainrule as cr
from chainrule.backward import differentiate
from chainrule.graphing import record
from chainrule.notation import Written
from chainrule.op import Abstract
from chainrule.rules import TABLE
from chainrule.view.mathml import mathml

ROWS = list(TABLE.values())
SAMPLES = [
    pytest.param(row, sample, id=f"{row.name}-{i}")
    for row in ROWS
    for i, sample in enumerate(row.samples)
]
DERIVED = [p for p in SAMPLES if p.values[0].differentiable]


def rows(condition):
    return [pytest.param(row, id=row.name) for row in ROWS if condition(row)]


def rng_for(row):
    return np.random.default_rng(zlib.crc32(row.name.encode()))


def drawn(row, sample, dtype=np.float64, scalars=False):
    """Operands of a sample; with `scalars`, random numbers are Python floats."""
    rng = rng_for(row)
    operands = []
    for operand in sample.operands:
        if isinstance(operand, tuple):
            value = rng.uniform(row.low, row.high, operand)
            if operand == () and scalars:
                operands.append(float(value))
            else:
                operands.append(np.asarray(value, dtype) if operand else dtype(value))
        elif isinstance(operand, np.ndarray) and operand.dtype.kind in "fc":
            operands.append(operand.astype(like_kind(dtype, operand)))
        else:
            operands.append(operand)
    return operands


def like_kind(dtype, value):
    """The precision of a real type, for the kind of numbers that a value has."""
    return np.result_type(dtype, np.complex64) if np.iscomplexobj(value) else np.dtype(dtype)


def is_floating(operand):
    return np.asarray(operand).dtype.kind in "fc"


def applied(row, sample, operands, varied):
    """Return the operation as a function of some of its operands."""

    def f(*moving):
        full = list(operands)
        for position, value in zip(varied, moving, strict=True):
            full[position] = value
        return row(*full, **sample.params)

    return with_arguments(f, len(varied))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_is_complete(row):
    assert TABLE[row.name] is row
    assert row.reason
    assert row.notation
    assert row.samples
    assert row.low < row.high


# -- forward ---------------------------------------------------------------------------


@pytest.mark.parametrize("scalars", [False, True], ids=["numpy", "python"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_infer_agrees_with_forward(row, sample, dtype, scalars):
    operands = drawn(row, sample, dtype, scalars)
    out = np.asarray(row(*operands, **sample.params))
    for known in (operands, [Abstract.of(o) for o in operands]):
        inferred = row.infer(row, known, sample.params)
        assert inferred.shape == out.shape
        assert inferred.dtype == out.dtype


@pytest.mark.parametrize("values", [True, False], ids=["eager", "abstract"])
@pytest.mark.parametrize("scalars", [False, True], ids=["numpy", "python"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_graphs_are_valid(row, sample, dtype, scalars, values):
    operands = drawn(row, sample, dtype, scalars)
    recording = record(
        applied(row, sample, operands, range(len(operands))), tuple(operands), {}, values=values
    )
    graph = recording.graph.validate()
    out = row(*operands, **sample.params)
    assert graph.output.op is row
    assert graph.output.shape == np.shape(out)
    if values:
        np.testing.assert_array_equal(graph.output.value, out)
    if graph.output.carries_gradient:
        joint = differentiate(graph, recording.wrt_inputs(), values=values)
        joint.graph.validate()
        for node in joint.wrt:
            assert joint.gradients[node].shape == node.shape


# -- derivatives -----------------------------------------------------------------------


def weighted(row, sample, operands, varied):
    """Sum of the results with random weights, as a function of the weights and `varied`."""

    apply = applied(row, sample, operands, varied)

    def f(weights, *moving):
        return real_part(np.sum(weights * apply(*moving)))

    rng = rng_for(row)
    out = row(*operands, **sample.params)
    weights = rng.uniform(0.5, 1.5, np.shape(out))
    if np.iscomplexobj(out):
        weights = weights + 1j * rng.uniform(0.5, 1.5, np.shape(out))
    f = with_arguments(f, 1 + len(varied))
    return f, weights if weights.ndim else weights.item()


def real_part(value):
    return np.real(value) if np.iscomplexobj(value) else value


def as_python(value):
    return np.asarray(value).item() if np.ndim(value) == 0 else value


@pytest.mark.parametrize(("row", "sample"), DERIVED)
def test_derivative_to_first_order(row, sample):
    operands = drawn(row, sample)
    rng = rng_for(row)
    for position, operand in enumerate(operands):
        if not is_floating(operand):
            continue
        f, weights = weighted(row, sample, operands, [position])
        gradient = cr.grad(f, wrt=1)(weights, operand)
        assert np.shape(gradient) == np.shape(operand)
        assert_gradients(lambda x, f=f, w=weights: f(w, x), [as_python(operand)], [gradient], rng)


@pytest.mark.parametrize(("row", "sample"), DERIVED)
def test_derivative_to_second_order(row, sample):
    """The vjp is differentiated by its upstream gradient and by every floating operand."""
    operands = drawn(row, sample)
    varied = [i for i, o in enumerate(operands) if is_floating(o)]
    rng = rng_for(row)
    f, weights = weighted(row, sample, operands, varied)
    values = [weights, *(as_python(operands[i]) for i in varied)]
    every = tuple(range(len(values)))
    for position in range(1, len(values)):
        (projection,) = direction_like(rng, [values[position]])

        def project(*moving, position=position, projection=projection):
            return real_part(np.sum(projection * cr.grad(f, wrt=position)(*moving)))

        projected = with_arguments(project, len(values))
        gradients = cr.grad(projected, wrt=every)(*values)
        assert_gradients(projected, values, gradients, rng)


@pytest.mark.parametrize("size", [10, 1_000, 100_000])
@pytest.mark.parametrize("name", ["tanh", "mean", "softmax", "log_softmax", "matmul"])
def test_tolerance_does_not_grow_with_size(name, size):
    rng = np.random.default_rng(size)
    x = rng.uniform(-1, 1, (size // 10, 10))
    weights = rng.uniform(-1, 1, (10, 3))
    f = {
        "tanh": lambda x: np.sum(np.tanh(x)),
        "mean": lambda x: np.sum(np.mean(x**2, axis=0)),
        "softmax": lambda x: np.sum(TABLE["softmax"](x, axis=(1,)) ** 2),
        "log_softmax": lambda x: np.mean(TABLE["log_softmax"](x, axis=(1,))[:, 0]),
        "matmul": lambda x: np.mean((x @ weights) ** 2),
    }[name]
    assert_gradients(f, [x], [cr.grad(f)(x)], rng, directions=1)


@pytest.mark.parametrize("row", rows(lambda row: not row.differentiable))
def test_rows_without_derivative_give_none(row):
    for sample in row.samples:
        operands = drawn(row, sample)
        for position, operand in enumerate(operands):
            if is_floating(operand):
                f, weights = weighted(row, sample, operands, [position])
                gradient = cr.grad(f, wrt=1)(weights, operand)
                np.testing.assert_array_equal(gradient, np.zeros(np.shape(operand)))


@pytest.mark.parametrize(("row", "sample"), [p for p in DERIVED if p.values[0].name != "astype"])
def test_float32_in_float32_out(row, sample):
    operands = drawn(row, sample, np.float32)
    varied = [i for i, o in enumerate(operands) if is_floating(o) and not isinstance(o, float)]
    out, pullback = cr.vjp(applied(row, sample, operands, varied), *(operands[i] for i in varied))
    assert out.dtype == like_kind(np.float32, out)
    exact = drawn(row, sample, np.float64)
    f, _ = weighted(row, sample, exact, varied)
    ones = np.ones(np.shape(out))
    doubles = cr.grad(f, wrt=tuple(range(1, len(varied) + 1)))(ones, *(exact[i] for i in varied))
    for gradient, double in zip(pullback(np.ones_like(out)), doubles, strict=True):
        assert gradient.dtype == like_kind(np.float32, double)
        np.testing.assert_allclose(gradient, double, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_other_precisions_are_kept(dtype):
    x = np.array([0.5, 1.5], dtype)
    assert cr.grad(lambda x: np.sum(np.tanh(x) * 2.0))(x).dtype == dtype


# -- layouts ---------------------------------------------------------------------------


def gradients_of(row, sample, operands):
    varied = [i for i, o in enumerate(operands) if is_floating(o)]
    f, weights = weighted(row, sample, operands, varied)
    wrt = tuple(range(1, len(varied) + 1))
    return cr.value_and_grad(f, wrt=wrt)(weights, *(operands[i] for i in varied))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_zero_size_reductions(name):
    function = getattr(np, name)
    gradient = cr.grad(lambda x: np.sum(function(x, axis=1)))(np.zeros((0, 3)))
    assert gradient.shape == (0, 3)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_reductions_of_zero_axes(name, keepdims):
    function = getattr(np, name)
    for x in (2.0, np.float64(2.0), np.array(2.0)):
        gradient = cr.grad(lambda x: 3.0 * function(x, keepdims=keepdims))(x)
        assert np.shape(gradient) == ()
        assert gradient == 3.0


# -- notation --------------------------------------------------------------------------


def written(row, sample, style, names=None, level="atom"):
    names = names or [f"x{i}" for i in range(len(sample.operands))]
    operands = [Written(name, level, style) for name in names]
    params = dict(sample.params)
    if style == "code" and row.notation.statement:
        params["out"] = "out"
    return row.notation.write(style, operands, params).string


@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_latex_parses(row, sample):
    latex = written(row, sample, "latex")
    assert not mathml(latex).startswith("<math><mtext>")  # that is: shown as it is written
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")


@pytest.mark.parametrize(("row", "sample"), DERIVED)
def test_text_names_the_operands_that_matter(row, sample):
    text = written(row, sample, "text")
    assert "{" not in text
    for i, rule in enumerate(row.vjp if isinstance(row.vjp, tuple) else ()):
        if rule is not None:
            assert f"x{i}" in text


def run_code(code, names):
    if "out = " in code:
        exec(code, names)
        return names["out"]
    return eval(code, names)


@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_code_gives_the_same_numbers(row, sample):
    operands = drawn(row, sample)
    names = {"np": np, **{f"x{i}": o for i, o in enumerate(operands)}}
    out = row(*operands, **sample.params)
    got = run_code(written(row, sample, "code"), names)
    np.testing.assert_allclose(got, out, rtol=1e-14)
    assert np.asarray(got).dtype == np.asarray(out).dtype


@pytest.mark.parametrize("level", ["sum", "product", "unary", "power"])
@pytest.mark.parametrize(("row", "sample"), DERIVED)
def test_code_has_the_parentheses_that_it_needs(row, sample, level):
    """Operands that are expressions themselves are not torn apart by the operation."""
    parts = {"sum": "({0} - 1) + 1", "product": "({0} / 2) * 2", "unary": "-(-{0})"}
    parts["power"] = "({0} * 1.0) ** 1"
    operands = drawn(row, sample)
    expressions = []
    for i, operand in enumerate(operands):
        real = is_floating(operand) and isinstance(sample.operands[i], tuple)
        expressions.append(
            Written(parts[level].format(f"x{i}"), level) if real else Written(f"x{i}")
        )
    params = dict(sample.params) | ({"out": "out"} if row.notation.statement else {})
    code = row.notation.write("code", expressions, params).string
    names = {"np": np, **{f"x{i}": o for i, o in enumerate(operands)}}
    np.testing.assert_allclose(
        run_code(code, names), row(*operands, **sample.params), rtol=1e-9, atol=1e-12
    )


# -- index sums ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "sample"), [p for p in SAMPLES if p.values[0].subscripts is not None]
)
def test_subscripts_say_what_is_computed(row, sample):
    operands = drawn(row, sample)
    spec = row.subscripts([np.shape(o) for o in operands], **sample.params)
    if spec is None:
        assert row.name == "matmul"
        assert max(map(np.ndim, operands)) > 2
        return
    out = np.asarray(row(*operands, **sample.params))
    got = np.einsum(spec, *operands)
    np.testing.assert_allclose(got.reshape(out.shape), out, rtol=1e-12)


# -- conventions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.sum(np.abs(x)), [0.0, 1.0, -1.0]),
        (lambda x: np.sum(np.clip(x, 0.0, 1.0)), [1.0, 1.0, 0.0]),
        (lambda x: np.sum(np.maximum(x, 0.0)), [0.0, 1.0, 0.0]),
        (lambda x: np.sum(np.maximum(0.0, x)), [0.0, 1.0, 0.0]),
        (lambda x: np.sum(np.minimum(x, 0.0)), [0.0, 0.0, 1.0]),
        (lambda x: np.sum(np.minimum(0.0, x)), [0.0, 0.0, 1.0]),
        (lambda x: np.max(x * x), [0.0, 1.0, -1.0]),
        (lambda x: np.min(-np.abs(x)), [0.0, -0.5, 0.5]),
    ],
    ids=["abs", "clip", "maximum", "maximum of 0", "minimum", "minimum of 0", "max", "min"],
)
def test_derivatives_where_there_is_none(f, expected):
    np.testing.assert_array_equal(cr.grad(f)(np.array([0.0, 1.0, -1.0])), expected)


def test_ties_of_two_traced_operands_go_to_the_second():
    x = np.array([1.0, 2.0])
    for function in (np.maximum, np.minimum):
        first, second = cr.grad(lambda a, b, f=function: np.sum(f(a, b)), wrt=(0, 1))(x, x.copy())
        np.testing.assert_array_equal(first, 0.0)
        np.testing.assert_array_equal(second, 1.0)
