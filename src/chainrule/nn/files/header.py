"""The header of a safetensors file, believed only after everything in it has been compared.

Such a file is the length of the header (8 bytes, little-endian), the header (JSON, padded with
spaces) and the numbers of all arrays. The header has the type, the shape and the place of each
array, and under ``__metadata__`` strings of whoever wrote it. What is checked here is checked
before another parser sees the file, and before memory is taken for any of the arrays.

Source: the description of the format in https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import FileError
from chainrule.nn.files import strict_json
from chainrule.nn.files.refusals import damaged, refused, shortened

#: Longest header that is read, as in other readers of the format.
LONGEST = 100_000_000
#: Bytes before the header.
PREFIX = 8
METADATA = "__metadata__"

#: Types of arrays that files may have, by their names there.
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}

#: NumPy counts the bytes of an array in a signed integer, and has 64 axes at most.
_MOST_BYTES = 2**63 - 1
_MOST_AXES = 32


class Entry(NamedTuple):
    """What a header tells of one array: its type, its shape, and where its bytes are."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def length_of(path: str, start: bytes, size: int) -> int:
    """Return the length of the header, which the file's own size bounds.

    Parameters
    ----------
    path : str
        For messages.
    start : bytes
        The first 9 bytes of the file, as far as it has them.
    size : int
        Of the whole file.

    Raises
    ------
    FileError
    """
    length = int.from_bytes(start[:PREFIX], "little") if len(start) >= PREFIX else 2
    if not 2 <= length <= LONGEST or start[PREFIX:] not in (b"{", b""):
        raise foreign(path)
    if length > size - PREFIX:
        least = f"{PREFIX + length} bytes or more"
        raise damaged(path, "ends too early.", expected=least, got=str(size))
    return length


def foreign(path: str) -> FileError:
    """Return the error for a file that chainrule did not write."""
    return refused(
        path,
        "was not written by chainrule, or is damaged at its very beginning.",
        expected="a file from model.save or from a checkpoint",
        instead="the program that wrote it",
    )


def parsed(path: str, raw: bytes) -> dict[str, Any]:
    """Return the header as a dict; refuse what is not strict JSON."""
    if raw[:1] != b"{":
        raise foreign(path)
    try:
        header = strict_json.read(raw)
    except strict_json.JSONError as error:
        raise damaged(path, f"has a header that {error}.") from None
    if not isinstance(header, dict):
        raise damaged(path, "has a header that is not an object.")
    return header


def metadata_of(path: str, header: dict[str, Any]) -> dict[str, str]:
    """Return the strings of whoever wrote the file."""
    metadata = header.get(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise damaged(path, f"has {METADATA} that is not an object of strings.")
    return metadata


def entries_of(path: str, header: dict[str, Any], size: int) -> dict[str, Entry]:
    """Return what the header tells of each array, once all of it fits the bytes that there are.

    Parameters
    ----------
    path : str
    header : dict
    size : int
        How many bytes come after the header.

    Raises
    ------
    FileError
        For unknown types, shapes that are none or not those of the bytes, and places that
        overlap, leave a hole or lie outside.
    """
    entries = {k: _entry(path, k, told) for k, told in header.items() if k != METADATA}
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        if entry.start != at:
            raise damaged(
                path,
                f"has an array {shortened(name)!r} that does not begin where the one before ends.",
                expected=f"byte {at}",
                got=f"byte {entry.start}",
            )
        at = entry.end
    if at != size:
        what = "ends too early." if at > size else "has bytes that belong to no array."
        raise damaged(path, what, expected=f"{at} bytes of numbers", got=f"{size}")
    return entries


def _entry(path: str, name: str, told: Any) -> Entry:
    def wrong(what: str, expected: str, got: Any) -> FileError:
        about = f"has an array {shortened(name)!r} whose {what}."
        return damaged(path, about, expected=expected, got=repr(got))

    keys = ("dtype", "shape", "data_offsets")
    if not isinstance(told, dict) or told.keys() != set(keys):
        raise wrong("description is not one", ", ".join(keys), told)
    dtype, shape, places = (told[key] for key in keys)
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise wrong("type chainrule does not use", ", ".join(DTYPES), dtype)
    if not _whole(shape) or len(shape) > _MOST_AXES:
        raise wrong("shape is none", f"up to {_MOST_AXES} whole numbers from 0", shape)
    if not _whole(places) or len(places) != 2 or places[0] > places[1]:
        raise wrong("place is none", "where it begins and where it ends", places)
    itemsize = DTYPES[dtype].itemsize
    # Axes of length 0 make the array empty, but no smaller to NumPy's check for overflow.
    if math.prod(max(n, 1) for n in shape) * itemsize > _MOST_BYTES:
        raise wrong("shape is larger than any memory", f"below {_MOST_BYTES} bytes", shape)
    if math.prod(shape) * itemsize != places[1] - places[0]:
        length = f"{places[1] - places[0]} bytes"
        raise wrong(f"shape {shape} is not that of its bytes", f"{dtype} of {length}", shape)
    return Entry(dtype, tuple(shape), places[0], places[1])


def _whole(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < 2**63 for n in numbers)
