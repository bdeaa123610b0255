"""Damaged files, and forged ones: good files changed, with a checksum that fits."""

import copy
import hashlib
import json

import numpy as np

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


def raw_files(data):
    """Files like a good one, with headers that are not what Python would write."""
    header, own, numbers = parts(data)
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
