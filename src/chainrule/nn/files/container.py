"""Arrays by name and one document in a file: safetensors, with the document in its metadata.

The metadata have one string, ``chainrule``, which is JSON: ``sha256``, ``format`` (1), ``kind`` of
file, ``version`` of the library that wrote it, and ``document``. The checksum is that of the whole
file with 64 zeros in its own place, so no byte can change unseen. There is no pickle, and nothing
in a file is ever run or imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import stat
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from chainrule.errors import ArgumentError, FileError, MissingExtraError
from chainrule.nn.files import atomic, strict_json
from chainrule.nn.files.header import (
    DTYPES,
    LONGEST,
    METADATA,
    PREFIX,
    Entry,
    entries_of,
    foreign,
    length_of,
    metadata_of,
    parsed,
)
from chainrule.nn.files.refusals import damaged, failed, refused

Array = np.ndarray[Any, Any]

#: The version of the format that is written, and the newest that is read.
FORMAT = 1

_OWN = "chainrule"
_NO_SUM = "0" * 64
_CHUNK = 2**22


class Content(NamedTuple):
    """What a file has: arrays by name, the document, and the kind of file."""

    arrays: dict[str, Array]
    document: Any
    kind: str


def write(path: Any, arrays: Mapping[str, Array], document: Any, *, kind: str) -> None:
    """Write a file, or leave the one that is there as it is.

    Parameters
    ----------
    path : str or os.PathLike
    arrays : dict of arrays
        Of real floating-point numbers up to 64 bits, integers or booleans, in any byte order and
        any layout.
    document : dict, list, str, number or None
        What JSON can hold.
    kind : str
        Of file, such as "model"; :func:`read` asks for it.

    Raises
    ------
    ArgumentError
        For what no file can hold.
    FileError
        When it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = os.path.join(directory, "example.safetensors")
    ...     write(path, {"a": np.arange(3.0)}, {"unit": "m"}, kind="example")
    ...     read(path, kinds=["example"])
    Content(arrays={'a': array([0., 1., 2.])}, document={'unit': 'm'}, kind='example')
    """
    path = path_of(path)
    head, body = _serialised(arrays, document, kind)
    atomic.replace(path, (head, body), verify=lambda temporary: _verify(temporary, path))


def read(path: Any, *, kinds: Collection[str]) -> Content:
    """Read a file after looking at all of it.

    Parameters
    ----------
    path : str or os.PathLike
    kinds : collection of str
        Those that are of use to the caller.

    Returns
    -------
    Content
        The arrays are new ones: aligned, writable and in the machine's byte order. Memory is
        bounded by the size of the file.

    Raises
    ------
    FileError
        When it is not there or cannot be read, is damaged, of another kind, of a newer version or
        of another program.
    """
    path = path_of(path)
    try:
        with _opened(path) as file:
            entries, own = _checked_header(path, file)
            _check_kind(path, own["kind"], kinds)
            size = os.fstat(file.fileno()).st_size
            file.seek(0)
            data = file.read(size)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise failed(path, "read", error) from error
    if _sum(data, own["sha256"]) != own["sha256"]:
        raise _changed(path)
    return Content(_arrays(path, data, entries), own["document"], own["kind"])


def path_of(path: Any) -> str:
    """Return a path as a string; refuse what is none."""
    try:
        text = os.fsdecode(path)
    except TypeError:
        text = ""
    if not text or "\0" in text:
        raise ArgumentError(
            "A file is named by a path.",
            expected="a string or a Path, such as 'model.safetensors'",
            got=repr(path),
        )
    return text


def _serialised(arrays: Mapping[str, Array], document: Any, kind: str) -> tuple[bytes, memoryview]:
    """Return the header and the numbers of a file."""
    own = {
        "sha256": _NO_SUM,
        "format": FORMAT,
        "kind": kind,
        "version": _version(),
        "document": document,
    }
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    try:
        strict_json.write(list(plain))
        text = strict_json.write(own)
    except strict_json.JSONError as error:
        raise ArgumentError(f"What is to be saved {error}.") from None
    data = _safetensors().numpy.save(plain, metadata={_OWN: text})
    end = PREFIX + int.from_bytes(data[:PREFIX], "little")
    if end - PREFIX > LONGEST:
        raise ArgumentError(
            "There is too much besides arrays for one file.",
            expected=f"up to {LONGEST} bytes",
            got=str(end - PREFIX),
            instead="numbers as arrays rather than as lists",
        )
    total = hashlib.sha256(data).hexdigest()
    return data[:end].replace(_NO_SUM.encode(), total.encode(), 1), memoryview(data)[end:]


def _version() -> str:
    # The package stands above all of its modules, none of which imports it.
    return str(sys.modules["chainrule"].__version__)


def _plain(name: str, array: Array) -> Array:
    """Return an array as it lies in a file: little-endian and in order."""
    dtype = array.dtype.newbyteorder("<")
    if dtype not in DTYPES.values():
        raise ArgumentError(
            f"{name} cannot be saved.",
            expected="an array of floating-point numbers up to 64 bits, of integers or booleans",
            got=f"dtype {array.dtype}",
        )
    if name == METADATA:
        raise ArgumentError(f"An array cannot be called {METADATA}.", instead="another name")
    return np.array(array, dtype, order="C", copy=None, subok=False)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtraError(
            "Files of models need safetensors.", instead="pip install 'chainrule[train]'"
        ) from error
    return safetensors


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """Open a regular file; a pipe or a device could make its reader wait, or never end."""
    with io.FileIO(path, opener=_without_waiting) as raw, io.BufferedReader(raw) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise refused(path, "is no file.", instead="the path of a file from model.save")
        yield file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _checked_header(path: str, file: BinaryIO) -> tuple[dict[str, Entry], dict[str, Any]]:
    """Return what the header tells of the arrays and of the file, checked."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(PREFIX + 1)
    length = length_of(path, start, size)
    header = parsed(path, start[PREFIX:] + file.read(length - 1))
    own = _own(path, metadata_of(path, header))
    return entries_of(path, header, size - PREFIX - length), own


def _own(path: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return what chainrule wrote besides the arrays; refuse other formats."""
    if _OWN not in metadata:
        raise foreign(path)
    try:
        read = strict_json.read(metadata[_OWN])
    except strict_json.JSONError as error:
        raise damaged(path, f"has a document that {error}.") from None
    own: dict[str, Any] = read if isinstance(read, dict) else {}
    number = own.get("format")
    if type(number) is not int or number < 1:
        raise damaged(path, "has no format.", expected=f"1 to {FORMAT}", got=repr(number))
    if number > FORMAT:
        raise refused(
            path,
            f"is of format {number}, by a newer version of chainrule.",
            expected=f"format {FORMAT}, which this version reads",
            got=f"format {number}, by version {own.get('version')!r}",
            instead="pip install --upgrade chainrule",
        )
    if own.keys() != {"sha256", "format", "kind", "version", "document"}:
        raise damaged(path, "lacks a part of its description, or has one too many.")
    if not isinstance(own["sha256"], str) or not re.fullmatch("[0-9a-f]{64}", own["sha256"]):
        raise damaged(path, "has no checksum.")
    return own


def _check_kind(path: str, kind: Any, kinds: Collection[str]) -> None:
    if isinstance(kind, str) and kind in kinds:
        return
    wanted = " or ".join(kinds)
    raise refused(
        path,
        f"is not the file of a {wanted}.",
        expected=wanted,
        got=repr(kind),
        instead="nn.load for models; fit(checkpoint=...) for checkpoints",
    )


def _sum(data: bytes, own: str) -> str:
    """Return the checksum of a file, whose header has it in one place."""
    end = PREFIX + int.from_bytes(data[:PREFIX], "little")
    total = hashlib.sha256(data[:end].replace(own.encode(), _NO_SUM.encode(), 1))
    total.update(memoryview(data)[end:])
    return total.hexdigest()


def _changed(path: str) -> FileError:
    return damaged(path, "has other content than was written: its checksum does not fit.")


def _verify(temporary: str, path: str) -> None:
    """Read a file that was just written, in parts, and compare its checksum."""
    with _opened(temporary) as file:
        own = _checked_header(path, file)[1]["sha256"]
        file.seek(0)
        prefix = file.read(PREFIX)
        head = prefix + file.read(int.from_bytes(prefix, "little"))
        total = hashlib.sha256(head.replace(own.encode(), _NO_SUM.encode(), 1))
        while part := file.read(_CHUNK):
            total.update(part)
    if total.hexdigest() != own:
        raise _changed(path)


def _arrays(path: str, data: bytes, entries: Mapping[str, Entry]) -> dict[str, Array]:
    """Return the arrays as safetensors finds them, which has to be where the header was read."""
    package = _safetensors()
    try:
        found = package.deserialize(data)
    except package.SafetensorError as error:
        raise damaged(path, f"is refused by safetensors: {error}.") from None
    arrays = {}
    while found:  # each is let go once it is copied
        name, told = found.pop()
        entry = entries.get(name)
        if entry is None or (told["dtype"], tuple(told["shape"])) != entry[:2]:
            raise damaged(path, "is not read in the same way by safetensors.")
        arrays[name] = _array(path, name, told["data"], entry)
    return {name: arrays[name] for name in entries}


def _array(path: str, name: str, data: bytearray, entry: Entry) -> Array:
    dtype = DTYPES[entry.dtype]
    if entry.dtype == "BOOL" and np.any(np.frombuffer(data, np.uint8) > 1):
        raise damaged(path, f"has an array {name!r} of booleans that are neither 0 nor 1.")
    return np.array(
        np.frombuffer(data, dtype).reshape(entry.shape), dtype.newbyteorder("="), order="C"
    )
