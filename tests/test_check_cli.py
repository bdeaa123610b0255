"""``chainrule check``: what it prints and writes, and its exit status."""

import json
import re
import shlex
import sys
from types import ModuleType

import pytest

from chainrule.checking.findings import Finding
from chainrule.checking.report import Report
from chainrule.cli import main

FILE = """\
import numpy as np

def affine(x=np.array([[1.0, 2.0], [3.0, -4.0]]), w=np.array([[0.5, -1.0], [2.0, 1.5]]), *, s=2.0):
    z = s * (x @ w)
    return np.tanh(z)

def affine_backward(dy, x, w, s):
    print("a word of the user")
    z = s * (x @ w)
    dz = dy * (1 - np.tanh(z) ** 2)
    return {"dx": s * dz @ w.T, "dw": s * x.T @ dz}

def forgetful(dy, x, w, s):
    z = s * (x @ w)
    dz = dy * (1 - np.tanh(z) ** 2)
    dx = s * dz @ w.T
    dw = x.T @ dz
    return {"dx": dx, "dw": dw}

def bare(x, w):
    return x * w

def bare_backward(dy, x, w):
    return dy * w, dy * x

def odd(dy, x, w, s):
    raise RuntimeError("an error of the user")
"""
RIGHT = "layer.py:affine:affine_backward"
WRONG = "layer.py:affine:forgetful"


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layer.py").write_text(FILE)

    def call(*arguments, status=0):
        got = main(["check", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert got == status, (out, err)
        assert bool(err) == (status == 2)
        return err if status == 2 else out

    return call


@pytest.fixture
def scripts(monkeypatch):
    """Stand in for what examines a script, and return what it was called with."""
    calls = []

    def examine_script(path, forward, output):
        calls.append((path, forward, output))
        dz = Finding("dz", "z", "right", 0.0, 1.0, 1.0)
        return Report(path, (dz,), "traced derivative", ("the given input",))

    module = ModuleType("chainrule.checking.script")
    module.examine_script = examine_script
    monkeypatch.setitem(sys.modules, "chainrule.checking.script", module)
    return calls


def test_a_right_pass(run):
    out = run(RIGHT)
    assert out.startswith("backward of affine: right in ")
    assert "a word of the user" not in out


def test_a_wrong_pass(run):
    out = run(WRONG, status=1)
    assert out.startswith("backward of affine: wrong, first in line 17 of layer.py\n")
    assert "    17 | dw = x.T @ dz\n" in out


def test_an_error_of_the_pass_is_a_finding(run):
    out = run("layer.py:affine:odd", status=1)
    assert "RuntimeError: an error of the user" in out


def test_values_and_an_upstream_gradient(run):
    assert "right in dx and dw" in run("layer.py:bare:bare_backward", "--at", "x=2", "--at", "w=3")
    assert "right in dx and dw" in run(
        "layer.py:bare:bare_backward", "--at", "x=[1,-2]", "--at", "w=[3,1]", "--upstream", "[1,2]"
    )
    assert run(RIGHT, "--at", "s=0.5", "--at", "x=[[1,2]]")


def test_forms(run):
    assert run(RIGHT, "--as", "text") == run(RIGHT)
    assert run(WRONG, "--as", "markdown", status=1).startswith("# backward of affine: wrong")
    content = json.loads(run(WRONG, "--as", "json", status=1))
    assert content["ok"] is False
    assert content["findings"][0]["where"]["file"].endswith("layer.py")


@pytest.mark.parametrize("suffix", [".txt", ".md", ".json"])
def test_writing_a_file(run, tmp_path, suffix):
    path = tmp_path / f"report{suffix}"
    assert run(WRONG, "-o", path, status=1) == f"wrote {path}\n"
    form = {".txt": "text", ".md": "markdown", ".json": "json"}[suffix]
    assert path.read_text(encoding="utf-8") == run(WRONG, "--as", form, status=1)


def test_a_script_or_a_notebook(run, scripts, tmp_path):
    (tmp_path / "homework.ipynb").write_text("{}")
    assert run("layer.py").startswith("backward of layer.py: right in dz")
    run("homework.ipynb", "--forward", "net")
    run("layer.py", "--output", "loss")
    assert scripts == [
        ("layer.py", None, None), ("homework.ipynb", "net", None), ("layer.py", None, "loss"),
    ]  # fmt: skip


SCRIPT = """\
import numpy as np
w = np.array([1.0, -2.0, 3.0])
x = np.array([2.0, 0.5, 1.0])
z = w * x
y = np.tanh(z)
loss = np.sum(y**2)
dy = 2 * y
dz = dy * (1 - z**2)
dw = dz * x
"""


def test_a_real_script_and_notebook(run, tmp_path):
    (tmp_path / "homework.py").write_text(SCRIPT)
    out = run("homework.py", status=1)
    assert out.startswith("backward of homework.py: wrong, first in line 8 of homework.py\n")
    assert "  + dz = dy * (1 - y ** 2)\n" in out
    cells = [{"cell_type": "code", "source": SCRIPT.replace("- z", "- y").splitlines(True)}]
    (tmp_path / "homework.ipynb").write_text(json.dumps({"cells": cells}))
    assert "right in" in run("homework.ipynb").splitlines()[0]


def test_what_could_not_be_tested_is_not_called_right(run, scripts, monkeypatch):
    dz = Finding("dz", "z", "untestable")
    monkeypatch.setattr(
        sys.modules["chainrule.checking.script"], "examine_script",
        lambda *_: Report("layer.py", (dz,), "traced derivative"),
    )  # fmt: skip
    assert "nothing could be tested" in run("layer.py", status=1)


REFUSED = [
    ([], "TARGET"),
    (["nothing"], "file.py:forward:backward"),
    (["layer:affine:affine_backward"], "chainrule check layer.py:affine:affine_backward"),
    (["layer.py:affine"], "chainrule check layer.py:affine:affine_backward"),
    (["layer.py:bare:"], "chainrule check layer.py:bare:bare_backward"),
    (["layer.py:affin:affine_backward"], "layer.py:affine"),
    (["layer.py:affine:affine_back"], "chainrule check layer.py:affine:affine_backward"),
    (["layr.py:affine:affine_backward"], "layer.py"),
    (["layr.py"], "layer.py"),
    (["book.ipynb:net:net_backward"], "chainrule check book.ipynb --forward net"),
    (["layer.py:bare:bare_backward"], "No values are given for x, w."),
    (["layer.py:bare:bare_backward", "--at", "x=1"], "--at x=1 --at 'w=[1,2]'"),
    ([RIGHT, "--at", "q=1"], "no argument 'q'"),
    ([RIGHT, "--at", "x=two"], "two"),
    ([RIGHT, "--upstream", "x"], "x"),
    ([RIGHT, "--forward", "affine"], "--forward is for a script"),
    ([RIGHT, "--output", "loss"], "--output is for a script"),
    (["layer.py", "--at", "x=1"], "--at is for two functions"),
    (["layer.py", "--upstream", "1"], "--upstream is for two functions"),
    ([RIGHT, "--as", "latex"], "invalid choice"),
    ([RIGHT, "--as", "json", "-o", "a.json"], "-o FILE"),
    ([RIGHT, "-o", "report.docx"], "cannot be saved"),
    ([RIGHT, "-o", "no/such/folder.txt"], "cannot be written"),
]


@pytest.mark.parametrize(("arguments", "word"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_what_is_refused(run, arguments, word):
    err = run(*arguments, status=2)
    assert err.startswith("error: ")
    assert word in err
    assert "Traceback" not in err


def test_a_file_that_raises_names_its_line(run, tmp_path):
    (tmp_path / "broken.py").write_text("import numpy as np\nx = np.undefined_thing\n")
    assert "broken.py:2" in run("broken.py:f:g", status=2)
    (tmp_path / "broken.py").write_text("def f(:\n")
    assert "broken.py:1" in run("broken.py:f:g", status=2)
    assert "broken.py:1" in run("broken.py:f", status=2)


@pytest.mark.parametrize("arguments", [[], ["check"]])
def test_help_shows_examples_that_run(capsys, run, scripts, tmp_path, arguments):
    for name in ("homework.py", "homework.ipynb"):
        (tmp_path / name).write_text("")
    with pytest.raises(SystemExit) as done:
        main([*arguments, "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out.partition("\n\n")[2]
    examples = re.findall(r"^  .*?chainrule check (.*)$", text, re.M)
    assert len(examples) == (7 if arguments else 1)
    for example in examples:
        assert run(*shlex.split(example))
    assert max(map(len, text.splitlines())) <= 100
