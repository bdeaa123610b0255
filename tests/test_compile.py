"""`cr.compile`: the same numbers as the function itself, by every executor, at every size."""

import dataclasses
import threading
import warnings

import numpy as np
import pytest
from training import adam, loss, parameters, rows, step

import chainrule as cr
from chainrule.compiling.choice import Choice
from chainrule.errors import (
    ArgumentError,
    BranchError,
    ExecutorWarning,
    MissingExtraError,
    NonFiniteError,
)
from chainrule.execute import executors, numba_executor
from chainrule.structure import leaves

EXECUTORS = ("numpy", "numba", "jax")


def assert_equal(got, want, rtol=1e-6):
    mine, theirs = leaves(got), leaves(want)
    assert [path for path, _ in mine] == [path for path, _ in theirs]
    for (path, a), (_, b) in zip(mine, theirs, strict=True):
        if b is None:
            assert a is None
            continue
        assert np.asarray(a).dtype == np.asarray(b).dtype, path
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=path)


def plans_of(compiled):
    return [plan for known in compiled._plans.plans.values() for plan in known]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_one_compilation_serves_every_batch_size(executor):
    compiled = cr.compile(step, executor)
    p = parameters(np.float32)
    for count in (32, 5, 17, 33, 2):
        X, y = rows(count, np.float32)
        assert_equal(compiled(p, X, y), step(p, X, y), rtol=3e-6)
    assert len(plans_of(compiled)) == 1
    report = compiled.report()
    assert report.executor == executor
    assert "n" in report.sizes
    assert report.flops > 1000
    assert "any size of       n" in str(report)
    assert "def step" in compiled.code()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_function_is_traced_for_two_sizes_and_once_for_each(executor, monkeypatch):
    monkeypatch.setattr("chainrule.compiling.kept.found", lambda key: None)
    seen = []

    def f(x):
        seen.append(x.shape)
        return np.sum(np.tanh(x) * len(x))

    compiled = cr.compile(f, executor)
    compiled(np.ones(5))
    assert sorted(seen) == [(5,), (6,)]
    compiled(np.ones(5))
    compiled(np.ones(6))
    compiled(np.ones(9))
    assert seen.count((5,)) == seen.count((9,)) == 1


def test_each_precision_has_a_plan_of_its_own():
    compiled = cr.compile(step, "numba")
    for dtype in (np.float32, np.float64):
        p = parameters(dtype)
        value, g = compiled(p, *rows(9, dtype))
        assert value.dtype == dtype
        assert {a.dtype for a in g.values()} == {np.dtype(dtype)}
    assert len(plans_of(compiled)) == 2


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_length_of_an_argument_is_no_constant(executor):
    def f(X):
        return np.sum(X) / len(X) + X.shape[0] * np.mean(X[: len(X) // 2]) + np.arange(len(X)) @ X

    compiled = cr.compile(f, executor)
    for count in (8, 9, 30):
        X = np.linspace(0.1, 1, count)
        np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_a_function_that_depends_on_the_size_is_compiled_for_each(executor):
    def f(X):
        total = 0.0
        for i in range(len(X)):
            total = total * 0.5 + np.sin(X[i])
        return total

    compiled = cr.compile(f, executor)
    for count in (3, 4, 3):
        X = np.linspace(0.1, 1, count)
        np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)
    assert len(plans_of(compiled)) == 2
    assert "compiled for these sizes alone" in str(compiled.report())


def test_sizes_that_were_not_guessed_are_learned():
    def f(batch, w):
        return np.sum(np.tanh(batch["X"] @ w))

    compiled = cr.compile(f, "numpy")
    w = np.ones(3)
    for count in (4, 6, 7, 8):
        X = np.linspace(0, 1, 3 * count).reshape(count, 3)
        np.testing.assert_allclose(compiled({"X": X}, w), f({"X": X}, w))
    assert len(plans_of(compiled)) == 2  # one for 4, one for any from then on


@pytest.mark.parametrize("executor", EXECUTORS)
def test_arrays_may_lie_in_memory_in_any_way(executor):
    compiled = cr.compile(step, executor)
    p, (X, y) = parameters(np.float64), rows(12, np.float64)
    want = step(p, X, y)
    read_only = X.copy()
    read_only.flags.writeable = False
    doubled = np.repeat(X, 2, axis=0)[::2]
    turned = {k: np.asfortranarray(v) for k, v in p.items()}
    backwards = X[::-1].copy()[::-1]
    for params, data in [(p, read_only), (p, doubled), (turned, X), (p, backwards)]:
        assert_equal(compiled(params, data, y), want)
        assert_equal(compiled(params, np.asfortranarray(data), y.astype(np.int32)), want)


@dataclasses.dataclass
class Model:
    w: np.ndarray
    b: float


@pytest.mark.parametrize("executor", EXECUTORS)
def test_structures_go_in_and_come_out(executor):
    def f(model, xs, scale=2.0, *, kind="tanh", power=2):
        z = model.w * xs[0] + model.b
        z = np.tanh(z) if kind == "tanh" else z
        return {"z": z**power, "both": (xs[1], [scale * z, None])}, Model(z, model.b * 2)

    compiled = cr.compile(f, executor)
    model, xs = Model(np.array([1.0, 2.0]), 0.5), [np.array([0.1, 0.2]), np.array(3.0)]
    assert_equal(compiled(model, xs), f(model, xs))
    assert_equal(compiled(model, xs, power=3, kind="id"), f(model, xs, kind="id", power=3))
    assert_equal(compiled(model, xs, kind="id", scale=4.0, power=3),
                 f(model, xs, 4.0, kind="id", power=3))  # fmt: skip
    assert_equal(compiled(xs=xs, model=model), f(model, xs))


def test_results_are_the_callers_own():
    def f(x):
        return x, x[1:], np.reshape(x, (2, 2)), x + 1

    x = np.arange(4.0)
    for executor in ("numpy", "numba"):
        compiled = cr.compile(f, executor)
        first = compiled(x)
        for result in first:
            result[...] = -1
        assert x.tolist() == [0, 1, 2, 3]
        second = compiled(x)
        assert_equal(second, f(np.arange(4.0)))
        assert not any(np.shares_memory(a, b) for a in first for b in (x, *second))


def test_the_signature_is_that_of_the_function():
    compiled = cr.compile(step)
    assert compiled.__name__ == "step"
    with pytest.raises(ArgumentError, match="do not fit step"):
        compiled(1.0)


# -- what cannot be ----------------------------------------------------------------------


def test_a_branch_on_a_value_is_refused_with_its_line():
    def f(x):
        if np.sum(x) > 0:
            return x * 2
        return x

    with pytest.raises(BranchError, match=r"if np\.sum") as caught:
        cr.compile(f, "numpy")(np.ones(3))
    assert "np.where" in str(caught.value)


def test_executors_that_are_not_there():
    with pytest.raises(ArgumentError, match="no executor 'cuda'"):
        cr.compile(step, "cuda")
    with pytest.raises(ArgumentError, match="mesh"):
        cr.compile(step, "numba", mesh=object())
    with pytest.raises(ArgumentError, match="has not been called yet"):
        cr.compile(step).report()


def test_an_executor_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(executors, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"chainrule\[fast\]"):
        cr.compile(step, "numba")
    compiled = cr.compile(step)  # which goes without
    p, (X, y) = parameters(np.float64), rows(4, np.float64)
    assert_equal(compiled(p, X, y), step(p, X, y))
    assert compiled.report().executor == "numpy"


def test_what_one_executor_cannot_run_another_does_and_says_so_once():
    def f(x):
        return np.sum(np.linalg.eigvalsh(x @ x.T)) + np.sum(x)

    compiled = cr.compile(f, "numba")
    x = np.random.default_rng(0).normal(size=(4, 3))
    with pytest.warns(ExecutorWarning, match=r"f runs on NumPy.*eigenvalues"):
        got = compiled(x)
    np.testing.assert_allclose(got, f(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(x + 1)
        compiled(np.ones((3, 3)))
    assert compiled.report().executor == "numpy"
    assert "cannot run it" in str(compiled.report())


# -- numbers that are not finite -----------------------------------------------------------


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_branch_that_is_not_taken_passes_nothing_back(executor):
    def f(x):
        return np.sum(np.where(x > 0, np.log(x), 0.0))

    g = cr.compile(cr.grad(f), executor)
    x = np.array([0.0, 1.0, 2.0])
    with np.errstate(all="ignore"):
        assert g(x).tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_nan_is_told_with_its_line(executor):
    def f(x):
        inside = x - 2
        return np.sum(np.sqrt(inside))

    compiled = cr.compile(cr.value_and_grad(f), executor)
    assert_equal(compiled(np.array([3.0, 6.0])), cr.value_and_grad(f)(np.array([3.0, 6.0])))
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match=r"np.sqrt\(inside\)"):
        compiled(np.array([1.0, 6.0]))


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_a_label_out_of_range_is_told(executor):
    compiled = cr.compile(step, executor)
    p, (X, y) = parameters(np.float64), rows(4, np.float64)
    compiled(p, X, y)
    y[2] = 3
    with pytest.raises(IndexError, match="out of bounds"):
        compiled(p, X, y)
    y[2] = -3
    assert_equal(compiled(p, X, y), step(p, X, y))


# -- threads, and more than one ------------------------------------------------------------


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_two_threads_in_one_function(executor):
    compiled = cr.compile(step, executor)
    p = parameters(np.float64)
    data = [rows(count, np.float64) for count in (50, 60)]
    want = [step(p, X, y)[0] for X, y in data]
    wrong = []

    def run(k):
        for _ in range(200):
            if not np.isclose(compiled(p, *data[k])[0], want[k]):
                wrong.append(k)

    team = [threading.Thread(target=run, args=(k,)) for k in (0, 1)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    assert not wrong


def clipped(params, m, v, t, X, y):
    """A step in which the whole gradient decides, and the batch is normalised."""

    def normed_loss(params, X, y):
        z = X @ params["W1"]
        z = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5) + params["b1"]
        h = np.tanh(z) @ params["W2"] + params["b2"]
        p = np.exp(h - h.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        return -np.mean(np.log(p[np.arange(len(y)), y])) + 0.01 * np.sum(params["W1"] ** 2)

    value, g = cr.value_and_grad(normed_loss)(params, X, y)
    norm = np.sqrt(sum(np.sum(a**2) for a in g.values()))
    scale = np.minimum(1.0, 0.5 / (norm + 1e-6))
    return {k: params[k] - 0.1 * scale * g[k] for k in params}, m, v, t + 1, value, norm


@pytest.mark.parametrize("f", [adam, clipped])
def test_a_team_of_threads_gives_the_same(f, monkeypatch):
    from threadpoolctl import threadpool_info

    monkeypatch.setattr(numba_executor, "_LARGE_WORK", 0)
    p = parameters(np.float64)
    zeros = {k: np.zeros_like(v) for k, v in p.items()}
    compiled = cr.compile(f, "numba")
    before = threadpool_info()
    for count in (40, 9):
        args = (p, zeros, zeros, 0.0, *rows(count, np.float64))
        assert_equal(compiled(*args), f(*args), rtol=1e-9)
    assert threadpool_info() == before
    assert "several threads" in str(compiled.report())
    assert "meet(counter, threads)" in compiled.code()


def numbers(x, w):
    """Come to single numbers in every way, some in one loop with arrays and some not."""
    z = np.tanh(x * w)
    spread = z - np.mean(z)
    return {
        "sum": np.sum(z), "mean": np.mean(z * z), "max": np.max(z), "min": np.min(z),
        "prod": np.prod(1 + z / 100), "columns": np.sum(z, axis=0), "any": np.any(z > 0.9),
        "all": np.all(z > -2), "count": np.count_nonzero(z > 0), "norm": np.linalg.norm(z),
        "place": np.argmax(z), "of": np.max(spread) * np.sum(spread * spread), "spread": spread,
    }  # fmt: skip


@pytest.mark.parametrize("count", [37, 2, 1])
def test_a_team_puts_the_parts_of_a_number_together(count, monkeypatch):
    monkeypatch.setattr(numba_executor, "_LARGE_WORK", 0)
    x, w = np.random.default_rng(0).standard_normal((2, count, 5))
    compiled = cr.compile(numbers, "numba")
    assert_equal(compiled(x, w), numbers(x, w), rtol=1e-12)
    assert "shared[thread, " in compiled.code()
    x[-1, 0] = np.nan
    with np.errstate(invalid="ignore"):
        assert_equal(compiled(x, w), numbers(x, w), rtol=1e-12)


def test_a_team_does_not_round_whole_numbers(monkeypatch):
    monkeypatch.setattr(numba_executor, "_LARGE_WORK", 0)
    k = np.random.default_rng(0).integers(2**58, 2**59, (5, 4))
    assert cr.compile(lambda k: np.sum(k * 3) + np.max(k), "numba")(k) == np.sum(k * 3) + k.max()


# -- names ---------------------------------------------------------------------------------


def loops(i, j, k):
    l = np.sum(i * j)  # noqa: E741
    p = np.tanh(i * l + k) * 2
    q = p - np.mean(p)
    return {"r": np.max(q, axis=1), "s": q @ q.T, "l": l}


def steps(W, at, row):
    turn = W @ at
    order = np.maximum(turn, 0)
    low = np.sum(order * row)
    thread = low * 2
    shared = np.exp(order / 10 - thread / 50)
    gemm = shared @ W
    return gemm, shared, gemm.sum(), {"total": low, "n": thread}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("f", [loops, steps])
def test_values_may_be_called_what_emitted_code_calls_things(f, executor):
    args = np.random.default_rng(0).standard_normal((3, 4, 4))
    compiled = cr.compile(f, executor)
    assert_equal(compiled(*args), f(*args), rtol=1e-9)
    assert compiled.report().executor == executor


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_an_epoch_is_given_may_have_any_name(executor):
    def one(i, X, all_X, at):
        value, g = cr.value_and_grad(lambda i: np.mean((X @ i - all_X)[at % 2] ** 2))(i)
        each_value = value
        i_held = i - 0.1 * g
        return i_held, each_value

    X = np.random.default_rng(0).standard_normal((8, 3))
    data = X, X[:, 0] * 2, np.arange(8)
    want, losses = np.ones(3), []
    for first in (0, 4):
        want, loss = one(want, *(d[first : first + 4] for d in data))
        losses.append(loss)
    got = cr.epoch(one, executor)(np.ones(3), data, batch_size=4)
    assert_equal(got, (want, np.array(losses)), rtol=1e-9)


# -- the choice ----------------------------------------------------------------------------


def test_auto_starts_with_numpy_and_goes_on_with_numba(monkeypatch):
    monkeypatch.setattr(Choice, "cost", lambda self, plan: 0.05)
    compiled = cr.compile(step)
    p, (X, y) = parameters(np.float64), rows(20, np.float64)
    want = step(p, X, y)
    assert_equal(compiled(p, X, y), want)
    assert compiled.report().executor == "numpy"
    assert "numba takes over" in str(compiled.report())
    for _ in range(3000):
        compiled(p, X, y)
        if compiled.report().executor == "numba":
            break
    assert compiled.report().executor == "numba"
    assert_equal(compiled(p, X, y), want)


def test_auto_stays_with_numpy_where_there_are_no_loops(monkeypatch):
    monkeypatch.setattr(Choice, "cost", lambda self, plan: 0.0)
    compiled = cr.compile(lambda x: np.linalg.eigvalsh(x))
    x = np.eye(3)
    for _ in range(3):
        assert compiled(x).tolist() == [1, 1, 1]
    assert compiled.report().executor == "numpy"


# -- the examples ----------------------------------------------------------------------------


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", ["neuron", "layer", "two_layer", "softmax", "classifier"])
def test_shipped_examples(name, executor):
    import importlib
    import inspect

    module = importlib.import_module(f"chainrule.examples.{name}")
    f = getattr(module, name)
    given = {
        k: np.asarray(p.default) if isinstance(p.default, list) else p.default
        for k, p in inspect.signature(f).parameters.items()
    }
    floats = {k: v if not isinstance(v, int) else float(v) for k, v in given.items()}
    value = cr.compile(f, executor)(**floats)
    np.testing.assert_allclose(value, f(**floats), rtol=1e-12)
    if np.ndim(value) == 0:
        wrt = [k for k, v in floats.items() if np.asarray(v).dtype.kind == "f"]
        both = cr.value_and_grad(f, wrt=tuple(wrt))
        assert_equal(cr.compile(both, executor)(**floats), both(**floats), rtol=1e-9)


def test_a_compiled_function_takes_part_in_no_trace():
    compiled = cr.compile(loss, "numpy")
    p, (X, y) = parameters(np.float64), rows(4, np.float64)
    assert_equal(cr.grad(compiled)(p, X, y), cr.grad(loss)(p, X, y))


# -- loops to read ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["neuron", "layer", "two_layer", "softmax", "classifier"])
def test_loops_of_the_examples_are_run_before_they_are_shown(name):
    import importlib

    f = getattr(importlib.import_module(f"chainrule.examples.{name}"), name)
    value = np.asarray(f())
    s = cr.explain(f, upstream=np.ones(value.shape) if value.ndim else None)
    code = s.code("loops")
    assert f"def {name}(" in code
    assert "np.dot" not in code
    assert "product(" not in code


def test_loops_read_as_a_person_writes_them():
    def layer(x, w, b):
        z = x @ w + b
        y = np.maximum(z, 0)
        return y

    s = cr.explain(layer, np.eye(2), np.ones((2, 3)), np.zeros(3), upstream=np.ones((2, 3)))
    lines = s.code("loops").splitlines()
    assert "            z = x[i, 0] * w[0, j] + x[i, 1] * w[1, j] + b[j]" in lines
    assert "            dz[i, j] = dy[i, j] * (y[i, j] > 0.0)" in lines
    assert lines[3] == "def layer(x, w, b, dy, y, dx, dw, db):"


def test_what_has_no_loops_is_refused():
    s = cr.explain(lambda x: np.sum(np.linalg.inv(x)), np.eye(2))
    with pytest.raises(ArgumentError, match="no loops for inv"):
        s.code("loops")
    with pytest.raises(ArgumentError, match="no code for 'cuda'"):
        s.code("cuda")


def test_loops_that_are_wrong_are_never_shown(monkeypatch):
    from chainrule.emit.loops import shown
    from chainrule.errors import EmitError

    whole = shown._source
    monkeypatch.setattr(shown, "_source", lambda loops: whole(loops).replace("+ b", "- b"))
    s = cr.explain(lambda x, b: x * 2.0 + b, 1.0, 3.0)
    with pytest.raises(EmitError, match="do not give"):
        s.code("loops")
