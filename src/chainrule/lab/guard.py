"""The one door of the lab: what does not come from its own page is refused, sockets included.

Everything is refused unless each of these holds, for requests and sockets alike:

- the ``Host`` is that of the lab, so that no other name can be made to stand for it (comparing
  Host with Origin would not stop that);
- the ``Origin``, where there is one, is the lab's own; a socket or a post that comes with a
  cookie has to say its origin;
- the token is right: in the first link, then in a cookie that other sites cannot send, or in a
  header, for scripts;
- the method is GET or POST, and a post is JSON of bounded size, depth and length.

No route has a check of its own, so none can be without one.

There is a bounded number of places. When all are taken, whoever has let the lab wait the longest,
for a body or to take an answer, gives up theirs: no one can keep the others out by doing nothing.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from chainrule.lab import limits
from chainrule.lab.bodies import Refusal, checked, page, told

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The header in which scripts send the token.
HEADER = "x-chainrule-token"

#: Nothing but the lab's own files; an image may be part of a page, as an icon is.
POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
        "font-src 'self'", "connect-src 'self'", "form-action 'none'", "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)  # fmt: skip

_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}

#: The port that a link has which names none.
_HTTP = 80

#: Close code of a socket that breaks the rules.
_POLICY_VIOLATION = 1008

_NO_TOKEN = (
    "This page opens with the link that chainrule lab printed, which holds a token. "
    "Copy the whole link from the terminal."
)


class Guard:
    """The wrapper around the whole application.

    Parameters
    ----------
    app : ASGI application
    token : str
    port : int

    Examples
    --------
    >>> sorted(Guard(None, token="secret", port=8765).hosts)
    ['127.0.0.1:8765', 'localhost:8765']
    >>> sorted(Guard(None, token="secret", port=80).hosts)
    ['127.0.0.1', '127.0.0.1:80', 'localhost', 'localhost:80']
    """

    def __init__(self, app: App, *, token: str, port: int) -> None:
        self.app = app
        names = ("127.0.0.1", "localhost")
        # What browsers send of the port that http has anyway: nothing.
        bare = names if port == _HTTP else ()
        self.hosts = frozenset((*(f"{name}:{port}" for name in names), *bare))
        self.origins = frozenset(f"http://{host}" for host in self.hosts)
        # Cookies are shared by all ports of a host, and two labs may run.
        self.cookie = f"chainrule-lab-{port}"
        self._token = token.encode()
        self._requests = 0
        self._sockets = 0
        # The limits of requests that wait for whoever asked, the longest first.
        self._waiting: dict[asyncio.Timeout, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request or socket through, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        # A kind of connection that is not known here gets no answer at all.

    # -- who asks ------------------------------------------------------------------------

    def _check(self, scope: Scope) -> bool:
        """Refuse who may not ask; return whether the token came in the link."""
        headers = _headers(scope)
        if headers.get("host") not in self.hosts:
            raise Refusal(421, "The lab does not answer to this Host.")
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins:
            raise Refusal(403, "The request comes from another site.")
        socket = scope["type"] == "websocket"
        if not socket and scope["method"] not in ("GET", "POST"):
            raise Refusal(405, "The lab knows GET and POST alone.")
        if HEADER in headers:
            if not self._is_token(headers[HEADER]):
                raise Refusal(401, "The token is wrong.")
            return False
        in_link = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/"
        if in_link and self._is_token(_in_query(scope)):
            return True
        if not any(map(self._is_token, _in_cookies(headers.get("cookie", ""), self.cookie))):
            raise Refusal(401, _NO_TOKEN)
        if origin is None and (socket or scope["method"] == "POST"):
            raise Refusal(403, "The request does not say where it comes from.")
        return False

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    # -- requests ------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send, as_page=_is_for_a_reader(scope))
        if self._requests >= limits.MAX_REQUESTS and not self._makes_room():
            await answer.refuse(Refusal(503, "The lab is busy. Try again in a moment."))
            return
        self._requests += 1
        try:
            if self._check(scope):
                token = self._token.decode()
                answer.extra["set-cookie"] = (
                    f"{self.cookie}={token}; Path=/; HttpOnly; SameSite=Strict"
                )
            async with asyncio.timeout(limits.REQUEST_SECONDS) as limit:

                async def send_waiting(message: Message) -> None:
                    with self._waits(limit):
                        await answer.send(message)

                if scope["method"] == "POST":
                    with self._waits(limit):
                        body = await checked(_headers(scope), receive)
                    receive = _again(body, receive)
                await self.app(scope, receive, send_waiting)
        except Refusal as refusal:
            await answer.refuse(refusal)
        except TimeoutError:
            await answer.refuse(Refusal(503, "The request took too long, and was given up."))
        except asyncio.CancelledError:  # the server ends, and waits for nothing more
            await answer.refuse(Refusal(503, "The lab is being stopped."))
        finally:
            self._requests -= 1

    @contextmanager
    def _waits(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Note that a request waits for whoever asked."""
        self._waiting[limit] = None
        try:
            yield
        finally:
            self._waiting.pop(limit, None)

    def _makes_room(self) -> bool:
        """End the request that has waited the longest; return whether one was waiting."""
        limit = next(iter(self._waiting), None)
        if limit is None:
            return False
        del self._waiting[limit]
        limit.reschedule(0)
        return True

    # -- sockets -------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
            if self._sockets >= limits.MAX_SOCKETS:
                raise Refusal(503, "There are too many sockets.")
        except Refusal:
            await receive()  # the wish to connect, which has to be read before it is refused
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        self._sockets += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._sockets -= 1


class _Answer:
    """Sends an answer with the headers that all have, and a refusal where none has begun."""

    def __init__(self, send: Send, as_page: bool) -> None:
        self._send, self._as_page = send, as_page
        self._begun = False
        self.extra: dict[str, str] = {}

    async def send(self, message: Message) -> None:
        """Send a part of an answer."""
        if message["type"] == "http.response.start":
            self._begun = True
            ours = {**_HEADERS, **self.extra}
            given = [(k, v) for k, v in message.get("headers", []) if k.decode() not in ours]
            added = [(k.encode(), v.encode()) for k, v in ours.items()]
            message = {**message, "headers": [*given, *added]}
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal; an answer that has begun is only cut off."""
        if self._begun:
            return
        content = page(refusal) if self._as_page else told(refusal)
        kind = b"text/html" if self._as_page else b"application/json"
        self.extra.pop("set-cookie", None)
        headers = [
            (b"content-type", kind + b"; charset=utf-8"),
            (b"content-length", str(len(content)).encode()),
        ]
        await self.send(
            {"type": "http.response.start", "status": refusal.status, "headers": headers}
        )
        await self.send({"type": "http.response.body", "body": content})


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers; one that comes twice, and must not, is none that is right."""
    found: dict[str, str] = {}
    for key, value in scope["headers"]:
        name = key.decode("latin-1").lower()
        twice = name in found and name in ("host", "origin", HEADER, "content-type", "cookie")
        found[name] = "" if twice else value.decode("latin-1")
    return found


def _is_for_a_reader(scope: Scope) -> bool:
    """Whether a person has opened the lab itself, and not a script something of it."""
    asked = scope["method"] == "GET" and scope["path"] == "/"
    return asked and "text/html" in _headers(scope).get("accept", "")


def _in_query(scope: Scope) -> str:
    try:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=8)
    except ValueError:  # more fields than our links have
        return ""
    found: str = query.get("token", [""])[0]
    return found


def _in_cookies(header: str, name: str) -> list[str]:
    """Return what the cookies of a name hold.

    All ports of a host share their cookies: what another program has set, which may be no proper
    cookie or have our name, must not hide ours.
    """
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return [value for key, _, value in pairs if key == name]


def _again(body: bytes, receive: Receive) -> Receive:
    """Hand over a body that has been read, then what comes after it."""
    pending = [body]

    async def read() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return read
