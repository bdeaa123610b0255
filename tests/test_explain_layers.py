"""Layers as objects are explained, and lists of answers are printed as text."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError


class Dense:
    def __init__(self):
        self.weights = np.array([[0.5, -1.0], [2.0, 0.25]])
        self.biases = np.zeros((1, 2))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases


class Softmax:
    def forward(self, inputs):
        self.inputs = inputs
        e = np.exp(inputs - inputs.max(axis=1, keepdims=True))
        self.output = e / e.sum(axis=1, keepdims=True)


class Classifier:
    """A loss around an activation, which keeps what it was given in both."""

    def __init__(self):
        self.activation = Softmax()

    def forward(self, inputs, y_true):
        self.activation.forward(inputs)
        self.output = self.activation.output
        return -np.mean(np.log(self.output[range(len(inputs)), y_true]))


X = np.array([[1.0, -2.0], [0.5, 3.0]])


def test_the_arrays_of_a_layer_are_arguments():
    layer, upstream = Dense(), np.array([[1.0, 2.0], [3.0, -1.0]])
    s = cr.explain(layer, X, upstream=upstream)
    np.testing.assert_allclose(s.value, X @ layer.weights)
    np.testing.assert_allclose(s.grads["self"].weights, X.T @ upstream)
    np.testing.assert_allclose(s.grads["self"].biases, [[4.0, 1.0]])
    np.testing.assert_allclose(s.grads["inputs"], upstream @ layer.weights.T)
    assert "self.weights" in s.code()
    np.testing.assert_allclose(s.at({"inputs": 2 * X}).value, 2 * X @ layer.weights)


@pytest.mark.parametrize("layer", [Softmax(), Classifier()])
def test_a_layer_keeps_nothing_of_it(layer):
    more = {} if isinstance(layer, Classifier) else {"upstream": X}
    labels = [np.array([0, 1])] if isinstance(layer, Classifier) else []
    s = cr.explain(layer, X, *labels, **more)
    assert np.shape(s.grads["inputs"]) == X.shape
    inner = getattr(layer, "activation", layer)
    assert not hasattr(inner, "inputs")
    assert s.code()


def test_a_method_that_returns_nothing_says_to_explain_the_object():
    with pytest.raises(ArgumentError, match=r"explain\(layer, \.\.\.\) with the object itself"):
        cr.explain(Softmax().forward, X)
    with pytest.raises(ArgumentError, match="return the value that matters"):
        cr.explain(lambda x: None, 1.0)


@pytest.mark.parametrize(("given", "says"), [("z = w*x", "on the command line"), (3.0, "itself")])
def test_what_is_no_function_is_refused(given, says):
    with pytest.raises(ArgumentError, match="no function to explain") as caught:
        cr.explain(given, 1.0)
    assert says in str(caught.value)


def test_lists_of_answers_are_printed_as_text():
    s = cr.explain(lambda x, w: np.sum(x @ w), X, np.array([1.0, 2.0]))
    shown = str(s.shapes())
    assert shown.startswith("dx = ")
    assert "ShapeNote(" not in shown
    assert shown == "\n\n".join(note.text() for note in s.shapes())
    terms = s.open("w[1]")
    assert str(terms).splitlines()[0] == "dw[1] = 1, the sum of"
    assert len(str(terms).splitlines()) == 1 + len(terms)
    assert str(cr.explain(lambda x: x * x, 3.0).shapes()) == "No gradient here is an index sum."


def test_the_same_function_in_two_files_has_the_lines_of_each(tmp_path):
    source = "def f(x):\n    y = x * x\n    return y\n"
    for name in ("first.py", "second.py"):
        scope = {}
        exec(compile(source, str(tmp_path / name), "exec"), scope)
        steps = cr.explain(scope["f"], 3.0).steps
        assert {s.where.file for s in steps if s.where} == {str(tmp_path / name)}
