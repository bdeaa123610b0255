"""NumPy's functions and methods on traced values: NumPy's own results, and right gradients.

A case is a call as a user writes it (calls.py), over the operands `a`, `b`, ... that it names. Each
runs on plain arrays, traced with values, traced with shapes alone, and differentiated.
"""

import re
import zlib

import numpy as np
import pytest
from calls import CASES, CONSTANTS, NEEDS_VALUES, OPERANDS
from numeric import assert_gradients, with_arguments

import chainrule as cr
from chainrule.backward import differentiate
from chainrule.evaluate import evaluate
from chainrule.graphing import record
from chainrule.rules import BY_FUNCTION, COMPOSED
from chainrule.trace import memory
from chainrule.trace.methods import METHODS


def marked(calls, without=()):
    return [c for c in calls if c not in without]


def prepared(call, dtype=np.float64):
    """Function of the operands that a call names, and values for them."""
    words = re.findall(r"(?<![\w.])[a-z](?![\w=])", re.sub(r"\"[^\"]*\"", "", call))
    names = [w for w in dict.fromkeys(words) if w in OPERANDS]
    f = eval(f"lambda {', '.join(names)}: {call}", dict(CONSTANTS))
    rng = np.random.default_rng(zlib.crc32(call.encode()))
    values = []
    for name in names:
        shape, low, high = OPERANDS[name]
        value = rng.uniform(low, high, shape)
        values.append(value.astype(dtype) if shape else dtype(value))
    return f, values


def assert_same(got, expected):
    got = getattr(got, "value", got)
    if isinstance(expected, (tuple, np.dtype)) or type(expected) is int:
        assert got == expected
        return
    assert np.shape(got) == np.shape(expected)
    assert np.asarray(got).dtype == np.asarray(expected).dtype
    single = _single(expected)
    np.testing.assert_allclose(
        got, expected, rtol=1e-5 if single else 1e-12, atol=1e-6 if single else 1e-14
    )


def _single(value):
    return np.asarray(value).dtype in (np.float32, np.complex64)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("call", marked(CASES))
def test_value_is_numpys(call, dtype):
    f, values = prepared(call, dtype)
    expected = f(*values)
    if isinstance(expected, (tuple, np.dtype)):
        cr.grad(lambda x: (assert_same(f(x), expected), 1.0)[1] * np.sum(x))(*values)
        return
    recording = record(f, tuple(values), {})
    graph = recording.graph.validate()
    assert_same(graph.output, expected)
    inputs = {n.name: v for n, v in zip(graph.inputs, values, strict=True)}
    assert_same(evaluate(graph, inputs)[0], expected)


@pytest.mark.parametrize("call", marked(CASES, NEEDS_VALUES))
def test_shapes_alone_say_the_same(call):
    f, values = prepared(call)
    expected = f(*values)
    if isinstance(expected, (tuple, np.dtype)):
        return
    recording = record(f, tuple(values), {}, values=False)
    graph = recording.graph.validate()
    assert graph.output.shape == np.shape(expected)
    assert graph.output.abstract.dtype == np.asarray(expected).dtype
    inputs = {n.name: v for n, v in zip(graph.inputs, values, strict=True)}
    assert_same(evaluate(graph, inputs)[0], expected)
    if graph.output.carries_gradient:
        differentiate(graph, recording.wrt_inputs(), values=False).graph.validate()


@pytest.mark.parametrize("call", marked(CASES))
def test_gradient(call, monkeypatch):
    f, values = prepared(call)
    out = f(*values)
    if isinstance(out, (tuple, np.dtype)) or np.asarray(out).dtype.kind != "f":
        return
    rng = np.random.default_rng(zlib.crc32(call.encode()) + 1)
    weights = rng.uniform(0.5, 1.5, np.shape(out))
    total = with_arguments(lambda *args: np.sum(weights * f(*args)), len(values))
    every = tuple(range(len(values)))
    gradients = cr.grad(total, wrt=every)(*values)
    for gradient, value in zip(gradients, values, strict=True):
        assert np.shape(gradient) == np.shape(value)
        assert gradient.dtype == value.dtype
    loose = _single(out)
    assert_gradients(
        total, values, gradients, rng, *((1e-3, 3e-2, 1) if loose else (1e-8, 1e-3, 2))
    )
    monkeypatch.setattr(memory, "LARGE", 0)  # what is not read is not kept, however small
    for gradient, again in zip(gradients, cr.grad(total, wrt=every)(*values), strict=True):
        np.testing.assert_array_equal(gradient, again)
    recording = record(total, tuple(values), {})
    joint = differentiate(recording.graph, recording.wrt_inputs())
    joint.graph.validate()
    for node, gradient in zip(joint.wrt, gradients, strict=True):
        np.testing.assert_allclose(joint.gradients[node].value, gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("call", marked(CASES, NEEDS_VALUES))
def test_gradient_keeps_float32(call):
    f, values = prepared(call, np.float32)
    out = f(*values)
    if isinstance(out, (tuple, np.dtype)) or np.asarray(out).dtype != np.float32:
        return
    _, pullback = cr.vjp(f, *values)
    for gradient, value in zip(pullback(np.ones_like(out)), values, strict=True):
        assert gradient.dtype == np.float32
        assert np.shape(gradient) == np.shape(value)


def _calls():
    text = "\n".join(CASES)
    return set(re.findall(r"np\.([a-z0-9_.]+)\(", text)), set(re.findall(r"\.([a-z]+)\(", text))


@pytest.mark.parametrize(
    "function", [*BY_FUNCTION, *COMPOSED], ids=lambda f: getattr(f, "__name__", str(f))
)
def test_no_function_is_missing(function):
    names = {name for name in _calls()[0] if not name.endswith(".reduce")}
    found = {_lookup(name) for name in names}
    assert function in found


def _lookup(dotted):
    value = np
    for name in dotted.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("method", METHODS)
def test_no_method_is_missing(method):
    assert any(re.search(rf"(?<!np)\.{method}\(", call) for call in CASES)
