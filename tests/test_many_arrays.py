"""Many arrays, which compiled code reaches through a table; and what is compiled only once."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from training import assert_same, kernel_of, leaves_of, reference

import chainrule as cr
from chainrule.emit.loops import write
from chainrule.emit.loops.table import Table
from chainrule.emit.numba_code import numba_code

pytest.importorskip("numba")
from chainrule.execute import native, numba_executor
from chainrule.execute.numba_executor import NumbaRunnable

LAYERS = 30


def loss(params, X, y):
    h = X
    for k in range(LAYERS):
        z = h @ params[f"W{k}"] + params[f"b{k}"]
        h = np.maximum(z, 0.1 * z)
    z = h - np.max(h, axis=1, keepdims=True)
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y])


def step(carry, X, y):
    params, m, v, t = carry
    value, g = cr.value_and_grad(loss)(params, X, y)
    t = t + 1
    m = {k: 0.9 * m[k] + 0.1 * g[k] for k in m}
    v = {k: 0.999 * v[k] + 0.001 * g[k] ** 2 for k in v}
    scale = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    new = {k: params[k] - 0.01 * scale * m[k] / (np.sqrt(v[k]) + 1e-8) for k in params}
    return (new, m, v, t), value


def start(dtype):
    rng = np.random.default_rng(3)
    params = {}
    for k in range(LAYERS):
        params[f"W{k}"] = (rng.standard_normal((8, 8)) * 0.4).astype(dtype)
        params[f"b{k}"] = (rng.standard_normal(8) * 0.1).astype(dtype)
    zeros = {k: np.zeros_like(p) for k, p in params.items()}
    return params, zeros, zeros, dtype(0)


def rows(count, dtype):
    rng = np.random.default_rng(5)
    return rng.standard_normal((count, 8)).astype(dtype), rng.integers(0, 8, count)


@pytest.mark.parametrize("team", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_deep_network_learns_the_same(dtype, team, monkeypatch):
    if team:
        monkeypatch.setattr(numba_executor, "_LARGE_WORK", 0)
    X, y = rows(70, dtype)
    got, losses = cr.epoch(step, "numba")(start(dtype), (X, y), batch_size=16)
    want, others = cr.epoch(step, "numpy")(start(dtype), (X, y), batch_size=16)
    tolerance = 2e-4 if dtype == np.float32 else 1e-8
    assert losses.shape == (5,)
    assert_same([losses, *leaves_of(got)], [others, *leaves_of(want)], tolerance, tolerance)


@pytest.mark.parametrize("team", [False, True])
def test_one_step_of_a_deep_network(team, monkeypatch):
    if team:
        monkeypatch.setattr(numba_executor, "_LARGE_WORK", 0)
    args = (start(np.float64), *rows(20, np.float64))
    kernel = kernel_of(step, *args, batch=[(3 * 2 * LAYERS + 1, 0), (3 * 2 * LAYERS + 2, 0)])
    run = NumbaRunnable(kernel)
    inputs = leaves_of(args)
    for array in inputs:
        if np.ndim(array):
            array.flags.writeable = False  # nor is it written to
    assert "table" in run.source
    assert_same(run(inputs, kernel.values), reference(kernel, inputs))


def test_the_code_of_a_deep_network_can_be_read():
    run = cr.epoch(step, "numba")
    run(start(np.float64), rows(16, np.float64), batch_size=16)
    code = run.code()
    assert ") = np.arange(" in code
    (taken,) = re.findall(r"def steps\((.*)\)", code)
    assert "table, " in taken
    assert len(taken.split(", ")) < 20
    # One function for each kind of loop, whatever the layer.
    assert len(re.findall(r"        part\d+\(table, at_", code)) > LAYERS
    assert len(re.findall(r"^def part\d+\(table, at_", code, re.M)) < 10


def small(params, X):
    def value(params):
        h = np.tanh(X @ params["W"].reshape(6, 4) + params["b"])
        return np.mean(h * h[:, ::-1]) + np.sum(params["c"][1] * h[0])

    result, g = cr.value_and_grad(value)(params)
    return {k: params[k] - 0.1 * g[k] for k in params}, result, h_of(params, X)


def h_of(params, X):
    return (X @ params["W"].reshape(6, 4)).reshape(-1, 2)


@pytest.mark.parametrize("team", [False, True])
def test_other_shapes_constants_and_reports_beside_a_table(team, monkeypatch):
    monkeypatch.setattr(write, "MOST_ARRAYS", 0)
    if team:
        monkeypatch.setattr(numba_executor, "_LARGE_WORK", 0)
    rng = np.random.default_rng(1)
    params = {"W": rng.standard_normal(24), "b": rng.standard_normal(4)}
    params["c"] = rng.standard_normal((3, 4))
    X = rng.standard_normal((22, 6))

    def one(params, X):
        new, value, h = small(params, X)
        return new, (value, np.sum(h * np.arange(2.0), axis=0), np.sum(h))

    for batch in (6, 22):
        got = cr.epoch(one, "numba")(params, X, batch_size=batch)
        want = cr.epoch(one, "numpy")(params, X, batch_size=batch)
        assert_same(leaves_of(got), leaves_of(want))


def test_names_of_a_table_are_free():
    kinds = {"W": (2, np.dtype(np.float32)), "table": (1, np.dtype(bool))}
    views = {"flat": "flat = W.reshape((6,))", "half": "half = flat.reshape((2, 3))"}
    table = Table.of(kinds, views, {"table", "at_W", "W"})
    assert table.with_arrays(["half[i, 0] = table[i]"]) == [
        "W = array_at(table2, at_W2, 2, f32)",
        "flat = W.reshape((6,))",
        "half = flat.reshape((2, 3))",
        "table = array_at(table2, at_table, 1, np.bool_)",
        "half[i, 0] = table[i]",
    ]
    assert table.with_arrays(["x = y.W"]) == ["x = y.W"]
    assert table.listed(["n", "W", "m", "table"]) == [1, 3]
    assert table.without_arrays(["n", "W", "m", "table"]) == ["table2", "n", "m"]


def test_few_arrays_are_handed_over_as_they_are():
    kernel = kernel_of(lambda x, y: x * y, np.ones(3), np.ones(3))
    code = numba_code(kernel)
    assert code.listed == ()
    assert "table" not in code.source


def dense(params, X):
    def value(params):
        return np.mean(np.tanh(np.tanh(X @ params[0]) @ params[1] + params[2]) ** 2)

    result, g = cr.value_and_grad(value)(params)
    return [p - 0.1 * d for p, d in zip(params, g, strict=True)], result


def dense_start():
    rng = np.random.default_rng(0)
    shapes = [(40, 50), (50, 9), (9,)]
    return [rng.standard_normal(shape) for shape in shapes], rng.standard_normal((70, 40))


@pytest.mark.parametrize("team", [False, True])
def test_products_of_matrices_in_a_table(team, monkeypatch):
    monkeypatch.setattr(write, "MOST_ARRAYS", 0)
    if team:
        monkeypatch.setattr(numba_executor, "_LARGE_WORK", 0)
    run = cr.epoch(dense, "numba")
    got = run(*dense_start(), batch_size=32)
    want = cr.epoch(dense, "numpy")(*dense_start(), batch_size=32)
    assert_same(leaves_of(got), leaves_of(want))
    assert "product(gemm, " in run.code()


COUNTED = """
import sys; sys.path[:0] = {path!r}
from numba.core import event
import chainrule as cr
from chainrule.execute import numba_executor
from test_many_arrays import dense, dense_start
numba_executor._LARGE_WORK = 0
run = cr.epoch(dense, "numba")
with event.install_recorder("numba:compile") as seen:
    run(*dense_start(), batch_size=32)
for _, e in seen.buffer:
    if e.is_start:
        print(e.data["dispatcher"].py_func.__name__)
"""


def output(script, directory):
    environment = dict(os.environ, CHAINRULE_CACHE=str(directory))
    command = [sys.executable, "-c", script.format(path=[p for p in sys.path if p])]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_what_is_called_is_not_compiled_by_itself(tmp_path):
    names = output(COUNTED, tmp_path).split()
    assert names.count("denses") == 1
    assert all(name == "denses" or name.startswith("part") for name in names)
    assert "part" not in names


def test_arrays_come_out_of_a_table_as_they_are():
    from numba import njit

    array_at = native.array_at

    @njit
    def numbers(table):
        plane = array_at(table, 0, 2, np.float64)
        empty = array_at(table, 1, 1, np.bool_)
        box = array_at(table, 2, 3, np.int64)
        plane[1, 2] = 7.0
        return plane.sum(), plane.shape, plane.strides, empty.shape, box[1, 0, 3], box.strides

    arrays = [np.ones((2, 3)), np.zeros(0, bool), np.arange(24).reshape(2, 3, 4)]
    got = numbers(native.table_of(arrays))
    assert got == (12.0, (2, 3), (24, 8), (0,), 15, (96, 32, 8))
    assert arrays[0][1, 2] == 7.0


FROM_DISK = """
import sys; sys.path[:0] = {path!r}
import numpy as np, chainrule as cr
from numba.core import event
from test_many_arrays import rows, start, step
with event.install_recorder("numba:compile") as seen:
    carry, losses = cr.epoch(step, "numba")(start(np.float64), rows(40, np.float64), batch_size=16)
print(losses.tobytes().hex(), len(seen.buffer) > 0)
"""


def test_another_process_reads_it_from_disk(tmp_path):
    (first, compiled), (second, again) = (output(FROM_DISK, tmp_path).split() for _ in range(2))
    assert first == second
    assert (compiled, again) == ("True", "False")
