"""Parts of a worked solution for slides, and the whole of it in another notation."""

import shlex

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import ArgumentError

X = np.array([[0.5, 2.0], [-1.0, 0.25], [1.5, -1.0]])
T = np.array([[1.0], [0.0], [1.0]])


def net(X, W, b, t):
    z = X @ W + b
    L = np.mean((np.tanh(z) - t) ** 2)
    return L


@pytest.fixture
def solution():
    return cr.explain(net, X, np.array([[0.5], [-0.2]]), np.zeros(1), T, wrt=("W", "b"))


def test_the_formulas_of_one_gradient_are_a_fragment(solution):
    dW = solution.latex(of="dW")
    assert dW.startswith(r"\mathrm{d}W = X^{\top}\, \mathrm{d}")
    assert dW in solution.latex().replace("&= ", "= ")
    assert solution.latex(of="z").startswith("z = ")
    assert solution.latex(of="W").startswith(r"W = \begin{bmatrix} 0.5")
    several = solution.latex(of="dz")
    assert several.startswith(r"\begin{aligned}")
    assert r"\documentclass" not in several


@pytest.mark.parametrize("of", ["dQ", ""])
def test_a_name_without_steps_is_refused(solution, of):
    with pytest.raises(ArgumentError, match=r"There is no step for .*\n.*one of .*dW"):
        solution.latex(of=of)
    with pytest.raises(ArgumentError, match="There is no step for"):
        solution.text(of=of)


def test_a_solution_in_columns(solution):
    turned = solution.notation("columns")
    assert "z = W @ X + b" in turned.code()
    assert ".T" in turned.latex() or r"X^{\top}" in turned.latex(of="dW")
    np.testing.assert_allclose(turned.grads["W"], solution.grads["W"].T)
    assert turned.value == solution.value
    assert str(turned) == turned.text()
    assert turned.notation("rows").code() != turned.code()


def test_several_notations_one_after_the_other(solution):
    summed = solution.notation("columns", "sum")
    np.testing.assert_allclose(summed.grads["W"], 3 * solution.grads["W"].T)
    assert solution.notation().text() == solution.text()


@pytest.mark.parametrize(("name", "says"), [("cols", "columns, rows"), ("mean", "a mean already")])
def test_a_notation_that_there_is_not(solution, name, says):
    with pytest.raises(ArgumentError, match=says):
        solution.notation(name)


@pytest.mark.parametrize("suffix", [".tex", ".md", ".html", ".svg", ".py"])
def test_a_notation_is_saved(solution, tmp_path, suffix):
    written = solution.notation("columns").save(tmp_path / f"columns{suffix}").read_text("utf-8")
    assert written != solution.save(tmp_path / f"rows{suffix}").read_text("utf-8")


def test_a_notation_on_the_command_line(tmp_path, capsys):
    assert main(["explain", "layer", "--notation", "columns", "--as", "code"]) == 0
    columns = capsys.readouterr().out
    assert main(["explain", "layer", "--as", "code"]) == 0
    assert columns != capsys.readouterr().out
    assert main(["explain", "layer", "--notation", "columns", "-o", str(tmp_path / "c.tex")]) == 0
    capsys.readouterr()
    assert main(["explain", "neuron", "--notation", "columns"]) == 2
    assert "cannot be written with" in capsys.readouterr().err
    assert main(["explain", "layer", "--notation", "columns", "--why", "b[0]"]) == 2
    assert "--notation is for the whole page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ("x[0] * w[2] + b", "--at 'x=[2]' --at 'w=[3,4,5]' --at b=4"),
        ("(x @ w).sum() + b", "--at 'x=[[2,3],[4,5]]' --at 'w=[[3,4],[5,6]]' --at b=4"),
    ],
)
def test_values_to_begin_with_fit_the_function(tmp_path, monkeypatch, capsys, body, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(f"def f(x, w, b):\n    return {body}\n")
    assert main(["explain", "mine.py:f"]) == 2
    assert f"chainrule explain mine.py:f {options}" in capsys.readouterr().err
    assert main(["explain", "mine.py:f", *shlex.split(options)]) == 0
    assert "Gradients" in capsys.readouterr().out


def test_a_file_of_functions_says_how_to_check_them(tmp_path, capsys):
    path = tmp_path / "layer.py"
    path.write_text("def f(x):\n    return x\n\n\ndef b(dy, x):\n    return dy\n")
    assert main(["check", str(path)]) == 2
    told = capsys.readouterr().err
    assert "FILE:forward:backward" in told
    assert "cr.check(layer, inputs)" in told


def test_a_class_says_how_its_objects_are_checked_and_explained(tmp_path, capsys):
    path = tmp_path / "layers.py"
    path.write_text(
        "class Loss:\n    def forward(self, y_pred, y_true):\n        return y_pred - y_true\n"
    )
    assert main(["check", f"{path}:Loss"]) == 2
    assert "from layers import Loss; print(chainrule.check(Loss(), y_pred, y_true=y_true))" in (
        capsys.readouterr().err
    )
    assert main(["explain", f"{path}:Loss"]) == 2
    assert "chainrule.explain(Loss(), y_pred, y_true)" in capsys.readouterr().err
