"""The executor that needs NumPy alone: held against `evaluate`, at several sizes by one kernel."""

import itertools
import threading
import warnings

import numpy as np
import pytest
from training import loss

import chainrule as cr
from chainrule.compiling.arguments import flatten
from chainrule.compiling.sizes import grown, refilled, unified
from chainrule.compiling.tracing import kinds_of, outlined
from chainrule.emit.kernel import Kernel
from chainrule.emit.packing import LARGE, packed
from chainrule.errors import BranchError, ConversionError, MutationError, UnsupportedError
from chainrule.evaluate import evaluate
from chainrule.execute.numpy_executor import NumpyRunnable
from chainrule.execute.runnable import Loop
from chainrule.graph import INPUT, Graph, Node
from chainrule.op import Abstract
from chainrule.rules import TABLE
from fuzz.generate import generate
from fuzz.program import quietly


class Compiled:
    """A function as a kernel that serves every size of some of its arguments."""

    def __init__(self, f, args, axes=()):
        self.f, self.axes = f, axes
        found = []
        flatten(args, found)
        self.first, self.kinds = args, kinds_of(found)
        self.outline = outlined(f, args, {}, self.kinds)
        larger = outlined(f, args, {}, grown(self.kinds, axes)) if axes else None
        self.kernel = unified(self.outline, larger)
        self.runnable = NumpyRunnable(self.kernel)

    def given(self, args):
        found = []
        flatten(args, found)
        return tuple(refilled(self.kernel, outlined(self.f, args, {}, kinds_of(found))))

    def inputs(self, args):
        found = []
        flatten(args, found)
        return found

    def expected(self, args):
        """What the graph that is traced for these very sizes gives."""
        found = self.inputs(args)
        graph = outlined(self.f, args, {}, kinds_of(found)).graph
        values = {node.name: v for node, v in zip(graph.inputs, found, strict=True)}
        return evaluate(graph, values)


def agree(got, expected):
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if got.dtype.kind in "fc":
        single = got.dtype in (np.float32, np.complex64)
        tolerance = 1e-4 if single else 1e-10
        finite = np.abs(expected[np.isfinite(expected)])
        scale = max(1.0, float(finite.max(initial=0.0)))
        assert np.allclose(got, expected, tolerance, tolerance * scale, equal_nan=True)
    else:
        assert np.array_equal(got, expected)


def held(compiled, args):
    """Run twice, compare, and look who shares memory with whom."""
    inputs = compiled.inputs(args)
    before = [np.copy(value) for value in inputs]
    with quietly():
        expected = compiled.expected(args)
        given = compiled.given(args)
        compiled.runnable(inputs, given)
        got = compiled.runnable(inputs, given)
    for mine, theirs in zip(got, expected, strict=True):
        agree(mine, theirs)
    for old, new in zip(before, inputs, strict=True):
        assert np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
    arrays = [value for value in inputs if isinstance(value, np.ndarray)]
    for value in got:
        if isinstance(value, np.ndarray):
            assert not any(np.shares_memory(value, other) for other in arrays)
            arrays.append(value)
    kept = [np.copy(value) for value in got]
    with quietly():
        compiled.runnable([value * 1 for value in inputs], given)
    for old, new in zip(kept, got, strict=True):
        assert np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")


# -- functions under test ----------------------------------------------------------------


def adam(state, X, y):
    p, m, v, t = state
    value, g = cr.value_and_grad(loss)(p, X, y)
    t = t + 1.0
    m = {k: 0.9 * m[k] + 0.1 * g[k] for k in p}
    v = {k: 0.999 * v[k] + 0.001 * g[k] * g[k] for k in p}
    rate = 0.01 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
    p = {k: p[k] - rate * m[k] / (np.sqrt(v[k]) + 1e-8) for k in p}
    return (p, m, v, t), value


def momentum(state, X, y):
    """Weights decay, biases do not: what is updated alike is not all."""
    p, m = state
    value, g = cr.value_and_grad(loss)(p, X, y)
    g = {k: g[k] + 0.01 * p[k] if p[k].ndim == 2 else g[k] for k in p}
    m = {k: 0.9 * m[k] + g[k] for k in p}
    norm = np.sqrt(sum(np.sum(x * x) for x in m.values()))
    return ({k: p[k] - 0.1 * m[k] for k in p}, m), (value, norm)


def mixture(state, x):
    """Gradient ascent of the likelihood of a mixture of Gaussians."""

    def negative_log_likelihood(logits, mean, spread):
        weights = logits - np.log(np.sum(np.exp(logits)))
        z = (x[:, None] - mean) / np.exp(spread)
        each = weights - 0.5 * z**2 - spread - 0.5 * np.log(2 * np.pi)
        return -np.mean(np.logaddexp.reduce(each, axis=1))

    value, g = cr.value_and_grad(negative_log_likelihood, wrt=(0, 1, 2))(*state)
    return tuple(s - 0.05 * d for s, d in zip(state, g, strict=True)), value


def swapping(state, x):
    """The carry changes places, and what was carried is reported."""
    a, b, c = state
    return (b, a + np.mean(x, axis=0), np.sum(c) + c[::-1]), (a, c[1:], x.sum())


def convolution(state, x):
    def f(w, b):
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
        return np.mean(np.tanh(np.einsum("nijkl,klc->nijc", windows, w) + b) ** 2)

    w, b = state
    value, (dw, db) = cr.value_and_grad(f, wrt=(0, 1))(w, b)
    return (w - 0.1 * dw, b - 0.1 * db), value


def ordering(a, x):
    s = np.sort(x, axis=1)
    solved = np.linalg.solve(a @ a.T + np.eye(4), np.cumsum(s, axis=0).T)
    return np.cumsum(s, axis=1), solved, np.argmax(x, axis=1), np.linalg.inv(a @ a.T + np.eye(4))


def complex_numbers(z, x):
    w = np.fft.fft(z * x, axis=1)
    return w, np.abs(w), w.real, np.conj(w) * 1j, np.sum(w.imag, axis=0)


def writing(a, x):
    out = np.zeros_like(x)
    out[:, 1:] = x[:, :-1] * 2
    out[0] += a
    out[:, 0] = out[:, 1]
    x = x.copy()
    x[x.shape[0] - 1] = 0.0
    return out, x, out.T @ x


def choosing(a, x):
    b = np.clip(x, -0.5, a)
    c = np.where(x > 0, b, x - 1.0)
    return b, c, np.minimum(c, 0) + np.maximum(0.25, x), np.round(x, 1), x.astype(np.float32) / 3


def whole_numbers(k, n):
    return (
        k + n, k / (n * n + 1), (k > 2) * np.float32(0.5), np.sum(k, axis=0), k // 2 % 3,
        k.astype(np.float64) ** 2, np.bitwise_and(k, 3), np.mean(k, axis=1), k[n[:3]],
    )  # fmt: skip


def views(a, x):
    t = x.T
    flat = np.reshape(t, (-1,))
    f = np.reshape(x * 2, (-1,), order="F")
    y = (x + 1)[::-1]
    return x, t, flat * 2, f, y, y[0], np.broadcast_to(a, x.shape), (x * a)[None, :, 1], t[1:, None]


def picking(a, x):
    """A single number that is data picks a view, of an array that is used again."""
    y = x * 2
    column = y[:, np.argmin(a)]
    z = np.tanh(x) + 1
    return np.sum(column) + np.sum(z), column * 1, z[np.argmax(a[:1])], np.exp(z) - column[:, None]


def sums(a, x):
    """Many terms, some of which are views of the same array."""
    y = x * 2
    z = y + a + y[::-1] + 1.0
    softened = np.exp(x - np.max(x, axis=1, keepdims=True))
    softened = softened / np.sum(softened, axis=1, keepdims=True)
    return z, np.sum(z, axis=1), np.sum(z, axis=0, keepdims=True), softened, a**2 + a**0.5 + a**-1


def weak(a, x):
    return x * a, a * 2, x + (a - 1) + 0.5, x > a, np.maximum(a, 0.0) * x, np.float64(2.0) * x


rng = np.random.default_rng(7)


def network(hidden=16, dtype=np.float32):
    return {
        "W1": rng.normal(size=(4, hidden)).astype(dtype), "b1": np.zeros(hidden, dtype),
        "W2": rng.normal(size=(hidden, 3)).astype(dtype), "b2": np.zeros(3, dtype),
    }  # fmt: skip


def zeros(p):
    return {k: np.zeros_like(v) for k, v in p.items()}


def rows(n, dtype=np.float32):
    return rng.normal(size=(n, 4)).astype(dtype), rng.integers(0, 3, n)


P = network()
P64 = network(dtype=np.float64)

#: Function, arguments that stay, those of a number of rows, leaves that have these rows.
CASES = {
    "adam": (adam, ((P, zeros(P), zeros(P), 0.0),), rows, 2),
    "adam in double": (
        adam, ((P64, zeros(P64), zeros(P64), 0.0),), lambda n: rows(n, np.float64), 2,
    ),
    "momentum": (momentum, ((P, zeros(P)),), rows, 2),
    "mixture": (
        mixture, (tuple(rng.normal(size=(3, 5))),), lambda n: (rng.normal(size=n),), 1,
    ),
    "convolution": (
        convolution, ((rng.normal(size=(3, 3, 2)), np.zeros(2)),),
        lambda n: (rng.normal(size=(n, 6, 7)),), 1,
    ),
    "swapping": (
        swapping, ((rng.normal(size=4), rng.normal(size=4), rng.normal(size=5)),),
        lambda n: (rng.normal(size=(n, 4)),), 1,
    ),
    "ordering": (
        ordering, (rng.normal(size=(4, 4)),), lambda n: (rng.normal(size=(n, 4)),), 1,
    ),
    "complex": (
        complex_numbers, (rng.normal(size=6) + 1j * rng.normal(size=6),),
        lambda n: (rng.normal(size=(n, 6)),), 1,
    ),
    "writing": (writing, (rng.normal(size=5),), lambda n: (rng.normal(size=(n, 5)),), 1),
    "choosing": (choosing, (0.75,), lambda n: (rng.normal(size=(n, 5)),), 1),
    "whole numbers": (
        whole_numbers, (), lambda n: (rng.integers(-5, 6, (n, 3)), rng.integers(-1, 1, 3)), None,
    ),
    "views": (views, (rng.normal(size=5),), lambda n: (rng.normal(size=(n, 5)),), 1),
    "picking": (picking, (rng.normal(size=5),), lambda n: (rng.normal(size=(n, 5)),), 1),
    "sums": (sums, (rng.uniform(1, 2, 5),), lambda n: (rng.normal(size=(n, 5)),), 1),
    "weak": (weak, (1.5,), lambda n: (rng.normal(size=(n, 5)).astype(np.float32),), 1),
}  # fmt: skip


def compiled_case(name, n=6):
    f, stays, of_rows, count = CASES[name]
    args = (*stays, *of_rows(n))
    found = []
    flatten(args, found)
    axes = [(0, 0)] if count is None else [(len(found) - 1 - k, 0) for k in range(count)]
    return Compiled(f, args, axes), lambda n: (*stays, *of_rows(n))


@pytest.mark.parametrize("name", CASES)
def test_every_size_gives_what_the_graph_gives(name):
    compiled, args = compiled_case(name)
    for n in (6, 4, 9, 1, 6, 300):
        held(compiled, args(n))


def test_arguments_may_lie_as_they_like():
    compiled, _ = compiled_case("adam")
    X, y = rows(20)
    wide = {k: np.asfortranarray(v) for k, v in P.items()}
    held(compiled, ((wide, zeros(P), zeros(P), 2.0), X[::-2], y[::-2]))
    for value in wide.values():
        value.flags.writeable = False
    held(compiled, ((wide, zeros(P), zeros(P), 2.0), X[::2], y[::2]))


def test_an_index_out_of_range_stays_an_error_and_a_negative_one_counts_from_the_end():
    compiled, args = compiled_case("adam")
    state, X, y = args(6)
    held(compiled, (state, X, y - 3))
    inputs = compiled.inputs((state, X, np.array([0, 1, 2, 3, 0, 1])))
    with pytest.raises(IndexError):
        compiled.runnable(inputs, compiled.given((state, X, y)))
    held(compiled, (state, X, y))


def test_the_source_speaks_of_what_the_user_calls_things():
    compiled, _ = compiled_case("adam")
    source = compiled.runnable.source
    assert "np.maximum(" in source
    assert "out=h)" in source
    assert "def adam(" in source
    facts = compiled.runnable.facts()
    assert facts.executor == "numpy"
    assert 0 < facts.buffers < len(compiled.kernel.graph)
    assert facts.buffer_bytes > 6 * 16 * 4


def test_arrays_are_used_again():
    def deep(x):
        for _ in range(50):
            x = np.tanh(x * 1.5) + 0.1
        return x

    compiled = Compiled(deep, (np.ones((8, 3)),), [(0, 0)])
    assert compiled.runnable.facts().buffers <= 2
    held(compiled, (np.ones((5, 3)),))


def test_threads_do_not_share_arrays():
    compiled, args = compiled_case("adam")
    sizes = (3, 50, 50, 7)
    calls = [args(n) for n in sizes]
    prepared = [(compiled.inputs(a), compiled.given(a), compiled.expected(a)) for a in calls]
    wrong = []

    def work(inputs, given, expected):
        for _ in range(200):
            got = compiled.runnable(inputs, given)
            if not all(np.allclose(a, b, 1e-4, 1e-6) for a, b in zip(got, expected, strict=True)):
                wrong.append(given)

    threads = [threading.Thread(target=work, args=p) for p in prepared]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# -- steps -------------------------------------------------------------------------------


def flat_steps(name, n, batch_size, seed=0, f=None, stays=None):
    """A loop over minibatches, and the same by `evaluate`, one step after the other."""
    case, state, of_rows, count = CASES[name]
    f, (state,) = f or case, stays or state
    data = of_rows(n)
    order = np.random.default_rng(seed).permutation(2 * n) % n
    found, first = [], tuple(d[:batch_size] for d in data)
    flatten(state, found)
    carry = [np.copy(v) if isinstance(v, np.ndarray) else v for v in found]
    compiled = Compiled(f, (state, *first), [(len(found) + k, 0) for k in range(count)])
    last = len(order) % batch_size
    graph = compiled.kernel.graph
    steps = -(-len(order) // batch_size)
    reported = [
        np.zeros((steps, *node.shape), node.abstract.dtype) for node in graph.outputs[len(carry) :]
    ]
    loop = Loop(
        carry, list(data), order, batch_size, compiled.given((state, *first)),
        compiled.given((state, *(d[:last] for d in data))) if last else (), reported,
    )  # fmt: skip
    return compiled, loop


def by_evaluate(compiled, loop, f, state_of):
    """Return carry and reports after each step, each traced for its own size."""
    carry = [np.copy(v) if isinstance(v, np.ndarray) else v for v in loop.carry]
    for i in range(loop.steps):
        rows = loop.order[i * loop.batch_size : (i + 1) * loop.batch_size]
        args = (state_of(carry), *(d[rows] for d in loop.data))
        found = []
        flatten(args, found)
        graph = outlined(f, args, {}, kinds_of(found)).graph
        results = evaluate(graph, dict(zip((n.name for n in graph.inputs), found, strict=True)))
        carry = list(results[: len(carry)])
        yield carry, results[len(carry) :]


def rebuilt(template):
    """Return what puts a state together again from its leaves."""

    def build(value, leaves):
        if isinstance(value, dict):
            return {k: build(v, leaves) for k, v in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(build(v, leaves) for v in value)
        return next(leaves)

    return lambda leaves: build(template, iter(leaves))


STEPS = ("adam", "adam in double", "momentum", "mixture", "convolution", "swapping")


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("pieces", [1, 3])
def test_steps_give_what_the_graph_gives_step_by_step(name, pieces):
    compiled, loop = flat_steps(name, 19, 8)
    expected = list(by_evaluate(compiled, loop, CASES[name][0], rebuilt(CASES[name][1][0])))
    ends = [round(loop.steps * k / pieces) for k in range(pieces + 1)]
    for start, stop in itertools.pairwise(ends):
        compiled.runnable.run_steps(loop, start, stop)
        for mine, theirs in zip(loop.carry, expected[stop - 1][0], strict=True):
            agree(mine, theirs)
    for i, (_, reported) in enumerate(expected):
        for mine, theirs in zip(loop.outputs, reported, strict=True):
            agree(mine[i], np.asarray(theirs, mine.dtype))


def test_parameters_that_are_updated_alike_are_updated_at_once():
    compiled, loop = flat_steps("adam", 19, 8)
    found = packed(compiled.kernel, len(loop.carry))
    assert found.carry == ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12,))
    compiled.runnable.run_steps(loop, 0, 1)
    assert compiled.runnable.source.count("np.sqrt(") == 1
    before = loop.carry[0]
    compiled.runnable.run_steps(loop, 1, 2)
    assert np.shares_memory(before, loop.carry[0])  # nothing is copied from one call to the next


def test_a_large_update_is_done_block_by_block():
    big = network(hidden=LARGE // 4)
    stays = ((big, zeros(big), zeros(big), 0.0),)
    compiled, loop = flat_steps("adam", 12, 5, stays=stays)
    expected = list(by_evaluate(compiled, loop, adam, rebuilt(stays[0])))
    compiled.runnable.run_steps(loop, 0, loop.steps)
    assert "in blocks:" in compiled.runnable.source
    assert any("block by block" in note for note in compiled.runnable.facts().notes)
    for mine, theirs in zip(loop.carry, expected[-1][0], strict=True):
        agree(mine, theirs)


def test_a_carry_that_cannot_be_written_to_is_replaced():
    compiled, loop = flat_steps("swapping", 19, 8)
    expected = list(by_evaluate(compiled, loop, swapping, rebuilt(CASES["swapping"][1][0])))
    frozen = [np.array(v) for v in loop.carry]
    for value in frozen:
        value.flags.writeable = False
    strided = np.repeat(frozen[0], 2)[::2]
    loop.carry[:] = [strided, *frozen[1:]]
    kept = [np.copy(v) for v in frozen]
    compiled.runnable.run_steps(loop, 0, loop.steps)
    for mine, theirs in zip(loop.carry, expected[-1][0], strict=True):
        agree(mine, theirs)
    for old, new in zip(kept, frozen, strict=True):
        assert np.array_equal(old, new)


@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_a_step_that_fails_leaves_the_carry_of_the_step_before(name):
    compiled, loop = flat_steps(name, 16, 8)
    expected = list(by_evaluate(compiled, loop, CASES[name][0], rebuilt(CASES[name][1][0])))
    # A seventeenth row, whose label is none, comes in the third step.
    X, y = loop.data
    loop.data[:] = [np.concatenate([X, X[:1]]), np.append(y, 3)]
    loop.order[20] = 16
    with pytest.raises(IndexError):
        compiled.runnable.run_steps(loop, 0, 4)
    for mine, theirs in zip(loop.carry, expected[1][0], strict=True):
        agree(mine, theirs)


def test_rows_that_are_not_there_are_refused():
    compiled, loop = flat_steps("adam", 19, 8)
    for wrong in (19, -1):
        loop.order[10] = wrong
        with pytest.raises(IndexError):
            compiled.runnable.run_steps(loop, 0, 2)
    before = np.copy(loop.carry[0])
    compiled.runnable.run_steps(loop, 0, 1)  # which takes other rows
    assert not np.array_equal(before, loop.carry[0])


# -- rows of the table -------------------------------------------------------------------


def drawn(operand, row, draw, dtype):
    """Return an operand of a sample: a tuple is a shape to fill."""
    if isinstance(operand, tuple):
        return np.asarray(draw.uniform(row.low, row.high, operand), dtype)
    is_float = isinstance(operand, np.ndarray) and operand.dtype == np.float64
    return operand.astype(dtype) if is_float else operand


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", TABLE)
def test_every_row_runs(name, dtype):
    row, draw = TABLE[name], np.random.default_rng(3)
    for sample in row.samples:
        values = [drawn(operand, row, draw, dtype) for operand in sample.operands]
        inputs = tuple(
            Node(INPUT, (), {}, Abstract.of(v), None, f"x{k}") for k, v in enumerate(values)
        )
        with quietly():
            result = row.forward(*values, **sample.params)
            # As a result it is new; as what another operation reads, in an array that stays.
            node = Node(row, inputs, sample.params, Abstract.of(result))
            again = Node(row, inputs, sample.params, Abstract.of(result))
            copied = Node(TABLE["copy"], (again,), {}, Abstract.of(np.asarray(result)))
            graph = Graph((*inputs, node, again, copied), (node, copied))
            kernel = Kernel("row", graph, {n: n.shape for n in graph.nodes})
            for got in NumpyRunnable(kernel)(values, ()):
                agree(got, result)


# -- random programs ---------------------------------------------------------------------


def test_random_programs_give_what_their_graphs_give():
    compared, seed = 0, 10_000
    while compared < 100:
        seed += 1
        program = generate(seed, jax=False)
        if "branch" in program.traits:
            continue
        values = tuple(program.values())
        f = program.function()
        if seed % 2:
            f = cr.value_and_grad(f, wrt=program.wrt)
        try:
            with quietly(), warnings.catch_warnings():
                compiled = Compiled(f, values)
                inputs = compiled.inputs(values)
                names = [node.name for node in compiled.kernel.graph.inputs]
                expected = evaluate(compiled.kernel.graph, dict(zip(names, inputs, strict=True)))
        except (BranchError, MutationError, ConversionError, UnsupportedError):
            continue
        with quietly():
            for _ in range(2):
                got = compiled.runnable(inputs, compiled.kernel.values)
        single = "single" in program.traits
        for mine, theirs in zip(got, expected, strict=True):
            close(mine, theirs, 1e-4 if single else 1e-10, program)
        compared += 1


def close(got, expected, tolerance, program):
    got, expected = np.asarray(got), np.asarray(expected)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape), program.source
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, float(finite.max(initial=0.0)))
    assert np.allclose(got, expected, tolerance, tolerance * scale, equal_nan=True), program.source
