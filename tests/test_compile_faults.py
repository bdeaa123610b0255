"""Compiled code on disk, other processes, and the user's impatience."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from chainrule.execute import cache

HERE = Path(__file__).parent


def script(source, directory, **environment):
    """Start a program with a cache of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)],
        env={**os.environ, "CHAINRULE_CACHE": str(directory), **environment},
        cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def output(process, timeout=120):
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return out.strip()


STEP = """
    import numpy as np, chainrule as cr
    def f(x):
        return np.sum(np.tanh(x) ** 2)
    g = cr.compile(cr.value_and_grad(f), "numba")
    value, dx = g(np.arange(4.0))
    print(round(float(value), 6), np.round(dx, 6).tolist())
"""


def compiled_files(directory):
    return sorted(p for p in Path(directory).rglob("*") if p.suffix in (".nbi", ".nbc"))


def test_compiled_code_is_kept_on_disk(tmp_path):
    first = output(script(STEP, tmp_path))
    files = compiled_files(tmp_path)
    assert files
    stamps = [p.stat().st_mtime_ns for p in files]
    assert output(script(STEP, tmp_path)) == first
    assert compiled_files(tmp_path) == files
    assert [p.stat().st_mtime_ns for p in files] == stamps  # loaded, not compiled again


def test_code_from_disk_needs_nothing_that_compiles(tmp_path):
    want = output(script(STEP, tmp_path))
    without = """
        import numba
        from numba.core.cpu import CPUContext
        def refresh(self):
            raise RuntimeError("made ready to compile")
        CPUContext.refresh = refresh
    """
    assert output(script(textwrap.dedent(without) + textwrap.dedent(STEP), tmp_path)) == want
    process = script(textwrap.dedent(without) + textwrap.dedent(STEP), tmp_path / "other")
    assert "made ready to compile" in process.communicate(timeout=120)[1]


def test_another_numba_that_is_made_otherwise_loads_in_its_own_way(tmp_path):
    want = output(script(STEP, tmp_path))
    files = compiled_files(tmp_path)
    other = "from numba.core.runtime import nrt\nimport numba.core.cpu\ndel nrt.rtsys\n"
    assert output(script(other + textwrap.dedent(STEP), tmp_path)) == want
    assert compiled_files(tmp_path) == files


def test_code_from_disk_raises_what_it_raised(tmp_path):
    program = """
        import numpy as np, chainrule as cr
        def f(w, x):
            return np.sum(w[x.astype(np.int64)])
        g = cr.compile(f, "numba")
        print(g(np.ones(5), np.arange(4.0)))
        print(cr.compile(lambda x: np.sum(x) * 2.0, "numba")(np.ones(3)))
        try:
            g(np.ones(5), np.arange(4.0) + 2)
        except IndexError as error:
            print(type(error).__name__)
    """
    assert output(script(program, tmp_path)).splitlines() == ["4.0", "6.0", "IndexError"]
    # Now the first is on disk, and the second is yet to be compiled.
    later = program.replace("* 2.0", "* 4.0")
    assert output(script(later, tmp_path)).splitlines() == ["4.0", "12.0", "IndexError"]


@pytest.mark.parametrize("is_on", [True, False])
def test_compiling_leaves_the_search_for_garbage_as_it_was(is_on):
    numba_function = pytest.importorskip("chainrule.execute.numba_function", exc_type=ImportError)
    seen = []

    class Compiling:
        def compile(self, kinds):
            seen.append(gc.isenabled())
            raise RuntimeError(kinds)

    before = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        with pytest.raises(RuntimeError):
            numba_function._compile(Compiling(), ())
        assert gc.isenabled() == is_on
        assert seen == [False]
    finally:
        (gc.enable if before else gc.disable)()


def test_many_processes_share_it(tmp_path):
    team = [script(STEP, tmp_path) for _ in range(4)]
    assert len({output(p) for p in team}) == 1


def test_a_broken_entry_costs_only_time(tmp_path):
    want = output(script(STEP, tmp_path))
    for path in compiled_files(tmp_path):
        path.write_bytes(b"no pickle at all")
    assert output(script(STEP, tmp_path)) == want
    for path in Path(tmp_path).rglob("kernel.py"):
        path.write_text("raise SystemExit(1)")
    assert output(script(STEP, tmp_path)) == want


def test_no_place_for_a_cache(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("not a directory")
    want = output(script(STEP, tmp_path / "good"))
    assert output(script(STEP, occupied)) == want
    assert output(script(STEP, "/dev/full/cache")) == want
    assert occupied.read_text() == "not a directory"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a file system in memory")
def test_a_full_disk_costs_only_speed(tmp_path):
    # The largest file that the process may write is smaller than what numba would write.
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
    limited += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    want = output(script(STEP, tmp_path / "good"))
    assert output(script(limited + textwrap.dedent(STEP), tmp_path / "full")) == want


def test_what_an_entry_is_known_by():
    one = cache.key_of("source", "1.0")
    assert one == cache.key_of("source", "1.0")
    assert len({one, cache.key_of("source", "1.1"), cache.key_of("other", "1.0")}) == 3


FORK = """
    import os, numpy as np, chainrule as cr
    from chainrule.execute import numba_executor
    numba_executor._LARGE_WORK = 0
    from training import step, parameters, rows
    g = cr.compile(step, "numba")
    p, (X, y) = parameters(np.float64), rows(40, np.float64)
    want = g(p, X, y)[0]
    child = os.fork()
    if child == 0:
        os._exit(0 if g(p, X, y)[0] == want else 1)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), g(p, X, y)[0] == want)
"""


def test_fork_after_threads_have_run(tmp_path):
    assert output(script(FORK, tmp_path)) == "0 True"


LONG = """
    import signal, time, numpy as np, chainrule as cr
    # A shell that starts the tests in the background has Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    def step(w, X):
        value, dw = cr.value_and_grad(lambda w: np.mean(np.tanh(X @ w) ** 2))(w)
        return w - 0.001 * dw, value
    run = cr.epoch(step, "{executor}")
    X, w = np.ones((64, 1000)), np.ones((1000, 1000))
    run(w, X)
    print("ready", flush=True)
    try:
        run(w, X, order=np.zeros(4_000_000, int), batch_size=2)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        print(run(w, X)[1].shape)
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_an_epoch_can_be_interrupted(executor, tmp_path):
    # Without the interruption the epoch would take two million steps of some milliseconds.
    with script(LONG.format(executor=executor), tmp_path) as process:
        assert process.stdout.readline().strip() == "ready"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline().strip() == "stopped", process.communicate()
        assert process.stdout.read().strip() == "(2,)"
        assert process.wait(timeout=60) == 0
