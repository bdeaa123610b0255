"""The notebook widget: messages in, documents out; and once in a browser, as a notebook runs it."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, MissingExtraError
from chainrule.examples.neuron import neuron
from chainrule.explaining.notations import given_value
from chainrule.widget.session import Session
from chainrule.widget.values import value_of

X = np.array([[1.0, 2.0], [-1.5, 0.5], [0.3, -0.8]])
W = np.array([[0.5, -0.4, 0.1], [-0.2, 0.3, 0.8]])
B = np.array([0.0, 0.1, -0.1])


def layer(X, W, b):
    z = X @ W + b
    return np.mean(np.maximum(z, 0) ** 2)


@pytest.fixture
def s():
    return cr.explain(neuron, [1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0)


@pytest.fixture
def widget(s):
    pytest.importorskip("anywidget")
    made = s.widget()
    made.sent = []
    made.send = made.sent.append
    return made


def messages(answer):
    return {e["field"]: e["message"] for e in answer["errors"]}


# -- values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "old", "wanted"),
    [
        ("2", 1.0, 2.0),
        ("1/4", 1.0, 0.25),
        ("[1, 2]", [0.0, 0.0], [1.0, 2.0]),
        ("[1, 2]", (0.0, 0.0), (1.0, 2.0)),
        ("3", 2, 3),
        ("2.5", 2, 2.5),
        ("-3", np.float32(1.0), np.float32(-3.0)),
    ],
)
def test_values_keep_their_kind(text, old, wanted):
    got = value_of(text, old)
    assert type(got) is type(wanted)
    assert got == wanted


def test_arrays_keep_their_dtype():
    assert value_of("[[1, 2]]", np.zeros((1, 2), np.float32)).dtype == np.float32
    labels = value_of("[2, 0]", np.array([0, 1]))
    assert labels.dtype.kind == "i"
    assert labels.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("text", "old", "message"),
    [
        ("", 1.0, "no value"),
        ("two", 1.0, "where a number belongs"),
        ("__import__('os')", 1.0, "underscore"),
        ("exp(1)", 1.0, "calls no functions"),
        ("[1, 2]", 1.0, "a list where a number belongs"),
        ("1", X, "a number where a matrix belongs"),
        ("[0.5, 1]", np.array([0, 1]), "Whole numbers"),
        ("nan", 1.0, "nan"),
        (7, 1.0, "A value is text"),
        ("1", {"a": 1.0}, "cannot be changed here"),
        ("[" + "1, " * 3000 + "1]", [1.0], "too many numbers"),
        (str([[1] * 50] * 50), X, "too many numbers"),
        ("1" * 200_000, 1.0, "too long"),
    ],
)
def test_wrong_values_say_what_to_write(text, old, message):
    with pytest.raises(ChainruleError, match=message):
        value_of(text, old)


# -- a session ---------------------------------------------------------------------------


def test_a_change_reaches_the_solution(s):
    answer = Session(s).answer("recompute", {"arguments": {"w": "[1, 2, 3]", "b": "1"}})
    assert s.value == 7.0
    assert s.grads == {"x": [1.0, 2.0, 3.0], "w": [1.0, -2.0, 3.0], "b": 1.0}
    assert answer["document"]["value"]["text"] == "7"
    assert [step.value for step in s.steps if step.target == "y"] == [7.0]
    json.dumps(answer, allow_nan=False)


def test_what_is_as_shown_is_not_read_again():
    w = np.array([1 / 3, np.nextafter(1.0, 2.0)], np.float32)
    s = cr.explain(lambda w, b: np.sum(w) * b, w, 1.0)
    session = Session(s)
    texts = {a["name"]: a["text"] for a in session.document["arguments"]}
    session.answer("recompute", {"arguments": {**texts, "b": "2"}})
    assert s.explanation.arguments["w"] is w


def test_a_wrong_value_leaves_all_as_it_was(s):
    session = Session(s)
    before, text = session.document, s.text()
    answer = session.answer("recompute", {"arguments": {"w": "[1, 2", "b": "x", "x": "[0, 0, 0]"}})
    assert set(messages(answer)) == {"w", "b"}
    assert session.document is before
    assert s.text() == text


def test_what_the_function_raises_stands_beside_the_field(s):
    session = Session(s)
    answer = session.answer("recompute", {"arguments": {"w": "[1, 2]"}})
    assert messages(answer) == {"w": "IndexError: list index out of range"}
    two = session.answer("recompute", {"arguments": {"w": "[1, 2]", "x": "[1]"}})
    assert set(messages(two)) == {""}
    assert s.value == 6.0


def test_an_overflow_is_told_and_not_shown():
    s = cr.explain(lambda x: np.log(x) * 2.0, 2.0)
    answer = Session(s).answer("recompute", {"arguments": {"x": "0"}})
    assert "inf" in messages(answer)["x"]
    assert s.grads == {"x": 1.0}


def test_the_upstream_gradient_can_be_changed():
    s = cr.explain(lambda x: x**2, np.array([1.0, 2.0]), upstream=np.array([1.0, 0.0]))
    session = Session(s)
    session.answer("recompute", {"upstream": "[0, 1]"})
    np.testing.assert_array_equal(s.grads["x"], [0.0, 4.0])
    assert "upstream" in messages(session.answer("recompute", {"upstream": "3"}))
    # The next change goes on from the new one.
    session.answer("recompute", {"arguments": {"x": "[1, 3]"}})
    np.testing.assert_array_equal(s.grads["x"], [0.0, 6.0])


def test_notations_leave_the_solution_as_the_user_wrote_it():
    s = cr.explain(layer, X, W, B)
    session = Session(s)
    document = session.answer("recompute", {"notation": ["columns", "sum"]})["document"]
    assert document["notation"] == ["columns", "sum"]
    (shown,) = (a for a in document["arguments"] if a["name"] == "b")
    assert shown["shape"] == [3, 1]
    assert s.grads["W"].shape == (2, 3)
    session.answer("recompute", {"arguments": {"b": "[[1], [1], [2]]", "W": shown_w(2)}})
    np.testing.assert_array_equal(s.explanation.arguments["b"], [1.0, 1.0, 2.0])
    np.testing.assert_array_equal(s.explanation.arguments["W"], np.full((2, 3), 2.0))
    assert session.notation == ("columns", "sum")
    assert "polar" in messages(session.answer("recompute", {"notation": ["polar"]}))[""]


def shown_w(number):
    return str([[number] * 2] * 3)


def test_a_value_goes_back_as_it_came():
    assert given_value([[1.0, 2.0]], X, ["columns"]).shape == (2, 1)
    assert given_value([[1.0], [2.0]], B, ["columns"]).tolist() == [1.0, 2.0]
    assert given_value([[1.0, 2.0]], X, ["columns", "rows"]) == [[1.0, 2.0]]
    assert given_value(3.0, 2.0, ["columns"]) == 3.0


def test_pictures_paths_and_files(s):
    session = Session(s)
    assert "<svg" in session.answer("picture", {"level": "tensors", "open": []})["picture"]["svg"]
    assert session.answer("why", {"name": "w[0]"})["why"]["gradient"]["text"] == "1"
    made = session.answer("export", {"suffix": ".md"})["file"]
    assert made["name"] == "neuron.md"
    assert base64.b64decode(made["base64"]).decode() == s.markdown()


@pytest.mark.parametrize(
    ("ask", "given"),
    [
        ("destroy", {}),
        (None, {}),
        ("recompute", None),
        ("recompute", {"arguments": 7}),
        ("recompute", {"arguments": {"nobody": "1"}}),
        ("recompute", {"notation": 7}),
        ("why", {}),
        ("why", {"name": "w"}),
        ("picture", {"level": "atoms"}),
        ("export", {"suffix": "../../x"}),
        ("export", {"suffix": "exe"}),
    ],
)
def test_what_nobody_asked_for_is_refused(s, ask, given):
    answer = Session(s).answer(ask, given)
    assert list(answer) == ["errors"]
    assert answer["errors"][0]["message"]
    assert s.value == 6.0


def test_a_solution_of_a_model_can_be_shown_but_not_changed():
    from chainrule.graphing import record
    from chainrule.solving import solution_of

    s = solution_of(record(layer, (X, W, B), {}))
    answer = Session(s).answer("recompute", {"arguments": {"b": "[1, 2, 3]"}})
    assert "cannot be run again" in messages(answer)["b"]


# -- the widget --------------------------------------------------------------------------


def test_messages_get_answers_with_their_number(widget, s):
    widget._asked(widget, {"id": "a1", "ask": "recompute", "given": {"arguments": {"b": "2"}}}, [])
    (sent,) = widget.sent
    assert sent["id"] == "a1"
    assert sent["serial"] == widget.serial == 1
    assert sent["document"] == widget.document
    assert s.value == 7.0
    assert widget.solution is s
    assert s.widget() is widget


def test_wrong_messages_change_nothing(widget, s):
    before = widget.document
    for content in ({"id": 1, "ask": "x"}, {"id": 2}, {"ask": "recompute"}, "text", None, []):
        widget._asked(widget, content, [])
    assert [m["id"] for m in widget.sent] == [1, 2]
    assert all(m["errors"] for m in widget.sent)
    assert widget.document is before
    assert widget.serial == 0


def test_the_widget_survives_its_solution_becoming_another(s, widget):
    other = s.at({"b": 3.0})
    assert (s.value, other.value) == (6.0, 8.0)
    code = s.code()
    s.become(other)
    assert s.value == 8.0
    assert s.code() != code
    assert s.widget() is widget
    assert other._widget is None


# -- how a solution shows itself ---------------------------------------------------------


class _Shell:
    kernel = object()


def test_in_a_kernel_it_shows_the_widget(s, widget, monkeypatch):
    import IPython

    assert s._repr_mimebundle_() == {}
    monkeypatch.setattr(IPython, "get_ipython", _Shell)
    bundle = s._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert list(data) == ["application/vnd.jupyter.widget-view+json"]
    assert s._display_() is widget


def test_a_long_computation_is_no_widget_unless_asked_for(monkeypatch):
    import IPython

    def long(x):
        for _ in range(1100):
            x = np.sin(x)
        return x

    s = cr.explain(long, 1.0)
    monkeypatch.setattr(IPython, "get_ipython", _Shell)
    assert s._repr_mimebundle_() == {}
    assert not hasattr(s._display_(), "session")
    # Nor thousands of rows: a notebook of them would be megabytes that nobody reads.
    html = s._repr_html_()
    assert html.count("<li>") == 40
    assert html.count("1,080 more steps") == 1
    assert html.count("1,081 more steps") == 1  # the seed of the backward pass is one
    assert "<svg" in html
    assert s._repr_markdown_() is None


def test_without_the_extra_it_shows_the_static_form(s, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "chainrule.widget.live", raising=False)
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", _Shell)
    assert s._repr_mimebundle_() == {}
    assert s._display_()._repr_html_() == s._repr_html_()
    with pytest.raises(MissingExtraError, match=r"chainrule\[look\]"):
        s.widget()


def test_explaining_imports_no_widget():
    code = (
        "import sys, chainrule as cr\n"
        "s = cr.explain(lambda x: x * x, 2.0); s.text()\n"
        "print([m for m in sys.modules if 'widget' in m or m == 'IPython'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_arrays_that_are_too_large_are_shown_and_not_edited():
    s = cr.explain(lambda a: np.sum(a**2), np.ones(5000))
    session = Session(s)
    assert session.document["arguments"][0]["text"] is None
    with pytest.raises(ArgumentError, match="too many numbers"):
        value_of(str([[1] * 50] * 50), np.ones((50, 50)))
