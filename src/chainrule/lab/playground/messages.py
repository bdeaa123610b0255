"""How a worker's messages are told apart: a letter, a length, and that many bytes."""

from __future__ import annotations

import struct
from typing import IO

FRAME, REPLY = b"F", b"J"
_HEAD = struct.Struct("<cI")
#: A message is never larger: a frame of the largest network has a tenth of it.
_MOST = 16 * 2**20


def packed(kind: bytes, payload: bytes) -> bytes:
    r"""Return a message.

    Examples
    --------
    >>> packed(REPLY, b"{}")
    b'J\x02\x00\x00\x00{}'
    """
    return _HEAD.pack(kind, len(payload)) + payload


def unpacked(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """Return the next message, or None at the end.

    Examples
    --------
    >>> import io
    >>> unpacked(io.BytesIO(packed(FRAME, b"abc")))
    (b'F', b'abc')
    """
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, size = _HEAD.unpack(head)
    if size > _MOST:
        return None
    payload = stream.read(size)
    return (kind, payload) if len(payload) == size else None
