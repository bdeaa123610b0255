"""Losses: values by hand, derivatives, extreme logits, every executor, and what is refused."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn import LOSSES, check_targets, cross_entropy, hinge, huber, l1, l2, mse
from chainrule.nn.losses import binary_cross_entropy, mae
from tests.numeric import assert_gradients

R = np.random.default_rng(0)
P, T = R.normal(size=(5, 3)), R.normal(size=(5, 3))
SAMPLES, ELEMENTS = R.uniform(0.1, 2, 5), R.uniform(0.1, 2, (5, 3))
LABELS = np.array([0, 2, 1, 1, 0])
PROBABILITIES = R.dirichlet(np.ones(3), 5)
BINARY, SIGNS = R.integers(0, 2, (5, 3)), R.choice([-1, 1], (5, 3))
CLASS_WEIGHTS = np.array([0.5, 1.0, 3.0])

#: Loss, target, options: the corpus that is crossed with derivatives, types and executors.
CASES = {
    "mse": (mse, T, {}),
    "mse by sample": (mse, T, {"weights": SAMPLES}),
    "mse by element": (mse, T, {"weights": ELEMENTS}),
    "mae": (mae, T, {}),
    "huber": (huber, T, {"delta": 0.7}),
    "huber by sample": (huber, 3 * T, {"weights": SAMPLES}),
    "binary": (binary_cross_entropy, BINARY, {}),
    "binary by sample": (binary_cross_entropy, PROBABILITIES, {"weights": SAMPLES}),
    "labels": (cross_entropy, LABELS, {}),
    "labels by sample": (cross_entropy, LABELS, {"weights": SAMPLES}),
    "labels, smooth": (cross_entropy, LABELS, {"label_smoothing": 0.2}),
    "labels, classes": (cross_entropy, LABELS, {"class_weights": CLASS_WEIGHTS}),
    "labels, all": (
        cross_entropy, LABELS,
        {"class_weights": CLASS_WEIGHTS, "label_smoothing": 0.2, "weights": SAMPLES},
    ),
    "probabilities": (cross_entropy, PROBABILITIES, {}),
    "probabilities, all": (
        cross_entropy, PROBABILITIES,
        {"class_weights": CLASS_WEIGHTS, "label_smoothing": 0.2, "weights": SAMPLES},
    ),
    "hinge": (hinge, SIGNS, {}),
    "hinge by element": (hinge, SIGNS, {"weights": ELEMENTS}),
}  # fmt: skip
EVERY = pytest.mark.parametrize("case", CASES)


def of_prediction(case):
    loss, target, options = CASES[case]
    return lambda p: loss(p, target, **options)


@EVERY
def test_derivative(case):
    f = of_prediction(case)
    assert_gradients(f, [P], [cr.grad(f)(P)], np.random.default_rng(1), step=1e-5, tolerance=1e-7)


@EVERY
def test_single_precision_stays(case):
    f = of_prediction(case)
    value, gradient = cr.value_and_grad(f)(P.astype(np.float32))
    assert value.dtype == gradient.dtype == np.float32
    np.testing.assert_allclose(value, f(P), rtol=1e-5)


@EVERY
@pytest.mark.parametrize("executor", ["numpy", "numba", "jax"])
def test_executors(case, executor, double_precision):
    loss, target, options = CASES[case]
    weights = options.get("weights")
    rest = {k: v for k, v in options.items() if k != "weights"}

    def f(p, t, w):
        return loss(p, t, weights=w, **rest)

    compiled = cr.compile(cr.value_and_grad(f), executor)
    for rows in (5, 3):  # one compilation for both
        w = None if weights is None else weights[:rows]
        value, gradient = compiled(P[:rows], target[:rows], w)
        want = cr.value_and_grad(f)(P[:rows], target[:rows], w)
        np.testing.assert_allclose(value, want[0], rtol=1e-12)
        np.testing.assert_allclose(gradient, want[1], rtol=1e-10, atol=1e-14)
    assert compiled.report().executor == executor
    assert sum(map(len, compiled._plans.plans.values())) == 1


@EVERY
def test_explained(case):
    s = cr.explain(of_prediction(case), P)
    np.testing.assert_allclose(s.value, of_prediction(case)(P), rtol=1e-12)
    assert s.text()


# -- values ----------------------------------------------------------------------------


def test_by_hand():
    p, t = np.array([1.0, -2.0, 0.5]), np.array([0.0, 2.0, 0.0])
    assert mse(p, t) == pytest.approx((1 + 16 + 0.25) / 3)
    assert mae(p, t) == pytest.approx(5.5 / 3)
    assert huber(p, t, delta=1.0) == pytest.approx((0.5 + 3.5 + 0.125) / 3)
    assert huber(p, t, delta=2.0) == pytest.approx((0.5 + 6 + 0.125) / 3)
    assert hinge(p, np.array([1, 1, -1])) == pytest.approx((0 + 3 + 1.5) / 3)
    assert binary_cross_entropy(np.log([3.0]), np.array([1])) == pytest.approx(np.log(4 / 3))
    assert cross_entropy(np.log([[1.0, 2.0, 5.0]]), np.array([2])) == pytest.approx(np.log(8 / 5))
    assert mse(p, t, weights=[1, 0, 3]) == pytest.approx((1 + 0.75) / 4)


@pytest.mark.parametrize("options", [{}, {"class_weights": CLASS_WEIGHTS, "label_smoothing": 0.1}])
def test_a_weight_of_two_is_the_sample_twice(options):
    twice = np.array([0, 1, 1, 2, 3, 4])
    weights = np.array([1.0, 2.0, 1.0, 1.0, 1.0])
    a = cross_entropy(P, LABELS, weights=weights, **options)
    assert a == pytest.approx(cross_entropy(P[twice], LABELS[twice], **options), rel=1e-12)


def test_labels_are_one_hot_rows():
    one_hot = np.eye(3, dtype=int)[LABELS]
    assert cross_entropy(P, LABELS) == pytest.approx(cross_entropy(P, one_hot), rel=1e-14)
    a = cross_entropy(P, LABELS, label_smoothing=0.3)
    assert a == pytest.approx(cross_entropy(P, one_hot, label_smoothing=0.3), rel=1e-14)


def test_lists_and_a_column_of_targets():
    assert mse([1.0, 4.0], [1, 2]) == 2
    column = np.array([[1.0], [4.0], [0.0]])
    assert mse(column, np.array([1.0, 2.0, 0.0])) == pytest.approx(4 / 3)
    assert mse(column[:, 0], np.array([[1.0], [2.0], [0.0]])) == pytest.approx(4 / 3)


@pytest.mark.parametrize("loss", [huber, mse])
def test_second_derivative_in_the_middle(loss):
    hessian = cr.hessian(lambda p: loss(p, np.zeros(2)))(np.zeros(2))
    np.testing.assert_allclose(hessian, np.eye(2) * (1 if loss is mse else 0.5))


def test_binary_cross_entropy_at_zero():
    gradient = cr.grad(lambda z: binary_cross_entropy(z, np.array([0, 1])))(np.zeros(2))
    np.testing.assert_allclose(gradient, [0.25, -0.25])
    hessian = cr.hessian(lambda z: binary_cross_entropy(z, np.array([0, 1])))(np.zeros(2))
    np.testing.assert_allclose(hessian, np.eye(2) / 8)


def test_kinks():
    np.testing.assert_array_equal(cr.grad(lambda p: mae(p, np.zeros(1)))(np.zeros(1)), [0])
    np.testing.assert_array_equal(cr.grad(lambda p: hinge(p, np.ones(1)))(np.ones(1)), [0])
    np.testing.assert_array_equal(cr.grad(lambda p: huber(p, np.zeros(2)))(np.ones(2)), [0.5] * 2)


# -- extreme logits: warnings are errors here ------------------------------------------

EXTREME = np.array([[1000, -1000, 0], [-1000, 1000, 0], [-1000, -1000, 1000]], np.float32)


@pytest.mark.parametrize("executor", [None, "numpy", "numba"])
def test_extreme_logits(executor):
    def losses(z, labels, targets):
        return cross_entropy(z, labels), binary_cross_entropy(z, targets)

    def gradient(which):
        return lambda z, labels, targets: cr.value_and_grad(
            lambda z: losses(z, labels, targets)[which]
        )(z)

    labels, targets = np.array([1, 1, 2]), np.array([[0, 0, 1], [0, 1, 1], [0, 0, 1]])
    wanted = (
        (2000 / 3, np.array([[1, -1, 0], [0, 0, 0], [0, 0, 0]]) / 3),
        ((1000 + 2 * np.log(2)) / 9, np.array([[1, 0, -0.5], [0, 0, -0.5], [0, 0, 0]]) / 9),
    )
    for which, (value, slopes) in enumerate(wanted):
        f = gradient(which) if executor is None else cr.compile(gradient(which), executor)
        got = f(EXTREME, labels, targets)
        np.testing.assert_allclose(got[0], value, rtol=1e-6)
        np.testing.assert_allclose(got[1], slopes, rtol=1e-6, atol=1e-12)
        assert got[0].dtype == got[1].dtype == np.float32


def test_nothing_cancels():
    z, y = np.array([30.0, -30.0], np.float32), np.array([1, 0])
    value, gradient = cr.value_and_grad(lambda z: binary_cross_entropy(z, y))(z)
    assert value == pytest.approx(np.exp(-30), rel=1e-5)
    np.testing.assert_allclose(gradient, [-np.exp(-30) / 2, np.exp(-30) / 2], rtol=1e-5)


def test_huber_of_large_distances():
    value, gradient = cr.value_and_grad(lambda p: huber(p, np.zeros(1, np.float32)))(
        np.array([1e30], np.float32)
    )
    assert value == np.float32(1e30)
    assert gradient == 1


# -- penalties -------------------------------------------------------------------------

PARAMS = {
    "dense1": {"W": np.array([[1.0, -2.0]]), "b": np.array([3.0])},
    "blocks": [{"W": np.array([4.0]), "scale": np.array([-5.0])}],
}


def test_penalties():
    assert (l1(PARAMS), l2(PARAMS)) == (7, 21)
    assert (l1(PARAMS, of=None), l2(PARAMS, of=None)) == (15, 55)
    assert (l1(PARAMS, of="b"), l2(PARAMS, of=("W", "scale"))) == (3, 46)
    assert (l1(np.array([1.0, -1.0]), of=None), l2({"W": {"left": np.ones(2)}})) == (2, 2)
    gradient = cr.grad(lambda p: l1(p) + l2(p, of=None))(PARAMS)
    np.testing.assert_array_equal(gradient["dense1"]["W"], [[3, -5]])
    np.testing.assert_array_equal(gradient["dense1"]["b"], [6])
    assert l2({"W": np.ones(2, np.float32)}).dtype == np.float32


def test_penalty_of_nothing_is_refused():
    with pytest.raises(ArgumentError, match=r"(?s)no parameter.*'kernel'.*'dense1', 'blocks'"):
        l2(PARAMS, of="kernel")


# -- refused by a loss: shapes, types, options -----------------------------------------


@pytest.mark.parametrize(
    ("error", "says", "call"),
    [
        (ShapeError, r"mse .*\n.*\(5, 3\)\n.*\(5,\)", lambda: mse(P, T[:, 0])),
        (ShapeError, r"hinge .*\n.*\(5,\)\n.*\(3,\)", lambda: hinge(P[:, 0], SIGNS[0])),
        (ShapeError, r"\(5,\) or shape \(5, 3\)\n.*\(3,\)", lambda: mse(P, T, weights=np.ones(3))),
        (ShapeError, r"row of logits", lambda: cross_entropy(P[0], LABELS[:3])),
        (ShapeError, r"labels of shape \(5,\)", lambda: cross_entropy(P, LABELS[:, None])),
        (ShapeError, r"weights", lambda: cross_entropy(P, LABELS, weights=ELEMENTS)),
        (ShapeError, r"shape \(3,\)", lambda: cross_entropy(P, LABELS, class_weights=[1.0, 2.0])),
        (ArgumentError, r"(?s)integers.*float64", lambda: cross_entropy(P, LABELS * 1.0)),
        (ArgumentError, r"(?s)integers.*bool", lambda: cross_entropy(P[:, :2], LABELS > 0)),
        (ArgumentError, r"0 to 1", lambda: cross_entropy(P, LABELS, label_smoothing=1.5)),
        (ArgumentError, r"above 0", lambda: huber(P, T, delta=0.0)),
        (ArgumentError, r"above 0", lambda: huber(P, T, delta=float("nan"))),
    ],
)
def test_refused_by_a_loss(error, says, call):
    with pytest.raises(error, match=says):
        call()


# -- refused where values are known ----------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("cross_entropy", LABELS),
        ("cross_entropy", LABELS.astype(np.uint8)),
        ("cross_entropy", PROBABILITIES),
        ("cross_entropy", np.eye(3, dtype=int)[LABELS]),
        ("binary_cross_entropy", BINARY),
        ("binary_cross_entropy", BINARY == 1),
        ("hinge", SIGNS),
        ("mse", T),
        (cross_entropy, LABELS),
        (lambda p, t: 0.0, np.array(list("abcde"))),
    ],
)
def test_right_targets(loss, y):
    check_targets(loss, (5, 3), y)
    check_targets(loss, (5, 3), y, weights=SAMPLES)


def with_value(array, place, value):
    changed = np.array(array, dtype=np.result_type(array, type(value)))
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("error", "loss", "y", "says"),
    [
        (ArgumentError, "crossentropy", LABELS, r"no loss.*\n.*mse, mae"),
        (ArgumentError, "cross_entropy", with_value(LABELS, 3, 3), r"y\[3\] is 3(?s:.*)4 units"),
        (ArgumentError, "cross_entropy", with_value(LABELS, 2, -1), r"y\[2\] is -1"),
        (ArgumentError, cross_entropy, with_value(LABELS, 2, 7), r"7 in row 2"),
        (ArgumentError, "cross_entropy", with_value(LABELS, 1, 0.3), r"y\[1\] is 0.3"),
        (ArgumentError, "cross_entropy", LABELS * 1.0, r"float64(?s:.*)astype\(int\)"),
        (ArgumentError, "cross_entropy", LABELS > 0, r"bool"),
        (ArgumentError, "cross_entropy", np.array(list("abcde")), r"not numbers(?s:.*)np.unique"),
        (ArgumentError, "cross_entropy", PROBABILITIES * 0.5, r"row 0(?s:.*)0.5"),
        (ArgumentError, "cross_entropy", with_value(PROBABILITIES, (1, 2), 2.0), r"y\[1, 2\] is 2"),
        (ShapeError, "cross_entropy", LABELS[:, None], r"y\[:, 0\]"),
        (ShapeError, "cross_entropy", LABELS[:4], r"5 rows"),
        (ShapeError, "cross_entropy", np.array(1), r"single"),
        (ShapeError, "mse", T[:, :2], r"\(5, 3\)\n.*\(5, 2\)"),
        (ArgumentError, "mse", with_value(T, (4, 1), np.nan), r"y\[4, 1\] is nan"),
        (ArgumentError, "mae", with_value(T, (0, 2), np.inf), r"inf in row 0"),
        (ArgumentError, "binary_cross_entropy", SIGNS, r"-1(?s:.*)\(y \+ 1\) / 2"),
        (ArgumentError, "hinge", with_value(SIGNS, (2, 0), 0), r"0 in row 2(?s:.*)2 \* y - 1"),
    ],
)
def test_wrong_targets(error, loss, y, says):
    with pytest.raises(error, match=says):
        check_targets(loss, (5, 3), y)


def test_one_logit_is_one_class():
    with pytest.raises(ShapeError, match="binary_cross_entropy"):
        check_targets("cross_entropy", (5, 1), np.zeros(5, int))
    with pytest.raises(ShapeError, match=r"\(n, k\)"):
        check_targets("cross_entropy", (5,), np.zeros(5, int))


@pytest.mark.parametrize(
    ("error", "weights", "says"),
    [
        (ShapeError, np.ones(4), r"\(5,\)\n.*\(4,\)"),
        (ShapeError, ELEMENTS, r"\(5,\)\n.*\(5, 3\)"),
        (ArgumentError, np.array([1, 1, -2, 1, 1]), r"weights\[2\] is -2"),
        (ArgumentError, np.array([1, 1, 1, np.nan, 1]), r"weights\[3\] is nan"),
        (ArgumentError, np.zeros(5), "All weights are 0"),
        (ArgumentError, np.array(list("abcde")), "not numbers"),
    ],
)
def test_wrong_weights(error, weights, says):
    with pytest.raises(error, match=says):
        check_targets("cross_entropy", (5, 3), LABELS, weights=weights)


def test_every_loss_has_its_name():
    assert {name: loss.__name__ for name, loss in LOSSES.items()} == {n: n for n in LOSSES}
