"""Each format says what the steps say, and its formulas are mathematics that a reader can set."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from corpus import CASES, IDS
from latex2mathml.converter import convert

import chainrule as cr
from chainrule.structure import leaves

EVERY = pytest.mark.parametrize("case", CASES, ids=IDS)


def solution(case):
    return cr.explain(case.function, wrt=case.wrt, upstream=case.upstream, **case.arguments)


@EVERY
def test_markdown_formulas_convert(case):
    text = solution(case).markdown()
    formulas = re.findall(r"\$\$ (.*?) \$\$", text, re.S) + re.findall(r"(?<!\$)\$([^$]+)\$", text)
    assert len(formulas) > 4
    for formula in formulas:
        assert convert(formula).startswith("<math")
        assert formula.count("{") == formula.count("}")


@EVERY
def test_latex_document_is_balanced_and_converts(case):
    text = solution(case).latex()
    body = text.split(r"\subsection*{As code}")[0]
    begun = re.findall(r"\\begin\{(\w+\*?)\}", text)
    assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+\*?)\}", text))
    equations = re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", body, re.S)
    assert equations
    for equation in equations:
        plain = re.sub(r"\\tag\*\{\d+\}", "", equation)
        assert convert(rf"\begin{{aligned}}{plain}\end{{aligned}}").startswith("<math")
    assert body.isascii()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@EVERY
def test_latex_document_compiles(case, tmp_path):
    file = solution(case).save(tmp_path / "solution.tex")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", file.name],
        cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1500:]
    assert (tmp_path / "solution.pdf").stat().st_size > 1000


@EVERY
def test_json_holds_every_number_exactly(case):
    s = solution(case)
    content = json.loads(s.json())
    for (_, mine), (_, theirs) in zip(
        leaves(content["gradients"]["" or next(iter(s.grads))]),
        leaves(json.loads(json.dumps(_plain(next(iter(s.grads.values())))))),
        strict=True,
    ):
        assert mine == theirs
    assert len(content["steps"]) == len(s.steps)
    for row, step in zip(content["steps"], s.steps, strict=True):
        value = np.asarray(step.value)
        np.testing.assert_array_equal(np.array(row["value"]).reshape(value.shape), value)
        assert row["kind"] == step.kind


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


@EVERY
def test_all_formats_name_the_same_steps(case):
    s = solution(case)
    numbered = [step.number for step in s.steps if step.number]
    assert numbered == list(range(1, len(numbered) + 1))
    text = s.text()
    assert [int(n) for n in re.findall(r"^ {1,3}(\d+)  ", text, re.M)] == numbered
    markdown = s.markdown()
    assert [int(n) for n in re.findall(r"\\text\{(\d+)\.\}", markdown)] == numbered
    assert [int(n) for n in re.findall(r"\\tag\*\{(\d+)\}", s.latex())] == numbered
    for step in s.steps:
        if step.reason:
            assert step.reason[1:20] in text
            assert step.reason[1:20] in markdown.replace("\\", "")


def test_the_neuron_reads_from_top_to_bottom():
    text = solution(CASES[0]).text()
    order = ["Inputs", "Forward pass", "z = xw0 + xw1 + xw2 + b = -3 + 2 + 6 + 1 = 6",
             "Backward pass", "dy = 1", "dz = dy · ∂y/∂z = 1 · 1 = 1",
             "dw[0] = dxw0 · ∂xw0/∂w[0] = 1 · 1 = 1", "Gradients", "dw = [1, -2, 3]"]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_softmax_is_shown_both_ways():
    case = next(c for c in CASES if c.name == "classifier")
    text = solution(case).text()
    assert "Softmax both ways" in text
    assert "(probabilities - eye(3)[y]) / confidences.size" in text
    rows = re.findall(r"Jacobian · upstream = (\[.*\])\n  dz2\[\d\] = (\[.*\])", text)
    assert len(rows) == 3
    assert all(product == short for product, short in rows)


def test_a_branch_is_told():
    case = next(c for c in CASES if c.name == "branching")
    assert "The condition x > 0 was True (corpus.py:" in solution(case).text()
