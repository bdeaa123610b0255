"""Damaged and hostile files are refused, or are models that work; nothing runs, nothing is large.

Damage is found by the checksum. A file made on purpose has the right one: so the larger part of
these are forged, with a checksum that fits.
"""

import copy
import hashlib
import json
import random
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ChainruleError, FileError
from chainrule.nn import files
from tests.test_nn_files import CHECKPOINT_1, MODEL_1, trained

#: How many there are of each kind; 10,000 together with those that are written out below.
DAMAGED = 5_000
FORGED = 5_000
ZEROS = "0" * 64


def parts(data):
    """The header, what chainrule has in it, and the numbers of a good file."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    return header, json.loads(header["__metadata__"]["chainrule"]), data[end:]


def assembled(header, numbers):
    """A file with a header that is text or to be written as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def forged(header, own, numbers):
    """A file with a checksum that fits, whatever it holds."""
    if isinstance(own, dict) and "sha256" in own:
        own = {"sha256": ZEROS} | own | {"sha256": ZEROS}
    metadata = {"chainrule": own if isinstance(own, str) else json.dumps(own)}
    return signed(assembled({"__metadata__": metadata} | header, numbers))


def signed(data):
    """The same file with its own checksum in the place of zeros."""
    total = hashlib.sha256(data).hexdigest()
    return data.replace(ZEROS.encode(), total.encode(), 1)


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


# -- damage ------------------------------------------------------------------------------------


def flipped(rng, data, other):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(rng, data, other):
    return data[: rng.randrange(len(data))]


def longer(rng, data, other):
    return data + rng.randbytes(rng.randrange(1, 40))


def inserted(rng, data, other):
    at = rng.randrange(len(data))
    piece = rng.choice([b"\0", b" ", b'"', b"{", b"]", b",", b"\xff", rng.randbytes(9), data[:99]])
    return data[:at] + piece + data[at:]


def removed(rng, data, other):
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 20) :]


def overwritten(rng, data, other):
    at = rng.randrange(len(data))
    piece = rng.randbytes(rng.randrange(1, 30))
    return (data[:at] + piece + data[at + len(piece) :])[: len(data)]


def moved(rng, data, other):
    a, b, c = sorted(rng.randrange(len(data)) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def spliced(rng, data, other):
    ours, theirs = (8 + int.from_bytes(d[:8], "little") for d in (data, other))
    anywhere = data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]
    of_both = [data[:ours] + other[theirs:], data[:8] + other[8:], other[:8] + data[8:]]
    return rng.choice([*of_both, anywhere])


def of_another_length(rng, data, other):
    length = int.from_bytes(data[:8], "little")
    near = [length - 1, length + 1, length - 8, length + 8, len(data) - 8, len(data)]
    far = [0, 1, 2, 2**31, 2**32 + length, 2**63, 2**64 - 1, rng.getrandbits(64)]
    length = rng.choice(near + far)
    return length.to_bytes(8, "little") + data[8:]


def with_other_spaces(rng, data, other):
    """A change that no parser of JSON would see."""
    end = 8 + int.from_bytes(data[:8], "little")
    text = data[8:end].rstrip(b" ")
    text = text.replace(b",", rng.choice([b" ,", b",\n", b",\t"]), rng.randrange(1, 4))
    return len(text).to_bytes(8, "little") + text + data[end:]


DAMAGES = [flipped, cut, longer, inserted, removed, overwritten, moved, spliced,
           of_another_length, with_other_spaces]  # fmt: skip


def test_damaged_files_are_all_refused(good, read):
    rng = random.Random(0)
    started, done = time.perf_counter(), 0
    while done < DAMAGED:
        (data, load), (other, _) = rng.choice(good), rng.choice(good)
        bad = rng.choice(DAMAGES)(rng, data, other)
        if bad in (data, other):
            continue
        assert read(bad, load) is not None, bad
        done += 1
    assert time.perf_counter() - started < 60


# -- forgery -----------------------------------------------------------------------------------

VALUES = [
    None, True, False, 0, 1, -1, 2, 3, 4, 7, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, -(2**70), 0.0,
    0.5, -0.5, 1.0, 1e308, -1e308, 5e-324, "", "x", "he", "zeros", "__class__", "__init__", "Dense",
    "Adam", "warm_up", "chain", "Activation", "Sequential", "os.system", "../../x", "a" * 5000,
    "F64", "F32", "BF16", "U8", "BOOL", "float64", "float16", "object", "nan", "7ff8000000000000",
    "\ud800", [], {}, [0], [1, 1], [4, 5], [10**6, 10**6], [2**62, 4], [0, 2**62], [1] * 65, [[]],
    {"name": "ReLU"}, {"name": "Dense", "units": 10**12}, {"name": "Adam", "lr": 0.1},
    {"name": "warm_up", "schedule": {}}, {"name": "Dropout", "rate": 1.5}, {"list": [1]},
    {"name": "LayerNorm", "eps": -1}, {"dict": [], "keys": []}, {"array": "params.dense1.W"},
    {"number": "params.dense1.W"}, {"float": "7ff8000000000000"}, {"x": 1}, {"name": ["Dense"]},
    {"name": "Softmax", "axis": 9}, {"name": "Flatten", "parts": [1]},
]  # fmt: skip


def places(value, found, path=()):
    """All places in nested containers."""
    if path:
        found.append(path)
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items if isinstance(value, (dict, list)) else ():
        if isinstance(inner, (dict, list)):
            places(inner, found, (*path, key))
        else:
            found.append((*path, key))
    return found


def changed(rng, whole):
    """Change a nested container somewhere."""
    whole = copy.deepcopy(whole)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        found = places(whole, [])
        if not found:
            break
        *before, key = rng.choice(found)
        inner = whole
        for step in before:
            inner = inner[step]
        match rng.randrange(6):
            case 0:
                del inner[key]
            case 1 if isinstance(inner, dict):
                other = rng.choice(["name", "x", "__metadata__", "units", "dict", "a" * 999])
                inner[other] = inner[key]
            case 1:
                inner.insert(key, inner[key])
            case 2 if isinstance(inner[key], (int, float)):
                inner[key] += rng.choice([-1, 1, 2**31, 2**63, 0.5])
            case 3:
                *there, last = rng.choice(found)
                other = whole
                for step in there:
                    other = other[step] if _has(other, step) else {}
                inner[key] = copy.deepcopy(other[last]) if _has(other, last) else None
            case _:
                inner[key] = copy.deepcopy(rng.choice(VALUES))
    return whole


def _has(container, key):
    if isinstance(container, dict):
        return key in container
    return isinstance(container, list) and isinstance(key, int) and key < len(container)


def forgery(rng, data):
    header, own, numbers = parts(data)
    del header["__metadata__"]
    match rng.randrange(10):
        case 0 | 1:
            header = changed(rng, header)
            if not isinstance(header, dict):
                header = {}
        case 2:
            own = changed(rng, own)
        case 3:
            numbers = numbers[:-4] if rng.random() < 0.5 else numbers + b"\0" * 4
        case _:
            own["document"] = changed(rng, own["document"])
    header.pop("__metadata__", None)
    return forged(header, own, numbers)


def test_forged_files_are_refused_or_work(good, read):
    rng = random.Random(1)
    read_after_all = 0
    for _ in range(FORGED):
        data, load = rng.choice(good)
        read_after_all += read(forgery(rng, data), load) is None
    # Other numbers where any number will do; most changes cannot be meant.
    assert 0 < read_after_all < FORGED / 3


# -- written out -------------------------------------------------------------------------------


def model_file(config, arrays=(), shape=(4,), **others):
    """A forged file of a model, with arrays of float32 zeros of the given shapes."""
    header, at = {}, 0
    for name, of in arrays:
        size = 4 * int(np.prod(of))
        header[name] = {"dtype": "F32", "shape": list(of), "data_offsets": [at, at + size]}
        at += size
    document = {"model": config, "input_shape": list(shape), "dtype": "float32", "loss": None,
                "metrics": [], "history": None} | others  # fmt: skip
    return forged(header, described(document), bytes(at))


def described(document, **others):
    return {"sha256": ZEROS, "format": 1, "kind": "model", "version": "0",
            "document": document} | others  # fmt: skip


def layers(*configs):
    return {"name": "Sequential", "layers": list(configs)}


def dense(**arguments):
    return layers({"name": "Dense"} | arguments)


DENSE = [("params.dense1.W", (4, 2)), ("params.dense1.b", (2,))]


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


def raw_files():
    """Headers that are not what Python would write."""
    header, own, numbers = parts(CHECKPOINT_1.read_bytes())
    text = json.dumps(header | {"__metadata__": {"chainrule": json.dumps(own)}})
    own_text = json.dumps(own)

    def whole(text):
        return assembled(text.encode("utf-8", "surrogatepass"), numbers)

    def document(inner):
        told = own_text.replace(json.dumps(own["document"]), inner)
        assert inner in told
        metadata = {"chainrule": told.replace(own["sha256"], ZEROS)}
        return signed(whole(json.dumps({"__metadata__": metadata} | header)))

    first = next(name for name in header if name != "__metadata__")
    again = json.dumps({first: header[first]})[1:-1]
    yield "the same array twice", whole(text[:-1] + ", " + again + "}")
    yield "metadata twice", whole(text[:-1] + ', "__metadata__": {}}')
    yield "a part twice", whole(text.replace('"shape":', '"shape": [1], "shape":', 1))
    yield "a key twice in the document", document('{"keys": ["a"], "keys": [], "dict": []}')
    yield "the same key twice in a dict", document('{"keys": ["a", "a"], "dict": [1, 2]}')
    yield "NaN", document("NaN")
    yield "infinity", document("-Infinity")
    yield "a number beyond all", document("1e999")
    yield "a number of many digits", document("9" * 5000)
    yield "deep lists", document("[" * 5000 + "]" * 5000)
    yield "deep dicts", document('{"list":[' * 5000 + "]}" * 5000)
    yield "deep and not closed", document("[" * 100_000)
    yield "half of a pair", document('"\\ud800"')
    yield "deep header", whole("{" + '"a":{' * 100_000)
    yield "deep header of lists", whole('{"a":' + "[" * 100_000)
    yield "many lists", whole('{"a":[' + "[]," * 100_000 + "[]]}")
    yield "many quotation marks", whole('{"' + '\\"' * 100_000)
    yield "a byte that is not UTF-8", assembled(text.encode()[:-1] + b',"\xff":1}', numbers)
    yield "half of a pair in the header", whole(text[:-1] + ', "\ud800": 1}')
    yield "the same in JSON's way", whole(text[:-1] + ', "\\ud800": 1}')
    yield "a byte order mark", whole("\ufeff" + text)
    yield "UTF-16", assembled(text.encode("utf-16"), numbers)
    yield "two values", whole(text + "{}")
    yield "a list", whole("[]" + " " * 30)
    yield "nothing", whole("")
    yield "only spaces", whole(" " * 64)
    yield "a comment", whole("{/**/" + text[1:])
    yield "a comma at the end", whole(text[:-1] + ",}")
    yield "metadata of numbers", whole(json.dumps(header | {"__metadata__": {"chainrule": 1}}))
    yield "metadata that are a list", whole(json.dumps(header | {"__metadata__": ["chainrule"]}))
    yield "a document of a list", whole(json.dumps(header | {"__metadata__": {"chainrule": "[]"}}))
    yield "a pickle", b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."
    yield "a header of 2**63", (2**63).to_bytes(8, "little") + b"{}"
    yield "a header of 99 MB", (99_000_000).to_bytes(8, "little") + b"{" * 90


RAW = dict(raw_files())


@pytest.mark.parametrize("name", RAW)
def test_raw_headers(name, read):
    started = time.perf_counter()
    assert read(RAW[name], files.load_checkpoint) is not None
    assert time.perf_counter() - started < 2


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
