"""Scripts as people write them to train something: loops, updates in place, blocks, aliases."""

import pytest

from chainrule.checking.script import examine_source
from chainrule.errors import ArgumentError

DATA = """\
import numpy as np

X = np.array([[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25], [2.0, 1.0]])
t = np.array([1.0, 0.0, 2.0, -1.0])
w = np.array([0.5, -1.0])
lr = 0.1
"""
STEP = """\
p = X @ w
loss = np.mean((p - t) ** 2)
dp = 2 * (p - t) / len(t)
dw = X.T @ dp
"""


def indented(code):
    return "".join(f"    {line}\n" for line in code.splitlines())


RIGHT = {
    "once": DATA + STEP,
    "updated": DATA + STEP + "w = w - lr * dw\n",
    "updated in place": DATA + STEP + "w -= lr * dw\n",
    "epochs": DATA + "for epoch in range(3):\n" + indented(STEP + "w = w - lr * dw"),
    "epochs, in place": DATA + "for epoch in range(3):\n" + indented(STEP + "w -= lr * dw"),
    "epochs without an update": DATA + "for epoch in range(3):\n" + indented(STEP),
    "while": DATA + "steps = 0\nwhile steps < 3:\n" + indented(STEP + "w -= lr * dw\nsteps += 1"),
    "momentum": DATA
    + "v = np.zeros(2)\nfor epoch in range(3):\n"
    + indented(STEP + "v = 0.9 * v - lr * dw\nw = w + v"),
    "another name for the step": DATA
    + "for epoch in range(3):\n"
    + indented(STEP + "step = lr * dw\nw = w - step"),
    "minibatches": DATA
    + "for i in range(0, 4, 2):\n"
    + indented(
        "Xb, tb = X[i : i + 2], t[i : i + 2]\n"
        + STEP.replace("X", "Xb").replace("t)", "tb)")
        + "w -= lr * dw"
    ),
    "a slice": DATA + "Xb, tb = X[:2], t[:2]\n" + STEP.replace("X", "Xb").replace("t)", "tb)"),
    "in a block": DATA + "if True:\n" + indented(STEP),
    "in main": DATA + 'if __name__ == "__main__":\n' + indented(STEP),
    "all in a block": "if True:\n" + indented(DATA + STEP),
    "a list updated in place": "x = [1.0, 2.0]\nw = [0.5, -1.0]\nfor _ in range(2):\n"
    + indented(
        "z = w[0] * x[0] + w[1] * x[1]\ny = max(z, 0)\ndz = 1.0 if z > 0 else 0.0\n"
        "dw = [dz * x[0], dz * x[1]]\nw[0] -= 0.1 * dw[0]\nw[1] -= 0.1 * dw[1]"
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_script(name):
    report = examine_source(RIGHT[name])
    assert report.ok, report
    assert "w" in [f.of for f in report.findings]


@pytest.mark.parametrize("name", [n for n in RIGHT if "dw = X" in RIGHT[n]])
def test_its_first_wrong_line(name):
    source = RIGHT[name].replace("2 * (p - t", "(p - t")
    first = examine_source(source).first_wrong
    assert first.name == "dp"
    assert first.mistake == "scale"
    assert first.where.line == 1 + source[: source.index("dp =")].count("\n")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def main():\n" + indented(DATA + STEP) + "main()\n", "outside of functions"),
        (DATA + "p = X @ w\ndp = 2 * (p - t)\ndw = X.T @ dp\n", "not clear what"),
        (DATA + "p = X @ w\n", "gradient of its inputs"),
        ("w = (\n", "no Python"),
        ("w = 1.0 / 0\n", "ZeroDivisionError"),
    ],
    ids=["in a function", "no loss", "no gradient", "no Python", "an error"],
)
def test_what_is_refused(source, says):
    with pytest.raises(ArgumentError, match=says):
        examine_source(source)


#: A neuron by hand, as people write it first: local derivatives, numbers, and lists of them.
NEURON = """\
x = [1.0, -2.0, 3.0]
w = [-3.0, -1.0, 2.0]
b = 1.0
xw0 = x[0] * w[0]
xw1 = x[1] * w[1]
xw2 = x[2] * w[2]
z = xw0 + xw1 + xw2 + b
y = max(z, 0)
dvalue = 1.0
drelu_dz = dvalue * (1.0 if z > 0 else 0.0)
dsum_dxw0 = 1
dsum_db = 1
drelu_dxw0 = drelu_dz * dsum_dxw0
drelu_dxw1 = drelu_dz
drelu_dxw2 = drelu_dz
drelu_db = drelu_dz * dsum_db
dmul_dw1 = x[1]
drelu_dw0 = drelu_dxw0 * x[0]
drelu_dw1 = drelu_dxw1 * dmul_dw1
drelu_dw2 = drelu_dxw2 * x[2]
drelu_dx2 = drelu_dxw2 * w[2]
dw = [drelu_dw0, drelu_dw1, drelu_dw2]
db = drelu_db
"""


def test_numbers_and_the_list_of_them_are_gradients():
    report = examine_source(NEURON)
    assert report.ok, report
    of = {f.of for f in report.findings}
    assert {"x[2]", "w[0]", "w[1]", "w[2]", "w", "b"} <= of


@pytest.mark.parametrize(
    ("before", "after", "kind", "repair"),
    [
        ("dmul_dw1 = x[1]", "dmul_dw1 = w[1]", "wrong-operand", "dmul_dw1 = x[1]"),
        ("dmul_dw1 = x[1]", "dmul_dw1 = x[0]", "wrong-operand", "dmul_dw1 = x[1]"),
        ("z > 0 else", "z < 0 else", "mask-side", "drelu_dz = dvalue * (1.0 if z > 0 else 0.0)"),
        ("drelu_dxw2 * w[2]", "drelu_dxw2 + w[2]", "sum-for-product", "drelu_dxw2 * w[2]"),
        ("drelu_dz * dsum_db", "drelu_dz * b", "extra-factor", "drelu_db = drelu_dz"),
    ],
)
def test_the_first_wrong_line_of_a_neuron_by_hand(before, after, kind, repair):
    assert before in NEURON
    report = examine_source(NEURON.replace(before, after))
    first = report.first_wrong
    assert first.where.line == 1 + NEURON[: NEURON.index(before)].count("\n"), str(report)
    assert first.mistake == kind, str(report)
    assert repair in first.repair.after
    assert [f.verdict for f in report.findings if f.name == "dw"] in (["right"], ["carried"])


def test_a_local_derivative_has_its_own_numbers():
    first = examine_source(NEURON.replace("dmul_dw1 = x[1]", "dmul_dw1 = w[1]")).first_wrong
    assert (first.name, first.got, first.expected) == ("dmul_dw1", -1.0, -2.0)


def test_a_mask_is_explained_by_the_value_that_it_is_a_mask_of():
    source = NEURON.replace("drelu_d", "dafter_d").replace("z > 0 else", "z < 0 else")
    report = examine_source(source.replace("dafter_dz", "dafter_dsum"))
    assert report.first_wrong.name == "dafter_dsum"
    assert "through  y = max(z, 0)" in report.worked
