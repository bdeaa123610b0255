"""The JAX executor on a mesh: eight virtual devices, and two processes."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from training import (
    adam_step,
    kernel_of,
    network,
    parameters,
    reference,
    rows,
    step,
    trained,
)

from chainrule.errors import ArgumentError
from chainrule.execute.jax_executor import JaxRunnable

pytest.importorskip("jax")

#: Seconds after which a process is killed; it takes about five.
_PATIENCE = 120
_TESTS = Path(__file__).parent

_COMMON = """
import sys
import jax
import numpy as np
from jax.sharding import PartitionSpec as P
from training import adam_step, network, refilled
from chainrule.errors import ArgumentError
from chainrule.execute.jax_executor import JaxRunnable
from chainrule.execute.runnable import Loop

def trained(runnable, parts):
    kernel, given, last, carry, data, order = parts
    loop = Loop([np.array(c) for c in carry], data, order, 16, given, last, [np.zeros(7)])
    for start, stop in ((0, 4), (4, loop.steps)):
        runnable.run_steps(loop, start, stop)
    return [np.asarray(c) for c in loop.carry], loop.outputs[0]
"""

_EIGHT = """
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
kernel, outline_for, (params, X, y) = network(32, np.float64)
saved = {}

mesh = jax.make_mesh((8,), ("data",))  # its axes are explicit ones
assert mesh.axis_types[0] == jax.sharding.AxisType.Explicit
runnable = JaxRunnable(kernel, mesh)
for i, g in enumerate(runnable([*params, X, y], kernel.values)):
    saved[f"data{i}"] = g
assert "X by (data)" in runnable.facts().notes[0], runnable.facts()
assert len(runnable._layout.placed(4, X).addressable_shards) == 8
assert runnable._layout.placed(4, X).addressable_shards[0].data.shape == (4, 4)

both = jax.make_mesh((4, 2), ("data", "model"))
specs = {0: P(None, "model"), "b1": P("model"), "params['W2']": P("model", None)}
runnable = JaxRunnable(kernel, both, specs)
for i, g in enumerate(runnable([*params, X, y], kernel.values)):
    saved[f"model{i}"] = g
assert runnable._layout.placed(0, params[0]).addressable_shards[0].data.shape == (4, 4)

wrongs = ({9: P()}, "does not have"), ({"params['W']": P()}, "W1, b1"), ({0: P("rows")}, "lacks")
for wrong, bad in wrongs:
    try:
        JaxRunnable(kernel, mesh, wrong)
    except ArgumentError as error:
        assert bad in str(error), error
    else:
        raise AssertionError("not refused")
try:
    runnable([*params, X[:30], y[:30]], refilled(kernel, outline_for(30)))
except ArgumentError as error:
    assert "a multiple of 4" in str(error) and "30" in str(error), error
else:
    raise AssertionError("not refused")

parts = adam_step(np.float64)
carried = {i: P(None, "model") for i in (0, 4, 8)}
for name, runnable in (
    ("train", JaxRunnable(parts[0], mesh)),
    ("cut", JaxRunnable(parts[0], both, carried)),
):
    carry, losses = trained(runnable, parts)
    for i, c in enumerate(carry):
        saved[f"{name}{i}"] = c
    saved[f"{name}_losses"] = losses
np.savez(sys.argv[1], **saved)
"""

_TWO = """
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 1)
file, port, me = sys.argv[1], sys.argv[2], int(sys.argv[3])
jax.distributed.initialize(f"localhost:{port}", 2, me)
mesh = jax.make_mesh((2,), ("data",))
kernel, outline_for, (params, X, y) = network(16, np.float64)
runnable = JaxRunnable(kernel, mesh)
mine = slice(8 * me, 8 * me + 8)  # each process gives its own rows
inputs = [*params, X[mine], y[mine]]
assert runnable.whole(inputs)[4] == (16, 4)
saved = {f"data{i}": g for i, g in enumerate(runnable(inputs, kernel.values))}
try:
    runnable(inputs, refilled(kernel, outline_for(8)))
except ArgumentError as error:
    assert "16 rows over all processes" in str(error), error
else:
    raise AssertionError("not refused")
# Parameters of which each process has a half; the rows are the same in both.
across = jax.make_mesh((1, 2), ("data", "model"))
runnable = JaxRunnable(kernel, across, {0: P(None, "model"), 2: P("model")})
assert runnable.whole([*params, X, y])[4] == (16, 4)
saved |= {f"model{i}": g for i, g in enumerate(runnable([*params, X, y], kernel.values))}

parts = adam_step(np.float64)
carried = {i: P(None, "model") for i in (0, 4, 8)}
for name, runnable in (
    ("train", JaxRunnable(parts[0], mesh)),
    ("cut", JaxRunnable(parts[0], across, carried)),
):
    carry, saved[f"{name}_losses"] = trained(runnable, parts)
    saved |= {f"{name}{i}": c for i, c in enumerate(carry)}

# As a user calls it: each process gives its own rows, and gets the gradients of all.
import chainrule as cr
from training import parameters, rows, step
X, y = rows(16, np.float64)
compiled = cr.compile(step, "jax", mesh=mesh)
saved["value"], gradients = compiled(parameters(np.float64), X[mine], y[mine])
saved |= {f"d{k}": g for k, g in gradients.items()}
np.savez(file, **saved)
"""


def started(script, *args):
    path = [str(_TESTS), str(_TESTS.parent / "src"), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_COMMON + script), *map(str, args)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(processes):
    """Wait for processes; kill all where one fails or hangs, since JAX holds back SIGTERM."""
    said = []
    try:
        for process in processes:
            said.append(process.communicate(timeout=_PATIENCE)[0])
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.communicate()
    for process, text in zip(processes, said, strict=True):
        assert process.returncode == 0, text


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def assert_gradients(found, name, size):
    kernel, _, (params, x, y) = network(size, np.float64)
    for i, want in enumerate(reference(kernel, [*params, x, y])):
        np.testing.assert_allclose(found[f"{name}{i}"], want, rtol=1e-12, atol=1e-14)


def assert_trained(found, name):
    want, losses = trained(*adam_step(np.float64), batch_size=16)
    np.testing.assert_allclose(found[f"{name}_losses"], losses, rtol=1e-9)
    for i, c in enumerate(want):
        np.testing.assert_allclose(found[f"{name}{i}"], c, rtol=1e-8, atol=1e-10)


def test_specs_without_a_mesh_are_refused():
    with pytest.raises(ArgumentError, match="mesh"):
        JaxRunnable(kernel_of(lambda x: x * 2, np.ones(3)), specs={0: None})


def test_eight_devices_give_what_one_gives(tmp_path):
    file = tmp_path / "found.npz"
    finished([started(_EIGHT, file)])
    found = np.load(file)
    for name in ("data", "model"):
        assert_gradients(found, name, 32)
    for name in ("train", "cut"):
        assert_trained(found, name)


def test_two_processes_give_what_one_gives(tmp_path):
    files, port = [tmp_path / f"found{i}.npz" for i in range(2)], free_port()
    finished([started(_TWO, file, port, i) for i, file in enumerate(files)])
    for file in files:
        found = np.load(file)
        for name in ("data", "model"):
            assert_gradients(found, name, 16)
        for name in ("train", "cut"):
            assert_trained(found, name)
        value, gradients = step(parameters(np.float64), *rows(16, np.float64))
        np.testing.assert_allclose(found["value"], value, rtol=1e-12)
        for k, g in gradients.items():
            np.testing.assert_allclose(found[f"d{k}"], g, rtol=1e-10, atol=1e-14)


_FIT = """
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 1)
file, port, me, checkpoint, slow = sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]
jax.distributed.initialize(f"localhost:{port}", 2, me)
from chainrule import nn
import time
mesh = jax.make_mesh((2,), ("data",))
r = np.random.default_rng(0)
X = r.normal(size=(80, 5))
y = (X[:, 0] > 0).astype(int)
model = nn.Sequential(nn.Dense(16), nn.ReLU(), nn.Dropout(0.2), nn.Dense(2))

def look(run):
    if slow == "slow":
        print("epoch", run.epoch, flush=True)
        time.sleep(0.3)

history = model.fit(
    X, y, loss="cross_entropy", epochs=8, batch_size=16, executor="jax", mesh=mesh,
    checkpoint=checkpoint, checkpoint_seconds=0.0, callbacks=look, metrics="accuracy",
    validation_split=0.2,
)
np.savez(
    file, W=model.params["dense2"]["W"], V=model.params["dense1"]["W"], losses=history["loss"],
    validation=history["val_loss"],
)
"""


def test_a_killed_peer_ends_in_a_restart_that_reaches_the_same(tmp_path):
    def both(name, slow):
        files, port = [tmp_path / f"{name}{i}.npz" for i in range(2)], free_port()
        checkpoint = tmp_path / f"{'alone' if name == 'alone' else 'run'}.safetensors"
        return files, [started(_FIT, f, port, i, checkpoint, slow) for i, f in enumerate(files)]

    files, processes = both("alone", "quick")
    finished(processes)
    want = np.load(files[0])

    _, processes = both("killed", "slow")
    try:
        for line in processes[0].stdout:
            if line.startswith("epoch 2"):
                break
        else:
            raise AssertionError("ended before it could be killed")
        processes[1].send_signal(signal.SIGKILL)
    finally:
        for process in processes:
            # A peer that is left waits for a long time, and would then end by itself.
            process.send_signal(signal.SIGKILL)
            process.communicate()
    files, processes = both("again", "quick")
    finished(processes)
    for file in files:
        found = np.load(file)
        assert len(found["losses"]) == 8
        for key in ("W", "V", "losses", "validation"):
            np.testing.assert_array_equal(found[key], want[key])
