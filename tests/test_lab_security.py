"""Who may ask the lab, and how much: tried on every route that the application has."""

import json
import socket
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from chainrule.lab import answers, limits
from chainrule.lab.app import application
from chainrule.lab.bodies import Refusal, parse
from chainrule.lab.guard import HEADER
from chainrule.lab.server import Lab, listening
from chainrule.lab.work import Workers

with warnings.catch_warnings():  # that its httpx will have another name
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

TOKEN, PORT = "the-token-of-the-tests", 8765
HOST = f"127.0.0.1:{PORT}"
ORIGIN = f"http://{HOST}"
COOKIE = f"chainrule-lab-{PORT}={TOKEN}"
JSON = {"content-type": "application/json"}
GOOD = {"host": HOST, "origin": ORIGIN, "cookie": COOKIE}


@pytest.fixture(scope="module")
def guard():
    return application(token=TOKEN, port=PORT)


@pytest.fixture(scope="module")
def client(guard):
    return TestClient(guard, base_url=ORIGIN)


def routes(guard):
    """Every route of the application, from its own list: (kind, method, path)."""
    found = []
    for route in guard.app.routes:
        if isinstance(route, WebSocketRoute):
            found.append(("socket", "GET", route.path))
        elif isinstance(route, Route):
            found += [("http", m, route.path) for m in sorted(route.methods - {"HEAD"})]
        else:
            assert isinstance(route, Mount)
            folder = route.app.directory
            found += [("http", "GET", f"{route.path}/{f.name}") for f in sorted(folder.iterdir())]
    return found


def status(client, kind, method, path, headers):
    """Ask; for a socket 403 where it is refused, 101 where it is opened."""
    if kind == "socket":
        try:
            with client.websocket_connect(path, headers=headers):
                return 101
        except WebSocketDisconnect as closed:
            return 403 if closed.code == 1008 else closed.code
    body = b"{}" if method == "POST" else None
    extra = JSON if method == "POST" else {}
    return client.request(method, path, content=body, headers={**headers, **extra}).status_code


BAD = {
    "no token": {"host": HOST, "origin": ORIGIN},
    "a wrong token": {**GOOD, "cookie": f"chainrule-lab-{PORT}=another"},
    "a token of another port": {**GOOD, "cookie": f"chainrule-lab-1={TOKEN}"},
    "a wrong token in a header": {"host": HOST, "origin": ORIGIN, HEADER: "another"},
    "a wrong header beside a cookie": {**GOOD, HEADER: "another"},
    "another host": {**GOOD, "host": f"evil.example:{PORT}"},
    "the host without its port": {**GOOD, "host": "127.0.0.1"},
    "a host that begins like ours": {**GOOD, "host": f"127.0.0.1.evil.example:{PORT}"},
    "no host": {**GOOD, "host": ""},
    "a foreign origin": {**GOOD, "origin": "http://evil.example"},
    "a foreign origin and a header": {"host": HOST, "origin": "http://evil.example", HEADER: TOKEN},
    "an origin of another port": {**GOOD, "origin": "http://127.0.0.1:1"},
    "an origin over TLS": {**GOOD, "origin": f"https://{HOST}"},
    "the origin of a sandbox": {**GOOD, "origin": "null"},
    "a rebound name": {"host": "evil.example", "origin": "http://evil.example", "cookie": COOKIE},
}


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD)
def test_every_route_refuses(guard, client, headers):
    found = routes(guard)
    assert len(found) > 15
    assert "socket" in {kind for kind, _, _ in found}
    for kind, method, path in found:
        got = status(client, kind, method, path, headers)
        assert got in (401, 403, 421), (kind, method, path, got)


def test_routes_answer_whoever_may_ask(guard, client):
    for kind, method, path in routes(guard):
        if path != "/api/stop":
            assert status(client, kind, method, path, GOOD) in (101, 200, 422), path


def test_a_socket_or_a_post_with_a_cookie_needs_its_origin(guard, client):
    bare = {"host": HOST, "cookie": COOKIE}
    for kind, method, path in routes(guard):
        got = status(client, kind, method, path, bare)
        asked = kind == "socket" or method == "POST"
        assert (got == 403) is asked, (kind, method, path, got)


def test_scripts_send_the_token_in_a_header(client):
    body = json.dumps({"state": {"example": "neuron"}})
    answer = client.post("/api/explain", content=body, headers={HEADER: TOKEN, **JSON})
    assert answer.json()["document"]["value"]["text"] == "6"


def test_the_first_link_gives_a_cookie_that_no_script_and_no_other_site_has(client):
    answer = client.get(f"/?token={TOKEN}", headers={"cookie": ""})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    client.cookies.clear()
    assert client.get("/?token=another").status_code == 401
    assert client.get(f"/static/lab.js?token={TOKEN}").status_code == 401


def test_cookies_of_other_programs_do_not_hide_ours(client):
    # All ports of a host share their cookies, and not all that is sent as a cookie is one.
    for cookies in (
        f'settings={{"a": 1}}; {COOKIE}',
        f"a b c; {COOKIE}",
        f"x[é]=1; {COOKIE}",
        f"{COOKIE.replace(TOKEN, 'another')}; {COOKIE}",
        f"{COOKIE}; {COOKIE.replace(TOKEN, 'another')}",
    ):
        headers = {**GOOD, "cookie": cookies.encode("latin-1")}
        assert client.get("/api/examples", headers=headers).status_code == 200, cookies
    for cookies in (f"x{COOKIE}", f"{COOKIE}x", f"x={COOKIE}", f"chainrule-lab-{PORT}", ""):
        headers = {**GOOD, "cookie": cookies}
        assert client.get("/api/examples", headers=headers).status_code == 401, cookies


def test_a_port_that_browsers_do_not_name():
    with TestClient(application(token=TOKEN, port=80), base_url="http://127.0.0.1") as client:
        cookie = {"cookie": f"chainrule-lab-80={TOKEN}"}
        for host in ("127.0.0.1", "localhost", "127.0.0.1:80"):
            mine = {"host": host, "origin": f"http://{host}", **cookie}
            found = [
                status(client, *route, mine)
                for route in (
                    ("http", "GET", "/api/examples"),
                    ("http", "POST", "/api/form"),
                    ("socket", "GET", "/api/playground/socket"),
                )
            ]
            assert found == [200, 200, 101], host
            other = {**mine, "origin": "http://evil.example"}
            assert status(client, "http", "GET", "/api/examples", other) == 403
        for host in ("evil.example", "127.0.0.1:8765", "127.0.0.2", "127.0.0.1:", ""):
            headers = {"host": host, "origin": f"http://{host}", **cookie}
            assert status(client, "http", "GET", "/api/examples", headers) in (403, 421)


def test_who_follows_a_link_without_a_token_gets_a_page_to_read(client):
    headers = {"host": HOST, "accept": "text/html,*/*", "cookie": ""}
    answer = client.get("/?token=<script>", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "chainrule lab" in answer.text
    assert "<script" not in answer.text
    assert client.get("/api/examples", headers=headers).json()["errors"]


@pytest.mark.parametrize("query", ["a=1&" * 20, "token=%0d%0ax", "token=%ff", "token=a;b&=&&"])
def test_other_links_are_refused(client, query):
    answer = client.get(f"/?{query}", headers={"host": HOST})
    assert answer.status_code == 401
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/static/lab.js", "/nothing", "/api/examples"])
def test_headers_of_every_answer(client, path):
    for headers in (GOOD, BAD["no token"]):
        found = client.get(path, headers=headers).headers
        policy = found["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "style-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert found["x-content-type-options"] == "nosniff"
        assert found["referrer-policy"] == "no-referrer"
        assert found["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in found
        assert "server" not in found


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_other_methods(client, method):
    assert client.request(method, "/api/examples", headers=GOOD).status_code == 405


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (limits.MAX_BODY + 1), JSON, 413),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b"[" * 100_000, JSON, 400),
        (b'{"state": ' + b'{"a":' * 40 + b"1" + b"}" * 41, JSON, 400),
        (b"[" + b"1," * (limits.MAX_VALUES + 1) + b"1]", JSON, 400),
        (b"[1, 2]", JSON, 400),
        (b'{"a": NaN}', JSON, 400),
        (b'{"a": 1, "a": 2}', JSON, 400),
        (b"\xff\xfe", JSON, 400),
        (b"", JSON, 400),
        (b'{"state": {"example": "\\ud800"}}', JSON, 400),
        (b'{"\\udfff": 1}', JSON, 400),
    ],
)  # fmt: skip
def test_bodies(client, body, headers, status):
    answer = client.post("/api/explain", content=body, headers={**GOOD, **headers})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["message"]


@pytest.mark.timeout(60)
def test_a_string_that_does_not_end_is_refused_at_once():
    with pytest.raises(Refusal, match="no JSON"):
        parse(b'{"a": "' + b'\\"' * (limits.MAX_BODY // 2 - 10))


def test_files_outside_are_not_served(client):
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc",
    ):
        assert client.get(path, headers=GOOD).status_code == 404


def test_work_that_takes_too_long(monkeypatch):
    import asyncio

    monkeypatch.setattr(limits, "WORK_SECONDS", 0.05)

    async def run():
        with pytest.raises(Refusal, match="takes longer"):
            await Workers(1).run(time.sleep, 0.3)

    # In a thread of its own: in this one, the browser's driver may have a loop that runs.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()


def test_a_busy_lab_says_so(client, monkeypatch):
    monkeypatch.setattr(limits, "MAX_REQUESTS", 0)
    assert client.get("/", headers=GOOD).status_code == 503


# -- over the network ----------------------------------------------------------------------------


def raw(port, text, wait=30.0):
    """Send bytes as they are; return what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        connection.sendall(text.encode("latin-1"))
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
                if b"\r\n\r\n" in found and found.startswith(b"HTTP/1.1 101"):
                    break
        except TimeoutError:
            pass
        return found.decode("latin-1")


def test_raw_requests(lab):
    host = f"127.0.0.1:{lab.port}"
    ask = "GET /api/examples HTTP/1.1\r\n{}Connection: close\r\n\r\n"
    token = f"{HEADER}: {lab.token}\r\n"
    assert " 200 " in raw(lab.port, ask.format(f"Host: {host}\r\n{token}")).splitlines()[0]
    for headers in (
        f"Host: {host}\r\n",
        f"Host: evil.example\r\n{token}",
        f"Host: {host}\r\nHost: {host}\r\n{token}",
        f"Host: {host}\r\n{token}{token}",
        token,
    ):
        assert " 200 " not in raw(lab.port, ask.format(headers)).splitlines()[0], headers


def test_raw_sockets(lab):
    host = f"127.0.0.1:{lab.port}"
    ask = (
        "GET /api/playground/socket HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nCookie: {}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    cookie = f"chainrule-lab-{lab.port}={lab.token}"
    origin = f"http://{host}"
    assert " 101 " in raw(lab.port, ask.format(host, origin, cookie)).splitlines()[0]
    for there, site, given in (
        (host, origin, "none=1"),
        (host, "http://evil.example", cookie),
        ("evil.example", "http://evil.example", cookie),
        (host, "", cookie),
    ):
        assert " 403 " in raw(lab.port, ask.format(there, site, given)).splitlines()[0]


@pytest.mark.parametrize("head", [
    "",
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "POST /api/explain HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\n",
], ids=["nothing", "half a head", "an answered request", "a body that nobody reads"])  # fmt: skip
def test_a_connection_that_asks_nothing_is_ended(monkeypatch, head):
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.2)
    with Lab(listening()) as lab:
        address = ("127.0.0.1", lab.port)
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(head.format(host=f"127.0.0.1:{lab.port}").encode())
            ended = None
            deadline = time.monotonic() + 60
            while ended is None and time.monotonic() < deadline:
                try:
                    connection.sendall(b"x" if head else b"")  # slowly, but it never stops
                    connection.settimeout(0.05)
                    ended = True if connection.recv(65536) == b"" else None
                except TimeoutError:
                    pass
                except ConnectionError:
                    ended = True
            assert ended


def test_a_request_that_is_being_answered_is_let_be(monkeypatch):
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.5)
    with Lab(listening()) as lab:
        host = f"127.0.0.1:{lab.port}"
        with socket.create_connection(("127.0.0.1", lab.port), timeout=60) as connection:
            connection.sendall(
                f"POST /api/form HTTP/1.1\r\nHost: {host}\r\n{HEADER}: {lab.token}\r\n"
                "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{".encode()
            )
            time.sleep(1.5)
            connection.sendall(b"}")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def begun(lab, body=1000):
    """Begin to post, and leave the lab waiting for the rest."""
    connection = socket.create_connection(("127.0.0.1", lab.port), timeout=60)
    connection.sendall(
        f"POST /api/form HTTP/1.1\r\nHost: 127.0.0.1:{lab.port}\r\n{HEADER}: {lab.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {body}\r\n\r\n{{".encode()
    )
    return connection


def ask(lab):
    """Ask something; return the status."""
    text = (
        f"GET /api/examples HTTP/1.1\r\nHost: 127.0.0.1:{lab.port}\r\n"
        f"{HEADER}: {lab.token}\r\nConnection: close\r\n\r\n"
    )
    return int(raw(lab.port, text).split()[1])


def test_who_waits_the_longest_gives_up_their_place(monkeypatch):
    monkeypatch.setattr(limits, "MAX_REQUESTS", 3)
    with Lab(listening()) as lab, ExitStack() as stack:
        slow = []
        for _ in range(3):
            slow.append(stack.enter_context(begun(lab, body=2)))
            time.sleep(0.05)
        assert ask(lab) == 200
        assert slow[0].recv(65536).startswith(b"HTTP/1.1 503")
        for connection in slow[1:]:  # there was room for these
            connection.sendall(b"}")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert ask(lab) == 200


def test_work_gives_up_its_place_for_nobody(monkeypatch):
    def slowly(asked):
        working.set()
        done.wait(60)
        return {"examples": []}

    working, done = threading.Event(), threading.Event()
    monkeypatch.setitem(answers.ANSWERS, "examples", slowly)
    monkeypatch.setattr(limits, "MAX_REQUESTS", 1)
    with Lab(listening()) as lab, ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, lab)
        assert working.wait(60)
        assert ask(lab) == 503
        done.set()
        assert first.result() == 200


def test_the_connection_that_is_idle_the_longest_makes_room():
    lab = Lab(listening())
    lab._server.config.limit_concurrency = 7
    with lab, ExitStack() as stack:
        busy = stack.enter_context(begun(lab, body=2))
        idle = []
        for _ in range(12):
            connection = socket.create_connection(("127.0.0.1", lab.port), timeout=60)
            idle.append(stack.enter_context(connection))
            time.sleep(0.02)
        assert ask(lab) == 200
        assert ask(lab) == 200
        assert has_ended(idle[0])
        assert not has_ended(idle[-1])
        busy.sendall(b"}")
        assert busy.recv(65536).startswith(b"HTTP/1.1 200")


def has_ended(connection):
    connection.settimeout(0.1)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_what_a_proxy_would_say_is_not_believed(lab):
    host = f"127.0.0.1:{lab.port}"
    found = raw(
        lab.port,
        f"GET /static HTTP/1.1\r\nHost: {host}\r\n{HEADER}: {lab.token}\r\n"
        "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n",
    )
    assert f"location: http://{host}/static/" in found


def test_it_listens_on_this_machine_alone(lab):
    assert lab.app.hosts == {f"127.0.0.1:{lab.port}", f"localhost:{lab.port}"}
    with socket.socket() as other:
        other.settimeout(1)
        # The whole of 127/8 is this machine, and only one address of it answers.
        assert other.connect_ex(("127.0.0.2", lab.port)) != 0
