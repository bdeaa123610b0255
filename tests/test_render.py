"""Each format says what the steps say, and its formulas are mathematics that a reader can set."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from corpus import CASES, IDS
from latex2mathml.converter import convert
from markdown_it import MarkdownIt

import chainrule as cr
from chainrule.render.fitting import COLUMNS, LINE, chain, width, wrapped
from chainrule.render.json import plain
from chainrule.structure import leaves

EVERY = pytest.mark.parametrize("case", CASES, ids=IDS)
NEEDS_PDFLATEX = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="pdflatex is not installed"
)
GOLDEN = Path(__file__).parent / "golden"


def solution(case):
    return cr.explain(case.function, wrt=case.wrt, upstream=case.upstream, **case.arguments)


def formulas(markdown):
    text = markdown.split("## As code")[0]
    text = re.sub(r"^`.*", "", text, flags=re.M)  # the user's lines
    return re.findall(r"\$\$ (.*?) \$\$", text, re.S) + re.findall(r"(?<!\$)\$([^$\n]+)\$", text)


@EVERY
def test_markdown_formulas_convert(case):
    found = formulas(solution(case).markdown())
    assert len(found) > 4
    for formula in found:
        assert convert(formula).startswith("<math")
        assert formula.count("{") == formula.count("}")


@EVERY
def test_markdown_leaves_formulas_as_they_are(case):
    """GitHub reads a formula as Markdown before it sets it: github/markup issue 1547."""
    text = solution(case).markdown()
    page = html.unescape(MarkdownIt("commonmark").enable("table").render(text))
    for formula in formulas(text):
        assert formula in page


@EVERY
def test_latex_document_is_balanced_and_converts(case):
    text = solution(case).latex()
    body = text.split(r"\subsection*{As code}")[0]
    begun = re.findall(r"\\begin\{(\w+\*?)\}", text)
    assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+\*?)\}", text))
    equations = re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", body, re.S)
    assert equations
    for equation in equations:
        plainer = re.sub(r"\\tag\*\{\d+\}|\\fitted", "", equation)
        assert convert(rf"\begin{{aligned}}{plainer}\end{{aligned}}").startswith("<math")
    table = re.search(r"\\begin\{longtable\}.*?\\end\{longtable\}", body, re.S)[0]
    for formula in re.findall(r"\$([^$]+)\$", table):
        assert convert(formula.replace(r"\fitted", "")).startswith("<math")
    assert body.isascii()


def compiled(document, folder):
    file = folder / "solution.tex"
    file.write_text(document, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", file.name],
        cwd=folder, capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1500:]
    assert (folder / "solution.pdf").stat().st_size > 1000
    return done.stdout


@NEEDS_PDFLATEX
@EVERY
def test_latex_document_compiles(case, tmp_path):
    log = compiled(solution(case).latex(), tmp_path)
    assert "Overfull" not in log


def wide(x):
    y = np.sum(x * x)
    return y


def long_sum(x, w):
    z = x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3] + x[4] * w[4] + x[5] * w[5]
    y = z * (x[0] + x[1] + x[2] + x[3] + x[4] + x[5] + w[0] + w[1] + w[2] + w[3] + w[4] + w[5])
    return y


def greek(θ, α, ωmega):
    μ = θ * α * ωmega  # ∂μ/∂θ, größer 日
    return μ * μ


def accents(größe, élan, señal, čas):
    naïveté = größe * élan + señal * čas  # ö é ñ č
    return naïveté * größe


def odd_keys(p):
    q = p["a_b"] * p["c^d{}"] * p["e|f`g~\\"] * len("\\end{verbatim}")
    return q * q


ODD = {
    "20 columns": (wide, np.linspace(0, 1, 20)),
    "32 columns": (wide, np.linspace(-1, 1, 64).reshape(2, 32) / 3),
    "64 rows": (wide, np.linspace(-1, 1, 64).reshape(64, 1) / 3),
    "three axes": (wide, np.arange(24.0).reshape(2, 3, 4)),
    "large": (wide, np.arange(100.0) / 100),
    "many terms": (long_sum, [0.125, 2.25, -3.5, 0.1, 0.2, 0.3], [1.5, -2.5, 3.25, 0.4, 0.5, 0.6]),
    "Greek": (greek, 2.0, 3.0, 4.0),
    "accents": (accents, 2.0, 3.0, 4.0, 5.0),
    "keys": (odd_keys, {"a_b": 1.0, "c^d{}": 2.0, "e|f`g~\\": 3.0}),
}
EVERY_ODD = pytest.mark.parametrize("call", ODD.values(), ids=ODD)


@EVERY_ODD
def test_odd_shapes_and_names_are_shown(call):
    s = cr.explain(*call)
    text = s.markdown()
    page = html.unescape(MarkdownIt("commonmark").enable("table").render(text))
    for formula in formulas(text):
        assert convert(formula).startswith("<math")
        assert formula in page
    for equation in re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", s.latex(), re.S):
        plainer = re.sub(r"\\tag\*\{\d+\}|\\fitted", "", equation)
        assert convert(rf"\begin{{aligned}}{plainer}\end{{aligned}}").startswith("<math")


@NEEDS_PDFLATEX
@EVERY_ODD
def test_odd_shapes_and_names_compile(call, tmp_path):
    assert "Overfull" not in compiled(cr.explain(*call).latex(), tmp_path)


def test_large_arrays_are_summarised():
    text = cr.explain(*ODD["large"]).markdown()
    assert r"$$ x = \text{array of 100, norm 5.73, from 0 to 0.99} $$" in text
    assert r"array of 2 x 3 x 4, norm" in cr.explain(*ODD["three axes"]).latex()


def test_a_long_chain_breaks_at_its_signs():
    lines = chain("z", (" + ".join(["abcdefghij"] * 12), "1")).splitlines()
    assert len(lines) == 3
    assert all(width(line) < LINE + 5 for line in lines)
    assert lines[1].strip().startswith(r"&\quad {} + ")


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_the_neuron_is_written_as_before(form, request):
    shown = getattr(solution(CASES[0]), form)()
    # Named by the format: ruff would format the code in a .md file.
    file = GOLDEN / f"neuron.{form}"
    if request.config.getoption("--update-golden"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8"), "see pytest --update-golden"


@EVERY
def test_json_holds_every_number_exactly(case):
    s = solution(case)
    content = json.loads(s.json(), parse_constant=pytest.fail)
    assert list(content["gradients"]) == list(s.grads) == content["wrt"]
    for name, gradient in s.grads.items():
        mine, theirs = leaves(content["gradients"][name]), leaves(_plain(gradient))
        assert mine == theirs
    assert len(content["steps"]) == len(s.steps)
    for row, step in zip(content["steps"], s.steps, strict=True):
        value = np.asarray(step.value)
        np.testing.assert_array_equal(np.array(row["value"]).reshape(value.shape), value)
        assert (row["kind"], tuple(row["part"])) == (step.kind, step.part)


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


STEP_KEYS = {
    "number", "kind", "target", "value", "symbols", "numbers", "simpler", "through", "upstream",
    "local", "reason", "part", "line",
}  # fmt: skip


@EVERY
def test_json_has_the_same_keys_in_every_step(case):
    content = json.loads(solution(case).json())
    assert list(content) == [
        "name", "output", "value", "arguments", "wrt", "gradients", "branches", "steps",
    ]  # fmt: skip
    for step in content["steps"]:
        assert set(step) == STEP_KEYS
        if step["line"] is not None:
            assert set(step["line"]) == {"file", "line", "function", "source"}
            assert "/" not in step["line"]["file"]


def test_json_has_no_nan_and_no_infinity():
    i = {"real": 0.0, "imag": 1.0}
    found = plain([np.nan, -np.inf, np.array([np.inf, 1.0]), np.float32(0.1), np.True_, 1j])
    assert found == ["NaN", "-Infinity", ["Infinity", 1.0], float(np.float32(0.1)), True, i]


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


def test_lines_values_and_gradients_are_the_same_in_markdown_and_latex():
    s = solution(CASES[0])
    for shown in (s.markdown(), s.latex()):
        order = ["xw0 = x[0] * w[0]", "y = max(z, 0)", "Backward pass", "Through", "Gradients",
                 "Gradient", "Value", "The largest is", "As code"]  # fmt: skip
        at = 0
        for part in order:
            at = shown.index(part, at)
    assert r"| $\mathrm{d}w$ | $\left[1, -2, 3\right]$ |" in s.markdown()


def test_gradients_in_formulas_are_written_as_gradients():
    s = cr.explain(lambda dz, W1, b1: np.sum((dz @ W1 + b1) ** 2), *_layer_arrays())
    step = next(step for step in s.steps if step.target == "dW1")
    assert step.symbols.latex == r"\mathrm{dz}^{\top}\, \mathrm{d}t_{1}"


def _layer_arrays():
    return np.ones((2, 3)), np.ones((3, 4)), np.ones(4)


def test_a_name_keeps_its_case_at_the_start_of_a_sentence():
    text = cr.explain(lambda q: q * q, 3.0).text()
    assert "There are 2 ways from q to the output, and their gradients add up." in text


def test_the_neuron_reads_from_top_to_bottom():
    text = solution(CASES[0]).text()
    order = ["Inputs", "Forward pass", "z = xw0 + xw1 + xw2 + b = -3 + 2 + 6 + 1 = 6",
             "Backward pass", "dy = 1", "dz = dy · ∂y/∂z = 1 · 1 = 1",
             "dw[0] = d xw0 · ∂xw0/∂w[0] = 1 · 1 = 1", "Gradients", "dw = [1, -2, 3]"]  # fmt: skip
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


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_no_line_of_text_is_too_long(case):
    s = cr.explain(case.function, wrt=case.wrt, upstream=case.upstream, **case.arguments)
    for line in s.text().splitlines():
        assert len(line) <= COLUMNS or line.lstrip().startswith("["), line


def test_long_lines_break_at_signs_and_between_words():
    formula = "  12  dz = " + " + ".join(f"sum(a{i} · b{i}, axis=0)" for i in range(12)) + " ="
    lines = list(wrapped(formula))
    assert len(lines) == 3
    assert all(len(line) <= COLUMNS for line in lines)
    assert all(line.startswith("          + sum(a") for line in lines[1:])
    assert "".join(line.strip() for line in lines).replace(" ", "") == formula.replace(" ", "")
    prose = "      " + "a sentence of many words that goes on and on " * 4
    assert all(len(line) <= COLUMNS for line in wrapped(prose))
    assert [line[:6] for line in wrapped(prose)] == ["      "] * 2
    assert list(wrapped("short = 1")) == ["short = 1"]


def test_a_matrix_of_one_element_keeps_its_brackets():
    s = cr.explain(lambda a, b: np.sum(a @ b), np.array([[2.0]]), np.array([[3.0]]))
    assert "t1 = a @ b = [[2]] @ [[3]] = [[6]]" in s.text()
    assert r"\begin{bmatrix} 2 \end{bmatrix}" in s.latex()


def test_gradients_that_are_all_0_are_told_as_such():
    text = cr.explain(lambda x: np.sum(np.maximum(x, 0)), np.array([-1.0, -2.0])).text()
    assert "All of them are 0" in text
    assert "The largest" not in text


def test_a_word_that_begins_with_a_greek_letter_stays_a_word():
    def f(ωmega, σ):
        return ωmega * σ

    latex = cr.explain(f, 2.0, 3.0).latex()
    assert r"\mathrm{\omega mega}" in latex
    assert r"\sigma" in latex
    assert "omegamega" not in latex


def test_the_condition_of_a_choice_is_told_by_if():
    latex = cr.explain(lambda x: np.sum(np.where(x > 0, x, 2 * x)), np.array([1.0, -1.0])).latex()
    assert r"\text{if } " in latex


def test_a_sum_over_the_ways_may_begin_with_a_minus_sign():
    s = cr.explain(lambda x: x * x - 3 * x * x, 2.0)
    assert "= -6 + (-6) + 2 + 2 = -8" in s.text()
    assert r"= -6 + \left(-6\right) + 2 + 2 = -8" in s.latex()
