"""What the explorer answers: numbers of cr.explain, faults beside their fields, limits."""

import base64
import json
import linecache
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")

import chainrule as cr
from chainrule.examples import EXAMPLES
from chainrule.examples.neuron import neuron
from chainrule.lab import limits, written
from chainrule.lab.answers import ANSWERS, SLOW, TYPES
from chainrule.lab.apart import apart
from chainrule.lab.explorer import explained
from chainrule.lab.targets import Faulty

NEURON = {"formula": "z = w*x + b\ny = max(z, 0)", "values": {"w": "2", "x": "3", "b": "1"}}


def ask(what, state, **more):
    return ANSWERS[what]({"state": state, **more})


def faults(state, what="explain", **more):
    with pytest.raises(Faulty) as caught:
        ask(what, state, **more)
    return [fault.plain() for fault in caught.value.faults]


def test_an_example_with_other_values():
    state = {"example": "neuron", "values": {"b": "2.5", "w": "[1, 2, 3]"}}
    solution = explained(state).solution
    right = cr.explain(neuron, w=[1.0, 2.0, 3.0], b=2.5)
    assert solution.value == right.value
    assert solution.grads == right.grads
    document = ask("explain", state)["document"]
    assert document["value"]["text"] == f"{right.value:g}"
    assert [step["number"] for step in document["steps"]] == [s.number for s in right.steps]


def test_every_example_is_explained_and_its_form_reads_back():
    found = ANSWERS["examples"]({})["examples"]
    assert [e["name"] for e in found] == list(EXAMPLES)
    for example in found:
        values = {a["name"]: a["text"] for a in example["arguments"]}
        as_shipped = explained({"example": example["name"]}).solution
        typed = explained({"example": example["name"], "values": values}).solution
        assert np.allclose(typed.value, as_shipped.value, rtol=1e-14)


def test_a_formula_and_its_fields():
    assert [a["name"] for a in ask("form", NEURON)["arguments"]] == ["w", "x", "b"]
    assert explained(NEURON).solution.grads == {"w": 3.0, "x": 2.0, "b": 1.0}
    state = {**NEURON, "wrt": ["w"]}
    assert explained(state).solution.grads == {"w": 3.0}
    array = {"formula": "y = w*x", "values": {"w": "[1, 2]", "x": "3"}, "upstream": "[1, 10]"}
    assert explained(array).solution.grads["x"] == 21.0


def test_which_gradients_are_derived():
    loss = {
        "formula": "z = X @ w\nloss = mean((z - Y)**2)",
        "values": {"X": "[[1, 2]]", "w": "[3, 4]", "Y": "[5]"},
    }
    # Labels are not, unless they are asked for; where there is nothing else, they are.
    form = ask("form", loss)
    assert form["wrt"] == ["X", "w"] == list(explained(loss).solution.grads)
    assert [a["gradient"] for a in form["arguments"]] == [True, True, True]
    assert list(explained(loss | {"wrt": ["Y", "w"]}).solution.grads) == ["w", "Y"]
    assert ask("form", {"formula": "target**2"})["wrt"] == ["target"]
    document = ask("explain", loss | {"wrt": ["w"]})["document"]
    assert [a["wrt"] for a in document["arguments"]] == [False, True, False]
    assert "dX" not in {step["target"] for step in document["steps"]}
    files = [ask("export", loss | {"wrt": ["w"]}, suffix=s)["content"] for s in (".py", ".txt")]
    assert not any(b"dX" in base64.b64decode(content) for content in files)


def test_an_example_knows_what_can_have_a_gradient():
    found = {e["name"]: e for e in ANSWERS["examples"]({})["examples"]}
    able = {a["name"]: a["gradient"] for a in found["classifier"]["arguments"]}
    assert able == {"X": True, "y": False, "W1": True, "b1": True, "W2": True, "b2": True}
    assert found["classifier"]["wrt"] == ["W1", "b1", "W2", "b2"]
    assert found["neuron"]["wrt"] == ["x", "w", "b"]
    with_x = {"example": "classifier", "wrt": ["X", "b2"]}
    assert list(explained(with_x).solution.grads) == ["X", "b2"]
    fault = faults({"example": "classifier", "wrt": ["y"]})[0]
    assert (fault["field"], "whole numbers" in fault["message"]) == ("wrt", True)


@pytest.mark.parametrize("wrt", [[], ["q"], ["w", 3], "w", {"w": 1}, [["w"]], 0, ""])
def test_marks_that_do_not_do(wrt):
    assert faults({**NEURON, "wrt": wrt})[0]["field"] == "wrt"
    both = faults({**NEURON, "values": {"w": "2", "x": "", "b": "1"}, "wrt": wrt})
    assert [f["field"] for f in both] == ["value:x", "wrt"]


TYPED = {
    "formula": "k = 2\n\n  z = w*x; s = exp(z).T\n\n\n\ny = sum(s + exp(z)*k) / 2",
    "values": {"w": "0.5", "x": "[1, 2]"},
}


def test_the_source_is_what_was_typed():
    document = ask("explain", TYPED)["document"]
    (source,) = document["sources"]
    assert source["first"] == 1
    assert "\n".join(source["lines"]) == TYPED["formula"]
    at = {s["target"]: s["line"] for s in document["steps"] if s["kind"] == "forward"}
    assert at["z"] == [0, 3]
    assert at["s"] == [0, 3]
    assert at["y"] == [0, 7]
    for step in document["steps"]:
        assert step["line"] in ([0, 3], [0, 7]) or step["kind"] in ("input", "upstream"), step
    # Other notations, pictures and files quote the same lines.
    picture = ask("picture", TYPED, level="tensors", open=[])["svg"]
    assert "y = sum(s + exp(z)*k) / 2" in picture
    text = base64.b64decode(ask("export", TYPED, suffix=".txt")["content"]).decode()
    assert "formula:7" in text


def test_lines_are_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr(written, "_KEPT", 8)
    ask("explain", TYPED)
    for i in range(40):
        explained({"formula": f"y = x + {i}", "values": {"x": "1"}})
    assert ask("explain", TYPED)["document"]["sources"][0]["lines"][2] == "  z = w*x; s = exp(z).T"
    ours = [name for name in linecache.cache if name.endswith(">/formula")]
    assert len(ours) < 30


def test_faults_stand_beside_their_fields():
    assert faults({"formula": "y = w*x +", "values": {}})[0]["field"] == "formula"
    place = faults({"formula": "z = w*x\ny = max(z 0)", "values": {"w": "1", "x": "1"}})[0]
    assert (place["field"], place["line"], place["column"]) == ("formula", 2, 11)
    both = faults({**NEURON, "values": {"w": "[1, 2", "x": "", "b": "1"}})
    assert [f["field"] for f in both] == ["value:w", "value:x"]
    assert faults({"formula": "y = 2*x", "values": {"x": "[1, 2]"}})[0]["field"] == "upstream"
    assert faults({"example": "nothing"})[0]["field"] == "example"
    assert faults({"formula": "3"})[0]["field"] == "formula"
    log = faults({"formula": "z = x - 2\ny = log(z)", "values": {"x": "1"}})[0]
    assert log["field"] == "formula"
    shapes = faults({"formula": "y = sum(A @ B)", "values": {"A": "[[1, 2]]", "B": "[[1, 2]]"}})[0]
    assert (shapes["field"], shapes["line"]) == ("formula", 1)


HOSTILE = [
    "__import__('os').system('true')", "().__class__.__bases__", "x.__class__",
    "open('/etc/passwd')", "exec('1')", "eval('1')", "lambda: 1", "[i for i in x]",
    "x if x else 1", "import os", "f'{x}'", "x; __x = 1", "globals()", "getattr(x, 'T')",
    "x.tofile('a')", "load('a')", "fromfile('a')", "9**9**9**9", "x**1e9", "10**1000000",
    "x" * 20_000, "(" * 5000 + "x" + ")" * 5000, "-" * 5000 + "x", "+".join(["x"] * 5000),
    "[" * 200 + "1" + "]" * 200, "x[" * 300 + "0" + "]" * 300,
    "sum(linspace(0, 1, 1000000000)*x)", "sum(repeat(x, 1000000000))", "sum(zeros(1000000000)*x)",
    "a = linspace(0, x, 2000); sum(outer(a, a))", "sum(tile(x, 10000000))",
    "sum(resize(x, 99999991999))",
    "a = linspace(0, 1, 1999); b = outer(a, [1]); sum((b + b.T)*x)", "sum(pad(x, 9991999))",
    "sum(broadcast_to(x, 1000000000))", "sum(fft(x, 1000000000))", "sum(vander(x, 1000000000))",
    "sum(repeat(repeat(repeat(x, 1999), 1999), 1999))", "sum(diag(x, 1000000))",
    "sum(eye(1000000000)*x)",
    "a = outer(x, x); b = kron(a, a); c = kron(b, b); d = kron(c, c); e2 = kron(d, d); sum(e2)",
    "sum(diff(x, 1999))", "\x00", "\ud800", "y = \u202ex", "ｘ＿", "x = x = x", "while 1: pass",
    "x @ @ x", "y = <script>alert(1)</script>", "# comment", "y = `x`", "print(x)",
    "breakpoint()", "", "   ", "array_split(x, 1999)", "x.T.T.T.dump('a')",
    "sum(x, dtype=object)", "sum(x, out=x)",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.timeout(60)
def test_hostile_formulas(text):
    tracemalloc.start()
    try:
        for values in ({"x": "2"}, {"x": "[1, 2, 3]"}):
            found = faults({"formula": text, "values": values})
            assert all(fault["message"] for fault in found)
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_there_are_fifty_of_them():
    assert len(HOSTILE) >= 50


def test_sizes_are_limited_where_they_are_known():
    fits = {"formula": "sum(outer(x, x))", "values": {"x": str(list(range(1, 101)))}}
    assert explained(fits).solution.value == 5050.0**2
    large = {**fits, "values": {"x": str(list(range(1, 201)))}}
    message = faults(large)[0]["message"]
    assert "40,000" in message
    assert f"{limits.MAX_ELEMENTS:,}" in message


def test_pictures_and_paths():
    found = ask("picture", NEURON, level="scalars", open=[])
    assert found["svg"].startswith("<svg")
    assert found["level"] == "scalars"
    for wrong in (5, "abc", [1], {"g0": 1}):
        with pytest.raises(Faulty, match="list of names"):
            ask("picture", NEURON, open=wrong)
    why = ask("why", NEURON, name="w")
    assert why["gradient"]["text"] == "3"
    with pytest.raises(cr.errors.ArgumentError):
        ask("why", NEURON, name="nothing")


def test_a_step_gives_values_that_read_back():
    state = {"example": "two-layer"}
    found = ask("step", state, lr="0.01")
    after = explained({**state, "values": found["values"]}).solution
    update = explained(state).solution.step(0.01)
    assert after.value == update.after
    assert float(found["actual"]) == pytest.approx(update.actual, rel=1e-4)
    assert found["held"] == list(update.held)
    for lr in ("0", "-1", "fast", "", None, "[1, 2]"):
        assert faults(state, "step", lr=lr)[0]["field"] == "lr"


BEGINS = {".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-1."}


@pytest.mark.parametrize("suffix", TYPES)
def test_files(suffix):
    if suffix in BEGINS:
        pytest.importorskip("matplotlib")
    found = ask("export", NEURON, suffix=suffix)
    assert found["name"] == f"formula{suffix}"
    content = base64.b64decode(found["content"])
    if suffix in BEGINS:
        assert content.startswith(BEGINS[suffix])
        return
    text = content.decode()
    assert len(text) > 100
    if suffix == ".json":
        assert json.loads(text)["value"] == 7.0


@pytest.mark.parametrize("suffix", SLOW)
@pytest.mark.timeout(60)
def test_a_file_that_takes_too_long_is_given_up(monkeypatch, suffix):
    monkeypatch.setattr(limits, "APART_SECONDS", 0.05)
    fault = faults(NEURON, "export", suffix=suffix)[0]
    assert fault["field"] == "suffix"
    assert "Save" in fault["message"]
    assert suffix[1:].upper() in fault["message"]
    # Nothing is left of it, and the next one is made.
    assert not apart.running
    assert not list(Path(tempfile.gettempdir()).glob("chainrule-lab-*/*"))


def test_many_paths_are_told_elsewhere_or_given_up(monkeypatch):
    state = {"formula": "A = outer(x, x)*w\ny = sum(A @ A)", "values": {"x": "[1, 2, 3]", "w": "2"}}
    here = ask("why", state, name="w")
    monkeypatch.setattr(limits, "MAX_BETWEEN", 5)
    assert ask("why", state, name="w") == here
    monkeypatch.setattr(limits, "APART_SECONDS", 0.05)
    fault = faults(state, "why", name="w")[0]
    assert "too many" in fault["message"]


@pytest.mark.parametrize("name", [None, 3, {}, "w[" + "9" * 5000 + "]"])
def test_names_that_are_none(name):
    assert faults(NEURON, "why", name=name)[0]["field"] == "name"


def test_memory_has_a_limit(monkeypatch):
    pytest.importorskip("resource")
    code = (
        "from chainrule.lab import limits; limits.APART_BYTES = 2**29\n"
        "from chainrule.lab.apart import _bound_memory; _bound_memory(); import numpy\n"
        "try: numpy.ones(2**27)\nexcept MemoryError: print('refused')"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert found.stdout == "refused\n", found.stderr


def test_faults_of_a_file_made_elsewhere_stand_beside_their_fields():
    state = {**NEURON, "values": {"w": "[1,", "x": "3", "b": "1"}}
    assert faults(state, "export", suffix=".html")[0]["field"] == "value:w"


def test_files_end_with_the_lab():
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(ask, "export", NEURON, suffix=".html")
        while not apart.running:
            time.sleep(0.002)
        apart.close()
        assert isinstance(made.exception(60), Faulty)


def test_a_file_of_another_kind():
    assert faults(NEURON, "export", suffix=".exe")[0]["field"] == "suffix"


def test_names_with_script_stay_text():
    # A name cannot hold a bracket; a value and an upstream gradient are text of the user's, too.
    state = {**NEURON, "values": {**NEURON["values"], "w": "<img src=x onerror=alert(1)>"}}
    message = faults(state)[0]["message"]
    assert message
    assert faults({"example": "<script>"})[0]["field"] == "example"


def test_values_that_an_example_is_not_made_for():
    fault = faults({"example": "neuron", "values": {"x": "6"}})[0]
    assert fault["field"] == "values"
    assert "cannot be worked out for these values" in fault["message"]


def test_states_that_are_none():
    for state in (None, [], "neuron", 3):
        with pytest.raises(Faulty):
            ask("explain", state)
    for state in ({}, {"formula": 3}, {"formula": None}, {"example": ["neuron"]}, {"example": 1}):
        assert faults(state)
    assert explained({"example": "neuron", "values": []}).solution.value == 6.0
    assert (
        faults({**NEURON, "values": {"w": {"a": 1}, "x": "1", "b": "1"}})[0]["field"] == "value:w"
    )
    assert faults({**NEURON, "notation": "rows"})[0]["field"] == "notation"
