"""A backward pass typed as formulas: each line judged, the first wrong one named and mended."""

import pytest

pytest.importorskip("starlette")

from chainrule.lab.answers import ANSWERS

NEURON = {"formula": "z = w*x + b\ny = max(z, 0)", "values": {"w": "2", "x": "3", "b": "1"}}
LAYER = {
    "formula": "z = x @ w + b\na = sigmoid(z)\nloss = mean((a - t)**2)",
    "values": {
        "w": "[[0.5, -1], [1, 0.2]]", "x": "[[3, 1], [1, 1], [2, 2]]", "b": "[1, 2]",
        "t": "[[1, 0], [0, 1], [1, 1]]",
    },
    "wrt": ["w", "b"],
}  # fmt: skip
DA, DZ = "da = dloss * 2 * (a - t) / 6", "dz = da * a * (1 - a)"
DW, DB = "dw = x.T @ dz", "db = sum(dz, axis=0)"


def check(state, *lines):
    return ANSWERS["check"]({"state": state, "backward": "\n".join(lines)})


def verdicts(found):
    return [line["verdict"] for line in found["lines"]]


ROWS = {
    "formula": "z = x @ w + b\nloss = sum(z)",
    "values": {
        "x": "[[3, 1, 2], [1, 1, 0], [2, 2, 1]]", "w": "[[1, 2], [0, 1], [-1, 3]]",
        "b": "[[1, 2]]",
    },
}  # fmt: skip
SCALAR = {
    "formula": "z = w*x + b\nloss = sum(max(z, 0))",
    "values": {"w": "2", "x": "[3, -1, 2]", "b": "1"},
}

RIGHT = [
    (NEURON, ["dz = dy * (z > 0)", "dw = dz * x", "dx = dz * w", "db = dz"]),
    (NEURON, ["mask = z > 0", "dz = upstream * mask", "dw = dz*x; dx = dz*w; db = dz"]),
    (NEURON, ["dy = 1", "grad_z = where(z > 0, dy, 0)", "dw = grad_z * x", "dx = grad_z * w",
              "db = grad_z"]),
    (LAYER, [DA, DZ, DW, DB]),
    (LAYER, ["dw = x.T @ ((a - t) / 3 * a * (1 - a))", "db = sum((a - t)/3*a*(1 - a), axis=0)"]),
    ({"example": "layer"}, ["dinputs = doutput @ weights.T", "dweights = inputs.T @ doutput",
                            "dbiases = doutput"]),
    ({"example": "neuron"}, ["dz = dy * (z > 0)", "db = dz", "dw = dz * x", "dx = dz * w"]),
    ({"example": "softmax"}, ["g = dprobabilities * probabilities",
                              "dlogits = g - probabilities * sum(g, axis=1, keepdims=True)"]),
]  # fmt: skip


@pytest.mark.parametrize(("state", "lines"), RIGHT)
def test_right_passes(state, lines):
    found = check(state, *lines)
    assert found["ok"], found
    assert set(verdicts(found)) <= {"right", "helper"}
    assert found["wrong"] is None


WRONG = [
    (NEURON, ["dz = dy", "dw = dz * x"], 1, "", "dz = dy * (z > 0)"),
    (NEURON, ["dz = -dy * (z > 0)", "dw = dz * x"], 1, "sign", "dz = dy * (z > 0)"),
    (NEURON, ["dz = dy * (z > 0)", "", "dw = dz * w"], 3, "another value", "dw = dz * x"),
    (NEURON, ["dz = dy * (z > 0)", "dw = x"], 2, "upstream", "dw = x * dz"),
    (NEURON, ["dz = dy * (z > 0)", "db = 2 * dz"], 2, "scaled", "db = dz"),
    (LAYER, ["da = dloss * 2 * (a - t)", DZ, DW, DB], 1, "scaled", ""),
    (LAYER, [DA, "dz = da * z * (1 - z)", DW, DB], 2, "input instead of the output", DZ),
    (LAYER, [DA, DZ, "dw = dz.T @ x", DB], 3, "transposed", DW),
    (LAYER, [DA, DZ, DW, "db = sum(dz, axis=1)"], 4, "wrong axis", DB),
    (LAYER, [DA, DZ, DW, "db = dz"], 4, "not summed", "db = sum(dz, axis=0)"),
    ({"formula": "y = max(x, 0)", "values": {"x": "0"}}, ["dx = dy * (x >= 0)"], 1, "edge", ""),
    ({"example": "softmax"}, ["dlogits = probabilities * dprobabilities"], 1, "off-diagonal", ""),
    # What does not even have the right shape.
    (LAYER, [DA, DZ, "dw = x @ dz", DB], 3, "transposed", DW),
    (LAYER, [DA, DZ, "dw = dz @ x.T", DB], 3, "transposed", ""),
    (LAYER, [DA, DZ, DW, "db = sum(dz, axis=0, keepdims=True)"], 4, "shape", DB),
    (LAYER, [DA, DZ, DW, "db = sum(dz)"], 4, "axis", DB),
    (ROWS, ["dz = ones_like(z)", "db = sum(dz, axis=0)"], 2, "shape",
     "db = sum(dz, axis=0, keepdims=True)"),
    (ROWS, ["dz = ones_like(z)", "dx = dz @ w"], 2, "transposed", "dx = dz @ w.T"),
    (ROWS, ["dw = dloss * x"], 1, "", ""),
    (SCALAR, ["dz = dloss * (z > 0)", "dw = dz * x"], 2, "not summed", "dw = sum(dz * x)"),
    (SCALAR, ["dz = dloss * (z > 0)", "db = dz"], 2, "not summed", "db = sum(dz)"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "lines", "number", "title", "after"), WRONG)
def test_wrong_passes(state, lines, number, title, after):
    found = check(state, *lines)
    assert not found["ok"]
    wrong = found["wrong"]
    assert wrong["line"] == number
    assert title in wrong["title"]
    if after:
        assert wrong["after"] == after
    # What is proposed is right, and what comes after is right with it.
    lines[number - 1] = wrong["after"]
    assert check(state, *lines)["wrong"] is None
    assert wrong["worked"]


def test_a_power_that_is_left_out_is_left_out_whole():
    state = {"formula": "z = w - t\ny = sum(z*z)", "values": {"w": "[3, 1]", "t": "[1, 5]"}}
    assert check(state, "dz = 2 * z**2", "dw = dz", "dt = -dz")["wrong"]["after"] == "dz = 2 * z"


def test_an_error_is_carried_on_and_not_blamed_twice():
    found = check(LAYER, "da = dloss * 2 * (a - t)", DZ, DW, DB)
    assert verdicts(found) == ["wrong", "carried", "carried", "carried"]
    found = check(LAYER, "da = dloss * 2 * (a - t)", DZ, "dw = dz.T @ x", DB)
    assert verdicts(found) == ["wrong", "carried", "wrong", "carried"]
    assert found["wrong"]["line"] == 1


def test_what_is_missing_is_said():
    found = check(LAYER, DA, DZ, DW)
    assert verdicts(found) == ["right"] * 3
    assert found["missing"] == ["b"]
    assert not found["ok"]
    assert check(LAYER, "")["missing"] == ["w", "b"]


def test_lines_before_a_fault_are_judged():
    found = check(NEURON, "dz = dy * (z > 0)", "dw = dz x", "db = dz")
    assert verdicts(found) == ["right"]
    assert (found["faults"][0]["line"], found["faults"][0]["column"]) == (2, 9)
    found = check(NEURON, "dz = dy * (z > 0)", "dw = dz * q")
    assert "'q' is no value" in found["faults"][0]["message"]
    found = check(LAYER, DA, DZ, "dw = x @ dz")
    assert verdicts(found) == ["right", "right", "raises"]
    assert "sizes do not fit" in found["wrong"]["note"]
    assert found["faults"] == []
    found = check(LAYER, DA, DZ, "q = x @ dz", DB)
    assert found["faults"][0]["line"] == 3
    found = check(NEURON, "dz = dy * (z > 0)", "dz * x")
    assert "has no name" in found["faults"][0]["message"]


@pytest.mark.parametrize(
    "text",
    ["dw = __import__('os')", "dw = x.tofile('a')", "dw = sum(repeat(x, 1000000000))",
     "dw += x", "for i in x: pass", "dw = " + "x+" * 9000 + "x"],
)  # fmt: skip
def test_nothing_runs_as_python(text):
    found = check(NEURON, text)
    assert found["faults"] or found["wrong"]["note"]
    assert not found["ok"]


CROSS_ENTROPY = {
    "formula": "z = x @ w\np = softmax(z)\nloss = -mean(sum(Y * log(p), axis=1))",
    "values": {"x": "[[1, 2], [0.5, -1]]", "w": "[[0.1, -0.2], [0.4, 0.5]]"},
}


@pytest.mark.parametrize("labels", ["[[1, 0], [0, 1]]", "[[0.9, 0.1], [0.5, 0.5]]"])
def test_labels_add_up_to_1_wherever_a_pass_is_tested(labels):
    state = CROSS_ENTROPY | {"values": CROSS_ENTROPY["values"] | {"Y": labels}}
    found = check(state, "dz = (p - Y) / 2", "dw = x.T @ dz", "dY = -log(p) / 2")
    assert verdicts(found) == ["right", "right", "right"]
    asked = state | {"wrt": ["w", "Y"]}
    assert verdicts(check(asked, "dz = (p - Y**2) / 2"))[0] == "wrong"
    # For labels that are held, and of ones and zeros, the square is the same.
    found = check(state, "dz = (p - Y**2) / 2")
    assert verdicts(found)[0] == ("right" if "0.9" not in labels else "wrong")


def test_what_is_not_asked_for_is_judged_all_the_same():
    state = CROSS_ENTROPY | {"values": CROSS_ENTROPY["values"] | {"Y": "[[1, 0], [0, 1]]"}}
    right = ["dz = (p - Y) / 2", "dw = x.T @ dz"]
    assert check(state, *right)["missing"] == ["x"]
    assert check(state | {"wrt": ["w"]}, *right)["ok"]
    found = check(state | {"wrt": ["w"]}, *right, "dx = dz @ w.T", "dY = log(p)")
    assert verdicts(found) == ["right", "right", "right", "wrong"]
    assert not found["ok"]
    # A line that has no likeness to the right one is taken from all that can be derived.
    wrong = check(state | {"wrt": ["w"]}, *right, "dx = x")["wrong"]
    assert wrong["after"] == "dx = dz @ w.T"
    assert "dx = dz @ w.T" in wrong["worked"]


@pytest.mark.parametrize(
    ("formula", "values", "line", "verdict"),
    [
        ("y = w*x", {"w": "2", "x": "1"}, "dw = dy", "wrong"),  # it is right for 1 alone
        ("y = w*x", {"w": "2", "x": "1"}, "dw = dy * x", "right"),
        ("y = sum(w**n)", {"w": "[-2, 3]", "n": "2"}, "dw = 2 * w", "right"),  # an exponent
        ("y = sum(w)/n", {"w": "[-2, 3]", "n": "2"}, "dw = ones_like(w) / 2", "right"),  # a count
        ("y = sum(w*m)", {"w": "[-2, 3]", "m": "[1, 0]"}, "dw = where(m > 0, dy, 0)", "right"),
        ("y = sum(w*m)", {"w": "[-2, 3]", "m": "[1, 0]"}, "dw = [1, 0] * dy", "wrong"),
    ],
)
def test_constants_are_others_elsewhere_of_the_same_kind(formula, values, line, verdict):
    state = {"formula": formula, "values": values, "wrt": ["w"]}
    assert verdicts(check(state, line)) == [verdict]


def test_numbers_of_a_line_that_is_right_by_chance_are_from_where_it_is_wrong():
    wrong = check({"formula": "y = w*w", "values": {"w": "1"}}, "dw = 2*w*w")["wrong"]
    assert "right at these values" in wrong["note"]
    assert wrong["got"] != wrong["expected"]


def test_softmax_may_be_written_by_its_name():
    plain = "e = exp(z)\np = e / sum(e, axis=1, keepdims=True)"
    values = CROSS_ENTROPY["values"] | {"Y": "[[1, 0], [0, 1]]"}
    by_name = CROSS_ENTROPY | {"values": values}
    spelled = by_name | {"formula": by_name["formula"].replace("p = softmax(z)", plain)}
    one, other = (ANSWERS["explain"]({"state": state})["document"] for state in (by_name, spelled))
    assert one["value"] == pytest.approx(other["value"])
    shown = [{a["name"]: a["gradient"] for a in d["arguments"]} for d in (one, other)]
    assert shown[0] == shown[1]
