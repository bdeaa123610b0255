import contextlib
import json
import os
import re
import shlex
import subprocess
import sys

import pytest

import chainrule
from chainrule.cli import main
from chainrule.cli.screen import gradients
from chainrule.examples import EXAMPLES

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


def test_formula_with_labels_in_an_index(run):
    formula = "loss = -mean(log(P[rows, labels]))"
    given = ["--at", "P=[[0.5, 0.5], [0.25, 0.75]]", "--at", "rows=[0, 1]", "--at", "labels=[1, 0]"]
    out = run("explain", formula, *given)
    assert "dP = dt1 at [rows, labels], 0 elsewhere" in out
    assert "drows" not in out
    wrong = run("explain", "x[k]", "--at", "x=[1, 2]", "--at", "k=0.5", status=2)
    assert "whole numbers belong" in wrong
    assert "in the value of 'k'" in wrong
    assert "--at k=0" in run("explain", "x[k]**2", status=2)


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
    (["explain", "absent.py"], "no such file"),
    (["explain", "net:loss"], "chainrule explain net.py:loss"),
    (["explain", "two-layr"], "chainrule explain two-layer"),
    (["explain", "classifier:one_hot"], "chainrule explain classifier:classifier"),
    (["explain", "w"], "no example 'w'"),
    (["explain"], "nothing to explain"),
    (["explain", "neuron", "--at", "b=1", "--at", "b=2"], "given twice"),
    (["explain", "neuron", "--why", "w[0]", "--step", "1"], "not allowed with"),
    (["explain", "neuron", "--why", "w[0]", "--as", "json"], "--why answers in text"),
    (["explain", "neuron", "--why", "w[0]", "-o", "a.md"], "-o a.txt"),
    (["explain", "neuron", "--as", "json", "-o", "a.json"], "-o FILE"),
    (["explain", "neuron", "-o", "no/such/folder.txt"], "cannot be written"),
    (["explain", "neuron", "--steps", "0", "--step", "1"], "steps=0"),
    (["explain", "classifier", "--why", "W1"], '--why "W1[0, 0]"'),
    (["explain", "classifier", "--open", "W1"], '--open "W1[0, 0]"'),
    (["explain", "w*x", "--at", "w=1", "--at", "x=2", "--wrt", "q"], "--wrt w"),
    (["explain", "w*2", "--at", "w=[1,2]"], "--upstream [1,1]"),
    ([], "COMMAND"),
    (["explian"], "invalid choice"),
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
    assert out.count("\n") < 200
    assert max(map(len, out.splitlines())) <= 100
    for word in (
        "dz = dy · ∂y/∂z = 1 · 1 = 1",
        "6 -> 5.985",
        "1.59561 -> 49.2473",
        "too large",
        "dz2 = (probabilities - np.eye(3)[y]) / confidences.size",
        "Where to go next",
    ):
        assert word in out
    commands = re.findall(r"^  \$ chainrule (.*)$", out, re.M)
    assert len(commands) == 6
    for command in commands:
        printed = run(*shlex.split(command)).split("\n\n\nif __name__")[0].splitlines()
        for line in printed[3:]:
            assert line.strip()[:60] in out


def test_where_the_tour_sends_its_reader(run, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"   (chainrule explain .*?)(?:   |$)", run("tour"), re.M)
    assert len(commands) == 5
    for command in commands[:4]:
        assert run(*shlex.split(command.replace("file.py:function", "network.py:loss"))[1:])


@pytest.mark.parametrize("command", [[], ["explain"], ["tour"]])
def test_help_shows_examples_that_run(run, capsys, file, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        main([*command, "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out.partition("\n\n")[2]
    examples = re.findall(r"^  .*?chainrule ((?:explain|tour).*)$", text, re.M)
    assert len(examples) == (12 if command == ["explain"] else 1 if command else 2)
    for example in examples:
        assert run(*shlex.split(example))


@pytest.mark.parametrize(
    ("target", "given"),
    [
        ("y = w*x", []),
        ("y = w*x + b", ["w=2"]),
        ("w*x", ["x=[1,2]"]),
        ("sum((X @ W - 1)**2)", ["X=[[1,2,3],[4,5,6]]"]),
        ("W @ x", []),
        ("log(x[0]) * w", []),
        ("sum(X.T @ g, axis=0)[0]", ["X=[[1,2,3],[4,5,6]]"]),
    ],
)
def test_the_command_suggested_for_missing_values_works(run, target, given):
    options = [word for text in given for word in ("--at", text)]
    err = run("explain", target, *options, status=2)
    command = re.search(r"instead:  chainrule (.*)", err)[1]
    assert all(text in command for text in given)
    assert "Gradients" in run(*shlex.split(command))


def test_values_take_the_form_of_the_defaults(run, tmp_path):
    path = tmp_path / "forms.py"
    path.write_text(
        "import numpy as np\n"
        "def f(w=np.float32([1, 2]), y=np.array([0, 1]), n=2,\n"
        "      square=False, kind='mean', *, c=1.0):\n"
        "    z = w[y] * c\n"
        "    assert w.dtype == np.float32 and isinstance(square, bool)\n"
        "    z = z**2 if square else z\n"
        "    return np.mean(z) if kind == 'mean' else np.sum(z)\n"
    )
    assert "dw = [0.5, 0.5]" in run("explain", f"{path}:f")
    words = ["w=[3,4]", "y=[1,1]", "square=true", "kind=sum", "c=2"]
    out = run("explain", f"{path}:f", *(w for text in words for w in ("--at", text)))
    assert "dw = [0, 64]" in out
    assert "dc = 128" in out
    assert "neither true nor false" in run("explain", f"{path}:f", "--at", "square=2", status=2)


def test_wrt_and_upstream_of_a_file(run, tmp_path):
    path = tmp_path / "layer.py"
    path.write_text("WRT = 'w'\nUPSTREAM = [1.0, 10.0]\nimport numpy as np\n"
                    "def layer(w=2.0, x=np.array([3.0, 4.0])):\n    return w * x\n")  # fmt: skip
    out = run("explain", f"{path}:layer")
    assert "dw = 43" in out
    assert "dx" not in out
    assert "dx = [2, 4]" in run("explain", f"{path}:layer", "--wrt", "x", "--upstream", "[1,2]")


def test_a_file_finds_its_neighbours_and_leaves_nothing_behind(run, tmp_path):
    (tmp_path / "helper_of_a_test.py").write_text("def double(x):\n    return 2 * x\n")
    path = tmp_path / "json.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    w: float = 1.5\n"
        "def f(p=P()):\n    from helper_of_a_test import double\n"
        "    print('a word of the user')\n    return double(p.w)\n"
    )
    before = list(sys.path)
    page = run("explain", f"{path}:f", "--as", "json")
    assert json.loads(page)["gradients"]
    assert sys.path == before
    assert sys.modules["json"] is json
    sys.modules.pop("helper_of_a_test")
    assert not (tmp_path / "__pycache__").joinpath("json.cpython-311.pyc").exists()


def test_a_file_that_exits_or_is_interrupted(run, tmp_path):
    path = tmp_path / "script.py"
    path.write_text("def f(w=1.0):\n    return w\nraise SystemExit(0)\n")
    assert "script.py:3" in run("explain", f"{path}:f", status=2)
    path.write_text("def f(w=1.0):\n    raise SystemExit\n")
    assert "script.py:2" in run("explain", f"{path}:f", status=2)
    path.write_text("def f(*w):\n    return w[0]\n")
    assert "write its arguments out" in run("explain", f"{path}:f", status=2)
    for source in ("raise KeyboardInterrupt\n", "def f(w=1.0):\n    raise KeyboardInterrupt\n"):
        path.write_text(source)
        assert run("explain", f"{path}:f", status=130) == ""


def test_an_error_deep_in_a_library_names_the_users_line(run, tmp_path):
    path = tmp_path / "deep.py"
    path.write_text("import json\ndef f(w=1.0):\n    return w * json.loads('{')\n")
    err = run("explain", f"{path}:f", status=2)
    assert "deep.py:3" in err
    assert "decoder" not in err


def test_errors_in_a_formula_point_into_it_and_at_no_file(run):
    err = run("explain", "y = 2 * log(w)", "--at", "w=-1", status=2)
    assert "    y = 2 * log(w)\n            ^" in err
    assert "at:" not in err


def test_a_formula_may_begin_with_a_minus_sign(run):
    out = run("explain", "-w*x", "--at", "w=1", "--at", "x=-2", "--upstream", "-1")
    assert "dw = -2" in out


def test_a_value_may_be_given_for_a_constant(run):
    assert "de = 2" in run("explain", "w*e", "--at", "w=2", "--at", "e=3")
    assert "dw = 2.71828" in run("explain", "w*e", "--at", "w=2")


def test_lists(run, file):
    out = run("explain", "--list")
    assert all(f"  {name} " in out for name in EXAMPLES)
    assert "sigmoid" in out
    functions = run("explain", str(file), "--list").splitlines()
    assert functions == [f"chainrule explain {file}:{f}" for f in ("loss", "broken", "crash")]


def test_an_answer_in_a_file(run, tmp_path):
    path = tmp_path / "why.txt"
    assert run("explain", "neuron", "--why", "w[0]", "-o", path) == f"wrote {path}\n"
    assert path.read_text(encoding="utf-8") == run("explain", "neuron", "--why", "w[0]")


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"chainrule {chainrule.__version__}\n"


def test_gradients_are_told_from_words():
    text = "  data = 3\n   1  d = 2\n   7  dz = dy · ∂y/∂z\n  dW1[0, 2] = 1\ndata does dz\n"
    found = gradients(text.replace("data =", "x =")).findall(text)
    assert found == ["dz", "∂y/∂z", "dW1[0, 2]", "dz"]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_colour_in_a_terminal_alone():
    plain = "\ndz = "
    assert plain not in in_a_terminal({}).replace("\r", "")
    assert "\x1b[31mdz\x1b[0m" in in_a_terminal({})
    assert "\x1b[1mInputs\x1b[0m" in in_a_terminal({})
    assert "\x1b" not in in_a_terminal({"NO_COLOR": "1"})
    without_rich = "import sys; sys.modules['rich'] = None; import chainrule.cli as c; c.main()"
    assert "\x1b" not in in_a_terminal({}, ["-c", without_rich])


def in_a_terminal(environment, start=("-m", "chainrule")):
    ours, theirs = os.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [sys.executable, *start, "explain", "neuron"], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**clean, "TERM": "xterm-256color", **environment},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux tells of the end in this way
            while part := os.read(ours, 65536):
                shown += part
        os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def test_a_terminal_without_mathematical_signs():
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "explain", "neuron"], capture_output=True, check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert rb"\u2202y/\u2202z" in done.stdout


def test_as_a_module_in_a_closed_pipe():
    command = f"{sys.executable} -m chainrule explain classifier | head -n 1"
    help = f"{sys.executable} -m chainrule explain --help | head -c 1 >/dev/null"
    done = subprocess.run(help, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("classifier(")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
