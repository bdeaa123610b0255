"""Several processes write one file, and are killed: it is always whole."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chainrule.nn.files import leftovers
from tests.test_nn_files_writing import names, number_in, python, saved

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


class TestLeftovers:
    def test_of_a_killed_process_are_cleared(self, path):
        code = f"""
import os, signal
from chainrule.nn.files import atomic
from tests.test_nn_files_writing import saved
atomic.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
saved({str(path)!r}, 1)
"""
        for _ in range(2):
            assert python(code).returncode == -signal.SIGKILL
            assert len(names(path.parent)) == 1
        left = names(path.parent)[0]
        assert left.startswith(".run.safetensors.")
        assert left.endswith(".tmp")
        saved(path, 2)
        assert names(path.parent) == [path.name]

    def test_of_others_stay(self, path):
        kept = [
            ".run.safetensors.tmp", ".run.safetensors.0123.tmp", "run.safetensors.bak",
            ".run.safetensors.0123456789abcdef.tmp.keep", ".other.0123456789abcdef.tmp",
            ".run.safetensors.more.0123456789abcdef.tmp",
        ]  # fmt: skip
        for name in kept:
            (path.parent / name).touch()
        (path.parent / ".run.safetensors.0123456789abcdef.tmp").symlink_to(path.name)
        saved(path, 1)
        saved(path, 2)
        assert number_in(path) == 2
        assert set(kept) < set(names(path.parent))

    def test_of_a_writer_at_work_stay(self, path):
        temporary = leftovers.name_for(str(path))
        with leftovers.created(temporary) as file:
            assert leftovers.is_held(file)
            saved(path, 1)
            assert Path(temporary).name in names(path.parent)
        saved(path, 2)
        assert names(path.parent) == [path.name]

    def test_a_file_taken_away_before_its_lock_is_made_anew(self, path, monkeypatch):
        real, taken = leftovers.is_held, []

        def is_held(file):
            if not taken:
                taken.append(file.name)
                Path(file.name).unlink()
            return real(file)

        monkeypatch.setattr(leftovers, "is_held", is_held)
        saved(path, 1)
        assert len(taken) == 1
        assert number_in(path) == 1


WRITER = """
import sys
from tests.test_nn_files_writing import saved
first, count = map(int, sys.argv[2:])
print("ready", flush=True)
for number in range(first, first + count):
    saved(sys.argv[1], number, size=20_000)
    print(number, flush=True)
"""


def writer(path, first, count):
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first), str(count)],
        stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([root, *sys.path])},
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_write_and_a_third_reads(path):
    saved(path, 0)
    writers = [writer(path, first, 150) for first in (1_000, 2_000)]
    seen = set()
    while any(w.poll() is None for w in writers):
        seen.add(number_in(path))
    assert [w.wait() for w in writers] == [0, 0]
    for w in writers:
        assert len(w.stdout.read().split()) == 150
        w.stdout.close()
    assert {n // 1000 for n in seen} >= {1, 2}
    assert number_in(path) in (1_149, 2_149)
    assert names(path.parent) == [path.name]


def test_two_threads_write(path):
    threads = [
        threading.Thread(target=lambda f=f: [saved(path, f + i) for i in range(50)])
        for f in (0, 100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert number_in(path) in (49, 149)
    assert names(path.parent) == [path.name]


#: Forks the writers, so that none has to import anything first.
KILLED = """
import os, random, signal, sys, time
from tests.test_nn_files_writing import Path, names, number_in, saved
path, chance = Path(sys.argv[1]), random.Random(0)
done = inside = 0
saved(path, 0)
for _ in range(30):
    child = os.fork()
    if child == 0:
        for number in range(done + 1, done + 10_000):
            saved(path, number, size=20_000)
        os._exit(0)
    while number_in(path) <= done:  # on a busy machine the first save takes a while
        time.sleep(0.001)
    time.sleep(0.03 * chance.random())
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    inside += any(name.endswith(".tmp") for name in names(path.parent))
    now = number_in(path)
    assert now >= done, (now, done)
    done = now
print(done, inside)
"""


def test_killed_thirty_times_in_the_middle_of_saves(path):
    saved(path, 0)
    done = python(KILLED, str(path), check=True).stdout
    saves, inside = map(int, done.split())
    assert saves > 30
    assert inside > 5
    assert number_in(path) == saves
    saved(path, 0)
    assert names(path.parent) == [path.name]
