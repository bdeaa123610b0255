import json
import re
import subprocess
import sys

import pytest

from chainrule.cli import main
from chainrule.cli.targets import EXAMPLES

FILE = """\
import numpy as np
SCALE = 2.0
def loss(w=np.array([1.0, 2.0]), lr=0.5):
    z = w * SCALE
    return np.sum(z**2) * lr
def broken(w=1.0):
    return w.missing_thing + undefined_name
def crash(w=1.0):
    return [][3] * w
"""


@pytest.fixture
def run(capsys):
    def call(*arguments, status=0):
        got = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert got == status, err
        return err if status else out

    return call


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "network.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("form", ["text", "markdown", "latex", "json", "code"])
def test_every_example_in_every_form(run, name, form):
    out = run("explain", name, "--as", form)
    assert len(out.splitlines()) > 15
    if form == "json":
        assert json.loads(out)["gradients"]
    if form == "code":
        compile(out, name, "exec")


def test_formula_speaks_the_users_names(run):
    out = run("explain", "z = w*x + b; y = max(z, 0)", "--at", "w=2", "--at", "x=3", "--at", "b=1")
    assert "∂y/∂z = (z > 0) = (7 > 0) = 1" in out
    assert "dw = 3" in out
    assert "dx = 2" in out


def test_formula_on_lists(run):
    out = run("explain", "sum((w*x - 1)**2)", "--at", "w=[1, 2]", "--at", "x=[3, 4]", "--wrt", "w")
    assert re.search(r"^  dw = \[12, 56\]$", out, re.M)
    assert "dx" not in out


def test_function_of_a_file(run, file):
    out = run("explain", f"{file}:loss")
    assert "network.py:4" in out
    assert "dw = [4, 8]" in out
    other = run("explain", f"{file}:loss", "--at", "w=[0.25, 0.25]", "--wrt", "w")
    assert "dw = [1, 1]" in other
    assert "dlr" not in other


def test_at_replaces_a_default(run):
    assert "y = max(z, 0) = max(-1, 0) = 0" in run("explain", "neuron", "--at", "b=-6")
    assert "db = 0" in run("explain", "neuron", "--at", "b=-6")


def test_questions(run):
    assert "over 1 path" in run("explain", "neuron", "--why", "w[0]")
    assert "the sum of" in run("explain", "classifier", "--open", "dW1[0, 2]")
    assert "Σ_n" in run("explain", "classifier", "--shapes")
    assert "6 -> 5.985" in run("explain", "neuron", "--step", "0.001")
    assert "too large" in run("explain", "two-layer", "--step", "0.05", "--steps", "5")
    assert "softmax" not in run("explain", "classifier", "--no-simplify", "--as", "code")


@pytest.mark.parametrize("suffix", [".txt", ".md", ".tex", ".json", ".py"])
def test_writing_a_file(run, tmp_path, suffix):
    path = tmp_path / f"neuron{suffix}"
    assert str(path) in run("explain", "neuron", "-o", path)
    assert len(path.read_text(encoding="utf-8")) > 300


REFUSED = [
    (["explain", "nuron"], "chainrule explain neuron"),
    (["explain", "y = w*x"], "--at w=2 --at x=3"),
    (["explain", "y = w*x", "--at", "w=2", "--at", "v=3"], "no argument 'v'"),
    (["explain", "y = w*x", "--at", "w"], "w"),
    (["explain", "y = w*x", "--at", "w=[1,[2]]", "--at", "x=1"], "w"),
    (["explain", "y = w*x", "--at", "w=two", "--at", "x=1"], "two"),
    (["explain", "y = 1"], "no variable"),
    (["explain", "y = log(w)", "--at", "w=-1"], "NaN"),
    (["explain", "w*x", "--at", "w=[1,2]", "--at", "x=1"], "upstream"),
    (["explain", "neuron", "--wrt", "q"], "no argument 'q'"),
    (["explain", "neuron", "--why", "q"], "no gradient of"),
    (["explain", "neuron", "--steps", "3"], "--step"),
    (["explain", "neuron", "--step", "-1"], "not a positive number"),
    (["explain", "neuron", "-o", "neuron.docx"], "cannot be saved"),
    (["explain", "absent.py:f"], "no such file"),
    (["explain", "absent.py"], "function of the file is missing"),
    (["explain", "__import__('os').system('true')"], "column 1"),
]


@pytest.mark.parametrize(("arguments", "word"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_what_is_refused(run, arguments, word):
    err = run(*arguments, status=2)
    assert err.startswith("error: ")
    assert word in err
    assert "Traceback" not in err


def test_errors_of_the_users_code_name_the_users_line(run, file):
    err = run("explain", f"{file}:crash", status=2)
    assert "IndexError" in err
    assert "network.py:9" in err
    err = run("explain", f"{file}:broken", status=2)
    assert "missing_thing" in err
    assert "network.py:7" in err
    assert "loss" in run("explain", f"{file}:los", status=2)
    file.write_text("def f(:\n")
    assert "network.py:1" in run("explain", f"{file}:f", status=2)


def test_tour_runs_the_main_job(run):
    out = run("tour")
    for word in ("dz = dy · ∂y/∂z = 1 · 1 = 1", "6 -> 5.985", "1.59561 -> 49.2473", "too large",
                 "dz2 = (probabilities - np.eye(3)[y]) / confidences.size", "Where to go next"):  # fmt: skip
        assert word in out
    commands = re.findall(r"^  \$ chainrule (.*)$", out, re.M)
    assert len(commands) == 5


@pytest.mark.parametrize("command", ["explain", "tour"])
def test_help_shows_examples_that_run(run, capsys, command):
    with pytest.raises(SystemExit) as done:
        main([command, "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    examples = re.findall(r"chainrule ((?:explain|tour).*)", text)
    assert examples
    for example in examples:
        if "network.py" not in example and "TARGET" not in example and "[-h]" not in example:
            words = re.findall(r'"[^"]*"|\S+', example)
            assert run(*(w.strip('"') for w in words))


def test_as_a_module_in_a_closed_pipe():
    command = f"{sys.executable} -m chainrule explain classifier | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("classifier(")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
