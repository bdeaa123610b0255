"""The worked examples of the walkthroughs, typed into the explorer as their readers would.

Numbers that the walkthroughs print are written down here. Each hand-written pass is right as it
stands there, and gets one of the usual mistakes at a time.
"""

import numpy as np
import pytest

pytest.importorskip("starlette")

from chainrule.lab.answers import ANSWERS
from chainrule.lab.explorer import explained

NEURON = {
    "formula": "xw0 = x[0] * w[0]\nxw1 = x[1] * w[1]\nxw2 = x[2] * w[2]\n"
    "z = xw0 + xw1 + xw2 + b\ny = max(z, 0)",
    "values": {"x": "[1.0, -2.0, 3.0]", "w": "[-3.0, -1.0, 2.0]", "b": "1.0"},
}  # fmt: skip
NEURON_PASS = [
    "drelu_dz = dvalue * (z > 0)", "dsum_dxw0 = 1", "drelu_dxw0 = drelu_dz * dsum_dxw0",
    "drelu_dxw1 = drelu_dz * 1", "drelu_dxw2 = drelu_dz * 1", "drelu_db = drelu_dz * 1",
    "dmul_dx0 = w[0]", "drelu_dx0 = drelu_dxw0 * dmul_dx0", "drelu_dw0 = drelu_dxw0 * x[0]",
    "drelu_dx1 = drelu_dxw1 * w[1]", "drelu_dw1 = drelu_dxw1 * x[1]",
    "drelu_dx2 = drelu_dxw2 * w[2]", "drelu_dw2 = drelu_dxw2 * x[2]",
]  # fmt: skip

LAYER = {
    "formula": "output = inputs @ weights + biases",
    "values": {
        "inputs": "[[1, 2, 3, 2.5]]",
        "weights": "[[0.2, 0.5, -0.26], [0.8, -0.91, -0.27], [-0.5, 0.26, 0.17], [1, -0.5, 0.87]]",
        "biases": "[2, 3, 0.5]",
    },
    "upstream": "[[1, 1, 1]]",
}
LAYER_PASS = [
    "dinputs = dvalues @ weights.T", "dweights = inputs.T @ dvalues",
    "dbiases = sum(dvalues, axis=0)",
]  # fmt: skip

SCALARS = {
    "formula": "h1 = i1*w1 + i2*w2\nh2 = i1*w3 + i2*w4\nprediction = h1*w5 + h2*w6\n"
    "error = 1/2 * (prediction - actual)**2",
    "values": {
        "i1": "8", "i2": "12", "actual": "4", "w1": "0.21", "w2": "0.56", "w3": "0.19",
        "w4": "0.02", "w5": "0.23", "w6": "0.16",
    },
    "wrt": ["w1", "w2", "w3", "w4", "w5", "w6"],
}  # fmt: skip
SCALARS_PASS = [
    "delta = prediction - actual", "dw6 = delta * h2", "dw5 = delta * h1", "dw4 = delta * w6 * i2",
    "dw3 = delta * w6 * i1", "dw2 = delta * w5 * i2", "dw1 = delta * w5 * i1",
]  # fmt: skip

NETWORK = {
    "formula": "layer1 = data_in.T @ w0\nlayer2 = layer1 @ w1\n"
    "loss = mean((layer2 - actual_y)**2) * 0.5",
    "values": {
        "data_in": "[[8], [12]]", "w0": "[[0.21, 0.19], [0.56, 0.02]]", "w1": "[[0.23], [0.16]]",
        "actual_y": "[4]",
    },
    "wrt": ["w0", "w1"],
}  # fmt: skip
NETWORK_PASS = [
    "dlayer2 = layer2 - actual_y", "dw1 = layer1.T @ dlayer2", "dlayer1 = dlayer2 @ w1.T",
    "dw0 = data_in @ dlayer1",
]  # fmt: skip

SOFTMAX = {
    "formula": "exp_values = exp(inputs - max(inputs, axis=1, keepdims=True))\n"
    "output = exp_values / sum(exp_values, axis=1, keepdims=True)",
    "values": {"inputs": "[[1, 2, 3], [0.5, -1, 0.2]]"},
    "upstream": "[[1, 0, 0], [0.5, -2, 1]]",
}
SOFTMAX_PASS = ["dinputs = output * (dvalues - sum(dvalues * output, axis=1, keepdims=True))"]

CLASSIFIER = {
    "formula": "exp_values = exp(inputs - max(inputs, axis=1, keepdims=True))\n"
    "output = exp_values / sum(exp_values, axis=1, keepdims=True)\n"
    "clipped = clip(output, 1e-7, 1 - 1e-7)\n"
    "correct = sum(clipped * y_true, axis=1)\nloss = mean(-log(correct))",
    "values": {
        "inputs": "[[1, 2, 3], [0.5, -1, 0.2], [0, 0.1, -0.3]]",
        "y_true": "[[1, 0, 0], [0, 1, 0], [0, 1, 0]]",
    },
    "wrt": ["inputs"],
}
CLASSIFIER_PASS = ["dinputs = (output - y_true) / 3"]

RELU = {
    "formula": "output = maximum(0, inputs)",
    "values": {"inputs": "[[1, 2, -3], [2, -7, -1]]"},
    "upstream": "[[1, 2, 3], [5, 6, 7]]",
}
RELU_PASS = ["dinputs = dvalues * (inputs > 0)"]


def grads(state):
    return explained(state).solution.grads


def check(state, lines):
    return ANSWERS["check"]({"state": state, "backward": "\n".join(lines)})


PASTED = """\
# Forward pass
x = np.array([1.0, -2.0, 3.0])  # input values
w = [-3.0, -1.0, 2.0]  # weights
b = 1.0  # bias

# Multiplying inputs by weights
xw0 = x[0] * w[0]
xw1 = x[1] * w[1]
xw2 = x[2] * w[2]
print(xw0, xw1, xw2, b)

z = xw0 + xw1 + xw2 + b
y = max(z, 0)
print(y)
"""


def test_the_code_of_a_walkthrough_can_be_pasted_as_it_is():
    form = ANSWERS["form"]({"state": {"formula": PASTED}})
    texts = {a["name"]: a["text"] for a in form["arguments"]}
    assert texts == {"x": "[1, -2, 3]", "w": "[-3, -1, 2]", "b": "1"}
    state = {"formula": PASTED}
    assert grads(state)["w"].tolist() == [1.0, -2.0, 3.0]
    # What stands in a field counts, and the lines are those that were pasted.
    state["values"] = {"b": "3"}
    assert explained(state).solution.value == 8.0
    document = ANSWERS["explain"]({"state": state})["document"]
    assert document["sources"][0]["lines"] == PASTED.split("\n")
    lit = {step["line"][1] for step in document["steps"] if step["line"]}
    assert lit == {7, 8, 9, 12, 13}
    found = check(state, ["# Backward pass", "dvalue = 1.0", *NEURON_PASS, "print(drelu_dw2)"])
    assert found["ok"]
    wrong = check(state, ["dz = dvalue  # (from the next layer", "dw0 = dz * x[0]"])["wrong"]
    assert (wrong["line"], wrong["after"]) == (1, "dz = dvalue * (z > 0)")


def test_values_in_a_formula_are_constants_where_it_has_variables():
    state = {"formula": "k = 2  # fixed\ny = k*x", "values": {"x": "3"}}
    assert list(grads(state)) == ["x"]
    # One that is assigned anew is no variable either.
    assert list(grads({"formula": "a = 2\nx = 3\na = a*x\ny = a*x"})) == ["x"]
    place = ANSWERS["check"]({"state": state, "backward": "# one\ndx = dy * k +"})["faults"][0]
    assert place["line"] == 2


def test_one_neuron():
    solution = explained(NEURON).solution
    assert solution.value == 6.0
    found = solution.grads
    assert found["x"].tolist() == [-3.0, -1.0, 2.0]
    assert found["w"].tolist() == [1.0, -2.0, 3.0]
    assert found["b"] == 1.0
    # The update in which the walkthrough takes x for data.
    step = ANSWERS["step"]({"state": {**NEURON, "wrt": ["w", "b"]}, "lr": "0.001"})
    assert step["values"]["w"] == "[-3.001, -0.998, 1.997]"
    assert float(step["values"]["b"]) == 0.999
    assert step["before"] == "6"
    assert step["after"] == "5.985"


def test_a_layer():
    found = grads(LAYER)
    assert np.allclose(found["inputs"], [[0.44, -0.38, -0.07, 1.37]])
    assert np.array_equal(found["biases"], [1, 1, 1])


@pytest.mark.parametrize("rate", [0.05])
def test_a_network_of_two_layers(rate):
    by_hand = explained(SCALARS).solution
    solution = explained(NETWORK).solution
    assert by_hand.value == pytest.approx(1.59561248, abs=1e-12)
    assert solution.value == pytest.approx(1.59561248, abs=1e-12)
    assert by_hand.grads["w5"] == pytest.approx(solution.grads["w1"][0, 0])
    assert by_hand.grads["w4"] == pytest.approx(solution.grads["w0"][1, 1])
    step = ANSWERS["step"]({"state": NETWORK, "lr": str(rate)})
    after = explained({**NETWORK, "values": {**NETWORK["values"], **step["values"]}}).solution
    # The step goes much too far, which the walkthrough prints and does not remark upon.
    assert after.value == pytest.approx(49.24728928473661, rel=1e-12)
    assert after.explanation.derivation.graph.nodes


def test_softmax_with_cross_entropy_on_a_batch():
    values = np.array([[1, 2, 3], [0.5, -1, 0.2], [0, 0.1, -0.3]])
    odds = np.exp(values)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    labels = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0]])
    solution = explained(CLASSIFIER).solution
    assert solution.value == pytest.approx(-np.log((probabilities * labels).sum(axis=1)).mean())
    assert np.allclose(solution.grads["inputs"], (probabilities - labels) / 3)
    # The Jacobian of each row, as the class Activation_Softmax multiplies it.
    p = explained(SOFTMAX).solution.value
    upstream = np.array([[1, 0, 0], [0.5, -2, 1]])
    rows = [(np.diagflat(s) - np.outer(s, s)) @ g for s, g in zip(p, upstream, strict=True)]
    assert np.allclose(grads(SOFTMAX)["inputs"], rows)


def test_relu_of_a_batch():
    assert grads(RELU)["inputs"].tolist() == [[1, 2, 0], [5, 0, 0]]


PASSES = {
    "neuron": (NEURON, NEURON_PASS), "layer": (LAYER, LAYER_PASS),
    "scalars": (SCALARS, SCALARS_PASS), "network": (NETWORK, NETWORK_PASS),
    "softmax": (SOFTMAX, SOFTMAX_PASS), "classifier": (CLASSIFIER, CLASSIFIER_PASS),
    "relu": (RELU, RELU_PASS),
}  # fmt: skip


@pytest.mark.parametrize("name", PASSES)
def test_the_pass_of_the_walkthrough_is_right(name):
    found = check(*PASSES[name])
    assert found["ok"], found


#: Example, line, what is written there by mistake, what the mistake is called.
WRONG = [
    ("neuron", 1, "drelu_dz = dvalue * (y < 0)", "mask"),
    ("neuron", 6, "drelu_db = drelu_dz * b", ""),
    ("neuron", 9, "drelu_dw0 = drelu_dxw0 * w[0]", "another value"),
    ("neuron", 11, "drelu_dw1 = drelu_dxw1 * x[2]", ""),
    ("layer", 1, "dinputs = dvalues @ weights", "transposed"),
    ("layer", 2, "dweights = inputs @ dvalues", "transposed"),
    ("layer", 3, "dbiases = sum(dvalues, axis=0, keepdims=True)", "shape"),
    ("layer", 3, "dbiases = dvalues", "not summed"),
    ("scalars", 2, "dw6 = delta * h1", "another value"),
    ("scalars", 4, "dw4 = delta * w5 * i2", "another value"),
    ("scalars", 3, "dw5 = -delta * h1", "sign"),
    ("network", 1, "dlayer2 = actual_y - layer2", "sign"),
    ("network", 2, "dw1 = layer1 @ dlayer2", "transposed"),
    ("network", 3, "dlayer1 = dlayer2 @ w1", "transposed"),
    ("network", 4, "dw0 = data_in.T @ dlayer1", "transposed"),
    ("softmax", 1, "dinputs = output * dvalues", "off-diagonal"),
    ("softmax", 1, "dinputs = output * (dvalues - sum(dvalues * output, axis=1))", "shape"),
    ("classifier", 1, "dinputs = output - y_true", "scaled"),
    ("classifier", 1, "dinputs = (y_true - output) / 3", "sign"),
    ("relu", 1, "dinputs = dvalues", "derivative is missing"),
    ("relu", 1, "dinputs = dvalues * inputs", ""),
]


@pytest.mark.parametrize(("name", "number", "line", "title"), WRONG)
def test_one_mistake_is_found_named_and_mended(name, number, line, title):
    state, lines = PASSES[name]
    lines = [*lines[: number - 1], line, *lines[number:]]
    found = check(state, lines)
    assert not found["ok"]
    wrong = found["wrong"]
    assert wrong["line"] == number
    assert title in wrong["title"]
    lines[number - 1] = wrong["after"]
    assert check(state, lines)["ok"], wrong
