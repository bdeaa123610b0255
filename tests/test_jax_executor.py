"""The JAX executor: each row of the table, types, sizes, whole passes over data."""

import threading
import zlib
from collections import Counter

import numpy as np
import pytest
from training import adam_step, assert_same, kernel_of, leaves_of, network, reference, trained

import chainrule as cr
from chainrule.compiling.sizes import refilled
from chainrule.compiling.tracing import kinds_of, outlined
from chainrule.execute.runnable import Loop, NotForThisExecutorError
from chainrule.rules import TABLE
from chainrule.rules.special import rows as special_rows
from fuzz.program import quietly
from fuzz.running import drawn as drawn_program

jax = pytest.importorskip("jax")
from chainrule.execute.jax_executor import JaxRunnable  # noqa: E402

#: Rows that JAX has no counterpart of, and samples that it does not take.
REFUSED = {
    *(("argpartition", 0), ("tril", 1), ("triu", 1)),
    *((name, i) for name in ("eig_values", "eig_vectors") for i in range(2)),
}
#: Special functions that JAX lacks.
LACKING = {
    *("cosm1", "erfcinv", "erfi", "exp10", "huber", "iv", "ive", "j0", "j1", "jv", "k0", "k1"),
    *("kv", "pseudo_huber", "rgamma", "y0", "y1", "yv"),
}

#: Special functions that JAX has as long loops, which take a second each to compile.
SLOW = {"betainc", "exp1", "expi", "gammainc", "gammaincc"}


@pytest.fixture(autouse=True)
def _quick_compilation():
    """XLA leaves out what makes code fast, and takes a third of the time for it."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def drawn(row, sample, dtype=np.float64):
    r = np.random.default_rng(zlib.crc32(row.name.encode()))
    operands = [
        np.asarray(r.uniform(row.low, row.high, o), dtype)[()] if isinstance(o, tuple) else o
        for o in sample.operands
    ]
    return [
        o.astype(np.result_type(dtype, np.complex64) if np.iscomplexobj(o) else dtype)
        if isinstance(o, np.ndarray) and o.dtype.kind in "fc"
        else o
        for o in operands
    ]


def samples_kernel(pairs, dtype=np.float64):
    """Make one kernel of samples of rows, so that they are compiled at once."""
    operands = [drawn(row, sample, dtype) for row, sample in pairs]

    def f(groups):
        return [row(*g, **s.params) for g, (row, s) in zip(groups, pairs, strict=True)]

    return kernel_of(f, operands), leaves_of((operands,))


SAMPLES = [(row, i, s) for row in TABLE.values() for i, s in enumerate(row.samples)]
TAKEN = [(row, s) for row, i, s in SAMPLES if (row.name, i) not in REFUSED]


# -- the table -----------------------------------------------------------------------------


@pytest.mark.parametrize("part", [TAKEN[i : i + 30] for i in range(0, len(TAKEN), 30)])
def test_rows_agree(part):
    kernel, inputs = samples_kernel(part)
    found = JaxRunnable(kernel)(inputs, kernel.values)
    for got, want, (row, sample) in zip(found, reference(kernel, inputs), part, strict=True):
        assert_same([got], [want], says=f"{row.name} {sample.params}")


def test_other_rows_are_refused():
    refused = [(row, s) for row, i, s in SAMPLES if (row.name, i) in REFUSED]
    assert len(refused) == len(REFUSED)
    for row, sample in refused:
        with pytest.raises(NotForThisExecutorError, match=row.name):
            JaxRunnable(samples_kernel([(row, sample)])[0])


def test_rows_keep_single_precision():
    kernel, _ = samples_kernel(TAKEN, np.float32)
    JaxRunnable(kernel)  # compares the types of the results


def test_special_functions_agree_or_are_refused():
    pytest.importorskip("scipy")
    lacking = set()
    functions, operands = [], []
    for name, row in special_rows().items():
        (sample,) = row.samples
        try:
            JaxRunnable(samples_kernel([(row, sample)])[0])
        except NotForThisExecutorError:
            lacking.add(name)
            continue
        if name not in SLOW:
            functions.append(row)
            operands.append(drawn(row, sample))
    assert lacking <= LACKING
    kernel = kernel_of(
        lambda groups: [f(*o) for f, o in zip(functions, groups, strict=True)], operands
    )
    inputs = leaves_of((operands,))
    assert_same(JaxRunnable(kernel)(inputs, kernel.values), reference(kernel, inputs), 1e-6, 1e-9)


# -- types and values ----------------------------------------------------------------------


def mixed(a, b, i, flag, t):
    chosen = np.where(flag, 1.0, 0.0)  # a double, whatever it is beside
    counts = i * i + (i > 1)
    return [
        a + i, a * flag, a * chosen, i / 3, i / counts.size, a @ i, b * a, a + t, np.exp(t) * a,
        np.sum(i), np.mean(i), np.sum(flag), i > a, i // 2, i % 2, -i, a ** 2, i ** 2, t * 2,
        np.concatenate([i, a]), np.stack([flag, i]), np.float64(0.5) * a, np.sqrt(i), a.size * a,
    ]  # fmt: skip


def test_types_are_those_of_numpy():
    a, b = np.float32([0.5, -1.5, 2.0]), np.float64([0.1, 0.2, 0.3])
    args = (a, b, np.array([3, 0, 2]), np.array([True, False, True]), 0.3)
    kernel = kernel_of(mixed, *args)
    assert_same(
        JaxRunnable(kernel)(leaves_of(args), kernel.values),
        reference(kernel, leaves_of(args)),
        1e-6,
    )


def small_integers(i, j):
    return [i + j, i / j, i * 2, np.sum(i), i * 0.5, np.sqrt(i), np.cumsum(j), i @ j]


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint8])
def test_types_of_small_integers(dtype):
    args = (np.array([4, 9, 1], dtype), np.array([1, 2, 3], np.int16))
    kernel = kernel_of(small_integers, *args)
    assert_same(
        JaxRunnable(kernel)(args, kernel.values), reference(kernel, args), rtol=1e-3, atol=1e-3
    )


def indexed(x, rows, v):
    y = x.copy()
    y[rows] = v
    y[0, 1:] = 3
    picked = x[rows]
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2))
    return y, picked, windows * 2.0, np.sort(x, axis=0), x[:, ::-1], x[-1]


def test_arrays_that_are_written_to():
    r = np.random.default_rng(0)
    args = (r.normal(size=(4, 3)), np.array([2, -1, 2]), r.normal(size=(3, 3)))
    kernel = kernel_of(indexed, *args)
    assert_same(JaxRunnable(kernel)(args, kernel.values), reference(kernel, args))


@pytest.mark.parametrize("size", [4, 300])
def test_masks_that_are_known(size):
    chosen = np.arange(size) % 3 == 0
    pairs = np.stack([chosen, ~chosen])

    def f(x, y):
        z = x * 2
        z[pairs] = 1.0
        return x[:, chosen], y[chosen] * 3, z, np.sum(x[pairs])

    args = (np.random.default_rng(0).normal(size=(2, size)), np.arange(float(size)))
    kernel = kernel_of(f, *args)
    assert_same(JaxRunnable(kernel)(args, kernel.values), reference(kernel, args))


def overwritten(x, v):
    y = x * 2
    y[0:3] = v
    return y[::-1] * v


def test_an_array_that_is_overwritten_as_a_whole_can_be_reversed():
    args = (np.arange(12.0).reshape(3, 4), np.ones(4))
    kernel = kernel_of(overwritten, *args)
    assert_same(JaxRunnable(kernel)(args, kernel.values), reference(kernel, args))


def test_decompositions_read_the_triangle_that_numpy_reads():
    def f(a):
        lower, upper = np.linalg.cholesky(a), np.linalg.cholesky(a, upper=True)
        values, vectors = np.linalg.eigh(a)
        return lower, upper, values, np.linalg.eigvalsh(a, UPLO="U"), np.abs(vectors)

    args = (np.array([[4.0, 0.3, -0.7], [1.0, 5.0, 0.2], [-0.5, 0.9, 6.0]]),)
    kernel = kernel_of(f, *args)
    assert_same(JaxRunnable(kernel)(args, kernel.values), reference(kernel, args))


def test_a_position_out_of_range_gives_nan():
    kernel = kernel_of(lambda x, i: x[i], np.ones(3), np.array([0, 1]))
    (got,) = JaxRunnable(kernel)([np.ones(3), np.array([1, 3])], ())
    assert got[0] == 1
    assert np.isnan(got[1])


def test_results_are_the_callers_own():
    x = np.arange(1000.0)
    (got,) = JaxRunnable(kernel_of(lambda x: x.reshape(10, 100), x))([x], ())
    got += 1
    assert x[0] == 0
    (number,) = JaxRunnable(kernel_of(lambda x: np.sum(x), x))([x], ())
    assert isinstance(number, np.float64)


def test_settings_of_jax_are_left_alone():
    def told():
        return {k: v for k, v in jax.config.values.items() if "pytree" not in k}

    before = told()
    kernel = kernel_of(lambda x: x @ x, np.eye(2))
    with jax.numpy_dtype_promotion("strict"):
        (got,) = JaxRunnable(kernel)([np.eye(2)], ())
    assert got.dtype == np.float64
    assert told() == before
    assert jax.numpy.ones(2).dtype == np.float32


def test_a_refusal_names_the_operation_and_the_line():
    def f(a):
        return np.linalg.eig(a)[0] * 2

    with pytest.raises(
        NotForThisExecutorError, match=r"eig_values.*test_jax_executor.py:\d+, in f"
    ):
        JaxRunnable(kernel_of(f, np.diag([1.0, 2.0])))


def test_a_function_with_its_own_derivative_is_refused():
    @cr.custom(vjp=lambda g, out, x: g * 2 * x)
    def square(x):
        return x**2

    other = cr.custom(lambda x: x**2, vjp=lambda g, out, x: g, elementwise=True)
    for function in (square, other):
        with pytest.raises(NotForThisExecutorError, match="JAX cannot run"):
            JaxRunnable(kernel_of(lambda x, function=function: function(x), np.ones(3)))


def test_long_constants_are_arguments():
    table = np.random.default_rng(0).normal(size=(30, 4))
    kernel = kernel_of(lambda x: x @ table, np.ones((2, 30)))
    runnable = JaxRunnable(kernel)
    assert len(runnable.source) < 300
    (got,) = runnable([np.ones((2, 30))], ())
    np.testing.assert_allclose(got, np.ones((2, 30)) @ table)


# -- sizes ---------------------------------------------------------------------------------


def test_one_source_serves_all_sizes():
    kernel, outline_for, (params, x, y) = network(32, np.float32)
    runnable = JaxRunnable(kernel)
    assert "def step(W1, b1, W2, b2, X, y, n, c):" in runnable.source
    assert "h = jnp.maximum(" in runnable.source
    for size in (32, 7):
        inputs = [*params, x[:size], y[:size]]
        got = runnable(inputs, refilled(kernel, outline_for(size)))
        whole, _, _ = network(size, np.float32)
        assert_same(got, reference(whole, inputs), 1e-5, 1e-6)


def n(X):
    return np.reshape(X, (len(X), 2, 2)) * np.eye(20)[3, 3] / len(X)


def test_a_function_with_the_name_of_a_size():
    X = np.arange(20.0).reshape(5, 4)
    kernel = kernel_of(n, X, batch=((0, 0),))
    assert kernel.given[0] == "n"
    runnable = JaxRunnable(kernel)
    assert_same(runnable([X], kernel.values), [n(X)])
    three = refilled(kernel, outlined(n, (X[:3],), {}, kinds_of([X[:3]])))
    assert_same(runnable([X[:3]], three), [n(X[:3])])


def test_two_threads_in_one_function():
    kernel, _, (params, x, y) = network(8, np.float64)
    runnable = JaxRunnable(kernel)
    inputs = [*params, x, y]
    want, wrong = reference(kernel, inputs), []

    def work():
        for _ in range(20):
            got = runnable(inputs, kernel.values)
            if not all(np.allclose(g, w) for g, w in zip(got, want, strict=True)):
                wrong.append(got)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# -- passes over data ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pass_over_data(dtype):
    kernel, given, last, carry, data, order = adam_step(dtype)
    want, losses = trained(kernel, given, last, carry, data, order, batch_size=16)
    loop = Loop(
        [np.array(c) for c in carry], data, order, 16, given, last, [np.zeros(len(losses), dtype)]
    )
    runnable = JaxRunnable(kernel)
    for start, stop in ((0, 3), (3, 4), (4, loop.steps)):
        runnable.run_steps(loop, start, stop)
        assert all(np.asarray(c).shape == w.shape for c, w in zip(loop.carry, want, strict=True))
    rtol, atol = (1e-3, 1e-4) if dtype == np.float32 else (1e-9, 1e-11)
    assert_same(loop.carry, want, rtol, atol)
    assert all(c.flags.writeable for c in loop.carry)
    np.testing.assert_allclose(loop.outputs[0], losses, rtol=rtol)


def test_chunks_need_no_second_compilation():
    kernel, given, last, carry, data, order = adam_step(np.float32)
    runnable = JaxRunnable(kernel)
    loop = Loop([np.array(c) for c in carry], data, order, 16, given, last, [np.zeros(7, "f")])
    for start in range(loop.steps - 1):
        runnable.run_steps(loop, start, start + 1)
    assert runnable._many._cache_size() == 1
    another = Loop([np.array(c) for c in carry], data, order, 16, given, last, [np.zeros(7, "f")])
    runnable.run_steps(another, 0, another.steps - 1)
    assert_same(map(np.asarray, another.carry), list(map(np.asarray, loop.carry)), 1e-6, 1e-7)


def test_a_new_pass_reads_data_anew():
    kernel, given, last, carry, data, order = adam_step(np.float64)
    data = [np.array(d) for d in data]
    runnable = JaxRunnable(kernel)
    loop = Loop([np.array(c) for c in carry], data, order, 16, given, last, [np.zeros(7)])
    runnable.run_steps(loop, 0, loop.steps)
    data[0] *= 2
    loop.carry = [np.array(c) for c in carry]
    runnable.run_steps(loop, 0, loop.steps)
    _, losses = trained(kernel, given, last, carry, data, order, batch_size=16)
    np.testing.assert_allclose(loop.outputs[0], losses)


# -- programs drawn at random --------------------------------------------------------------


def test_random_programs():
    outcomes = Counter(_compared(seed) for seed in range(1000, 1020))
    assert set(outcomes) <= {"same", "not traced", "refused"}, outcomes
    assert outcomes["same"] > 5 * outcomes["refused"]


def _compared(seed):
    """Tell what becomes of a program: what its value is, and in every second its gradients."""
    program = drawn_program(seed, jax=False)
    f = program.function()
    if seed % 2:
        f = cr.value_and_grad(f, wrt=program.wrt)
    with quietly():
        try:
            kernel = kernel_of(f, *program.values())
            want = reference(kernel, leaves_of(tuple(program.values())))
        except cr.ChainruleError:  # it may depend on values
            return "not traced"
        try:
            runnable = JaxRunnable(kernel)
        except NotForThisExecutorError:
            return "refused"
        got = runnable(leaves_of(tuple(program.values())), kernel.values)
    single = any(n.abstract.dtype in (np.float32, np.complex64) for n in kernel.graph.nodes)
    rtol, atol = (1e-3, 1e-3) if single else (1e-7, 1e-8)
    assert_same(got, want, rtol, atol, says=program.source)
    return "same"


def repeated(s, x):
    return 0.5 * np.sum(np.broadcast_to(0.7 * np.tanh(s), x.shape))


def added_to_each(s, x):
    return 0.5 * np.sum(0.7 * np.tanh(s) + np.zeros(np.shape(x)))


@pytest.mark.parametrize("f", [repeated, added_to_each])
def test_a_gradient_that_is_a_number_times_a_size(f):
    compiled = cr.compile(cr.value_and_grad(f), "jax")
    for count in (3, 5):
        want, dwant = cr.value_and_grad(f)(0.3, np.ones(count))
        got, dgot = compiled(0.3, np.ones(count))
        assert (got, dgot) == (pytest.approx(want), pytest.approx(dwant))
        assert np.asarray(dgot).dtype == np.float64
