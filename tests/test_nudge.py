"""The closing sentence promises a change: what it says is what happens."""

import re

import numpy as np
import pytest

import chainrule as cr

SIZES = [0.0, *(s * m * 10.0**e for e in range(-300, 301, 25) for s in (1, -1) for m in (1, 2.5)),
         *(m * 10.0**e for e in range(-4, 5) for m in (1, 3, 9.99))]  # fmt: skip
FUNCTIONS = {
    "3 a": lambda a: 3 * a,
    "a^2": lambda a: a * a,
    "a + 1e6": lambda a: a + 1e6,
    "sin": lambda a: np.sin(a),
    "tanh": lambda a: np.tanh(a),
    "exp": lambda a: np.exp(a),
    "1 / (1 + a^2)": lambda a: 1 / (1 + a**2),
    "steep": lambda a: np.tanh(1e9 * a),
    "bent": lambda a: np.sin(1e4 * a),
    "relu": lambda a: np.maximum(a, 0),
}
RAISED = re.compile(
    r"The largest is that of (\S+): raise \1 by (\S+), and (\w+) changes by about (\S+)\."
)
RATE = re.compile(r"The largest is that of (\S+): (\w+) changes (\S+) times as fast as \1\.")


def last(f, *args, **options):
    (sentence,) = cr.explain(f, *args, **options).text().strip().split("\n\n")[-1:]
    return " ".join(sentence.split())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_every_size_the_output_changes_as_it_is_said(name):
    f = FUNCTIONS[name]
    raised = 0
    for a in SIZES:
        try:
            s = cr.explain(f, a)
        except cr.errors.NonFiniteError:
            continue
        said = last(f, a)
        if (found := RAISED.fullmatch(said)) is not None:
            step, change = float(found[2]), float(found[4])
            with np.errstate(all="ignore"):
                assert f(a + step) - f(a) == pytest.approx(change, rel=6e-3, abs=0), (a, said)
            raised += 1
        elif (found := RATE.fullmatch(said)) is not None:
            assert float(found[3]) == pytest.approx(s.grads["a"], rel=1e-3, abs=0)
        else:
            assert said.startswith("All of them are 0")
            assert s.grads["a"] == 0
    assert raised > (5 if name in ("steep", "bent") else 20)


@pytest.mark.parametrize("a", [1e-300, 2e-20, 0.03, 0.5, 7.0, 400.0, 1e12, 1e300])
def test_the_step_fits_the_size(a):
    step = float(RAISED.fullmatch(last(lambda a: 2 * a, a))[2])
    assert 1e-5 * a < step <= 1.01e-2 * a
    assert last(lambda a: 2 * a, 5.0).endswith(
        "raise a by 0.001, and output changes by about 0.002."
    )


def test_of_a_number_that_is_0_its_array_tells_the_size():
    said = last(lambda w: w @ np.array([1.0, 5.0]), np.array([2e9, 0.0]))
    assert "raise w[1] by 1e+06, and output changes by about 5e+06." in said


def test_a_step_does_not_cross_a_branch():
    def f(z):
        return 3 * z if z < 2 else 3 * z + 0.0

    assert "raise z by 0.001" in last(f, 1.9)
    assert "raise z by 0.0001" in last(f, 1.9995)
    assert last(f, 2 - 1e-15) == "The largest is that of z: output changes 3 times as fast as z."


def test_precision_is_what_the_type_has():
    for a in (0.5, 3.0, 1e4, 1e-4):
        w = np.array([a, a / 2], np.float32)
        found = RAISED.fullmatch(last(lambda w: np.sum(2 * w * w), w))
        more = w.copy()
        more[0] += np.float32(found[2])
        change = np.sum(2 * more * more) - np.sum(2 * w * w)
        assert change == pytest.approx(float(found[4]), rel=6e-3, abs=0)
    half = np.array([3.0], np.float16)  # no step of 0.001 is one there
    assert RATE.fullmatch(last(lambda w: np.sum(w * w), half)) is not None


def test_numbers_in_structures_are_found_and_those_given_stay():
    params = {"a": 1.0, "b": [1.0, np.array([4.0, 2.0])]}
    said = last(lambda p: p["a"] * 3 + p["b"][1][1] * 7.0, params)
    assert "raise p['b'][1][1] by 0.001, and output changes by about 0.007." in said
    np.testing.assert_array_equal(params["b"][1], [4.0, 2.0])


def test_where_nothing_can_be_promised_nothing_is():
    assert "The largest" not in cr.explain(lambda w: w * 2, 1.0, upstream=2.0).text()
    assert "The largest" not in cr.explain(lambda w: np.sum(w), np.array([])).text()
    assert last(lambda w: w * w, 0.0) == (
        "All of them are 0: a small change of a number changes the result hardly or not at all."
    )


def test_an_empty_array_is_called_empty_once():
    def f(x, w):
        y = np.maximum(x * w, 0) + x
        return np.sum(y)

    s = cr.explain(f, np.zeros((0, 3)), 2.0)
    for shown in (s.text(), s.markdown(), s.latex()):
        assert "[]" not in shown
        assert not re.search(r"begin\{bmatrix\}\s*\\end", shown)
    assert "x = empty array of 0 x 3\n" in s.text()
    assert "t1 = x · w = empty array of 0 x 3\n" in s.text()
    assert "output = sum(y) = 0\n" in s.text()
    assert "x = empty array\n" in cr.explain(lambda x: np.sum(x), np.array([])).text()
