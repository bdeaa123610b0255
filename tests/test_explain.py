"""The corpus through every mode: values, gradients, steps, simplification and code agree."""

import subprocess
import sys

import numpy as np
import pytest
from corpus import CASES, IDS

import chainrule as cr
from chainrule.backward import differentiate
from chainrule.evaluate import evaluate
from chainrule.graphing import record
from chainrule.simplify import simplify
from chainrule.structure import leaves

EVERY = pytest.mark.parametrize("case", CASES, ids=IDS)


def solution(case, **options):
    return cr.explain(
        case.function, wrt=case.wrt, upstream=case.upstream, **case.arguments, **options
    )


def assert_same(got, want, rtol=1e-9):
    got, want = leaves(got), leaves(want)
    assert [path for path, _ in got] == [path for path, _ in want]
    for (path, mine), (_, theirs) in zip(got, want, strict=True):
        single = np.asarray(theirs).dtype == np.float32
        np.testing.assert_allclose(
            mine, theirs, rtol=1e-4 if single else rtol, atol=1e-6 if single else 1e-12,
            err_msg=path,
        )  # fmt: skip


def eager(case):
    """Value and gradients by the fast path, without a graph."""
    s = solution(case)
    arguments = dict(s._derivation.recording.values)

    def loss(varied):
        out = case.function(**{**arguments, **varied})
        return out if case.upstream is None else np.sum(out * case.upstream)

    return cr.value_and_grad(loss)({name: arguments[name] for name in s.grads})


@EVERY
def test_explained_gradients_are_the_eager_ones(case):
    s = solution(case)
    value, gradients = eager(case)
    assert_same(s.grads, gradients)
    if case.upstream is None:
        assert_same(s.value, value)


@EVERY
def test_without_simplification_the_gradients_are_the_same(case):
    assert_same(solution(case, simplify=False).grads, solution(case).grads)


@EVERY
def test_value_is_the_users_own(case):
    arguments = solution(case)._derivation.recording.values
    assert_same(solution(case).value, case.function(**arguments), rtol=1e-14)


@EVERY
@pytest.mark.parametrize("values", [True, False])
def test_graphs_keep_the_grammar(case, values):
    if not values and case.name in ("branching",):
        with pytest.raises(cr.ChainruleError, match="branch depends on a value"):
            record(case.function, (), case.arguments, case.wrt, values=False)
        return
    recording = record(case.function, (), case.arguments, case.wrt, values=values)
    recording.graph.validate()
    joint = differentiate(recording.graph, recording.wrt_inputs(), case.upstream, values=values)
    joint.graph.validate()
    simple, image = simplify(joint.graph)
    simple.validate()
    assert len(simple) <= len(joint.graph)
    assert set(image.values()) <= set(simple.nodes)
    inputs = dict(leaf for name, value in recording.values.items() for leaf in leaves(value, name))
    if case.upstream is not None:
        inputs[f"d{recording.graph.output.name}"] = case.upstream
    for whole, less in zip(evaluate(joint.graph, inputs), evaluate(simple, inputs), strict=True):
        assert_same(less, whole)


@EVERY
def test_products_add_up_to_gradients(case):
    s = solution(case)
    totals = {}
    for step in s.steps:
        if step.kind == "backward":
            totals[step.node] = totals.get(step.node, 0) + step.value
    assert totals
    for node, total in totals.items():
        np.testing.assert_allclose(
            total, s._derivation.joint.gradients[node].value, rtol=1e-5, atol=1e-6
        )


@EVERY
def test_local_times_upstream_is_the_product(case):
    for step in solution(case).steps:
        if step.local is None:
            continue
        product = np.multiply(step.upstream_value, step.local.value)
        summed = step.value
        if np.shape(product) == np.shape(summed):
            np.testing.assert_allclose(product, summed, rtol=1e-5, atol=1e-7)
        else:
            assert np.sum(product) == pytest.approx(np.sum(summed), rel=1e-4, abs=1e-5)


@EVERY
def test_code_runs_alone(case, tmp_path):
    """In a fresh interpreter that has NumPy and nothing of chainrule."""
    source = solution(case).code("numpy")
    imports = [line for line in source.splitlines() if line.startswith(("import", "from"))]
    assert imports == ["import numpy as np"]
    file = tmp_path / "emitted.py"
    file.write_text(source + "\nimport sys\nassert 'chainrule' not in sys.modules\n")
    done = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or "__main__" not in source


def test_code_is_what_a_person_would_write():
    neuron = solution(CASES[0]).code()
    assert "    dz = dy * (z > 0)\n" in neuron
    assert "    dw = [dz * x[0], dz * x[1], dz * x[2]]\n" in neuron

    def dense(x, w, b):
        z = x @ w + b
        y = np.maximum(z, 0)
        return y

    r = np.random.default_rng(0)
    s = cr.explain(dense, r.normal(size=(3, 4)), r.normal(size=(4, 2)), np.zeros(2),
                   upstream=np.ones((3, 2)))  # fmt: skip
    body = s.code().split('"""')[2].split("if __name__")[0]
    assert [line.strip() for line in body.strip().splitlines()] == [
        "# forward pass",
        "z = x @ w + b",
        "y = np.maximum(z, 0)",
        "# backward pass",
        "dz = dy * (z > 0)",
        "db = np.sum(dz, axis=0)",
        "dx = dz @ w.T",
        "dw = x.T @ dz",
        "return y, dx, dw, db",
    ]


@pytest.mark.parametrize("name", ["classifier", "classifier_one_hot", "cross_entropy"])
def test_softmax_with_cross_entropy_is_p_minus_y_over_n(name):
    case = next(c for c in CASES if c.name == name)
    code = solution(case).code()
    short = {
        "classifier": "dz2 = (probabilities - np.eye(3)[y]) / confidences.size",
        "classifier_one_hot": "dz2 = (probabilities - y) / confidences.size",
        "cross_entropy": "dz = (p - Y) / 3",
    }[name]
    assert short in code
    explicit = solution(case, simplify=False).code()
    assert short not in explicit


def test_soft_labels_keep_the_general_form():
    case = [c for c in CASES if c.name == "cross_entropy"][1]
    s = solution(case)
    z, Y = case.arguments["z"], case.arguments["Y"]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(s.grads["z"], (p - Y) / 2, rtol=1e-12)


def test_steps_know_names_and_lines():
    s = solution(CASES[0])
    lines = {step.target: step.where.source for step in s.steps if step.kind == "forward"}
    assert lines["z"] == "z = xw0 + xw1 + xw2 + b"
    assert lines["y"] == "y = max(z, 0)"
    (relu,) = [step for step in s.steps if step.target == "dz"]
    assert relu.local.symbols.text == "z > 0"
    assert relu.local.numbers.text == "6 > 0"
    assert relu.numbers.text == "1 · 1"
    assert relu.where.source == "y = max(z, 0)"


def test_large_arrays_are_summarised():
    r = np.random.default_rng(0)
    s = cr.explain(lambda X, W: np.sum((X @ W) ** 2), r.normal(size=(50, 40)),
                   r.normal(size=(40, 30)))  # fmt: skip
    text = s.text()
    assert "array of 50 x 30, norm" in text
    assert len(text) < 4000


def test_solution_asks_what_to_write_instead():
    s = solution(CASES[0])
    with pytest.raises(cr.ChainruleError, match="cannot be saved"):
        s.save("neuron.docx")
    with pytest.raises(cr.ChainruleError, match="no code for 'fortran'"):
        s.code("fortran")
    with pytest.raises(cr.ChainruleError, match="no gradient of 'v'"):
        s.why("v")
    for bad in (0, -1, float("nan"), "fast", True):
        with pytest.raises(cr.ChainruleError, match="not a positive number"):
            s.step(lr=bad)
    with pytest.raises(cr.ChainruleError, match="output is an array"):
        solution(CASES[2]).step(lr=0.1)


def test_repeated_steps_leave_the_arguments_alone():
    w = [-3.0, -1.0, 2.0]
    s = cr.explain(CASES[0].function, [1.0, -2.0, 3.0], w, 1.0)
    s.descend(lr=0.01, steps=3)
    assert w == [-3.0, -1.0, 2.0]
    assert s.value == 6.0


def test_steps_whatever_the_arguments_are_called():
    def loss(f, upstream, /, simplify):
        return f * upstream * simplify

    s = cr.explain(loss, 2.0, 3.0, 1.0)
    assert s.step(lr=0.01).after == pytest.approx((2 - 0.03) * (3 - 0.02) * (1 - 0.06))
    assert cr.explain(lambda f: f**2, f=3.0).step(lr=0.1).after == pytest.approx(2.4**2)


def test_public_surface():
    assert cr.__all__ == sorted(cr.__all__, key=lambda n: (n.islower(), n))
    assert set(cr.__all__) == {
        "ChainruleError", "Report", "Solution", "check", "compile", "constant", "custom",
        "elementwise_grad", "epoch",
        "explain", "grad", "hessian", "hvp", "jacobian", "jvp", "nn", "plots", "value_and_grad",
        "vjp",
    }  # fmt: skip
    for name in cr.__all__:
        assert getattr(cr, name).__doc__


def test_an_axis_that_is_missing_is_named_even_where_it_has_one_row():
    s = cr.explain(lambda X, b: np.sum(X + b), np.ones((1, 3)), np.ones(3))
    reasons = [step.reason for step in s.steps if "repeated" in step.reason]
    assert [reason.split("; ")[1] for reason in reasons] == [
        "b was repeated along axis 0, so its gradient is summed over axis 0"
    ]


def test_latex_sets_every_gradient_with_an_upright_d():
    def f(w, x):
        z = w * x
        return np.exp(z)

    step = next(s for s in cr.explain(f, 0.5, 2.0).steps if s.target == "dw")
    assert step.symbols.latex == r"\mathrm{d}z \cdot x"
