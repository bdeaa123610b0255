"""Damaged and hostile files are refused, or are models that work; nothing runs, nothing is large.

Damage is found by the checksum. A file made on purpose has the right one: so the larger part of
these are forged, with a checksum that fits.
"""

import random
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ChainruleError, FileError
from chainrule.nn import files
from tests.hostile_files import (
    DAMAGES,
    DENSE,
    dense,
    described,
    flipped,
    forged,
    forgery,
    layers,
    model_file,
    raw_files,
)
from tests.test_nn_files import CHECKPOINT_1, MODEL_1, trained

#: How many there are of each kind; 10,000 together with those that are written out below.
DAMAGED = 5_000
FORGED = 5_000


class Watch:
    """Tells of everything that is run, imported or opened while a file is read."""

    on = None
    seen = ()

    def __call__(self, event, arguments):
        if self.on is not None and (
            event in ("exec", "import", "pickle.find_class", "ctypes.dlopen")
            or event.startswith(("os.", "subprocess.", "socket.", "shutil.", "marshal."))
            or (event == "open" and str(arguments[0]) != self.on)
        ):
            self.seen = (*self.seen, (event, arguments))


WATCH = Watch()


@pytest.fixture(scope="module", autouse=True)
def watch():
    sys.addaudithook(WATCH)
    files.load(MODEL_1)  # what is imported once is imported
    yield
    WATCH.on = None


@pytest.fixture
def read(tmp_path):
    """Read bytes as a file: the error, or None where it was read and is good."""
    path = tmp_path / "hostile.safetensors"

    def read(data, load):
        path.unlink(missing_ok=True)  # some disks wait for a file that is written anew
        path.write_bytes(data)
        WATCH.on, WATCH.seen = str(path), ()
        found = error = None
        try:
            found = load(path)
        except ChainruleError as refusal:
            error = refusal
        finally:
            WATCH.on = None
        assert not WATCH.seen, WATCH.seen
        if error is None:
            check(found)
            return None
        # The caller is to give a function, or not to give one: there is nothing wrong with a file.
        assert isinstance(error, FileError) or "function" in str(error)
        assert str(error).count("\n") <= 4
        assert len(str(error)) < 1500
        return error

    return read


def check(found):
    """What was read has to be of use."""
    if not isinstance(found, nn.Sequential):
        return
    files.models.parts_of(found)  # it could be saved again
    if np.prod(found.input_shape, dtype=float) < 10_000:
        with np.errstate(all="ignore"):
            x = np.ones((2, *found.input_shape), found.dtype)
            assert found.predict(x).shape == (2, *found.output_shape(found.input_shape))


def load_function(path):
    return files.load(path, forward=lambda params, x: x)


def function_file(tmp_path):
    model = nn.FunctionModel(lambda params, x: x, {"a": [np.ones(3), (np.float32(2),)]})
    files.save(model, tmp_path / "function")
    return (tmp_path / "function").read_bytes()


@pytest.fixture
def good(tmp_path):
    files.save(trained(nn.Dense(3), nn.ELU(0.5), nn.Dense(2)), tmp_path / "small")
    return [
        (MODEL_1.read_bytes(), files.load),
        ((tmp_path / "small").read_bytes(), files.load),
        (CHECKPOINT_1.read_bytes(), files.load_checkpoint),
        (function_file(tmp_path), load_function),
    ]


def test_damaged_files_are_all_refused(good, read):
    rng = random.Random(0)
    done = 0
    while done < DAMAGED:
        (data, load), (other, _) = rng.choice(good), rng.choice(good)
        bad = rng.choice(DAMAGES)(rng, data, other)
        if bad in (data, other):
            continue
        assert read(bad, load) is not None, bad
        done += 1


def test_forged_files_are_refused_or_work(good, read):
    rng = random.Random(1)
    read_after_all = 0
    for _ in range(FORGED):
        data, load = rng.choice(good)
        read_after_all += read(forgery(rng, data), load) is None
    # Other numbers where any number will do; most changes cannot be meant.
    assert 0 < read_after_all < FORGED / 3


def test_what_is_written_out_below_could_be_good(read):
    assert read(model_file(dense(units=2), DENSE), files.load) is None


CONFIGS = {
    "a bomb of units": (dense(units=10**12), DENSE, "shape"),
    "units below 0": (dense(units=-1), DENSE, "units"),
    "units as text": (dense(units="2"), DENSE, "units"),
    "units as a float": (dense(units=2.0), DENSE, "units"),
    "units as truth": (dense(units=True), DENSE, "units"),
    "units of 4,000 digits": (dense(units=10**4000), DENSE, "out of range"),
    "no units": (dense(), DENSE, "Dense"),
    "another argument": (dense(units=2, cls=1), DENSE, "cls"),
    "the argument self": (dense(units=2, self=1), DENSE, "self"),
    "an argument by position": (dense(units=2, parts=[1]), DENSE, "parts"),
    "an initialiser that is none": (dense(units=2, init="os.system"), DENSE, "os.system"),
    "a list for an initialiser": (dense(units=2, init=["he"]), DENSE, "init"),
    "an optimizer": (layers({"name": "Adam", "lr": 0.1}), [], "layer 1"),
    "a schedule": (layers({"name": "cosine", "rate": 0.1, "steps": 3}), [], "layer 1"),
    "a name with dots": (layers({"name": "os.system"}), [], "layer 1"),
    "a name of Python's": (layers({"name": "__class__"}), [], "layer 1"),
    "a name that is a list": (layers({"name": ["ReLU"]}), [], "no name"),
    "a layer that is a name": (layers("ReLU"), [], "no name"),
    "the base of layers": (layers({"name": "Activation"}), [], "layer 1"),
    "a model in a model": (layers(layers({"name": "ReLU"})), [], "layer 1"),
    "another class of model": ({"name": "Popen", "layers": []}, [], "does not know"),
    "more than layers": (layers() | {"module": "os"}, [], "list of layers"),
    "a rate of 1.5": (layers({"name": "Dropout", "rate": 1.5}), [], "rate"),
    "a negative eps": (layers({"name": "LayerNorm", "eps": -1.0}), [], "eps"),
    "an axis that is none": (layers({"name": "Softmax", "axis": 7}), [], "axis"),
    "a number for a truth": (layers({"name": "GELU", "approximate": 1}), [], "approximate"),
    "arrays of nobody": (layers({"name": "ReLU"}), DENSE, "dense1"),
    "no arrays": (dense(units=2), [], "dense1"),
    "arrays of another shape": (dense(units=3), DENSE, "shape"),
    "an array the other way round": (dense(units=2), [(DENSE[0][0], (2, 4)), DENSE[1]], "shape"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(name, read):
    config, arrays, said = CONFIGS[name]
    error = read(model_file(config, arrays), files.load)
    assert error is not None
    assert said in str(error)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"input_shape": None}, "shape of a sample"),
        ({"input_shape": [0]}, "shape of a sample"),
        ({"input_shape": [-4]}, "shape of a sample"),
        ({"input_shape": [4.0]}, "shape of a sample"),
        ({"input_shape": [2**40, 4]}, "features"),
        ({"input_shape": [2**40, 2**40]}, "larger than any memory"),
        ({"input_shape": [1] * 99}, "shape of a sample"),
        ({"dtype": "object"}, "no known type"),
        ({"dtype": "float64"}, "float64"),
        ({"dtype": ["float32"]}, "no known type"),
        ({"loss": "os.system"}, "loss"),
        ({"loss": ["mse"]}, "loss"),
        ({"metrics": "accuracy"}, "metrics"),
        ({"metrics": [["accuracy"]]}, "metric"),
        ({"history": {"float": "zz"}}, "document"),
        ({"history": 3}, "history"),
        ({"history": {"array": "params.dense1.W"}}, "document"),
    ],
    ids=str,
)
def test_documents(document, said, read):
    if document.get("input_shape") == [2**40, 4]:
        # Nothing of this shape is made: a model of it is good, and takes as much as it says.
        assert read(model_file(dense(units=2), DENSE, shape=(2**40, 4)), files.load) is None
        return
    error = read(model_file(dense(units=2), DENSE, **document), files.load)
    assert error is not None
    assert said in str(error)


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **others):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)} | others


HEADERS = {
    "a shape of 2**64 bytes": {"a": entry(shape=[2**31, 2**31])},
    "a shape that overflows to 8": {"a": entry(shape=[2**61 + 2**0, 2])},
    "a shape beside 0": {"a": entry(shape=[0, 2**62], offsets=[0, 0]), "b": entry()},
    "a negative shape": {"a": entry(shape=[-2])},
    "a shape of two negatives": {"a": entry(shape=[-1, -2])},
    "a shape of floats": {"a": entry(shape=[2.0])},
    "a shape of truths": {"a": entry("BOOL", [True] * 3, [0, 1]), "b": entry()},
    "a shape of many axes": {"a": entry(shape=[1] * 65 + [2])},
    "a shape that is a number": {"a": {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}},
    "negative places": {"a": entry(offsets=[-8, 0])},
    "places the other way round": {"a": entry(offsets=[8, 0])},
    "places behind the end": {"a": entry(offsets=[8, 16])},
    "large places": {"a": entry(offsets=[2**64, 2**64 + 8])},
    "an overlap": {"a": entry(), "b": entry(shape=[1], offsets=[4, 8])},
    "twice the same place": {"a": entry(), "b": entry()},
    "a hole": {"a": entry(shape=[1], offsets=[4, 8])},
    "a hole at the end": {"a": entry(shape=[1], offsets=[0, 4])},
    "one place": {"a": entry(offsets=[8])},
    "three places": {"a": entry(offsets=[0, 8, 8])},
    "an unknown type": {"a": entry("F32x")},
    "objects of Python": {"a": entry("O", [1], [0, 8])},
    "a type that is a list": {"a": entry(["F32"])},
    "one part more": {"a": entry(code="import os")},
    "no description": {"a": None},
    "a text": {"a": "F32"},
    "booleans of 7": {"a": entry("BOOL", [8])},
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name, read):
    own = described({"keys": [], "dict": []}, kind="checkpoint")
    data = forged(HEADERS[name], own, b"\7" * 8)
    assert read(data, files.load_checkpoint) is not None


RAW = dict(raw_files(CHECKPOINT_1.read_bytes()))


@pytest.mark.parametrize("name", RAW)
@pytest.mark.timeout(60)
def test_raw_headers(name, read):
    assert read(RAW[name], files.load_checkpoint) is not None


@pytest.mark.parametrize("name", ["../../escape", "/etc/passwd", "__class__", "a\0b", "", "C:\\x"])
def test_odd_names_are_names_and_no_more(name, read, tmp_path):
    tree = {name: np.ones(2), "list": [{name: 1}]}
    files.save_checkpoint(tmp_path / "run", tree)
    again = files.load_checkpoint(tmp_path / "run")[0]
    assert list(again) == list(tree)
    assert again["list"] == tree["list"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("number", [0, -1, 1.0, True, None, "1", [1], 2, 10**30])
def test_formats(number, read):
    data = forged({}, described(None, format=number), b"")
    error = read(data, files.load)
    newer = type(number) is int and number > 1
    assert ("newer version" if newer else "has no format") in str(error)


def test_memory_is_bounded_by_the_size_of_the_file(good, read):
    rng = random.Random(2)
    hostile = [forgery(rng, data) for data, _ in good for _ in range(60)]
    hostile += [flipped(rng, data, None) for data, _ in good for _ in range(20)]
    hostile += list(RAW.values())
    hostile += [forged(told, described({}), bytes(8)) for told in HEADERS.values()]
    hostile += [model_file(config, arrays) for config, arrays, _ in CONFIGS.values()]
    big = [("params.dense1.W", (1000, 1000)), ("params.dense1.b", (1000,))]
    hostile.append(model_file(dense(units=1000), big, shape=(1000,)))
    tracemalloc.start()
    try:
        for data in hostile:
            for load in (files.load, files.load_checkpoint, load_function):
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                read(data, load)
                peak = tracemalloc.get_traced_memory()[1] - before
                # JSON as Python's objects: 64 bytes for "[]," and little less for other things.
                assert peak < 200_000 + 30 * min(len(data), 10**6) + 4 * len(data), data[:200]
    finally:
        tracemalloc.stop()


def test_no_file_stays_open(read):
    handles = Path("/proc/self/fd")
    if not handles.exists():
        pytest.skip("no /proc")
    before = len(list(handles.iterdir()))
    for data in RAW.values():
        read(data, files.load)
    assert len(list(handles.iterdir())) == before
