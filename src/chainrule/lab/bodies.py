"""The body of a post: JSON, whose size, depth and length are known before it is parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from html import escape
from typing import Any, NoReturn

from chainrule.lab import limits

# Half of a character of two, which may be followed by its other half.
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")
# A string that does not end goes to the end of the body: looking for its end from each quotation
# mark anew would be quadratic.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class Refusal(Exception):  # noqa: N818  # it is what the lab answers, and no error of the lab
    """A request that is not answered.

    Parameters
    ----------
    status : int
        Of HTTP.
    message : str
        For whoever asked.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def told(refusal: Refusal) -> bytes:
    """Return a refusal in the form that all errors of the lab have."""
    return json.dumps({"errors": [{"field": "", "message": refusal.message}]}).encode()


_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>chainrule lab</title>
<h1>chainrule lab</h1>
<p>{message}</p>
<p>If you came by a link that was copied in the lab: open the link of the terminal in this browser
first, then reload this page.</p>
</html>
"""


def page(refusal: Refusal) -> bytes:
    """Return a refusal as a page, for who has typed or followed a link."""
    return _PAGE.format(message=escape(refusal.message)).encode()


async def checked(
    headers: Mapping[str, str], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
) -> bytes:
    """Read a body; refuse it as soon as it is too long, and where it is no fit JSON.

    Raises
    ------
    Refusal
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "The body of a post has to be application/json.")
    said = headers.get("content-length", "0")
    if not said.isdecimal() or int(said[:20]) > limits.MAX_BODY:
        raise _too_long()
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "The request ended early.")
        part: bytes = message.get("body", b"")
        length += len(part)
        if length > limits.MAX_BODY:
            raise _too_long()
        parts.append(part)
        if not message.get("more_body", False):
            break
    body = b"".join(parts)
    parse(body)
    return body


def parse(body: bytes) -> dict[str, Any]:
    """Parse a JSON object of bounded depth and length.

    Raises
    ------
    Refusal

    Examples
    --------
    >>> parse(b'{"example": "neuron"}')
    {'example': 'neuron'}
    """
    bare = _STRING.sub(b"", body)
    depth = deepest = 0
    for found in re.finditer(rb"[\[{\]}]", bare):
        depth += 1 if found.group() in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > limits.MAX_DEPTH:
        raise Refusal(400, f"The JSON nests deeper than {limits.MAX_DEPTH}.")
    if bare.count(b",") + bare.count(b":") > limits.MAX_VALUES:
        raise Refusal(400, f"The JSON has more than {limits.MAX_VALUES:,} values.")
    try:
        found_ = json.loads(body.decode(), parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"The body is no JSON: {error}") from None
    if not isinstance(found_, dict):
        raise Refusal(400, "The body is no JSON object.")
    if _HALVES.search(body):
        _refuse_halves(found_)
    return found_


def _refuse_halves(found: Any) -> None:
    """Refuse text that no answer could repeat: half of a character of two."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refusal(400, "There is half a character in the text.") from None


def _too_long() -> Refusal:
    return Refusal(413, f"The request is longer than {limits.MAX_BODY // 2**20} MiB.")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
