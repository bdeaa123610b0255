"""The document that the page, the widget and the lab show: its numbers are those of the steps."""

import base64
import gzip
import json
import re
import sys
import xml.etree.ElementTree as ET
from html import unescape

import numpy as np
import pytest
from pages import solved

import chainrule as cr
from chainrule.cli.targets import EXAMPLES
from chainrule.errors import ArgumentError
from chainrule.render import page as words
from chainrule.view import document, module, page, picture, why
from chainrule.view.arguments import value_source
from chainrule.view.asked import precomputed
from chainrule.view.mathml import mathml


@pytest.fixture(scope="module", params=[*EXAMPLES])
def example(request):
    return solved(request.param)


@pytest.fixture(scope="module")
def alone(example):
    return document(example.explanation, alone=True)


def of(f, *args, **options):
    return document(cr.explain(f, *args, **options).explanation)


# -- numbers and formulas --------------------------------------------------------------------


def test_each_step_is_in_the_document_with_its_numbers(example):
    made = document(example.explanation)
    assert len(made["steps"]) == len(example.steps)
    for data, step in zip(made["steps"], example.steps, strict=True):
        assert (data["number"], data["kind"]) == (step.number, step.kind)
        assert data["value"] == words.value_text(step.value)
        assert data["target"] == words.part_text(step)
        if step.local is not None:
            assert data["local"]["text"] == words.value_text(step.local.value)
            assert data["upstream"]["text"] == words.value_text(step.upstream_value)
    assert made["value"]["text"] == words.value_text(example.value)


def test_formulas_are_mathml_and_latex(example):
    for step in document(example.explanation)["steps"]:
        assert step["lines"], step["title"]
        for line in step["lines"]:
            for formula in (line["left"], *line["rights"]):
                ET.fromstring(formula)
                assert "\\" not in formula, formula
        assert all(line["latex"].split(" = ")[0] in step["latex"] for line in step["lines"])


@pytest.mark.parametrize(
    ("latex", "text"),
    [("-0.5", "−0.5"), (r"2 \cdot 10^{-8}", "2·10−8"), (r"\mathrm{a\_b}", "a_b"),
     (r"\mathrm{d}\mathrm{loss}", "dloss"), (r"\mathrm{<b>\lbrace }", "<b>{"), (r"\foo{", "\\foo{"),
     (r"\begin{bmatrix} 1 & -2 \\ 3 & 4 \cdot 10^{2} \end{bmatrix}", "[1−234·102]")],
)  # fmt: skip
def test_mathml_says_what_the_latex_does(latex, text):
    assert "".join(ET.fromstring(mathml(latex)).itertext()) == text


def test_the_fast_way_for_matrices_gives_what_reading_gives():
    from chainrule.view.mathml import _matrix, _Reader

    latex = r"\begin{bmatrix} 0.5 & -1 \\ 3 & 2 \cdot 10^{-9} \end{bmatrix}"
    fast = "".join(ET.fromstring(_matrix(latex)).itertext())
    [read] = _Reader(latex).row()
    assert "".join(ET.fromstring(read.xml).itertext()) == fast
    assert _matrix(latex).count("<mtd>") == read.xml.count("<mtd>") == 4


def test_pages_and_static_forms_need_no_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    s = cr.explain(lambda w, x: w * x, 2.0, 3.0)
    assert "<math>" in s._repr_html_()
    assert "<svg" in s._repr_html_()
    assert s.html().startswith("<!DOCTYPE html>")


# -- arguments -------------------------------------------------------------------------------


def test_arguments_have_text_to_edit_that_reads_back_to_the_same_numbers(example):
    from chainrule.formula import parse_value

    made = {a["name"]: a for a in document(example.explanation)["arguments"]}
    for name, value in example.explanation.arguments.items():
        assert np.array_equal(np.asarray(parse_value(made[name]["text"])), np.asarray(value))
        assert made[name]["wrt"] == (name in example.grads)
        if name in example.grads:
            cells = [c["text"] for row in made[name]["gradient"]["grid"] for c in row]
            assert np.allclose([float(c) for c in cells], np.ravel(example.grads[name]), rtol=1e-5)


@pytest.mark.parametrize(
    "value", [0.1, -0.0, 1e-300, 1e22, [1.0, [2.0]][0], [[1.5, 2.0]], np.float32([0.1, 3])]
)
def test_a_value_written_can_be_read_again(value):
    from chainrule.formula import parse_value

    again = np.asarray(parse_value(value_source(value)), np.asarray(value).dtype)
    assert again.tobytes() == np.asarray(value).tobytes()


def test_names_of_cells_are_names_that_can_be_asked_about():
    def f(rows, p, A):
        return np.sum(rows[1][0] * p["k"] * A)

    s = cr.explain(f, [[1.0, 2.0], [3.0, 4.0]], {"k": 2.0}, np.ones((2, 2)))
    made = {a["name"]: a for a in document(s.explanation)["arguments"]}
    for name in ("rows", "A"):
        for row in made[name]["gradient"]["grid"]:
            for cell in row:
                assert why(s.explanation, cell["name"])["name"] == cell["name"]
    assert made["p"]["text"] is None
    assert "p['k'] = 2" in made["p"]["shown"]
    [part] = made["p"]["parts"]
    assert (part["name"], part["text"], part["wrt"]) == ("p['k']", None, True)
    [[cell]] = part["gradient"]["grid"]
    assert why(s.explanation, cell["name"])["gradient"]["text"] == cell["text"]
    assert made["A"]["parts"] == []


def test_large_arguments_are_summarised():
    made = of(lambda X, w: np.sum(X * w), np.ones((90, 90)), np.ones(90))
    big, vector = made["arguments"]
    assert big["text"] is None
    assert big["grid"] is None
    assert vector["text"].startswith("[1, 1")
    assert "8100" not in big["shown"]
    assert "90 x 90" in big["shown"]
    assert len(json.dumps(made)) < 60_000


# -- paths -----------------------------------------------------------------------------------


def test_paths_in_the_document_are_those_of_why(example, alone):
    made = alone
    assert made["paths"]
    for name, data in made["paths"].items():
        paths = example.why(name, k=8)
        assert data["gradient"]["number"] == paths.gradient
        assert [t["product"]["number"] for t in data["terms"]] == [p.product for p in paths.shown]
        total = sum(t["product"]["number"] for t in data["terms"]) + data["rest"]["number"]
        assert total == pytest.approx(paths.gradient, rel=1e-12, abs=1e-15)
        ids = {stop["id"].split("[")[0] for t in data["terms"] for stop in t["stops"]}
        svg = made["pictures"]["tensors"]["svg"]
        assert all(f'data-id="{i}"' in svg for i in ids), ids


# -- pictures, source, notations -------------------------------------------------------------


def test_paths_through_many_numbers_are_bounded():
    def made(size):
        x = np.full((size, size), 1 / size)
        return cr.explain(lambda x: np.mean(x @ x @ x @ x @ x @ x), x).explanation

    assert len(precomputed(made(4))) == 16
    assert 1 <= len(precomputed(made(20))) < 10
    with pytest.raises(cr.errors.ArgumentError, match="Too many numbers"):
        why(made(150), "x[0, 0]")


def test_ids_of_steps_are_those_of_the_picture(example):
    made = document(example.explanation, level="tensors")
    svg = made["pictures"]["tensors"]["svg"]
    shown = set(re.findall(r'data-id="([^"]*)"', unescape(svg)))
    for step in made["steps"]:
        assert step["node"] in shown
    edges = [s["edge"] for s in made["steps"] if s["kind"] == "backward"]
    assert edges
    assert all(e in shown for e in edges)
    assert set(made["pictures"]["tensors"]["edges"]) <= shown
    assert "<style" not in svg
    assert made["style"]


def test_levels_are_offered_where_they_look_another_way():
    assert [v["id"] for v in document(solved("neuron").explanation)["levels"]] == [
        "neurons", "tensors"
    ]  # fmt: skip
    levels = [v["id"] for v in document(solved("classifier").explanation)["levels"]]
    assert levels == ["scalars", "neurons", "tensors", "layers"]
    for level in levels:
        assert picture(solved("classifier").explanation, level)["level"] == level


def test_steps_know_their_line_of_the_source():
    made = document(solved("neuron").explanation)
    [source] = made["sources"]
    assert source["file"] == "neuron.py"
    assert source["lines"][0].startswith("def neuron(")
    for step in made["steps"]:
        if step["kind"] == "forward":
            place, number = step["line"]
            assert step["target"] in made["sources"][place]["lines"][number - source["first"]]


def test_without_source_the_forward_pass_is_written_out():
    f = eval("lambda w, x: w * x + w")  # there is no file to read
    made = of(f, 2.0, 3.0)
    [source] = made["sources"]
    assert source["file"] == ""
    assert source["lines"][0] == "t1 = w · x"
    assert [s["line"] for s in made["steps"] if s["kind"] == "forward"] == [[0, 1], [0, 2]]


def test_each_notation_is_a_document_of_its_own():
    s = solved("classifier")
    made = document(s.explanation, alone=True)
    assert [n["id"] for n in made["notations"]] == ["columns", "sum"]
    assert list(made["variants"]) == ["columns", "sum", "columns sum"]
    columns = made["variants"]["columns"]
    assert columns["arguments"][0]["shape"] == [2, 3]
    summed = made["variants"]["sum"]["paths"]["W1[0, 1]"]["gradient"]["number"]
    assert summed == pytest.approx(3 * s.grads["W1"][0, 1])
    assert document(s.explanation, notation=("columns",))["notation"] == ["columns"]


# -- anything users make up ------------------------------------------------------------------


def test_a_document_is_plain_json_whatever_the_numbers():
    made = of(lambda a, b: a * 1e-300 * b, 1e-5, np.float32(1e3))
    json.loads(json.dumps(made, allow_nan=False))
    deep = of(lambda 重, b: np.sum(np.tanh(重) * b), np.ones((2, 2, 3)), 1e-12)
    json.loads(json.dumps(deep, allow_nan=False))


def test_a_loop_and_a_long_graph_have_a_document():
    def f(x, n=600):
        for _ in range(n):
            x = x * 0.999 + 0.001
        return x

    s = cr.explain(f, 2.0)
    made = document(s.explanation)
    numbers = [step["number"] for step in made["steps"] if step["number"]]
    assert len(numbers) == 1500
    assert made["left_out"] == s.explanation.last_step - 1500
    assert numbers[0] == 1
    assert made["steps"][-1]["target"] == "dx"
    # Those that are left out are not written for it.
    again = cr.explain(f, 2.0).explanation
    document(again)
    assert "steps" not in vars(again)


def test_the_page_is_small_and_the_same_each_time(example, alone):
    html = example.html()
    assert len(html.encode()) < 1_000_000
    assert html == page(alone, example.text())
    assert "http:" not in re.sub(r"http://www\.w3\.org/[\w/]*", "", html.split("</style>")[1])


def test_the_modules_are_one_that_exports_mount():
    text = module()
    assert text.count("export ") == 1
    assert text.rstrip().endswith("export { mount };")
    assert "import " not in re.sub(r"/\*.*?\*/|//.*", "", text, flags=re.DOTALL)
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))


def test_save_writes_a_page(tmp_path):
    path = solved("neuron").save(tmp_path / "neuron.html")
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")


# -- files in another notation -----------------------------------------------------------------


def begin_of(html):
    packed = re.search(r'id="data">([^<]*)', html)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))["begin"]


def test_a_file_that_stands_alone_begins_in_the_notation_asked_for():
    explanation = solved("classifier").explanation
    made = document(explanation, alone=True, notation=["sum", "columns"])
    assert (made["notation"], made["begin"]) == ([], ["columns", "sum"])
    assert document(explanation, alone=True)["begin"] == []
    groups = {name: len(one["pictures"]) for name, one in made["variants"].items()}
    assert groups["columns sum"] > groups["columns"] > len(made["levels"])
    with pytest.raises(ArgumentError, match="samples as rows"):
        document(explanation, alone=True, notation=["rows"])


def test_every_form_is_written_in_the_notation_that_a_view_shows(tmp_path):
    s = solved("classifier")
    turned = s.notation("columns")
    assert "W1 @ X" in turned.save(tmp_path / "turned.txt").read_text()
    assert "X @ W1" in s.save(tmp_path / "given.txt").read_text()
    for suffix in (".md", ".tex", ".json", ".svg", ".py"):
        ours, theirs = (
            one.save(tmp_path / f"{name}{suffix}").read_text()
            for name, one in (("given", s), ("turned", turned))
        )
        assert ours != theirs
    assert "W1 @ X" in turned.save(tmp_path / "turned.py").read_text()
    html = turned.save(tmp_path / "turned.html").read_text()
    assert begin_of(html) == ["columns"]
    assert "W1 @ X" in unescape(html)  # for a browser without JavaScript
    shown = turned._repr_html_()  # as a notebook shows it
    assert "<svg" in shown
    assert shown != s._repr_html_()
    both = turned.notation("sum")
    assert begin_of(both.html()) == begin_of(s.notation("columns", "sum").html())
    assert both.text() == s.notation("columns", "sum").text()


def test_the_widget_and_the_lab_save_what_they_show():
    from chainrule.lab.answers import ANSWERS
    from chainrule.widget.session import Session

    session = Session(solved("classifier"))
    session.answer("recompute", {"notation": ["columns"]})
    page = base64.b64decode(session.answer("export", {"suffix": "html"})["file"]["base64"])
    assert begin_of(page.decode()) == ["columns"]
    for notation, loss in (([], "1.68708"), (["sum"], "5.06124")):
        state = {"example": "classifier", "notation": notation}
        made = ANSWERS["export"]({"state": state, "suffix": ".txt"})
        assert f"= {loss}\n" in base64.b64decode(made["content"]).decode()
