"""A report of a check reads well in each form, and says the same in all of them."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from passes.stacks import Dense

import chainrule.testing
from chainrule.checking.api import check
from chainrule.checking.as_json import SCHEMA
from chainrule.checking.contrast import contrast
from chainrule.checking.findings import Diagnosis, Finding, Repair
from chainrule.checking.mistakes import MISTAKES
from chainrule.checking.report import Report
from chainrule.checking.telling import COLUMNS, title
from chainrule.errors import ArgumentError, Location
from chainrule.testing import assert_backward

GOLDEN = Path(__file__).parent / "golden"
POINTS = ("the given input", "inputs 5 % away")
EVIDENCE = "with `{}` in its place, every gradient that was wrong is right"


def at(line, function="affine_backward", file="homework/affine.py"):
    return Location(file, line, function)


def right(name, line, error=0.0, where=at):
    return Finding(name, name[1:], "right", error, 1.0, 1.0, where(line), f"{name} = ...")


def repaired(finding, after, *mistakes):
    return replace(finding, repair=Repair(finding.where, finding.line, after), mistakes=mistakes)


def a_wrong_pair():
    dz = Finding(
        "dz", "z", "wrong", 1.25, np.array([[0.5, -2.0], [0.0, 1.0]]),
        np.array([[0.5, 0.0], [0.0, 1.6]]), at(18), "dz = dy * (\n    y >= 0)",
    )  # fmt: skip
    dz = repaired(
        dz, "dz = dy * (\n    z > 0)",
        Diagnosis("wrong-mask", EVIDENCE.format("dz = dy * (\n    z > 0)")),
    )  # fmt: skip
    dw = Finding("dw", "w", "carried", 0.75, 3.0, 4.0, at(19), "dw = x.T @ dz")
    return Report(
        "affine",
        (dz, dw, replace(dw, name="dx", where=at(20)), right("db", 21, 2.2e-16)),
        "traced derivative",
        POINTS,
        ("At the given input dx lies at a kink, where there is no derivative.",),
    )


def method(line):
    return at(line, "backward", "layers.py")


def a_right_layer():
    names = enumerate(("self.dweights", "self.dbiases", "self.dinputs"), 15)
    return Report("Dense", tuple(right(n, i, 0.0, method) for i, n in names),
                  "complex step", POINTS)  # fmt: skip


def a_wrong_stack():
    loss = Finding(
        "self.dinputs of layer 2, CrossEntropy", "y_pred", "wrong", 4.0,
        np.full((2, 2), -3.0), np.full((2, 2), -0.6), method(47), "self.dinputs = -hot / dvalues",
    )  # fmt: skip
    relu = Finding(
        "self.dinputs of layer 1, ReLU", "inputs", "wrong", 0.56, np.ones(3), np.zeros(3),
        method(27), "self.dinputs[self.output < 0] = 0",
    )  # fmt: skip
    return Report(
        "a stack of 3: Dense, ReLU, CrossEntropy",
        (
            repaired(loss, "self.dinputs = -hot / dvalues / n", Diagnosis(
                "scale", EVIDENCE.format("self.dinputs = -hot / dvalues / n"))),
            repaired(relu, "self.dinputs[self.output <= 0] = 0", Diagnosis(
                "mask-edge", EVIDENCE.format("self.dinputs[self.output <= 0] = 0"))),
            right("self.dweights of layer 0, Dense", 15, 0.0, method),
        ),
        "traced derivative", POINTS,
    )  # fmt: skip


def two_mistakes():
    apart = "another size of the batch: give one of 5 rows"
    db = Finding("db", "b", "wrong", None, np.ones(3), np.array([1.5, 2.5]), at(30), "db = g / 2")
    db = replace(db, mistakes=(
        Diagnosis("scale", "each number is half of what it should be", apart),
        Diagnosis("sum-for-mean", "the batch has 2 rows", apart),
        Diagnosis("shape", "db has shape (3,), and b has shape (2,)."),
    ))  # fmt: skip
    return Report("affine", (db,), "traced derivative", POINTS)


def a_large_array():
    expected = np.linspace(-1, 1, 600).reshape(4, 150)
    got = expected.copy()
    got[1, 3] = np.nan
    got[2, 4] = 7.0
    line = "dx = " + " + ".join(["dz"] * 60)
    dx = Finding("dx", "x", "wrong", np.nan, got, expected, at(9), line)
    dx = repaired(dx, line.replace("dz +", "du +"), Diagnosis("wrong-operand", ""))
    return Report("net", (dx, right("d" + "very_long_name" * 3, 10)), "extrapolated differences",
                  POINTS, ("The forward pass cannot be traced. " * 5,))  # fmt: skip


def an_error():
    what = "The backward pass raised IndexError: index 3 is out of bounds"
    return Report(
        "lookup",
        (Finding("the pass", "", "wrong", where=at(7, "lookup_backward"), line="dz = g[3]",
                 mistakes=(Diagnosis("raises", what),), note="mend the error first"),),
        "none",
    )  # fmt: skip


def by_hand():
    db = Finding("db", "b", "wrong", 0.5, 1.5, 1.0)
    odd = Finding("dc", "c", "wrong", None, "one | two", 1.0)
    return Report("neuron", (db, odd), "traced derivative", ("the given input",))


def at_a_kink():
    dx = Finding("dx", "x", "untestable", where=at(4), line="dx = g * (x > 0)",
                 note="x is 0, where max(x, 0) has no derivative")  # fmt: skip
    return Report("relu", (dx,), "traced derivative", POINTS[:1])


REPORTS = {
    "wrong": a_wrong_pair(),
    "right": a_right_layer(),
    "stack": a_wrong_stack(),
    "two-mistakes": two_mistakes(),
    "large": a_large_array(),
    "error": an_error(),
    "by-hand": by_hand(),
    "kink": at_a_kink(),
}
FORMS = {"txt": "text", "md": "markdown", "json": "json"}
EVERY = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("form", ["text", "markdown"])
def test_reports_are_written_as_before(name, form, request):
    compare_with_golden(getattr(REPORTS[name], form)(), f"check-{name}.{form}", request)


def test_json_is_written_as_before(request):
    compare_with_golden(REPORTS["wrong"].json(), "check-wrong.json", request)


def compare_with_golden(shown, name, request):
    # Named by the format: ruff would format the code in a .md file.
    file = GOLDEN / name
    if request.config.getoption("--update-golden"):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8"), "see pytest --update-golden"


TITLES = {
    "wrong": "backward of affine: wrong, first in line 18 of affine.py",
    "right": "backward of Dense: right in self.dweights, self.dbiases and self.dinputs",
    "stack": "backward of a stack of 3: wrong, first in line 47 of layers.py",
    "by-hand": "backward of neuron: wrong, first in db",
    "kink": "backward of relu: nothing could be tested",
}


@pytest.mark.parametrize("name", TITLES)
def test_the_first_line_is_the_verdict(name):
    assert REPORTS[name].text().splitlines()[0] == TITLES[name]
    assert REPORTS[name].markdown().splitlines()[0] == f"# {TITLES[name]}"


def test_a_verdict_that_is_right_counts_what_it_cannot_name():
    few = Report("f", (right("dx", 1), right("dw", 2)), "traced derivative", POINTS)
    assert title(few) == "backward of f: right in dx and dw, at the given input and at " + POINTS[1]
    some = replace(few, findings=(*few.findings, *at_a_kink().findings))
    assert title(some) == "backward of f: right in dx and dw; dx could not be tested"
    many = replace(few, findings=few.findings * 6)
    assert title(many).startswith("backward of f: right in all 12 gradients, at the given input")
    assert title(replace(few, findings=())) == "backward of f: nothing could be tested"


@EVERY
def test_no_line_of_text_is_too_wide(report):
    lines = report.text().splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert not any(line != line.rstrip() for line in lines)
    assert "\n\n\n" not in report.text()
    assert "\x1b" not in report.text()


def test_a_table_that_is_too_wide_keeps_its_lines_and_the_ends_of_names():
    place = at(12, "f", "a_file_with_quite_a_long_name_for_one_that_is_only_homework.py")
    for name in ("self.dinputs of layer 3, SomeLayer", "self.dinputs of " * 6 + "layer 3, Some"):
        finding = Finding(name, "x", "right", 1.2e-16, where=place)
        line = Report("f", (finding,), "").text().splitlines()[-1]
        assert len(line) <= COLUMNS
        assert line.endswith("homework.py:12")
        assert "layer 3, Some" in line


@EVERY
def test_markdown_is_set_as_it_is_meant(report):
    text = report.markdown()
    page = MarkdownIt("commonmark").enable("table").render(text)
    for fence in re.findall(r"```\w+\n(.*?)\n```", text, re.S):
        assert fence in html.unescape(page)
    if "## Gradients" in text:
        assert page.count("<tr>") == len(report.findings) + 1
    for finding in report.findings:
        assert f"<code>{html.escape(finding.name)}</code>" in page


@EVERY
def test_json_says_everything_and_can_be_read_by_all(report):
    content = json.loads(report.json(), parse_constant=pytest.fail)
    assert list(content) == [
        "schema", "name", "ok", "first_wrong", "method", "points", "notes", "findings", "worked",
    ]  # fmt: skip
    assert content["schema"] == SCHEMA == "chainrule.check/1"
    assert content["ok"] is report.ok
    assert content["first_wrong"] == (report.first_wrong and report.first_wrong.name)
    for row, finding in zip(content["findings"], report.findings, strict=True):
        assert list(row) == [
            "name", "of", "verdict", "error", "got", "expected", "where", "line", "mistakes",
            "repair", "note",
        ]  # fmt: skip
        assert (row["name"], row["verdict"], row["line"]) == (
            finding.name, finding.verdict, finding.line,
        )  # fmt: skip
        if finding.where is not None:
            assert row["where"]["file"] == finding.where.file
            assert row["where"]["line"] == finding.where.line
        assert [m["kind"] for m in row["mistakes"]] == [m.kind for m in finding.mistakes]


def test_json_has_null_for_what_is_not_finite():
    dx = replace(right("dx", 1), got=np.array([np.nan, 0.1]), expected=[-np.inf, np.float32(2)],
                 error=np.inf)  # fmt: skip
    row = json.loads(Report("f", (dx,), "complex step").json())["findings"][0]
    assert (row["got"], row["expected"], row["error"]) == ([None, 0.1], [None, 2.0], None)
    row = json.loads(REPORTS["large"].json())["findings"][0]
    assert row["got"][1][3] is None
    assert row["got"][2][4] == 7.0


@EVERY
def test_both_forms_name_every_mistake(report):
    for form in (report.text(), report.markdown().replace("\\", "")):
        flat = " ".join(form.split())
        for mistake in report.first_wrong.mistakes if report.first_wrong else ():
            known = mistake.evidence if mistake.kind == "shape" else MISTAKES[mistake.kind].title
            assert known[1:] in flat


def test_two_mistakes_are_both_said_with_what_tells_them_apart():
    text = REPORTS["two-mistakes"].text()
    order = ["Several mistakes explain this equally well:", "1. Scaled by a constant: each",
             "2. A sum where a mean belongs, or the reverse: the batch has 2 rows.",
             "To tell them apart: another size of the batch", "db has shape (3,)",
             "Instead: count the factors"]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert text.count("tell them apart") == 1


def test_what_only_carries_an_error_is_explained_once():
    text = " ".join(REPORTS["wrong"].text().split())
    assert text.count("Carried: dw and dx are wrong only because of dz;") == 1
    assert text.count("only because") == 1
    wrong = REPORTS["wrong"]
    alone = " ".join(replace(wrong, findings=wrong.findings[:2]).text().split())
    assert "dw is wrong only because of dz; its line follows rightly from what it is" in alone


def test_an_error_that_is_mended_is_not_said_to_need_mending():
    assert "Instead: mend the error first." in REPORTS["error"].text()
    (finding,) = REPORTS["error"].findings
    mended = repaired(finding, "dz = g[2]", *finding.mistakes)
    assert "Instead" not in replace(REPORTS["error"], findings=(mended,)).text()


@pytest.mark.parametrize(
    ("suffix", "form"), [("txt", "text"), ("md", "markdown"), ("json", "json")]
)
def test_saving(tmp_path, suffix, form):
    path = REPORTS["stack"].save(tmp_path / f"report.{suffix}")
    assert path.read_text(encoding="utf-8") == getattr(REPORTS["stack"], form)()


def test_saving_in_a_form_that_there_is_not(tmp_path):
    with pytest.raises(ArgumentError, match=r"saved as '\.tex'") as raised:
        REPORTS["stack"].save(tmp_path / "report.tex")
    assert ".txt, .md, .json" in str(raised.value)


# -- numbers -----------------------------------------------------------------------------------

NUMBERS = {
    "two numbers": (3, 1.5, ["got       3.0", "expected  1.5"]),
    "more digits where they are needed": (
        1.0000001, 1.0, ["got       1.0000001", "expected  1.0000000"],
    ),
    "far apart": (1.5e9, 2.5, ["got       1.5e+09", "expected      2.5"]),
    "a list": ([1, -2.25], [1, 2.25], [
        "got       [1.00, -2.25]",
        "expected  [1.00,  2.25]",
        "furthest apart at [1]: -2.25 instead of 2.25; 1 of 2 numbers differs",
    ]),
    "side by side": ([[1, 0], [20, 0.5]], [[1, 3], [20, 0]], [
        "got             expected",
        "[[ 1.0,   0],   [[ 1.0, 3.0],",
        " [20.0, 0.5]]    [20.0,   0]]",
        "furthest apart at [0, 1]: 0 instead of 3; 2 of 4 numbers differ",
    ]),
    "other shapes": ([[1.0], [2.0]], [1.0, 2.0], [
        "got     expected",
        "[[1],   [1, 2]",
        " [2]]",
    ]),
    "not finite": ([np.nan, 1, np.inf], [0.5, 1, 0.25], [
        "got       [ nan, 1.00,  inf]",
        "expected  [0.50, 1.00, 0.25]",
        "furthest apart at [0]: nan instead of 0.5; 2 of 3 numbers differ",
    ]),
    "three axes": ([[[1.5], [2]]], [[[1.5], [3]]], [
        "got       [[[1.5], [2]]]",
        "expected  [[[1.5], [3]]]",
        "furthest apart at [0, 1, 0]: 2 instead of 3; 1 of 2 numbers differs",
    ]),
    "nothing to compare with": (None, [1.0], ["got       -", "expected  [1]"]),
    "no numbers": ("abc", 1.0, ["got       'abc'", "expected  1"]),
    "nothing": (None, None, []),
    "empty": (np.ones((0, 3)), np.ones((2, 3)), [
        "          shape   norm  from  to",
        "got       0 x 3      -     -   -",
        "expected  2 x 3  2.449     1   1",
    ]),
    "all alike": (np.ones(100), np.zeros(100), [
        "          shape  norm  from  to",
        "got       100      10     1   1",
        "expected  100       0     0   0",
        "furthest apart at [0]: 1 instead of 0; all 100 numbers differ",
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("got", "expected", "lines"), NUMBERS.values(), ids=NUMBERS)
def test_two_gradients_beside_each_other(got, expected, lines):
    got, expected = (np.array(v) if isinstance(v, list) else v for v in (got, expected))
    assert contrast(got, expected, 80) == [line.rstrip() for line in lines]


@pytest.mark.parametrize("shape", [(2, 6), (6, 2), (30,), (2, 3, 4), (1, 20), (16, 4), (40, 40)])
def test_numbers_of_any_shape_fit_a_line(shape):
    rng = np.random.default_rng(0)
    for size in (1e-9, 1.0, 12345.678, 1e12):
        lines = contrast(size * rng.normal(size=shape), size * rng.normal(size=shape), 70)
        assert max(map(len, lines)) <= 70
        assert any(line.startswith("furthest apart at [") for line in lines)


# -- from the real thing -----------------------------------------------------------------------


def affine(x, w, b):
    z = x @ w + b
    return np.maximum(z, 0)


def affine_backward(dy, x, w, b):
    z = x @ w + b
    dz = dy * (z > 0)
    dw = x.T @ dz
    db = dz.sum(axis=1)
    return dz @ w.T, dw, db


def right_backward(dy, x, w, b):
    z = x @ w + b
    dz = dy * (z > 0)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


class Square:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs**2

    def backward(self, dvalues):
        self.dinputs = self.inputs * dvalues


def arrays():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)


def checked(text):
    lines = text.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    return lines


def test_a_wrong_pair_of_functions():
    report = check(affine, affine_backward, *arrays())
    line = affine_backward.__code__.co_firstlineno + 4
    lines = checked(report.text())
    assert lines[0] == f"backward of affine: wrong, first in line {line} of {Path(__file__).name}"
    assert lines[2] == f"db   {Path(__file__).name}:{line}, in affine_backward"
    assert lines[3] == f"  {line:>4} | db = dz.sum(axis=1)"
    assert "  + db = dz.sum(axis=0)" in lines
    assert "```diff\n- db = dz.sum(axis=1)\n+ db = dz.sum(axis=0)\n```" in report.markdown()
    row = next(f for f in json.loads(report.json())["findings"] if f["name"] == "db")
    assert row["where"] == {"file": __file__, "line": line, "function": "affine_backward"}
    assert row["mistakes"][0]["kind"] == "wrong-axis"


def test_a_right_layer():
    text = check(Dense(np.random.default_rng(0), 3, 2), arrays()[0]).text()
    lines = checked(text)
    assert lines[0].startswith("backward of Dense: right in self.dweights, self.dbiases and")
    assert text.count("right  ") == 3


def test_a_wrong_stack():
    rng = np.random.default_rng(0)
    report = check([Dense(rng, 3, 2), Square()], rng.normal(size=(4, 3)))
    line = Square.backward.__code__.co_firstlineno + 1
    lines = checked(report.text())
    assert lines[0].endswith(f"wrong, first in line {line} of {Path(__file__).name}")
    assert sum(" right " in row for row in lines) == 3


# -- in a test suite ---------------------------------------------------------------------------


def test_assert_backward_returns_the_report_of_what_is_right():
    assert assert_backward(affine, right_backward, *arrays()).ok
    assert assert_backward(Dense(np.random.default_rng(0), 3, 2), arrays()[0]).ok


def test_assert_backward_says_what_is_wrong():
    with pytest.raises(AssertionError) as raised:
        assert_backward(affine, affine_backward, *arrays())
    assert str(raised.value).startswith("backward of affine: wrong, first in line")
    assert "  + db = dz.sum(axis=0)" in str(raised.value)
    assert raised.traceback[-1].frame.code.name == "assert_backward"
    assert raised.traceback[-1].ishidden(raised)


def test_assert_backward_wants_something_to_be_tested(monkeypatch):
    monkeypatch.setattr(chainrule.testing, "check", lambda *_, **__: at_a_kink())
    with pytest.raises(AssertionError, match="nothing could be tested"):
        assert_backward(affine, right_backward, *arrays())


def test_assert_backward_refuses_what_check_refuses():
    with pytest.raises(ArgumentError):
        assert_backward(affine)
