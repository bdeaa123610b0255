import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("starlette")

from contextlib import contextmanager
from pathlib import Path

from test_playground_training import parts_of
from websockets.sync.client import connect

from chainrule.lab.guard import HEADER
from chainrule.lab.playground import api, runs

pytestmark = pytest.mark.usefixtures("no_run_is_left")

QUICK = {"data": "moons", "samples": 60, "layers": [4], "batch": 10}


class Tab:
    def __init__(self, socket):
        self.socket = socket

    def do(self, do, **more):
        self.socket.send(json.dumps({"do": do, **more}))

    def told(self):
        while isinstance(found := self.socket.recv(timeout=60), bytes):
            pass
        return json.loads(found)

    def open(self, **more):
        self.do("open", **more)
        return self.told()

    def frame(self, now=False):
        self.do("frame", now=now)
        while isinstance(found := self.socket.recv(timeout=60), str):
            pass
        return parts_of(found)

    def until(self, wanted, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            header, parts = self.frame()
            if wanted(header):
                return header, parts
        raise AssertionError(f"still {header}")


@contextmanager
def tab(lab):
    link = f"ws://127.0.0.1:{lab.port}/api/playground/socket"
    with connect(link, additional_headers={HEADER: lab.token}, max_size=None) as socket:
        yield Tab(socket)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_train_pause_step_reset(lab):
    with tab(lab) as page:
        told = page.open(config=QUICK)
        assert told["config"]["samples"] == 60
        first, start = page.frame(now=True)
        assert (first["step"], first["state"]) == (0, "paused")
        page.do("train")
        running, _ = page.until(lambda h: h["step"] > 100)
        assert running["state"] == "running"
        page.do("pause")
        paused, _ = page.until(lambda h: h["state"] == "paused")
        page.do("step", steps=3)
        stepped, _ = page.frame()
        assert stepped["step"] == paused["step"] + 3
        page.do("reset")
        assert page.told()["run"] == told["run"]
        again, begun = page.frame(now=True)
        assert again["step"] == 0
        assert begun["weights"].tobytes() == start["weights"].tobytes()


def test_a_configuration_gives_the_same_run_in_another_process(lab, no_run_is_left):
    seen = []
    for _ in range(2):
        with tab(lab) as page:
            page.open(config=QUICK)
            page.do("step", steps=50)
            page.do("step", steps=250)
            header, parts = page.until(lambda h: h["step"] == 300)
            seen.append((parts["weights"].tobytes(), parts["curve"].tobytes(), header["scores"]))
            no_run_is_left()
    assert seen[0] == seen[1]


def test_what_is_wrong_is_told_and_the_last_good_state_stays(lab):
    with tab(lab) as page:
        page.open(config=QUICK)
        page.do("step", steps=5)
        page.until(lambda h: h["step"] == 5)
        wrong = [
            {"do": "configure", "config": {"rate": "fast", "batch": -1}},
            {"do": "step", "steps": 10**9}, {"do": "step", "steps": "1"},
            {"do": "pace", "pace": -1}, {"do": "__init__"}, {"do": 3}, {"do": "configure"}, [], 7,
        ]  # fmt: skip
        for message in wrong:
            page.socket.send(json.dumps(message))
            assert page.told()["errors"], message
        for text in ["", "{", '{"do": NaN}', '{"do": 1, "do": 2}', "[" * 5000, b"\xff\xfe"]:
            page.socket.send(text)
            assert page.told()["errors"], text
        header, _ = page.frame(now=True)
        assert header["step"] == 5


def test_commands_before_a_run_is_open_are_refused(lab):
    with tab(lab) as page:
        for do in ("train", "pause", "step", "reset", "frame", "pace"):
            page.do(do)
            assert page.told()["errors"][0]["field"] in ("run", "steps")


def test_a_dropped_socket_finds_its_run_again(lab):
    with tab(lab) as page:
        told = page.open(config=QUICK)
        page.do("train")
        before, _ = page.until(lambda h: h["step"] > 10)
    with tab(lab) as page:
        again = page.open(run=told["run"], config={"data": "xor"})
        assert again["run"] == told["run"]
        assert again["config"]["data"] == "moons"
        header, _ = page.until(lambda h: h["step"] > before["step"])
        assert header["state"] == "running"


def test_a_run_that_nobody_sees_pauses_and_ends(lab, monkeypatch):
    monkeypatch.setattr(runs, "UNSEEN", 0.1)
    with tab(lab) as page:
        name = page.open(config=QUICK)["run"]
        page.do("train")
        page.until(lambda h: h["step"] > 10)
    run = api.runs.find(name)
    wait_for(lambda: not run.viewers)
    time.sleep(0.15)
    api.runs.tidy()
    with tab(lab) as page:
        page.open(run=name)
        header, _ = page.frame(now=True)
        assert header["state"] == "paused"
    wait_for(lambda: not run.viewers)
    monkeypatch.setattr(runs, "KEPT", 0.0)
    api.runs.tidy()
    assert len(api.runs) == 0


def test_two_tabs_have_two_runs_and_there_is_an_end_to_runs(lab, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", 2)
    with tab(lab) as one, tab(lab) as two, tab(lab) as three:
        names = {page.open(config=QUICK)["run"] for page in (one, two)}
        assert len(names) == 2
        refused = three.open(config=QUICK)
        assert refused["errors"][0]["field"] == "run"
        one.do("step", steps=4)
        one.until(lambda h: h["step"] == 4)
        assert two.frame(now=True)[0]["step"] == 0


def test_a_run_that_is_not_seen_makes_room(lab, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", 1)
    with tab(lab) as page:
        first = page.open(config=QUICK)["run"]
    wait_for(lambda: not api.runs.find(first).viewers)
    with tab(lab) as page:
        assert page.open(config=QUICK)["run"] != first
    assert len(api.runs) == 1


def test_a_killed_worker_is_told_and_replaced(lab):
    with tab(lab) as page:
        name = page.open(config=QUICK)["run"]
        page.frame(now=True)
        page.do("frame")
        os.kill(api.runs.find(name)._process.pid, signal.SIGKILL)
        assert page.told()["ended"]
        page.do("reset")
        assert page.told()["run"] != name
        assert page.frame(now=True)[0]["step"] == 0


def test_numbers_that_are_not_finite_end_the_run_with_a_finding(lab):
    with tab(lab) as page:
        page.open(config={"rate": 1000, "activation": "relu", "l2": 1})
        page.do("train")
        header, _ = page.until(lambda h: h["state"] == "diverged")
        assert "rate" in header["finding"]
        page.do("reset")
        assert "run" in page.told()
        assert page.frame(now=True)[0]["state"] == "paused"


SERVER = """
import time
from chainrule.lab.playground.runs import Run
run = Run()
print(run._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks at processes by /proc")
def test_a_worker_ends_with_its_server_even_when_that_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
    ) as server:
        worker = int(server.stdout.readline())
        assert is_alive(worker)
        server.kill()
    wait_for(lambda: not is_alive(worker))


def test_other_routes_answer(lab):
    import httpx

    headers = {HEADER: lab.token}
    base = f"http://127.0.0.1:{lab.port}/api/playground"
    told = httpx.get(f"{base}/options", headers=headers).json()
    assert {"spiral", "moons", "circles", "blobs", "xor"} <= set(told["data"])
    wrong = httpx.post(f"{base}/check", headers=headers, json={"samples": 10**9})
    assert wrong.json()["errors"][0]["field"] == "samples"
    columns = httpx.post(f"{base}/table", headers=headers, json={"text": "a,b,c\n1,2,x\n2,3,y\n"})
    assert [c["name"] for c in columns.json()["columns"]] == ["a", "b", "c"]
    large = httpx.post(f"{base}/table", headers=headers, json={"text": "x" * 2_000_000})
    assert large.json()["errors"][0]["field"] in ("text", "table")
    assert httpx.get(f"{base}/options").status_code == 401
