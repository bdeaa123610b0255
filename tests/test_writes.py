"""Arrays that are written to: the emitted code does as a person does, and is right."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.rules import TABLE

X = np.array([1.0, 2.0, 3.0])


def body(f, *args):
    code = cr.explain(f, *args, wrt=0).code().split('"""')[2].split("if __name__")[0]
    return [line.strip() for line in code.strip().splitlines() if "return" not in line]


def backward(f, *args):
    lines = body(f, *args)
    return lines[lines.index("# backward pass") + 1 :]


def elements(k):
    return k[0] * np.sin(k[1]) + k[2] ** 2


def unpacked(s):
    theta, omega = s
    return np.sin(theta) * omega


def gates(h):
    a, b, c = np.split(h, 3)
    return np.sum(a * b + np.tanh(c))


def columns(h):
    a, b, c = np.split(h, 3, axis=1)
    return np.sum(a * b + np.tanh(c))


def neighbours(x):
    return np.sum(x[1:] * x[:-1])


def rows_by_place(table, places):
    return np.sum(table[places] * table[0]) + np.sum(table[1] ** 2)


def element_and_whole(x):
    return np.sum(np.exp(x)) * x[1]


def stiffness(k):
    K = np.zeros_like(k, shape=(2, 2))
    K[0, 0] = k[0] + k[1]
    K[0, 1] = -k[1]
    K[1, 0] = -k[1]
    K[1, 1] = k[1]
    return np.sum(np.linalg.inv(K))


def recurrence(x):
    y = np.zeros_like(x)
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = 0.5 * y[i - 1] + x[i]
    return np.sum(y**2)


def written_and_added_to(x):
    y = x.copy()
    y[0] = y[0] * 3
    y[1:] += x[0]
    return np.sum(y**2)


def old_value_read_later(x):
    y = np.exp(x)
    z = y.copy()
    z[0] = 0
    total = np.sum(z)
    z[1] = total
    return np.sum(z) * np.sum(y)


def argument_written_to(x):
    x = x * 1
    x[0] = x[1] ** 2
    return np.sum(x**3)


def view_read_later(x):
    y = np.exp(x)
    tail = y[1:].copy()
    y[1:] = tail**2
    y[0] = np.sum(tail)
    return np.sum(y * y[0])


def expression_read_later(x):
    y = np.exp(x)
    first = y[0]
    y[0] = 2 * first
    return np.sum(y) * first


def element_by_ellipsis(x):
    """An ellipsis picks a view of one element, and no number."""
    y = 2 * x
    first = y[..., 0]
    z = x * first * np.sin(first)
    y[np.array([True, False, True])] = 1.0
    return np.sum(z) + np.sum(y)


def real_part_read_later(x):
    """The row itself gives an array of its own, and the code that is emitted for it a view."""
    y = 2 * x
    part = TABLE["real"](y)
    y[np.array([True, False, True])] = 1.0
    return np.sum(part) * np.sum(y)


def swapped(x):
    y = x.copy()
    y[0], y[1] = y[1], y[0]
    return np.sum(y * X)


def triangular(A, b):
    x = np.zeros_like(A[0])
    for i in range(len(b)):
        x[i] = (b[i] - A[i, :i] @ x[:i]) / A[i, i]
    return np.sum(x**2)


PROGRAMS = [
    (elements, (X,)),
    (unpacked, (X[:2],)),
    (gates, (np.arange(6.0),)),
    (columns, (np.arange(12.0).reshape(2, 6) / 5,)),
    (neighbours, (X,)),
    (rows_by_place, (np.eye(3) + 1, np.array([0, 2, 2]))),
    (element_and_whole, (X,)),
    (stiffness, (X,)),
    (recurrence, (X,)),
    (written_and_added_to, (X,)),
    (old_value_read_later, (X,)),
    (argument_written_to, (X,)),
    (view_read_later, (X,)),
    (expression_read_later, (X,)),
    (element_by_ellipsis, (X,)),
    (real_part_read_later, (X,)),
    (swapped, (X,)),
    (triangular, (np.tri(3) + np.eye(3), X)),
]


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=lambda v: getattr(v, "__name__", ""))
def test_code_is_right_and_leaves_its_arguments_alone(f, args):
    s = cr.explain(f, *args, wrt=0)  # to be shown at all, the code has to give the graph's numbers
    namespace = {}
    exec(s.code(), namespace)
    others = {name: np.array(a) for name, a in s._derivation.recording.values.items()}
    name = next(iter(others))
    others[name] = others[name] * 0.9 + 0.05
    kept = {k: v.copy() for k, v in others.items()}
    value, gradient = namespace[s._derivation.program.name](**others)
    want, slope = cr.value_and_grad(f)(*others.values())
    np.testing.assert_allclose(value, want, rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10, atol=1e-12)
    for key, before in kept.items():
        np.testing.assert_array_equal(others[key], before)


def test_gradients_of_elements_go_into_one_array():
    assert backward(elements, X) == [
        "dk = np.zeros_like(k)",
        "dk[0] = t1",
        "dk[1] = k[0] * np.cos(k[1])",
        "dk[2] = 2 * k[2]",
    ]
    assert backward(neighbours, X) == [
        "dx = np.zeros_like(x)",
        "dx[:-1] = x[1:]",
        "dx[1:] += x[:-1]",
    ]
    assert backward(rows_by_place, np.eye(3), np.array([0, 2, 2])) == [
        "dtable = np.zeros_like(table)",
        "dtable[1] = 2 * table[1]",
        "dtable[0] += np.sum(table[places], axis=0)",
        "np.add.at(dtable, places, np.broadcast_to(table[0], table[places].shape))",
    ]


def test_gradients_of_all_parts_are_joined():
    assert backward(gates, np.arange(6.0)) == ["dh = np.concatenate([h[2:4], h[0:2], 1 - t1 ** 2])"]
    assert backward(columns, np.ones((2, 6))) == [
        "dh = np.concatenate([h[:, 2:4], h[:, 0:2], 1 - t1 ** 2], axis=1)"
    ]


def test_arrays_are_written_to_under_the_users_name():
    assert body(stiffness, X)[1:6] == [
        "K = np.zeros_like(k, shape=(2, 2))",
        "K[0, 0] = k[0] + k[1]",
        "t1 = -k[1]",
        "K[0, 1] = t1",
        "K[1, 0] = t1",
    ]
    assert backward(stiffness, X)[1:] == [
        "dK = -(t3 @ np.ones_like(t2) @ t3)",
        "t4 = dK[0, 0]",
        "dk = np.zeros_like(k)",
        "dk[0] = t4",
        "dk[1] = dK[1, 1] - (dK[1, 0] + dK[0, 1]) + t4",
    ]
    assert body(recurrence, X)[1:4] == [
        "y = np.zeros_like(x)",
        "y[0] = x[0]",
        "y[1] = 0.5 * y[0] + x[1]",
    ]


def test_what_is_read_later_is_copied():
    lines = body(old_value_read_later, X)
    assert "z = y.copy()" in lines
    assert "y[0] = 0" not in lines


def test_an_argument_is_copied_once():
    def f(x):
        x = x + 0
        x[0] = 1.0
        x[1] = x[2]
        return np.sum(x)

    lines = body(f, X)
    assert lines[1:4] == ["x = x.copy()", "x[0] = 1.0", "x[1] = x[2]"]
    assert "return output, dx\n" in cr.explain(f, X).code()


def test_many_elements_cost_no_array_each():
    def f(x):
        total = 0.0
        for i in range(len(x)):
            total = total + np.sin(x[i]) * x[i - 1]
        return total

    code = cr.explain(f, np.linspace(0, 1, 50)).code()
    assert code.count("np.zeros_like") == 1


def test_places_by_data_beside_the_whole():
    def f(x, places):
        return np.sum(np.exp(x)) + np.sum(x[places] ** 2)

    assert "np.add.at(dx, places, 2 * x[places])" in backward(f, X, np.array([0, 0, 1]))
