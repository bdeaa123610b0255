"""Nested containers of arrays and numbers as arrays by name and a document, and the way back.

The document is JSON that says where each array belongs::

    node = null | true | 1 | 0.5 | "text"
         | {"list": [node, ...]} | {"tuple": [node, ...]}
         | {"keys": ["a", 1, ...], "dict": [node, ...]}
         | {"array": name} | {"number": name}          an array, and a number of NumPy
         | {"float": "7ff8000000000000"}                the bits of a float that is not finite

All comes back as it was, to the bit; only the order of bytes is the machine's own.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, FileError
from chainrule.nn.files.refusals import damaged

Array = np.ndarray[Any, Any]

#: How many containers may lie in each other; each takes two brackets of JSON.
DEEPEST = 40


def packed(tree: Any, name: str = "value") -> tuple[dict[str, Array], Any]:
    """Return the arrays of a nested container by dotted name, and the document.

    Parameters
    ----------
    tree : nested dict, list, tuple of arrays, numbers, strings, None
        Keys of dicts are strings or whole numbers.
    name : str
        What the whole is called.

    Returns
    -------
    arrays : dict
    document : what JSON can hold

    Raises
    ------
    ArgumentError
        For anything else, with its place.

    Examples
    --------
    >>> arrays, document = packed({"m": (np.zeros(2), 3)}, "state")
    >>> arrays
    {'state.m.0': array([0., 0.])}
    >>> unpacked("example", arrays, document)
    {'m': (array([0., 0.]), 3)}
    """
    arrays: dict[str, Array] = {}
    return arrays, _packed(tree, name, arrays, 0)


def _packed(value: Any, name: str, arrays: dict[str, Array], depth: int) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}
    if kind in (dict, list, tuple):
        if depth == DEEPEST:
            raise _cannot(name, f"{DEEPEST} containers in each other at most", "more of them")
        if kind is not dict:
            parts = [_packed(v, f"{name}.{i}", arrays, depth + 1) for i, v in enumerate(value)]
            return {kind.__name__: parts}
        for key in value:
            if type(key) not in (str, int):
                raise _cannot(name, "keys that are strings or whole numbers", repr(key))
        parts = [_packed(v, f"{name}.{k}", arrays, depth + 1) for k, v in value.items()]
        return {"keys": list(value), "dict": parts}
    if isinstance(value, np.generic):
        return {"number": _kept(np.asarray(value), name, arrays)}
    if hasattr(value, "__array__") and not isinstance(value, np.ma.MaskedArray):
        return {"array": _kept(np.asarray(value), name, arrays)}
    expected = "dicts, lists and tuples of arrays, numbers and strings"
    raise _cannot(name, expected, f"{kind.__name__} {value!r}"[:80])


def _kept(array: Array, name: str, arrays: dict[str, Array]) -> str:
    """Add an array under its name, or one of its own where a key with a dot leads to the same."""
    free, count = name, 1
    while free in arrays:
        count += 1
        free = f"{name}#{count}"
    arrays[free] = array
    return free


def _cannot(name: str, expected: str, got: str) -> ArgumentError:
    return ArgumentError(f"{name} cannot be saved.", expected=expected, got=got)


def unpacked(path: str, arrays: Mapping[str, Array], document: Any) -> Any:
    """Return the nested container that was packed.

    Parameters
    ----------
    path : str
        Of the file, for messages.
    arrays : dict
    document : what JSON can hold

    Raises
    ------
    FileError
        When the document is none of these, or does not take each array once.
    """
    left = dict(arrays)
    tree = _unpacked(path, left, document, 0)
    if left:
        raise damaged(path, "has arrays without a place.", got=", ".join(left))
    return tree


def _unpacked(path: str, left: dict[str, Array], node: Any, depth: int) -> Any:
    if node is None or isinstance(node, (bool, int, float, str)):
        return node
    if not isinstance(node, dict) or depth > DEEPEST:
        raise _no_node(path, node)
    match node:
        case {"list": list(nodes), **others} if not others:
            return [_unpacked(path, left, n, depth + 1) for n in nodes]
        case {"tuple": list(nodes), **others} if not others:
            return tuple(_unpacked(path, left, n, depth + 1) for n in nodes)
        case {"keys": list(keys), "dict": list(nodes), **others} if not others:
            if len(keys) != len(nodes) or not all(type(k) in (str, int) for k in keys):
                raise _no_node(path, node)
            if len(set(keys)) != len(keys):
                raise damaged(path, "has a dict with the same key twice.")
            return {
                key: _unpacked(path, left, n, depth + 1) for key, n in zip(keys, nodes, strict=True)
            }
        case {"array": str(name), **others} if not others and name in left:
            return left.pop(name)
        case {"number": str(name), **others} if not others and name in left:
            if left[name].ndim:
                raise damaged(path, f"has an array {name!r} where a number is told of.")
            return left.pop(name)[()]
        case {"float": str(bits), **others} if not others and len(bits) == 16:
            return _float(path, bits)
    raise _no_node(path, node)


def _float(path: str, bits: str) -> float:
    try:
        number: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    except (ValueError, struct.error):
        raise _no_node(path, bits) from None
    return number


def _no_node(path: str, node: Any) -> FileError:
    return damaged(
        path,
        "has a document that does not say where its arrays belong.",
        expected="a container, a number, or an array that the file has, each once",
        got=f"{node!r}"[:80],
    )
