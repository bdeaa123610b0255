"""`chainrule lab` as a process: its link, its port, its end; and many requests at once."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("httpx")

import httpx

from chainrule.cli import main
from chainrule.examples.neuron import neuron
from chainrule.lab.guard import HEADER
from chainrule.lab.server import Lab, listening
from chainrule.solving import explain

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{20,})")


@pytest.fixture
def process():
    running = []

    def start(*options):
        # A shell may have Ctrl-C ignored in what it starts, and children inherit that.
        command = [sys.executable, "-c",
                   "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
                   "from chainrule.cli import main; sys.exit(main())",
                   "lab", "--no-browser", *options]  # fmt: skip
        one = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        running.append(one)
        return one

    yield start
    for one in running:
        one.kill()
        one.communicate()


def link_of(one):
    for line in one.stdout:
        if found := LINK.search(line):
            return found
    raise AssertionError(one.stderr.read())


def test_it_prints_its_link_and_ends_with_ctrl_c(process):
    one = process()
    link = link_of(one)
    assert httpx.get(link[0], timeout=60).status_code == 200
    one.send_signal(signal.SIGINT)
    out, err = one.communicate(timeout=60)
    assert one.returncode in (0, 130)
    assert "Traceback" not in err
    assert link[2] not in out + err  # requests are not written to the terminal


def children(process):
    """Return the processes that one has started."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks at processes by /proc")
def test_it_ends_while_a_file_is_being_made(process):
    one = process()
    link = link_of(one)
    formula = "a = x*w\n" + "a = tanh(a*1.1)\n" * 250 + "y = sum(a)"
    state = {"formula": formula, "values": {"x": "[1, 2, 3]", "w": "1"}}
    answers = []

    def ask():
        answers.append(
            httpx.post(
                f"http://127.0.0.1:{link[1]}/api/export",
                json={"state": state, "suffix": ".html"}, headers={HEADER: link[2]}, timeout=60,
            )
        )  # fmt: skip

    asking = threading.Thread(target=ask)
    asking.start()
    while not children(one.pid):  # one makes the file
        time.sleep(0.01)
    one.send_signal(signal.SIGINT)
    _, err = one.communicate(timeout=60)
    assert "Traceback" not in err
    asking.join()
    assert answers[0].status_code == 503  # it was not waited for: that would be another answer


def test_it_ends_when_asked(process):
    one = process()
    link = link_of(one)
    base = f"http://127.0.0.1:{link[1]}"
    assert httpx.post(f"{base}/api/stop", json={}).status_code == 401
    assert httpx.post(f"{base}/api/stop", json={}, headers={HEADER: link[2]}).json()["stopped"]
    one.communicate(timeout=60)
    assert one.returncode == 0


def test_a_port_that_is_taken(capsys):
    with listening() as taken:
        port = taken.getsockname()[1]
        assert main(["lab", "--port", str(port), "--no-browser"]) == 2
        told = capsys.readouterr().err
    assert f"Port {port} is taken" in told
    free = int(re.search(r"--port (\d+)", told)[1])
    assert free != port
    listening(free).close()
    assert main(["lab", "--port", "99999"]) == 2
    assert "no such port" in capsys.readouterr().err


def test_without_a_port_it_takes_a_free_one():
    with listening() as first, listening() as second:
        assert first.getsockname()[0] == "127.0.0.1"
        assert first.getsockname()[1] != second.getsockname()[1]


def test_missing_extras_are_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["lab", "--no-browser"]) == 2
    assert "pip install 'chainrule[look]'" in capsys.readouterr().err


def test_starting_imports_nothing_slow():
    code = (
        "import sys; from chainrule.lab.server import Lab, listening; Lab(listening());"
        "print(*(m for m in ('numba', 'matplotlib', 'scipy', 'pandas', 'sklearn', 'jax') "
        "if m in sys.modules))"
    )
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.split() == []


# -- many at once --------------------------------------------------------------------------------


def test_a_thousand_quick_edits():
    with Lab(listening()) as lab:
        wrong = []

        def edit(numbers):
            with httpx.Client(
                base_url=f"http://127.0.0.1:{lab.port}", headers={HEADER: lab.token}, timeout=300
            ) as client:
                for b in numbers:
                    state = {"example": "neuron", "values": {"b": str(b)}}
                    answer = client.post("/api/form", json={"state": state})
                    if b % 10 == 0:
                        answer = client.post("/api/explain", json={"state": state})
                        text = answer.json()["document"]["value"]["text"]
                        if float(text) != explain(neuron, b=float(b)).value:
                            wrong.append((b, text))
                    if answer.status_code != 200:
                        wrong.append((b, answer.status_code))

        threads = [threading.Thread(target=edit, args=(range(i, 1000, 4),)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        state = {"example": "neuron", "values": {"b": "0.125"}}
        client = {"headers": {HEADER: lab.token}, "timeout": 60}
        answer = httpx.post(
            f"http://127.0.0.1:{lab.port}/api/explain", json={"state": state}, **client
        )
        assert json.loads(answer.text)["document"]["value"]["text"] == "5.125"
