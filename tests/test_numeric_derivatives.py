"""Numeric derivatives: right, and wrong by no more than they say."""

import itertools
import math
import sys
import warnings

import numpy as np
import pytest

from chainrule.checking.numeric import coordinates, directional, slope
from chainrule.checking.sweep import sweep
from chainrule.errors import ArgumentError, DtypeError

COMPLEX, DIFFERENCES = "complex step", "extrapolated differences"


def relu(z):
    return np.maximum(z, 0)


def trusted(found, truth):
    return abs(found.value - truth) <= found.error + 4e-16 * abs(truth)


# -- smooth functions --------------------------------------------------------------------

SMOOTH = {
    "sin": (lambda x: np.sin(x), lambda x: math.cos(x)),
    "exp": (lambda x: np.exp(x), lambda x: math.exp(x)),
    "log": (lambda x: np.log(x), lambda x: 1 / x),
    "sqrt": (lambda x: np.sqrt(x), lambda x: 0.5 / math.sqrt(x)),
    "tanh": (lambda x: np.tanh(x), lambda x: 1 - math.tanh(x) ** 2),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (2 + 2 * math.cosh(x))),
    "cube": (lambda x: x**3, lambda x: 3 * x * x),
    "quotient": (lambda x: x / (1 + x * x), lambda x: (1 - x * x) / (1 + x * x) ** 2),
    "steep": (
        lambda x: np.tanh(1e3 * (x - 0.7)),
        lambda x: 1e3 * (1 - math.tanh(1e3 * (x - 0.7)) ** 2),
    ),
    "periodic": (
        lambda x: np.sin(32 * np.pi * x),
        lambda x: 32 * math.pi * math.cos(32 * math.pi * x),
    ),
}


@pytest.mark.parametrize("x", [0.3, 0.7, 2.0])
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_by_the_complex_step(name, x):
    f, derivative = SMOOTH[name]
    found = slope(lambda h: f(x + h))
    truth = derivative(x)
    assert found.method == COMPLEX
    assert abs(found.value - truth) <= 1e-12 * max(1, abs(truth))
    assert trusted(found, truth)
    assert not found.kink


@pytest.mark.parametrize("x", [0.3, 0.7, 2.0])
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_that_take_only_real_numbers(name, x):
    f, derivative = SMOOTH[name]
    found = slope(lambda h: float(f(x + h)))
    truth = derivative(x)
    assert found.method == DIFFERENCES
    assert abs(found.value - truth) <= 1e-10 * max(1, abs(truth))
    assert trusted(found, truth)
    assert not found.kink


def test_bounds_are_worth_something():
    assert slope(lambda h: np.sin(0.3 + h)).error < 1e-12
    assert slope(lambda h: math.sin(0.3 + h)).error < 1e-11


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 1e5])
def test_the_scale_may_be_far_off(scale):
    found = slope(lambda h: math.exp(0.3 + h), scale)
    assert trusted(found, math.exp(0.3))
    assert found.error < 1e-6


# -- where a complex step goes wrong -------------------------------------------------------

X, V = np.linspace(-1.5, 1.9, 8), np.cos(np.arange(8.0))

# The derivative at X along V, of something that sees through complex numbers, or refuses them.
REAL_ONLY = {
    "abs": (lambda x: np.sum(np.abs(x) * x), 2 * np.abs(X) @ V),
    "conj": (lambda x: np.sum(np.conj(x) * x).real, 2 * X @ V),
    "conj alone": (lambda x: np.sum(np.sin(np.conj(x))), np.cos(X) @ V),
    "norm": (lambda x: np.linalg.norm(x), X @ V / np.linalg.norm(X)),
    "var": (lambda x: np.var(x) + np.sum(x), 2 * (X - X.mean()) @ V / 8 + np.sum(V)),
    "sign": (lambda x: np.sum(np.sign(x) * x), np.sign(X) @ V),
    "real": (lambda x: np.sum(x.real**2), 2 * X @ V),
    "float()": (lambda x: float(np.sum(x**2)), 2 * X @ V),
    "math": (lambda x: math.sin(x[0]), math.cos(X[0]) * V[0]),
    "astype": (lambda x: np.sum(x.astype(float) ** 2), 2 * X @ V),
    "assigned": (lambda x: np.sum(assigned(x) ** 2), 2 * X @ V),
    "asserted": (lambda x: np.sum(only_floats(x) ** 2), 2 * X @ V),
    "hypot": (lambda x: np.sum(np.hypot(x, 1.0)), X / np.hypot(X, 1) @ V),
    "a weak part": (
        lambda x: np.sum(x) + 1e-8 * np.sum(np.abs(x)),
        np.sum(V + 1e-8 * np.sign(X) * V),
    ),
}


def assigned(x):
    out = np.zeros(x.shape)
    for i in range(len(x)):
        out[i] = x[i]
    return out


def only_floats(x):
    if x.dtype != np.float64:
        raise KeyError(x.dtype)
    return x


@pytest.mark.parametrize("name", REAL_ONLY)
def test_functions_that_break_a_complex_step(name):
    f, truth = REAL_ONLY[name]
    found = slope(lambda h: f(X + h * V))
    assert found.method == DIFFERENCES
    assert abs(found.value - truth) <= 1e-10 * max(1, abs(truth))
    assert trusted(found, truth)


def test_comparisons_do_no_harm_away_from_a_kink():
    found = slope(lambda h: np.sum(np.where(X + h * V > 0, np.exp(X + h * V), 0.0)))
    assert trusted(found, np.sum(np.where(X > 0, np.exp(X), 0) * V))
    assert found.error < 1e-10


# -- kinks -------------------------------------------------------------------------------

KINKS = {
    "abs": (lambda h: abs(h), -1, 1),
    "relu": (lambda h: relu(h), 0, 1),
    "leaky relu": (lambda h: np.where(h > 0, h, 0.01 * h), 0.01, 1),
    "on a slope": (lambda h: relu(h) + np.exp(h), 1, 2),
    "max of two": (lambda h: np.max(np.stack([1 + h, 1 - 2 * h])), -2, 1),
    "clip": (lambda h: np.clip(1 + h, -1, 1), 1, 0),
    "weak": (lambda h: np.sin(h) + 1e-4 * abs(h), 1 - 1e-4, 1 + 1e-4),
    "among others": (lambda h: np.sum(relu(np.linspace(-1, 1, 21) + h)), 10, 11),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_told_with_both_slopes(name):
    f, left, right = KINKS[name]
    for g in (f, lambda h: float(f(h))):
        found = slope(g)
        assert found.kink
        assert found.left == pytest.approx(left, abs=1e-6)
        assert found.right == pytest.approx(right, abs=1e-6)
        assert found.value == pytest.approx((left + right) / 2, abs=1e-6)
        assert trusted(found, left)
        assert trusted(found, right)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("distance", [0.3, 1e-2, 1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("real_only", [False, True])
def test_kinks_nearby_are_avoided(distance, sign, real_only):
    cases = {
        "relu": (lambda h: relu(sign * distance + h), (sign + 1) / 2),
        "abs": (lambda h: abs(sign * distance + h), sign),
        "on a slope": (lambda h: relu(sign * distance + h) + np.exp(h), (sign + 1) / 2 + 1),
        "clip": (lambda h: np.clip(1 + sign * distance + h, -1, 1), (1 - sign) / 2),
    }
    for f, truth in cases.values():
        found = slope((lambda h, f=f: float(f(h))) if real_only else f)
        assert not found.kink
        assert trusted(found, truth)
        # What is left of double precision at steps below the distance.
        assert found.error <= 1e-14 / distance + 1e-10


def test_a_kink_too_close_to_tell_counts_as_one():
    found = slope(lambda h: relu(1e-15 + h) + np.exp(h))
    assert found.kink
    assert trusted(found, 2.0)


@pytest.mark.parametrize(
    "f", [lambda h: float(h > 0), lambda h: np.sqrt(np.abs(h)), lambda h: np.round(0.5 + h)]
)
def test_slopes_without_end(f):
    found = slope(f)
    assert found.kink
    assert found.error == math.inf


@pytest.mark.parametrize(
    ("f", "truth"),
    [
        (lambda h: h * abs(h) + math.exp(h), 1.0),
        (lambda h: abs(h) ** 1.5 + math.exp(h), 1.0),
        (lambda h: float(np.where(h > 0, h, np.expm1(h))), 1.0),
        (lambda h: math.sqrt(h * h + 1e-10), 0.0),
        (lambda h: float(np.round(0.3 + h)), 0.0),
    ],
)
def test_no_kink_where_only_a_higher_derivative_jumps(f, truth):
    found = slope(f)
    assert not found.kink
    assert trusted(found, truth)


# -- noise -------------------------------------------------------------------------------


def test_single_precision_within():
    for x in np.linspace(-3, 3, 30):
        found = slope(lambda h, x=x: float(np.sin(np.float32(x + h))))
        assert trusted(found, math.cos(np.float32(x)))
        assert 1e-8 < found.error < 1e-3


def test_single_precision_that_swallows_the_change():
    # One unit in the last place of 2.3 is 2.4e-7.
    found = slope(lambda h: np.float32(2.3 + 1e-8 * h))
    assert trusted(found, 1e-8)
    told = slope(lambda h: 0.7 * float(np.float32(2.3 + 1e-8 * h)), precision=2.0**-23)
    assert trusted(told, 0.7e-8)


def test_cancellation():
    found = slope(lambda h: (1e8 + math.sin(0.3 + h)) - 1e8)
    assert trusted(found, math.cos(0.3))
    assert 1e-8 < found.error < 1e-4


@pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-6, 1e-3])
def test_random_noise(noise):
    rng = np.random.default_rng(1)
    for x in np.linspace(-2, 2, 25):
        found = slope(lambda h, x=x: math.sin(x + h) + noise * rng.standard_normal())
        assert trusted(found, math.cos(x))
        assert noise < found.error < 1e4 * noise


# -- what is not finite, and wrong use -----------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda h: math.nan,
        lambda h: np.log(-1.0 + h),
        lambda h: np.exp(1e4 + h),
        lambda h: np.sqrt(h),
        lambda h: math.sqrt(h),
    ],
)
def test_no_derivative_where_f_is_not_finite(f):
    found = slope(f)
    assert math.isnan(found.value)
    assert found.error == math.inf


def test_the_domain_may_end_nearby():
    for f in (np.log, math.log):
        found = slope(lambda h, f=f: f(1e-6 + h))
        assert trusted(found, 1e6)
        assert found.error < 1


def test_warnings_of_the_function_are_not_passed_on():
    def f(h):
        if h != 0:
            warnings.warn("unusual input", stacklevel=2)
        return np.log(0.2 + h)

    assert trusted(slope(f), 5.0)


def test_an_error_at_the_point_itself_is_raised():
    with pytest.raises(ValueError, match="math domain error"):
        slope(lambda h: math.log(-1.0 + h))


@pytest.mark.parametrize("scale", [0, -1.0, math.inf, math.nan])
def test_the_scale_has_to_be_positive(scale):
    with pytest.raises(ArgumentError, match="scale"):
        slope(abs, scale)


# -- bounds that hold --------------------------------------------------------------------

UNARY = [
    (np.sin, np.cos),
    (np.cos, lambda x: -np.sin(x)),
    (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    (lambda x: np.exp(x / 4), lambda x: np.exp(x / 4) / 4),
    (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    (lambda x: np.sqrt(1 + x * x), lambda x: x / np.sqrt(1 + x * x)),
    (lambda x: np.log(1 + x * x), lambda x: 2 * x / (1 + x * x)),
    (lambda x: x * x, lambda x: 2 * x),
    (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
]


def random_smooth(seed, dtype=np.float64):
    """A small random network at a random point along a direction, and its derivative."""
    rng = np.random.default_rng(seed)
    widths = rng.integers(1, 5, size=rng.integers(2, 5))
    x = (rng.normal(size=widths[0]) * 10 ** rng.uniform(-2, 0.5)).astype(dtype)
    v = rng.normal(size=widths[0])
    layers = [
        (rng.normal(size=(after, before)).astype(dtype), rng.normal(size=after).astype(dtype))
        for before, after in itertools.pairwise(widths)
    ]
    functions = [UNARY[i] for i in rng.integers(len(UNARY), size=len(layers))]
    upstream = rng.normal(size=widths[-1])

    def f(h):
        value = x + h * v
        value = value if np.iscomplexobj(value) else value.astype(dtype)
        for (weight, bias), (function, _) in zip(layers, functions, strict=True):
            value = function(weight @ value + bias)
        return upstream @ value

    # The chain rule, in as many digits as there are.
    value, change = x.astype(np.longdouble), v.astype(np.longdouble)
    for (weight, bias), (function, derivative) in zip(layers, functions, strict=True):
        before = weight @ value + bias
        value, change = function(before), derivative(before) * (weight @ change)
    return f, float(upstream @ change), math.sqrt(np.mean(x**2) / np.mean(v**2))


def share_trusted(cases):
    return np.mean([trusted(found, truth) for found, truth in cases])


def test_bounds_hold_on_2000_smooth_functions():
    cases = []
    for seed in range(2000):
        f, truth, scale = random_smooth(seed)
        cases.append((slope(f if seed % 2 else lambda h, f=f: float(f(h)), scale), truth))
    assert share_trusted(cases) >= 0.999
    assert np.median([found.error / max(1.0, abs(truth)) for found, truth in cases]) < 1e-11
    assert not any(found.kink for found, _ in cases)


def test_bounds_hold_in_single_precision():
    cases = []
    for seed in range(400):
        f, truth, scale = random_smooth(seed, np.float32)
        cases.append((slope(lambda h, f=f: float(f(h)), scale), truth))
    assert share_trusted(cases) >= 0.99
    assert np.median([found.error / max(1.0, abs(truth)) for found, truth in cases]) < 1e-3


PIECEWISE = [
    (relu, lambda z: (z > 0) * 1.0),
    (np.abs, np.sign),
    (lambda z: np.clip(z, -1, 1), lambda z: (np.abs(z) < 1) * 1.0),
    (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z: np.exp(np.minimum(z, 0))),
    (lambda z: np.where(abs(z) < 1, z * z / 2, abs(z) - 0.5), lambda z: np.clip(z, -1, 1)),
    (lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
]


def random_piecewise(seed):
    """Two layers with kinks, one of them near; their derivative along a direction."""
    rng = np.random.default_rng(seed)
    rows, width, after = rng.integers(1, 12), rng.integers(1, 5), rng.integers(1, 6)
    x, v = rng.normal(size=(2, rows, width))
    first, second = rng.normal(size=(width, after)), rng.normal(size=(after, 2))
    upstream = rng.normal(size=(rows, 2))
    (a, da), (b, db) = (PIECEWISE[i] for i in rng.integers(len(PIECEWISE), size=2))
    distance = rng.choice([-1, 1]) * 10 ** rng.uniform(-9, 0) + rng.choice([0, 1])
    x[0] -= ((x[0] @ first[:, 0]) - distance) * first[:, 0] / (first[:, 0] @ first[:, 0])

    def f(h):
        return np.sum(upstream * b(a((x + h * v) @ first) @ second))

    z = x @ first
    truth = np.sum(upstream * db(a(z) @ second) * ((da(z) * (v @ first)) @ second))
    return f, float(truth)


def test_bounds_hold_near_kinks():
    cases = []
    for seed in range(400):
        f, truth = random_piecewise(seed)
        cases.append((slope(f if seed % 2 else lambda h, f=f: float(f(h))), truth))
    assert share_trusted(cases) >= 0.997
    assert np.quantile([found.error for found, _ in cases], 0.9) < 1e-5


# -- functions of arrays -----------------------------------------------------------------


def test_along_a_direction():
    a, b = np.arange(6.0).reshape(2, 3), np.array(0.5)
    da, db = np.ones((2, 3)), np.array(-1.0)
    found = directional(lambda arrays: np.sum(arrays[0] ** 2) * arrays[1], [a, b], [da, db])
    assert found.method == COMPLEX
    assert found.value == pytest.approx(0.5 * 2 * np.sum(a) - np.sum(a**2), rel=1e-13)


def test_along_no_direction():
    found = directional(lambda arrays: np.sum(arrays[0]), [np.ones(3)], [np.zeros(3)])
    assert (found.value, found.kink) == (0.0, False)


def test_single_precision_arrays_are_moved_in_double_precision():
    x = np.linspace(-1, 1, 5, dtype=np.float32)
    found = directional(lambda arrays: np.sum(np.sin(arrays[0])), [x], [np.ones(5)])
    assert found.value == pytest.approx(np.sum(np.cos(x.astype(float))), rel=1e-12)
    assert found.error < 1e-11


def test_every_coordinate():
    x, w, c = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([0.3, -0.7]), 2.0

    def f(arrays):
        x, w, c = arrays
        return np.sum(np.tanh(x @ w) * c)

    dx, dw, dc = coordinates(f, [x, w, c])
    slope_of_tanh = 1 - np.tanh(x @ w) ** 2
    np.testing.assert_allclose(dx.values, 2 * np.outer(slope_of_tanh, w), rtol=1e-12)
    np.testing.assert_allclose(dw.values, 2 * slope_of_tanh @ x, rtol=1e-12)
    assert dc.values.shape == ()
    assert dc.values == pytest.approx(np.sum(np.tanh(x @ w)), rel=1e-12)
    for partials in (dx, dw, dc):
        assert np.all(partials.errors < 1e-11)
        assert not np.any(partials.kinks)


def test_coordinates_at_kinks():
    (found,) = coordinates(lambda arrays: np.sum(relu(arrays[0])), [np.array([-1.0, 0.0, 2.0])])
    assert found.kinks.tolist() == [False, True, False]
    np.testing.assert_allclose(found.values, [0, 0.5, 1], atol=1e-10)
    np.testing.assert_allclose(found.errors, [0, 0.5, 0], atol=1e-10)


def test_a_function_may_write_into_its_arrays():
    def f(arrays):
        x, y = arrays
        x -= 1
        y *= x
        return np.sum(y)

    x, y = np.array([2.0, 3.0]), np.array([4.0, 5.0])
    dx, dy = coordinates(f, [x, y])
    np.testing.assert_allclose(dx.values, [4, 5], rtol=1e-12)
    np.testing.assert_allclose(dy.values, [1, 2], rtol=1e-12)
    assert x.tolist() == [2.0, 3.0]


def test_infinite_entries_stay_as_they_are():
    scores = np.array([1.0, -np.inf, 0.5])
    (found,) = coordinates(lambda arrays: np.sum(np.exp(arrays[0])), [scores])
    np.testing.assert_allclose(found.values, np.exp(scores), rtol=1e-12)


def test_no_entries():
    (found,) = coordinates(lambda arrays: np.sum(arrays[0]), [np.zeros((0, 3))])
    assert found.values.shape == found.errors.shape == found.kinks.shape == (0, 3)


@pytest.mark.parametrize("values", [[np.array([1j])], [np.array([True])], [np.array(["a"])]])
def test_only_real_numbers(values):
    with pytest.raises(DtypeError, match="real numbers"):
        coordinates(lambda arrays: 0.0, values)


# -- sweep -------------------------------------------------------------------------------


def waves(h):
    return np.sin(0.7 + h) * np.exp(h)


TRUTH = math.sin(0.7) + math.cos(0.7)


def test_a_sweep_has_the_shape_of_a_v():
    result = sweep(waves, TRUTH)
    orders = {
        "one-sided": (1, 1e-9, 1e-6),
        "central": (2, 1e-12, 1e-8),
        "extrapolated": (6, 0, 1e-11),
    }
    for name, (order, least, most) in orders.items():
        error = result.errors[name]
        assert least <= error.min() < most
        # Ten times smaller steps, 10**order times smaller errors; then rounding, the other way.
        fall = np.log10(error[0] / error[2 if order == 6 else 4])
        assert fall == pytest.approx(order * (0.5 if order == 6 else 1), abs=0.3)
        assert error[-1] > 100 * error.min()
        assert 0 < error.argmin() < len(error) - 1
    lows = [result.steps[result.errors[name].argmin()] for name in orders]
    assert lows == sorted(lows)


def test_a_sweep_against_a_wrong_derivative_stays_up():
    result = sweep(waves, TRUTH * 1.003)
    assert result.wrong
    assert result.gap == pytest.approx(0.003 * TRUTH)
    assert result.errors["extrapolated"].min() > 0.002 * TRUTH
    assert "off by 0.0042" in result.text()


def test_a_sweep_without_a_claim():
    result = sweep(waves)
    assert result.gap is None
    assert not result.wrong
    assert result.reference == pytest.approx(TRUTH, rel=1e-13)


def test_the_table_of_a_sweep():
    lines = sweep(waves, TRUTH).text().splitlines()
    assert lines[0].split() == ["step", "one-sided", "central", "extrapolated"]
    assert [line.split()[0] for line in lines[1:14]] == [f"1e-{k:02}" for k in range(1, 14)]
    assert "is right as far as can be told" in lines[-1]
    assert max(map(len, lines)) <= 90


def test_a_sweep_where_there_is_no_derivative():
    assert "-1 on the left and 1 on the right" in sweep(abs).text()
    assert "lies between both slopes" in sweep(abs, 0.3).text()
    assert "is off by" in sweep(abs, 1.3).text()
    lost = sweep(lambda h: math.nan, 1.0)
    assert "cannot be found" in lost.text()
    assert not lost.wrong
    assert sweep(waves, math.nan).wrong


@pytest.mark.parametrize("steps", [[], [1e-3, 0.0], [-1.0], [math.nan], [[1e-3]]])
def test_steps_have_to_be_positive(steps):
    with pytest.raises(ArgumentError, match="positive"):
        sweep(waves, steps=steps)


def test_a_plot_needs_a_suffix_that_is_known(tmp_path):
    with pytest.raises(ArgumentError, match=r"\.png, \.svg, \.pdf"):
        sweep(waves).save(tmp_path / "sweep.txt")


def test_a_plot_says_how_to_install_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ArgumentError, match=r"pip install 'chainrule\[plot\]'"):
        sweep(waves).save(tmp_path / "sweep.png")


def test_plots(tmp_path):
    pytest.importorskip("matplotlib")
    before = "matplotlib.pyplot" in sys.modules
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    for suffix, start in starts.items():
        sweep(waves, TRUTH * 1.003).save(tmp_path / f"sweep{suffix}")
        assert (tmp_path / f"sweep{suffix}").read_bytes().startswith(start)
    functions = [(abs, 1.0), (lambda h: 2 * h, 2.0), (lambda h: math.nan, 1.0), (waves, None)]
    for f, claim in functions:
        sweep(f, claim).save(str(tmp_path / "other.png"))
    # pyplot would choose a backend, and keep every figure.
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_the_same_sweep_makes_the_same_file(tmp_path):
    pytest.importorskip("matplotlib")
    for suffix in (".svg", ".pdf"):
        paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
        for path in paths:
            sweep(waves, TRUTH).save(path)
        assert all(a.read_bytes() == b.read_bytes() for a, b in itertools.pairwise(paths))
