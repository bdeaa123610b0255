"""JSON as files of chainrule have it: each key once, finite numbers, nothing deeply nested.

Python's own parser takes the last of several equal keys, reads ``NaN`` and makes infinity of
``1e999``; other parsers do not, and what two programs read differently can be used to deceive one.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

#: How many brackets may be open at once.
DEEPEST = 100

# A string, so that brackets in it are passed over, or one bracket. A string that does not end goes
# to the end of the text: looking for its end from each quotation mark anew would be quadratic.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class JSONError(Exception):
    """A text that is not JSON, or not such JSON; the message is the end of a sentence."""


def read(text: str | bytes) -> Any:
    """Return what a text says.

    Parameters
    ----------
    text : str or bytes
        Bytes are UTF-8.

    Returns
    -------
    dict, list, str, int, float, bool or None

    Raises
    ------
    JSONError

    Examples
    --------
    >>> read('{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> read('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    chainrule.nn.files.strict_json.JSONError: has the key 'a' twice
    """
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        _check_depth(text)
        found = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite
        )
        # Half of a surrogate pair can be written as \ud800, and be no character.
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise JSONError("has characters that are not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise JSONError(f"is not JSON: {str(error)[:120]}") from None
    return found


def write(value: Any) -> str:
    """Return the text of a value that :func:`read` reads.

    Raises
    ------
    JSONError
        When it would not be read.

    Examples
    --------
    >>> write({"a": [1, 2.5, None]})
    '{"a":[1,2.5,null]}'
    """
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        text.encode("utf-8")
    except UnicodeError:
        raise JSONError("has half of a surrogate pair in a string") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise JSONError(f"cannot be written as JSON: {str(error)[:120]}") from None
    _check_depth(text)
    return text


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > DEEPEST:
                raise JSONError(f"is nested more than {DEEPEST} times")
        elif first in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise JSONError(f"has the key {twice[:40]!r} twice")
    return found


def _constant(name: str) -> Any:
    raise JSONError(f"has a number that is not finite: {name}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JSONError(f"has a number that is not finite: {text[:40]}")
    return number
