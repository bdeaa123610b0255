"""What values begin with: arrays where the formula needs them, numbers where it does not."""

import tracemalloc

import numpy as np
import pytest

pytest.importorskip("starlette")

from test_lab_explorer import HOSTILE
from test_lab_seeds import CLASSIFIER, LAYER, NETWORK, NEURON, PASTED, RELU, SCALARS, SOFTMAX

from chainrule.formula import FUNCTIONS, parse
from chainrule.lab import beginnings, limits
from chainrule.lab.answers import ANSWERS
from chainrule.lab.beginnings import begun
from chainrule.lab.explorer import explained
from chainrule.lab.fillings import fillings
from chainrule.lab.targets import Faulty


def form(formula, **asked):
    return ANSWERS["form"]({"state": {"formula": formula}, **asked})


def texts(formula, **asked):
    """Name -> text to begin with, and that of the upstream gradient under ""."""
    found = form(formula, **asked)
    return {a["name"]: a["text"] or a["begin"] for a in found["arguments"]} | {
        "": found["upstream"]
    }


def shapes(formula, **asked):
    """Write name -> shape, as NumPy has it, without the upstream gradient."""
    found = form(formula, **asked)["arguments"]
    return {a["name"]: np.shape(eval(a["begin"])) for a in found}


def solution(formula, **asked):
    """Explain a formula at the values that it begins with."""
    values = texts(formula, **asked) | asked.get("typed", {})
    return explained({"formula": formula, "values": values, "upstream": values[""]}).solution


NUMBERS = [
    "z = w*x + b\ny = max(z, 0)", SCALARS["formula"], RELU["formula"], "1 / (1 + exp(-x))",
    "L = -sum(Y * log(P))", "z = np.dot(w, x) + b", "W1 = W - lr * dW",
]  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_where_numbers_do_all_begin_with_numbers(text):
    found = texts(text)
    assert found.pop("") == ""
    begin = ["2", "3", "1", "0.5", "-1", "1.5"] * 3
    assert [*found.values()] == begin[: len(found)]
    assert solution(text).grads


MLP = "H = relu(X @ W1 + b1)\nZ = H @ W2 + b2\n"
#: Formula -> the shapes that its reader would expect.
NEEDED = {
    "Z = X @ W + b": {"X": (2, 3), "W": (3, 2), "b": (2,)},
    "Z = b + X @ W.T": {"b": (2,), "X": (2, 3), "W": (2, 3)},
    "z = W @ x + b": {"W": (2, 3), "x": (3,), "b": (2,)},
    "z = w @ x + b\ny = max(z, 0)": {"w": (2,), "x": (2,), "b": ()},
    "y = sum(X, axis=1)": {"X": (2, 3)},
    "p = softmax(z)": {"z": (2,)},
    "y = x[4]**2": {"x": (5,)},
    "y = X[1, 2]": {"X": (2, 3)},
    "y = det(A)": {"A": (2, 2)},
    "y = X @ [[1, 2], [3, 4], [5, 6], [7, 8]]": {"X": (2, 4)},
    NEURON["formula"]: {"x": (3,), "w": (3,), "b": ()},
    "loss = mean((X @ w - y)**2) + lam*sum(w**2)": {"X": (2, 3), "w": (3,), "y": (2,), "lam": ()},
    "S = Q @ K.T / sqrt(d)\nA = softmax(S, axis=1)\nO = A @ V":
        {"Q": (2, 3), "K": (2, 3), "d": (), "V": (2, 3)},
    "P = softmax(np.dot(X, W.T) + b, axis=1)": {"X": (2, 3), "W": (3, 3), "b": (3,)},
    f"{MLP}L = -mean(sum(Y * log(softmax(Z, axis=1)), axis=1))":
        {"X": (2, 3), "W1": (3, 2), "b1": (2,), "W2": (2, 3), "b2": (3,), "Y": (2, 3)},
    "L = -mean(sum(Y * log(P), axis=1))": {"Y": (2, 3), "P": (2, 3)},
    CLASSIFIER["formula"]: {"inputs": (2, 3), "y_true": (2, 3)},
}  # fmt: skip


@pytest.mark.parametrize("text", NEEDED)
def test_values_begin_as_the_formula_needs_them(text):
    assert shapes(text) == NEEDED[text]
    assert all(np.any(grad) for grad in solution(text).grads.values())


SEEDS = [LAYER, NETWORK, SOFTMAX, CLASSIFIER, NEURON, SCALARS, RELU]


@pytest.mark.parametrize("state", SEEDS, ids=range(len(SEEDS)))
def test_what_the_walkthroughs_type_works_at_once(state):
    assert solution(state["formula"]).grads
    # Of what they type, any one value alone does as well: the others fit themselves to it.
    for name, text in state["values"].items():
        if name != "actual_y":  # a list of one, which a formula works with in one way only
            assert solution(state["formula"], typed={name: text}).grads, name


def test_values_in_the_formula_are_those_to_begin_with():
    found = texts(PASTED)
    assert found == {"x": "[1, -2, 3]", "w": "[-3, -1, 2]", "b": "1", "": ""}
    assert np.shape(eval(texts("X = [[1, 2]]\nW = [[1], [2]]\nZ = X @ W")[""])) == (1, 1)


def test_numbers_are_short_different_and_the_same_each_time():
    found = texts("Z = X @ W + b")
    assert found == texts("Z = X @ W + b")
    assert len(set(found.values())) == 4
    for text in found.values():
        numbers = np.ravel(eval(text))
        assert len(set(numbers)) == numbers.size
        assert all(abs(2 * n) == int(abs(2 * n)) < 10 for n in numbers)
    for place in range(11):
        for size in (2, 3):
            assert abs(np.linalg.det(fillings(place, (size, size))[0])) > 0.4


def test_what_is_typed_stays_and_the_rest_fits_to_it():
    typed = {"X": "[[1, 2, 3, 4, 5]]"}
    before = texts("Z = X @ W + b")
    begun = {name: before[name] for name in "Wb"}
    assert shapes("Z = X @ W + b", typed=typed, begun=begun) == {"X": (), "W": (5, 2), "b": (2,)}
    found = texts("Z = X @ W + b", typed=typed, begun=begun, upstream=before[""])
    assert found["b"] == before["b"]  # it fits as it is
    assert np.shape(eval(found[""])) == (1, 2)
    # Nothing can fit to what cannot be read, or be multiplied: nothing changes.
    for wrong in ("[[1, 2", "", "5", "[" * 50, None, 7, ["1"], "__import__('os')"):
        same = texts("Z = X @ W + b", typed={"X": wrong}, begun=begun, upstream=before[""])
        assert [same["W"], same["b"], same[""]] == [before["W"], before["b"], before[""]]
        assert (
            texts("Z = X @ W", typed={"X": wrong}, begun={"W": "[[1], [2]]"})["W"] == "[[1], [2]]"
        )


def test_what_has_begun_stays_while_the_formula_works_with_it():
    before = texts("y = w*x + b", typed={"w": "[1, 2]"})
    assert [before["x"], before["b"]] != ["3", "1"]  # new ones that meet an array are arrays
    numbers = {"x": "7", "b": "8"}
    found = texts("y = w*x + b", typed={"w": "[1, 2]"}, begun=numbers)
    assert found | numbers == found
    arrays = {"w": "[1, 2]", "x": "[3, 4]", "b": "5"}
    assert arrays | {"": ""} == texts("y = sum(w*x) + b", begun=arrays)
    # Not so where it does not: then all begin anew, and what is added to an array is one.
    assert shapes("y = w*x + b @ c", begun={"w": "2", **numbers})["b"] == (2,)
    # When a name is gone, what is left begins as if it had never been there.
    arrays = texts("Z = X @ W + b")
    del arrays[""]
    assert texts("z = w*x + b", begun=arrays) == texts("z = w*x + b")
    kept = {"w": "2", "x": "3", "b": "1", "g": "0.5"}
    assert texts("y = w*x + b", typed={"w": "[1, 2]"}, begun=kept)["x"] == "3"


def test_the_upstream_gradient_fits_the_output():
    assert texts("Z = X @ W", upstream="[[1, 1], [1, 1]]")[""] == "[[1, 1], [1, 1]]"
    assert np.shape(eval(texts("Z = X @ W", upstream="[1, 1, 1]")[""])) == (2, 2)
    assert texts("Z = sum(X @ W)", upstream="[[1, 1], [1, 1]]")[""] == ""


def test_numbers_are_such_that_the_formula_is_finite():
    assert solution("L = -(y*log(p) + (1 - y)*log(1 - p))").grads
    assert texts("y = log(w*x)", typed={"w": "-1"})["x"] == "3"  # none would do
    assert texts("y = log(x - 1)", typed={"w": "-1"})["x"] == "2"
    assert texts("y = sqrt(1 - x)")["x"] == "0.5"
    rows = np.array(eval(texts("L = -mean(sum(Y * log(P), axis=1))")["P"]))
    assert np.all(rows > 0)
    assert rows.sum(axis=1).tolist() == [1, 1]
    labels = np.array(eval(texts("L = -mean(sum(Y * log(P), axis=1))")["Y"]))
    assert labels.tolist() == [[1, 0, 0], [0, 1, 0]]


#: They work with no values, or with none that are tried.
HOPELESS = [
    "y = sum(x, axis=7)", "y = unique(x)", "y = svd(X)", "y = A[0, 1, 2, 3]",
    "y = [1, 2] @ [1, 2, 3] + x",
    " @ ".join("abcdfghijklmnop"), f"y = {' + '.join('ABCDFGHIJKLMNOP')} + svd(Q)",
]  # fmt: skip


@pytest.mark.parametrize("text", HOPELESS)
def test_the_search_gives_up(text, monkeypatch):
    operations = 0

    class Counting(beginnings._Search):
        def trace(self, shapes):
            nonlocal operations
            found = super().trace(shapes)
            operations += len(found.nodes)
            return found

    monkeypatch.setattr(beginnings, "_Search", Counting)
    found = texts(text)
    assert operations <= limits.MAX_SEARCH
    begin = ["2", "3", "1", "0.5", "-1", "1.5"] * 3
    names = [name for name in found if name]
    assert [found[name] for name in names] == begin[: len(names)]
    assert found[""] == ""


def test_fifteen_names_are_found():
    chain = " @ ".join("ABCDFGHIJKLMNOP")
    assert set(shapes(chain).values()) == {(2, 3), (3, 2)}
    deep = "H = X\n" + "\n".join(f"H = relu(H @ W{i} + b{i})" for i in range(7))
    assert len(set(shapes(deep))) == 15
    assert solution(deep).grads


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.timeout(60)
def test_hostile_formulas_have_no_more_to_begin_with(text):
    tracemalloc.start()
    try:
        form(text, typed={"y": "2"}, begun={"x": "[1, 2, 3]"}, upstream="[1]")
    except Faulty:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 100 * 2**20


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_every_function_may_be_asked_for(name):
    for arguments in ("x", "a, b", "X, axis=1", "X @ W"):
        found = begun(parse(f"y = {name}({arguments})", FUNCTIONS), {}, {})
        assert found is None or found.values.keys() <= set("abxXW")


def test_what_stands_in_an_index_begins_as_a_whole_number():
    formula = "loss = -mean(log(P[rows, labels]))"
    found = texts(formula)
    assert found["rows"] == found["labels"] == "0"
    assert solution(formula).grads.keys() == {"P"}
    typed = {"rows": "[0, 1, 2]", "labels": "[2, 0, 3]"}
    assert shapes(formula, typed=typed)["P"] == (3, 4)
    assert shapes("y = x[k]", typed={"k": "5"})["x"] == (6,)
    assert solution(formula, typed=typed).value.shape == ()
    # Numbers that have begun otherwise, before the name stood in an index.
    assert texts("y = x[k] * x[1]", begun={"k": "2.5", "x": "3"})["k"] == "0"
    assert texts("y = x[k] * x[1]", begun={"k": "1", "x": "[3, 4]"})["k"] == "1"


def test_what_stands_in_an_index_is_a_whole_number():
    state = {"formula": "y = x[k]", "values": {"x": "[1, 2]", "k": "0.5"}}
    with pytest.raises(Faulty, match="whole numbers belong"):
        explained(state)
    with pytest.raises(Faulty, match="no gradient"):
        explained(state | {"wrt": ["k"], "values": {"x": "[1, 2]", "k": "1"}})
    pasted = "x = np.array([1, 2])\nk = 1\ny = x[k]**2"
    assert explained({"formula": pasted}).solution.grads["x"].tolist() == [0.0, 4.0]


def test_forms_that_are_none():
    for wrong in ([], 5, "w", [["w"]]):
        for key in ("typed", "begun"):
            if wrong:
                with pytest.raises(Faulty, match="texts by name"):
                    form("y = w*x", **{key: wrong})
    for wrong in (5, [1], {"a": 1}, None, "[[", "x"):
        assert texts("y = w*x", upstream=wrong)[""] == ""
        assert texts("Z = X @ W", upstream=wrong)[""].startswith("[[")
    many = {f"n{i}": "1" for i in range(1000)}
    assert texts("y = w*x", begun=many)["w"] == "2"
