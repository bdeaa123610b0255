"""Memory that is used again, and the library that multiplies matrices."""

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.execute.memory import Recycler

SHAPE = (600, 600)  # over a megabyte in float32
BYTES = 600 * 600 * 4
F32 = np.dtype(np.float32)


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_of_an_array_that_is_gone_is_used_again():
    recycler = Recycler(BYTES)
    first = recycler.empty(SHAPE, F32)
    assert first.shape == SHAPE
    assert first.dtype == F32
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert first.flags.aligned
    where = address(first)
    del first
    assert address(recycler.empty((600 * 600,), F32)) == where


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[3:, 2],
        lambda a: a.T,
        lambda a: a.reshape(-1)[5:].view(np.uint8)[::2],
        lambda a: memoryview(a),
        lambda a: np.broadcast_to(a, (2, *a.shape)),
        lambda a: iter(a),
        lambda a: {"deep": [a[1]]},
    ],
)
def test_memory_that_somebody_still_sees_is_left_alone(view):
    recycler = Recycler(BYTES)
    array = recycler.empty(SHAPE, F32)
    where = address(array)
    held = view(array)
    del array
    gc.collect()
    other = recycler.empty(SHAPE, F32)
    assert address(other) != where
    del held
    gc.collect()
    assert address(recycler.empty(SHAPE, F32)) == where


def test_no_more_is_kept_than_was_said():
    recycler = Recycler(BYTES)
    arrays = [recycler.empty(SHAPE, F32) for _ in range(3)]
    places = {address(a) for a in arrays}
    del arrays
    again = [recycler.empty(SHAPE, F32) for _ in range(3)]
    assert recycler._kept == 0
    assert len({address(a) for a in again} & places) >= 1
    del again
    assert recycler._kept == BYTES


def test_an_array_outlives_what_made_it():
    recycler = Recycler(BYTES)
    [array] = recycler.copies([np.full(SHAPE, 7, F32)])
    del recycler
    gc.collect()
    assert (array == 7).all()
    del array


def test_results_of_earlier_calls_stay_what_they_are():
    f = cr.compile(lambda x: x * 2.0 + 1.0, "numba")
    x = np.ones(SHAPE)
    first = f(x)
    second = f(x * 2)
    view = first[:2]
    del first
    third = f(x * 3)
    assert (view == 3).all()
    assert (second == 5).all()
    assert (third == 7).all()


def test_carries_of_earlier_epochs_stay_what_they_are():
    def step(w, x):
        return w + np.mean(x), np.sum(x)

    run = cr.epoch(step, "numba")
    data = np.ones((8, 3))
    carries = [np.zeros(SHAPE)]
    for _ in range(4):
        carries.append(run(carries[-1], data, batch_size=4)[0])
    for count, carry in enumerate(carries):
        assert (carry == 2 * count).all()


def test_threads_do_not_share_what_they_work_in():
    rng = np.random.default_rng(0)
    W, V = rng.standard_normal((2, 30, 30))
    f = cr.compile(lambda x: np.sum(np.tanh(np.tanh(x @ W) @ V), axis=0), "numba")
    inputs = [rng.standard_normal((50, 30)) for _ in range(8)]
    expected = [f(x).copy() for x in inputs]
    wrong = []

    def calls(k):
        for _ in range(200):
            if not np.array_equal(f(inputs[k]), expected[k]):
                wrong.append(k)

    workers = [threading.Thread(target=calls, args=(k,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


PRODUCT = """
import numpy as np, chainrule as cr
f = cr.compile(lambda a, b: a @ b, "numba")
a, b = np.random.default_rng(0).standard_normal((2, 40, 40))
print(np.abs(f(a, b) - a @ b).max() < 1e-12, *f.report().notes)
"""


def in_another_process(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_the_library_of_products_can_be_chosen():
    done = in_another_process(PRODUCT, CHAINRULE_BLAS="scipy")
    assert done.stdout.startswith("True"), done.stderr
    assert "SciPy" in done.stdout


def test_a_library_of_products_that_there_is_not_is_refused():
    done = in_another_process(PRODUCT, CHAINRULE_BLAS="atlas")
    assert "expected: mkl or scipy" in done.stderr
    assert "'atlas'" in done.stderr


def test_an_mkl_that_cannot_be_loaded_costs_only_its_speed(tmp_path, monkeypatch):
    from chainrule.execute import blas

    broken = tmp_path / "libmkl_rt.so.9"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(blas, "mkl_paths", lambda: [broken])
    monkeypatch.delenv("CHAINRULE_BLAS", raising=False)
    blas.blas.cache_clear()
    try:
        assert "SciPy" in blas.blas().title
        monkeypatch.setenv("CHAINRULE_BLAS", "mkl")
        blas.blas.cache_clear()
        with pytest.raises(cr.ChainruleError, match="MKL"):
            blas.blas()
    finally:
        monkeypatch.undo()
        blas.blas.cache_clear()


def test_mkl_gives_the_same():
    from chainrule.execute import blas

    if not blas.mkl_paths():
        pytest.skip("MKL is not installed")
    done = in_another_process(PRODUCT, CHAINRULE_BLAS="mkl")
    assert done.stdout.startswith("True"), done.stderr
    assert "MKL" in done.stdout
