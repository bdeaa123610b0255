"""A gradient of a word reads as one, in each medium, and is a name in code and in checks."""

import json
import re
from html import unescape

import numpy as np
import pytest

import chainrule as cr
from chainrule.explaining.gradient_names import (
    gradient_asked,
    gradient_latex,
    gradient_name,
    gradient_text,
)
from chainrule.picture.scenes import scene
from chainrule.view import document, picture


def network(data, dense1_W, alpha, b):
    hidden = np.tanh(data @ dense1_W + b)
    loss = np.sum(alpha * hidden)
    return loss


@pytest.fixture(scope="module")
def solution():
    data = np.array([[1.0, -0.5], [0.25, 2.0]])
    return cr.explain(network, data, np.array([[0.5, 0.0], [1.0, -1.0]]), 2.0, np.zeros(2))


@pytest.mark.parametrize(
    ("value", "text", "latex"),
    [
        ("z", "dz", r"\mathrm{d}z"),
        ("W1[0, 2]", "dW1[0, 2]", r"\mathrm{d}W_{1,\mathrm{0, 2}}"),
        ("t", "dt", r"\mathrm{d}t"),
        ("dt", "d dt", r"\mathrm{d}\,\mathrm{dt}"),
        ("loss", "d loss", r"\mathrm{d}\,\mathrm{loss}"),
        ("dense1_W", "d dense1_W", r"\mathrm{d}\,\mathrm{dense1\_W}"),
        ("params['W1']", "d params['W1']", r"\mathrm{d}\,\mathrm{params}_{\mathrm{W1}}"),
        ("alpha", "d alpha", r"\mathrm{d}\alpha"),
        ("ω", "dω", r"\mathrm{d}\omega"),
        ("größe", "d größe", r"\mathrm{d}\,\mathrm{größe}"),
        ("权重", "d 权重", r"\mathrm{d}\,\mathrm{权重}"),
        ("_h", "d_h", r"\mathrm{d}\,\mathrm{\_h}"),
        ("x_mean", "dx_mean", r"\mathrm{d}\,\mathrm{x\_mean}"),
    ],
)
def test_the_d_stands_apart_from_a_word(value, text, latex):
    name = gradient_name(value)
    assert (gradient_text(name), gradient_latex(name)) == (text, latex)
    assert gradient_asked(text) == name


def test_text_writes_a_word_apart_and_says_its_name_in_code(solution):
    text = solution.text()
    assert "d loss = 1\n" in text
    assert "d dense1_W = data.T @ dt1 =" in text
    assert "db = sum(dt2" in text  # a letter is a letter
    assert "In code, d data is ddata." in text
    body = text.replace("In code, d data is ddata.", "")
    assert not re.search(r"\bd(data|dense1_W|alpha|hidden|loss)\b", body)
    assert "In code" not in cr.explain(lambda w, x: w * x, 2.0, 3.0).text()


def test_formulas_in_latex_markdown_and_mathml_have_a_space(solution):
    assert r"\mathrm{d}\,\mathrm{dense1\_W} &=" in solution.latex()
    assert r"\mathrm{d}\mathrm" not in solution.latex()
    assert r"\mathrm{d}\thinspace \mathrm{loss}" in solution.markdown()
    steps = document(solution.explanation)["steps"]
    (step,) = [step for step in steps if step["target"] == "d dense1_W"]
    d = '<mi mathvariant="normal">d</mi>'
    assert step["lines"][0]["left"].count(f'{d}<mspace width="0.17em"/><mi>dense1_W</mi>') == 1


def test_what_a_word_of_two_parts_is_put_into_holds_it_together():
    def f(matrix, w):
        turned = matrix.T
        return np.sum(turned @ w)

    text = cr.explain(f, np.ones((2, 3)), np.ones(2)).text()
    assert "d matrix = (d turned).T =" in text
    (edge,) = [
        edge for edge in scene(cr.explain(f, np.ones((2, 3)), np.ones(2)).explanation).edges
        if edge.symbols.startswith("d matrix")
    ]  # fmt: skip
    assert edge.local.text == "·.T"


def test_pictures_and_panels_write_it_as_the_steps_do(solution):
    edges = picture(solution.explanation, "tensors")["edges"].values()
    said = {edge["upstream"] for edge in edges} | {edge["symbols"] for edge in edges}
    assert "d loss = 1" in said
    assert any(s.startswith("d dense1_W = data.T @ dt1") for s in said)
    single = picture(solution.explanation, "scalars")["edges"].values()
    assert "d hidden[1, 0] = 2" in {edge["upstream"] for edge in single}
    made = document(solution.explanation, alone=True)
    assert made["seed"] == "d loss"
    assert made["paths"]["dense1_W[1, 0]"]["title"] == "d dense1_W[1, 0]"
    assert [a["gradient"]["name"] for a in made["arguments"]] == \
        ["d data", "d dense1_W", "d alpha", "db"]  # fmt: skip
    assert "ddata" not in unescape(re.sub(r"In code, d data is ddata", "", json.dumps(made)))


def test_it_can_be_asked_for_as_it_is_written_or_as_it_is_called(solution):
    assert solution.why("d dense1_W[1, 0]").text() == solution.why("ddense1_W[1, 0]").text()
    assert solution.why("ddense1_W[1, 0]").text().startswith("d dense1_W[1, 0] = ")
    assert solution.text(of="d hidden") == solution.text(of="dhidden") != ""
    assert solution.latex(of="d hidden") == solution.latex(of="dhidden") != ""
    assert solution.why("data[0, 1]").text().startswith("d data[0, 1] = ")


def test_code_and_data_keep_one_name_which_a_check_understands(solution):
    code = solution.code("numpy")
    assert "ddense1_W = data.T @" in code
    targets = [step["target"] for step in json.loads(solution.json())["steps"]]
    assert {"ddense1_W", "dloss", "ddata"} <= set(targets)
    values = solution.explanation.arguments
    right = {"ddense1_W": solution.grads["dense1_W"], "ddata": solution.grads["data"]}
    assert cr.check(network, **values, gradients=right).ok


def test_an_index_sum_takes_no_value_for_a_gradient(solution):
    (note,) = [note for note in solution.shapes() if note.gradient == "ddense1_W"]
    assert note.formula == "data.T @ dt1"
    assert note.index_sum == "d dense1_W[i,j] = Σ_n data[n,i] · dt1[n,j]"
    assert r"\left(\mathrm{data}\right)_{n,i}" in note.latex
    assert r"\left(\mathrm{d}\,\mathrm{dense1\_W}\right)_{i,j}" in note.latex
