"""Backward passes of the usual layers, as an engineer writes them, and what goes wrong in them."""

import importlib.util
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError

NORM = """\
import numpy as np

def forward(x, g, b, eps=1e-5):
    mu = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    return g * (x - mu) / np.sqrt(var + eps) + b

def backward(dout, x, g, b, eps=1e-5):
    mu = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    std = np.sqrt(var + eps)
    dg = (dout * (x - mu) / std).sum(axis=0)
    db = dout.sum(axis=0)
    dxhat = dout * g
    dvar = (dxhat * (x - mu) * -0.5 * (var + eps) ** -1.5).sum(axis=-1, keepdims=True)
    dmu = (-dxhat / std).sum(axis=-1, keepdims=True)
    dx = dxhat / std + dvar * 2 * (x - mu) / x.shape[-1] + dmu / x.shape[-1]
    return dx, dg, db
"""

ATTENTION = """\
import numpy as np

def forward(q, k, v, mask):
    s = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    s = np.where(mask, s, -1e9)
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p @ v, p

def backward(dout, p, q, k, v, mask):
    dv = p.transpose(0, 2, 1) @ dout
    dp = dout @ v.transpose(0, 2, 1)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    ds = np.where(mask, ds, 0)
    scale = 1 / np.sqrt(q.shape[-1])
    dq = ds @ k * scale
    dk = ds.transpose(0, 2, 1) @ q * scale
    return dq, dk, dv
"""

ENTROPY = """\
import numpy as np

def forward(logits, y, eps=0.1):
    n, k = logits.shape
    z = logits - logits.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    t = np.full((n, k), eps / k)
    t[np.arange(n), y] += 1 - eps
    return -(t * logp).sum() / n

def backward(logits, y, eps=0.1):
    n, k = logits.shape
    z = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = z / z.sum(axis=1, keepdims=True)
    t = np.full((n, k), eps / k)
    t[np.arange(n), y] += 1 - eps
    dlogits = (p - t) / n
    return dlogits
"""

CELL = """\
import numpy as np

def forward(x, h, c, W, U):
    z = x @ W + h @ U
    f, g = np.split(z, 2, axis=1)
    f, g = 1 / (1 + np.exp(-f)), np.tanh(g)
    c_new = f * c + g
    h_new = np.tanh(c_new)
    return (h_new, c_new), (x, h, c, W, U, f, g, h_new)

def backward(dh_new, dc_new, cache):
    x, h, c, W, U, f, g, h_new = cache
    dg = dc_new + dh_new * (1 - h_new**2)
    df, dc = dg * c, dg * f
    dz = np.concatenate([df * f * (1 - f), dg * (1 - g**2)], axis=1)
    return dz @ W.T, dz @ U.T, dc, x.T @ dz, h.T @ dz
"""


def normal(*shapes):
    r = np.random.default_rng(0)
    return [r.normal(size=shape) for shape in shapes]


INPUTS = {
    NORM: normal((3, 4), 4, 4),
    ATTENTION: [*normal((2, 3, 4), (2, 3, 4), (2, 3, 4)), np.tril(np.ones((3, 3), bool))],
    ENTROPY: [*normal((3, 4)), np.array([0, 3, 1])],
    CELL: normal((2, 3), (2, 4), (2, 4), (3, 8), (4, 8)),
}


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Return a check of two functions of a source."""

    def check(source, *args, **options):
        path = tmp_path / "written_layer.py"
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)
        return cr.check(module.forward, module.backward, *args, **options)

    return check


@pytest.mark.parametrize("source", INPUTS, ids=["norm", "attention", "entropy", "cell"])
def test_a_right_layer(checked, source):
    report = checked(source, *INPUTS[source])
    assert report.ok, str(report)
    assert not report.notes


#: Source, what is right, what is written instead, the kind of the mistake, and what it becomes.
MISTAKEN = [
    (NORM, "** -1.5", "** -0.5", "exponent", "** -1.5"),
    (NORM, "(x - mu) / x.shape[-1] +", "(x - mu) / x.shape[0] +", "wrong-size", "/ x.shape[1]"),
    (ATTENTION, "p.transpose(0, 2, 1) @", "p @", "transposed", "np.swapaxes(p, -1, -2) @"),
    (ATTENTION, "v.transpose(0, 2, 1)\n    ds", "v.T\n    ds", "transposed", "swapaxes(v, -1, -2)"),
    (ATTENTION, "ds @ k * scale", "ds @ k", "scale", "ds @ k * scale"),
    (ATTENTION, "scale = 1 / np.sqrt(q.shape[-1])", "scale = 1 / q.shape[-1]", "scale", "np.sqrt"),
    (
        ATTENTION,
        "p * (dp - (dp * p).sum(axis=-1, keepdims=True))",
        "p * (1 - p) * dp",
        "off-diagonal",
        "p * (dp - np.sum(dp * p, axis=-1, keepdims=True))",
    ),
    (ENTROPY, "(p - t) / n", "(p - t) / k", "wrong-size", "(p - t) / n"),
    (ENTROPY, "(n, k), eps / k)", "(n, k), eps / (k - 1))", "wrong-operand", "(n, k), eps / k)"),
    (CELL, "(1 - h_new**2)", "(1 - h_new)**2", "exponent", "1 - h_new ** 2"),
    (NORM, "std = np.sqrt(var + eps)", "std = np.sqrt(var + eps).astype('f')", "rounded", "+ eps)"),
    (CELL, "df * f * (1 - f)", "df * (1 - f)", "derivative-missing", "df * (1 - f) * f"),
    (CELL, "dg = dc_new + dh_new", "dg = dh_new", "not-accumulated", "+ dc_new"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "before", "after", "kind", "repair"), MISTAKEN)
def test_the_first_wrong_line_has_its_name_and_its_repair(
    checked, source, before, after, kind, repair
):
    above, found, below = source.rpartition(before)
    assert found
    report = checked(above + after + below, *INPUTS[source])
    first = report.first_wrong
    shown = str(report)
    assert first is not None
    line = above.count("\n") + 1
    assert first.where.line == line, shown
    assert first.mistake == kind, shown
    assert repair in first.repair.after, shown


def test_the_numbers_shown_are_those_of_the_line(checked):
    source = ENTROPY.replace("+= 1 - eps\n    dl", "= 1 - eps\n    dl")
    first = checked(source, *INPUTS[ENTROPY]).first_wrong
    assert first.name == "t"
    np.testing.assert_allclose(first.got.max(axis=1), 0.9)
    np.testing.assert_allclose(first.expected.max(axis=1), 0.925)
    assert first.error == pytest.approx(0.025 / 0.925)


# -- several outputs ---------------------------------------------------------------------------

#: The ways in which a cell returns two outputs and takes two gradients.
FORMS = {
    "flat": [("return (h_new, c_new), (", "return h_new, c_new, (")],
    "no cache": [
        ("return (h_new, c_new), (x, h, c, W, U, f, g, h_new)", "return h_new, c_new"),
        ("dc_new, cache):\n    x, h, c, W, U, f, g, h_new = cache",
         "dc_new, x, h, c, W, U, f, g, h_new):"),
    ],
    "one tuple": [
        ("backward(dh_new, dc_new, cache):", "backward(dout, cache):\n    dh_new, dc_new = dout"),
    ],
    "the other way round": [("backward(dh_new, dc_new, cache)", "backward(dc_new, dh_new, cache)")],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_several_outputs_in_each_form(checked, form):
    source = CELL
    for old, new in FORMS[form]:
        assert old in source
        source = source.replace(old, new)
    report = checked(source, *INPUTS[CELL])
    assert report.ok, str(report)
    assert len([f for f in report.findings if f.verdict == "right"]) == 5


def test_a_mistake_after_several_outputs(checked):
    report = checked(CELL.replace("dg * f\n", "dg\n"), *INPUTS[CELL])
    assert report.first_wrong.name == "dc"
    assert "dg * f" in report.first_wrong.repair.after


def test_the_upstream_gradients_of_several_outputs(checked):
    ones = np.ones((2, 4))
    assert checked(CELL, *INPUTS[CELL], upstream=(ones, 2 * ones)).ok
    with pytest.raises(ArgumentError, match=r"tuple of arrays of the shapes \(2, 4\), \(2, 4\)"):
        checked(CELL, *INPUTS[CELL], upstream=ones)


# -- notes -------------------------------------------------------------------------------------


def test_a_gradient_that_is_not_returned_is_noted(checked):
    report = checked(NORM.replace("return dx, dg, db", "return dx, dg"), *INPUTS[NORM])
    assert report.ok
    assert report.notes == ("Not compared, since it has no gradient here: b.",)


def test_a_pass_that_is_right_by_chance_says_where_the_numbers_are_from(checked):
    source = (
        "def forward(x, b):\n    return x * b\n\ndef backward(dy, x, b):\n    dx = dy * b * b\n"
    )
    source += "    db = np.sum(dy * x)\n    return dx, db\n"
    report = checked("import numpy as np\n\n" + source, np.array([2.0, 3.0]), 1.0)
    assert not report.ok
    assert "happens to be right; the numbers shown are those at" in str(report)


def test_a_loss_without_its_mean_says_how_the_sum_is_meant():
    class Loss:
        def forward(self, p, y):
            self.p, self.y = p, y
            return -np.log(p[range(len(p)), y])

        def backward(self, p, y_true):
            self.dinputs = np.zeros_like(p)
            self.dinputs[range(len(p)), y_true] = -1 / p[range(len(p)), y_true]

    p, labels = np.array([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]]), np.array([1, 0, 0])
    report = cr.check(Loss(), p, y_true=labels)
    assert not report.ok
    assert "upstream=np.ones(3) says that the sum is meant." in " ".join(str(report).split())
    assert cr.check(Loss(), p, y_true=labels, upstream=np.ones(3)).ok


def test_worked_steps_are_folded_and_not_cut(checked):
    source = NORM.replace("dg = (dout", "dg = (-dout")
    report = checked(source, *INPUTS[NORM])
    text = str(report)
    assert max(map(len, text.splitlines())) <= 90
    told = " ".join(text.partition("How it follows")[2].split())
    assert (
        "the derivative of a product with respect to one factor is the other factor" in told.lower()
    )
    whole = " ".join(report.worked.split())
    assert whole[:200] in told


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_a_gradient_of_less_precision_is_judged_by_its_rounding(checked, kind):
    source = CELL.replace(
        "dc = dg * c, dg * f", f"dc = dg * c, (dg * f).astype(np.{kind.__name__})"
    )
    assert checked(source, *INPUTS[CELL]).ok
    assert not checked(source.replace("(dg * f)", "(1.05 * dg * f)"), *INPUTS[CELL]).ok


# -- axes, outer products, and two mistakes at once --------------------------------------------

POOL = """\
import numpy as np

def forward(x):
    out = np.zeros((x.shape[0], 2))
    for i in range(2):
        out[:, i] = x[:, 2 * i : 2 * i + 2].max(axis=1)
    return out

def backward(dout, x):
    dx = np.zeros_like(x)
    for i in range(2):
        part = x[:, 2 * i : 2 * i + 2]
        dx[:, 2 * i : 2 * i + 2] = (part == part.max(axis=1, keepdims=True)) * dout[:, i, None]
    return dx
"""

SOFTMAX = """\
import numpy as np

def forward(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def backward(dy, z):
    p = forward(z)
    dz = np.empty_like(z)
    for i in range(len(z)):
        J = np.diag(p[i]) - np.outer(p[i], p[i])
        dz[i] = J @ dy[i]
    return dz
"""


@pytest.mark.parametrize(
    ("source", "before", "after", "kind", "shape"),
    [
        (POOL, "dout[:, i, None]", "dout[:, i]", "missing-axis", (2, 4)),
        (POOL, "dout[:, i, None]", "dout[:, i]", "missing-axis", (3, 4)),  # which raises
        (SOFTMAX, "np.outer(p[i], p[i])", "p[i] * p[i]", "off-diagonal", (3, 4)),
    ],
)
def test_what_is_repeated_or_multiplied_along_an_axis(checked, source, before, after, kind, shape):
    assert checked(source, *normal(shape)).ok
    first = checked(source.replace(before, after), *normal(shape)).first_wrong
    assert first.mistake == kind
    assert before in first.repair.after


class Affine:
    def __init__(self):
        self.w = np.array([[0.5, -1.0], [2.0, 0.25], [1.5, -0.5]])

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, dy):
        self.dw = dy.T @ self.x
        self.dx = dy @ self.w


def test_of_two_mistakes_one_repair_says_that_it_mends_the_one():
    report = cr.check(Affine(), normal((4, 3))[0])
    first = report.first_wrong
    assert first.repair.after == "self.dx = dy @ self.w.T"
    assert "self.dx is right, and others are still wrong" in " ".join(str(report).split())


def test_one_gradient_without_a_name_is_that_of_what_has_its_shape():
    def forward(x, w, target):
        return np.mean((x @ w - target) ** 2)

    def backward(x, w, target):
        return 2 * x.T @ (x @ w - target) / target.size

    report = cr.check(forward, backward, *normal((2, 3), (3, 2), (2, 2)))
    assert report.ok, str(report)
    assert [f.of for f in report.findings] == ["w"]
    assert report.notes == ("Not compared, since it has no gradient here: x.",)


def test_outputs_in_a_dict_say_what_is_taken():
    with pytest.raises(ArgumentError, match="a tuple of arrays for several outputs"):
        cr.check(lambda x: {"a": 2 * x}, lambda dy, x: 2 * dy, np.ones(3))
