"""Softmax with cross-entropy, however it is written by hand, ends in (p - y)/N."""

import numpy as np
import pytest

import chainrule as cr

R = np.random.default_rng(0)
Z, Z_OTHER = R.normal(size=(2, 4, 3))
LABELS = np.array([0, 2, 1, 1])
ONE_HOT = np.eye(3)[LABELS]


def in_place(z, y):
    z = z.copy()
    z -= z.max(1, keepdims=True)
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[range(len(y)), y]))


def divided_in_place(z, y):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).sum() / len(y)


def shifted_twice(z, y):
    z = z - 3.0
    z = z - np.max(z, axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return np.mean(-np.log(p[range(len(y)), y]))


def log_of_shifted(z, y):
    shifted = z - np.max(z, axis=1, keepdims=True)
    logp = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y])


def three_terms(z, y):
    m = np.max(z, axis=1, keepdims=True)
    logp = z - m - np.log(np.sum(np.exp(z - m), axis=1, keepdims=True))
    return -np.mean(logp[range(len(y)), y])


def log_sum_exp(z, y):
    m = z.max(1, keepdims=True)
    lse = m + np.log(np.exp(z - m).sum(axis=1, keepdims=True))
    logp = z - lse
    return -np.mean(logp[range(len(y)), y])


def log_sum_exp_without_axes(z, y):
    m = z.max(axis=1)
    lse = np.log(np.sum(np.exp(z - m[:, None]), axis=1)) + m
    logp = z - lse[:, np.newaxis]
    return -np.sum(logp[range(len(y)), y]) / len(y)


def log_sum_exp_of_two_maxima(z, y):
    lse = np.max(z, axis=1) + np.log(np.sum(np.exp(z - np.max(z, axis=1, keepdims=True)), axis=1))
    logp = z - lse.reshape(-1, 1)
    return -np.take_along_axis(logp, y[:, None], 1).mean()


def picked_logits(z, y):
    m = z.max(1, keepdims=True)
    lse = m[:, 0] + np.log(np.exp(z - m).sum(axis=1))
    return np.mean(lse - z[np.arange(len(y)), y])


def new_axis(z, y):
    e = np.exp(z - np.max(z, axis=1)[:, None])
    p = e / np.sum(e, axis=1)[:, None]
    return -np.mean(np.log(p[np.arange(len(y)), y]))


def dots(z, y):
    e = np.exp(z)
    p = e / np.sum(e, axis=-1)[..., None]
    return -np.mean(np.log(p[np.arange(len(y)), y]))


def expanded(z, y):
    e = np.exp(z - np.expand_dims(z.max(1), 1))
    p = e / np.expand_dims(e.sum(1), 1)
    return np.mean(-np.log(np.take_along_axis(p, y[:, None], axis=1)))


def one_hot(z, Y):
    e = np.exp(z)
    p = e / e.sum(1).reshape(-1, 1)
    return -np.sum(Y * np.log(p)) / len(z)


def one_hot_rows(z, Y):
    logp = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    return -np.mean(np.sum(Y * logp, axis=1))


def one_hot_before_the_logarithm(z, Y):
    e = np.exp(z)
    p = e / e.sum(1, keepdims=True)
    return -np.mean(np.log(np.sum(p * Y, axis=1)))


def classes_first(z, Y):
    z = z.T
    e = np.exp(z - z.max(axis=0))
    p = e / e.sum(axis=0)
    return -np.sum(Y.T * np.log(p)) / len(Y)


def clipped(z, y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return np.mean(-np.log(np.clip(p, 1e-7, 1 - 1e-7)[range(len(y)), y]))


def clipped_one_hot(z, Y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return np.mean(-np.log(np.sum(np.clip(p, 1e-7, 1 - 1e-7) * Y, axis=1)))


def bounded_below(z, Y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(Y * np.log(np.maximum(p, 1e-12))) / len(z)


FORMS = {
    in_place: "(p - np.eye(3)[y]) / y.size",
    divided_in_place: "(p_2 - np.eye(3)[y]) / 4",
    shifted_twice: "(p - np.eye(3)[y]) / y.size",
    log_of_shifted: "(np.exp(logp) - np.eye(3)[y]) / y.size",
    three_terms: "(np.exp(logp) - np.eye(3)[y]) / y.size",
    log_sum_exp: "(np.exp(logp) - np.eye(3)[y]) / y.size",
    log_sum_exp_without_axes: "(np.exp(logp) - np.eye(3)[y]) / 4",
    log_sum_exp_of_two_maxima: "(np.exp(logp) - np.eye(3)[y]) / y.size",
    picked_logits: "(np.exp(z - np.expand_dims(lse, 1)) - np.eye(3)[y]) / lse.size",
    new_axis: "(p - np.eye(3)[y]) / y.size",
    dots: "(p - np.eye(3)[y]) / y.size",
    expanded: "(p - np.eye(3)[y]) / y.size",
    one_hot: "(p - Y) / 4",
    one_hot_rows: "(np.exp(logp) - Y) / t1.size",
    one_hot_before_the_logarithm: "(p - Y) / t1.size",
    classes_first: "(p - Y.T) / 4",
    clipped: "(p - np.eye(3)[y]) / y.size",
    clipped_one_hot: "(p - Y) / t1.size",
    bounded_below: "(p - Y) / 4",
}
EVERY = pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)


def labels_of(form):
    return ONE_HOT if "Y" in form.__code__.co_varnames else LABELS


def emitted(solution, **arguments):
    namespace = {"__name__": "emitted"}
    exec(solution.code(), namespace)
    return namespace[solution._derivation.program.name](**arguments)


@EVERY
def test_every_form_ends_in_p_minus_y(form):
    s = cr.explain(form, Z, labels_of(form), wrt="z")
    assert FORMS[form] in s.code()
    assert FORMS[form] not in cr.explain(form, Z, labels_of(form), wrt="z", simplify=False).code()
    p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(s.grads["z"], (p - ONE_HOT) / 4, rtol=1e-12, atol=1e-15)
    assert any(" / " in step.simpler.text for step in s.steps if step.simpler is not None)


@EVERY
def test_every_form_is_plain_differentiation(form):
    s = cr.explain(form, Z, labels_of(form), wrt="z")
    plain = cr.explain(form, Z, labels_of(form), wrt="z", simplify=False)
    np.testing.assert_allclose(s.grads["z"], plain.grads["z"], rtol=1e-12, atol=1e-15)
    # Its code is right for other numbers as well, not only for those that it was derived with.
    label = "Y" if labels_of(form) is ONE_HOT else "y"
    value, gradient = emitted(s, z=Z_OTHER, **{label: labels_of(form)})
    want, plain = cr.value_and_grad(form)(Z_OTHER, labels_of(form))
    np.testing.assert_allclose(value, want, rtol=1e-12)
    np.testing.assert_allclose(gradient, plain, rtol=1e-12, atol=1e-15)


@EVERY
def test_every_form_in_single_precision(form):
    single = Z.astype(np.float32)
    s = cr.explain(form, single, labels_of(form), wrt="z")
    p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(s.grads["z"], (p - ONE_HOT) / 4, rtol=1e-4, atol=1e-6)
    assert s.code()


# -- one sample ------------------------------------------------------------------------


def one(z, k):
    e = np.exp(z - z.max())
    p = e / e.sum()
    return -np.log(p[k])


def one_logarithm(z, k):
    logp = z - np.log(np.sum(np.exp(z)))
    return -logp[k]


def one_log_sum_exp(z, t):
    m = np.max(z)
    lse = m + np.log(np.sum(np.exp(z - m)))
    logp = z - lse
    return -np.sum(t * logp)


@pytest.mark.parametrize(
    ("form", "label", "short"),
    [
        (one, 2, "dz = p - np.eye(3)[2]"),
        (one, np.array(2), "dz = p - np.eye(3)[k]"),
        (one_logarithm, 2, "dz = np.exp(logp) - np.eye(3)[2]"),
        (one_log_sum_exp, np.array([0.0, 1.0, 0.0]), "dz = np.exp(logp) - t"),
    ],
)
def test_one_sample(form, label, short):
    s = cr.explain(form, Z[0], label, wrt="z")
    assert short in s.code()
    np.testing.assert_allclose(s.grads["z"], cr.grad(form)(Z[0], label), rtol=1e-12, atol=1e-15)


# -- what is not equal is not recognised -----------------------------------------------


def over_other_rows(z, y):
    e = np.exp(z)
    p = e / e.sum(axis=1)  # a square table: the sums stand along the other axis
    return -np.mean(np.log(p[range(3), y]))


def over_other_axis(z, y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    return -np.mean(np.log(p[range(3), y]))


def two_shifts(z, y):
    logp = z - z.max(axis=1, keepdims=True) - np.log(np.sum(np.exp(z - 1.0), axis=1, keepdims=True))
    return -np.mean(logp[range(3), y])


def other_shift_added_back(z, y):
    m = z.max(axis=1, keepdims=True)
    lse = 2 * m + np.log(np.sum(np.exp(z - m), axis=1, keepdims=True))
    return -np.mean((z - lse)[range(3), y])


def reversed_sums(z, y):
    e = np.exp(z)
    p = e / e.sum(axis=1)[::-1, None]
    return -np.mean(np.log(p[range(3), y]))


def with_epsilon(z, y):
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p + 0.01)[range(3), y])


def tightly_clipped(z, y):
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(np.clip(p, 0.2, 0.4)[range(3), y]))


def at_the_edge(z, y):
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    low = 0.25
    c = np.clip(p * 0 + low, low, 1.0) + p * 0
    return -np.mean(np.log(c[range(3), y]))


@pytest.mark.parametrize(
    "form",
    [
        over_other_rows, over_other_axis, two_shifts, other_shift_added_back, reversed_sums,
        with_epsilon, tightly_clipped, at_the_edge,
    ],
)  # fmt: skip
def test_what_is_not_equal_keeps_its_own_gradient(form):
    z, y = R.normal(size=(3, 3)), np.array([0, 2, 1])
    s = cr.explain(form, z, y, wrt="z")
    np.testing.assert_allclose(s.grads["z"], cr.grad(form)(z, y), rtol=1e-10, atol=1e-14)
    _, gradient = emitted(s, z=Z_OTHER[:3], y=y)
    np.testing.assert_allclose(gradient, cr.grad(form)(Z_OTHER[:3], y), rtol=1e-10, atol=1e-14)


def test_labels_that_overlap_along_the_axis_are_not_taken_for_one_hot():
    def f(z, Y):
        e = np.exp(z)
        p = e / e.sum(axis=0)
        return -np.sum(np.log(np.sum(p * Y, axis=0)))

    Y = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    z = Z[:3, :2]
    np.testing.assert_allclose(
        cr.explain(f, z, Y, wrt="z").grads["z"], cr.grad(f)(z, Y), rtol=1e-12
    )


def test_a_clip_is_passed_over_where_it_changes_nothing_and_that_is_said():
    s = cr.explain(clipped, Z, LABELS, wrt="z")
    said = "clip changes none of the values of which the logarithm is taken here"
    assert f"# as long as {said}" in s.code()
    assert any(said in step.reason for step in s.steps)
    assert said not in cr.explain(in_place, Z, LABELS, wrt="z").text()
    sure = Z.copy()
    sure[0] = [60.0, 0.0, 0.0]  # p is 1 up to rounding: clipped, and without a gradient
    s = cr.explain(clipped, sure, LABELS, wrt="z")
    assert said not in s.text()
    assert np.all(s.grads["z"][0] == 0)


def test_one_softmax_upon_another():
    def f(z, w):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        attention = e / e.sum(axis=1, keepdims=True)
        scores = attention @ w
        scores = scores - scores.max(axis=1, keepdims=True)
        logp = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return -np.mean(logp[:, 0])

    w = R.normal(size=(3, 2))
    s = cr.explain(f, Z, w)
    assert "np.max" not in s.code().split("# backward pass")[1]
    for name, gradient in zip("zw", cr.grad(f, wrt=("z", "w"))(Z, w), strict=True):
        np.testing.assert_allclose(s.grads[name], gradient, rtol=1e-10, atol=1e-15)


def test_a_softmax_of_scipys_beside_one_by_hand():
    special = pytest.importorskip("scipy.special")

    def f(z):
        p = special.softmax(z, axis=1)
        e = np.exp(z)
        q = e / e.sum(axis=1, keepdims=True)
        return np.sum(p * q**2) - np.mean(np.log(q[:, 0])) - np.mean(np.log(p[:, 1]))

    s = cr.explain(f, Z)
    np.testing.assert_allclose(s.grads["z"], cr.grad(f)(Z), rtol=1e-12)
    assert s.code()
