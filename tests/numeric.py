"""Derivatives by differences, to hold against those that chainrule derives."""

import numpy as np


def slope(f, step=1e-3):
    """Derivative at 0 of a function of one number.

    Central differences at four, two and one steps, extrapolated twice (Richardson): the
    error is of the order of step^6, so rounding, about 1e-13 / step, is all that remains.
    """
    wide, middle, narrow = ((f(h) - f(-h)) / (2 * h) for h in (4 * step, 2 * step, step))
    first, second = (4 * middle - wide) / 3, (4 * narrow - middle) / 3
    return (16 * second - first) / 15


def direction_like(rng, values):
    """Random direction of length 1 in the space of several numbers and arrays."""
    parts = [_normal_like(rng, v) for v in values]
    length = np.sqrt(sum(np.sum(np.abs(p) ** 2) for p in parts))
    return [p / length for p in parts]


def _normal_like(rng, value):
    part = rng.standard_normal(np.shape(value))
    return part + 1j * rng.standard_normal(np.shape(value)) if np.iscomplexobj(value) else part


def moved(values, direction, step):
    return [
        float(v + step * d) if isinstance(v, float) else v + step * d
        for v, d in zip(values, direction, strict=True)
    ]


def assert_gradients(f, values, gradients, rng, tolerance=1e-8, step=1e-3, directions=3):
    """Hold the gradients of a number-valued `f(*values)` against differences.

    The directions have length 1 whatever the sizes, so that the tolerance need not grow.
    """
    for _ in range(directions):
        direction = direction_like(rng, values)
        numeric = slope(lambda h, d=direction: f(*moved(values, d, h)), step)
        derived = sum(
            float(np.real(np.sum(g * d))) for g, d in zip(gradients, direction, strict=True)
        )
        scale = max(1.0, abs(numeric))
        assert abs(numeric - derived) <= tolerance * scale, (
            f"differences give {numeric!r}, the derivative is {derived!r}"
        )


def with_arguments(f, count):
    """`f(*arguments)` as a function of so many named arguments: what wrt counts."""
    names = ", ".join(f"a{i}" for i in range(count))
    return eval(f"lambda {names}: f({names})", {"f": f})
