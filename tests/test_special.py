"""SciPy's special functions: rows made when they are first asked for, right to second order."""

import zlib

import numpy as np
import pytest
from numeric import assert_gradients

import chainrule as cr
from chainrule.graphing import record
from chainrule.rules import special as rules
from chainrule.rules.composed.special import IN_PYTHON
from chainrule.rules.softmax import LOG_SUM_EXP, SOFTMAX

special = pytest.importorskip("scipy.special")

ROWS = [pytest.param(row, id=name) for name, row in rules.rows().items()]


def drawn(row, dtype=np.float64):
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    (sample,) = row.samples
    return [
        rng.uniform(row.low, row.high, o).astype(dtype) if isinstance(o, tuple) else o
        for o in sample.operands
    ]


def moving(row, operands):
    return [i for i, o in enumerate(operands) if o.dtype.kind == "f"]


def of(row, operands, *values):
    """The function as SciPy has it, with some of its operands given."""
    full = list(operands)
    for i, value in zip(moving(row, operands), values, strict=True):
        full[i] = value
    return getattr(special, row.name.removeprefix("special."))(*full)


def total(row, operands):
    if len(moving(row, operands)) == 1:
        return lambda a: np.sum(of(row, operands, a))
    return lambda a, b: np.sum(of(row, operands, a, b))


@pytest.mark.parametrize("row", ROWS)
def test_gradient(row):
    operands = drawn(row)
    values = [operands[i] for i in moving(row, operands)]
    f = total(row, operands)
    wrt = tuple(range(len(values)))
    gradients = cr.grad(f, wrt=wrt)(*values)
    rng = np.random.default_rng(1)
    assert_gradients(f, values, gradients, rng)
    for gradient, value in zip(gradients, values, strict=True):
        assert gradient.dtype == value.dtype
        assert gradient.shape == value.shape


@pytest.mark.parametrize("row", ROWS)
def test_second_order(row):
    operands = drawn(row)
    values = [operands[i] for i in moving(row, operands)]
    first = cr.grad(total(row, operands), wrt=0)

    def projected(*values):
        return np.sum(np.sin(np.arange(12.0).reshape(3, 4)) * first(*values))

    f = projected if len(values) > 1 else lambda a: projected(a)
    if len(values) > 1:
        f = lambda a, b: projected(a, b)  # noqa: E731
    gradients = cr.grad(f, wrt=tuple(range(len(values))))(*values)
    assert_gradients(f, values, gradients, np.random.default_rng(2), 1e-7)


@pytest.mark.parametrize("row", ROWS)
def test_float32(row):
    double = drawn(row)
    single = [o.astype(np.float32) if o.dtype.kind == "f" else o for o in double]
    exact = [o.astype(np.float64) if o.dtype.kind == "f" else o for o in single]
    at = moving(row, double)
    wrt = tuple(range(len(at)))
    got = cr.grad(total(row, single), wrt=wrt)(*(single[i] for i in at))
    want = cr.grad(total(row, exact), wrt=wrt)(*(exact[i] for i in at))
    for g, w in zip(got, want, strict=True):
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("row", ROWS)
def test_shapes_alone_and_code(row):
    operands = drawn(row)
    values = [operands[i] for i in moving(row, operands)]
    f = total(row, operands)
    recording = record(f, tuple(values), {}, values=False)
    recording.graph.validate()
    s = cr.explain(f, *values)
    assert "from scipy import special" in s.code()
    assert row.name in s.code()
    assert s.text()


CALLS = [
    "special.softmax(a)",
    "special.softmax(a, axis=0)",
    "special.softmax(a, axis=(0, 1))",
    "special.softmax(a, -1)",
    "special.log_softmax(a, axis=1)",
    "special.log_softmax(a)",
    "special.logsumexp(a)",
    "special.logsumexp(a, axis=1)",
    "special.logsumexp(a, axis=(0, -1), keepdims=True)",
    "special.logsumexp(a, axis=0, b=np.abs(a))",
    "special.logsumexp(a, b=np.array([1.0, 0.0, 2.0, 0.5]))",
    "special.polygamma(2, np.abs(a) + 1)",
    "special.multigammaln(np.abs(a) + 2, 3)",
    "special.expit(a) * special.erf(a[0])",
]


@pytest.mark.parametrize("call", CALLS)
def test_calls(call):
    f = eval(f"lambda a: {call}", {"special": special, "np": np})
    a = np.random.default_rng(3).uniform(-1.5, 1.5, (3, 4))
    expected = f(a)
    for dtype in (np.float64, np.float32):
        out = record(f, (a.astype(dtype),), {}).graph.output
        want = f(a.astype(dtype))
        assert out.shape == np.shape(want)
        assert out.abstract.dtype == np.asarray(want).dtype
        np.testing.assert_allclose(out.value, want, rtol=1e-12 if dtype is np.float64 else 1e-5)
    weights = np.random.default_rng(4).uniform(0.5, 1.5, np.shape(expected))
    loss = lambda a: np.sum(weights * f(a))  # noqa: E731
    assert_gradients(loss, [a], [cr.grad(loss)(a)], np.random.default_rng(5))


def test_scipys_functions_are_put_back():
    originals = {name: getattr(special, name) for name in IN_PYTHON}
    with pytest.raises(ZeroDivisionError):
        cr.grad(lambda x: special.softmax(x)[0] * (1 // 0))(np.ones(3))
    assert originals == {name: getattr(special, name) for name in IN_PYTHON}


def test_no_derivative_by_an_order_is_refused():
    with pytest.raises(cr.errors.UnsupportedError, match="parameter"):
        cr.grad(lambda v: special.jv(v, 2.0))(1.5)


def test_scipy_is_not_imported_by_chainrule():
    import subprocess
    import sys

    code = "import sys, chainrule; assert not any(m.startswith('scipy') for m in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (special.log_ndtr, -1e4, 1e4 + 1e-4),
        (special.log_expit, -1e3, 1.0),
        (special.log_expit, 1e3, 0.0),
        (special.expit, 1e3, 0.0),
        (special.expit, -700.0, np.exp(-700.0)),
        (special.expit, 40.0, np.exp(-40.0)),
        (special.erf, 1e200, 0.0),
        (special.i1, 0.0, 0.5),
        (special.gammaln, 1e10, np.log(1e10)),
        (lambda x: special.xlogy(0.0, x), 0.0, 0.0),
        (lambda x: special.xlogy(x, 2.0), 0.0, np.log(2.0)),
    ],
)
def test_awkward_points(f, x, expected):
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(cr.grad(f)(x), expected, rtol=1e-8)


def test_softmax_is_the_row():
    a = np.array([1.0, 2.0, 3.0])
    graph = record(lambda a: special.softmax(a), (a,), {}).graph
    assert graph.output.op is SOFTMAX


def test_logsumexp_with_extremes():
    a = np.array([-np.inf, 0.0, -np.inf])
    row = LOG_SUM_EXP
    x = np.array([1e300, 1e300, -1e300])
    np.testing.assert_allclose(
        cr.grad(lambda x: row(x, axis=(0,), keepdims=False))(x), [0.5, 0.5, 0]
    )
    out = row(a, axis=(0,), keepdims=False)
    np.testing.assert_array_equal(
        row.vjp[0](np.float64(1.0), out, a, axis=(0,), keepdims=False), [0.0, 1.0, 0.0]
    )
