"""What user code may do while it is traced, and that the trace speaks the user's names."""

import builtins
import threading
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.graphing import record


def names(f, *args, **kwargs):
    graph = record(f, args, kwargs).graph
    return [n.name for n in graph.nodes if n.name and not n.is_input and not n.is_constant]


def relu(z):
    return np.maximum(0, z)


class Layer:
    def forward(self, inputs):
        self.output = np.tanh(inputs)
        return self.output


def test_names_are_read_from_the_code():
    def f(x, w):
        z = x * w
        a = relu(z)
        first, second = a + 1, a + 2
        layer = Layer()
        layer.forward(first)
        total = layer.output * second
        alias = total
        return alias

    found = names(f, 2.0, 3.0)
    assert found[:2] == ["z", "a"]
    assert {"second", "output", "total"} <= set(found)
    assert "alias" not in found


def test_a_name_given_again_is_counted():
    def f(h, w):
        for _ in range(3):
            h = h * w
        return h

    assert names(f, 2.0, 3.0) == ["h_2", "h_3", "h_4"]


def test_lines_are_the_users():
    def f(x):
        y = x * 2
        return y + 1

    graph = record(f, (1.0,), {}).graph
    first = f.__code__.co_firstlineno
    assert [n.where.line - first for n in graph.nodes if n.where] == [1, 2]
    assert all(n.where.file == __file__ for n in graph.nodes if n.where)


@dataclass
class Pair:
    w: float
    b: np.ndarray


Point = namedtuple("Point", "x y")


def test_structures_come_back_as_they_went_in():
    def f(p):
        pair, point, table, plain = p
        return (
            pair.w * np.sum(pair.b) + point.x * point.y
            + table["a"][0] * table["a"][1] + plain[0] ** 2
        )  # fmt: skip

    value = (Pair(2.0, np.ones(2)), Point(3.0, 4.0), {"a": [5.0, 6.0]}, (7, None, "text"))
    pair, point, table, plain = cr.grad(f)(value)
    assert isinstance(pair, Pair)
    assert pair.w == 2.0
    np.testing.assert_array_equal(pair.b, [2.0, 2.0])
    assert point == Point(4.0, 3.0)
    assert table == {"a": [6.0, 5.0]}
    assert plain == (14.0, None, None)
    assert cr.explain(f, value).grads["p"][1] == Point(4.0, 3.0)


@pytest.mark.parametrize(
    "f",
    [lambda z: max(z, 0), lambda z: max(0, z), lambda z: np.maximum(z, 0),
     lambda z: np.maximum(0, z), lambda z: max([z, 0]), lambda z: np.maximum(np.zeros(()), z)],
)  # fmt: skip
@pytest.mark.parametrize(("z", "slope"), [(2.0, 1.0), (-2.0, 0.0), (0.0, 0.0)])
def test_relu_however_it_is_written(f, z, slope):
    assert cr.grad(f)(z) == slope
    assert cr.explain(f, z).grads["z"] == slope
    assert f(z) == cr.explain(f, z).value


def test_max_and_min_of_several():
    assert cr.grad(lambda w: max(w))([1.0, 3.0, 2.0]) == [0.0, 1.0, 0.0]
    assert cr.grad(lambda w: min(w[0], w[1], w[2]))([1.0, 3.0, 2.0]) == [1.0, 0.0, 0.0]
    assert cr.grad(lambda x: max([x, x * 2], key=lambda v: -v))(3.0) == 1.0
    assert cr.grad(lambda x: x * max([], default=5))(3.0) == 5.0
    assert cr.grad(lambda x: x * max("abc", "b").count("b"))(3.0) == 1.0


def test_other_threads_keep_their_max():
    seen = []

    def f(x):
        thread = threading.Thread(target=lambda: seen.append(max([3, 1, 2], key=lambda v: -v)))
        thread.start()
        thread.join()
        return x * max(2, 1)

    original = builtins.max
    assert cr.grad(f)(1.0) == 2.0
    assert seen == [1]
    assert builtins.max is original


def test_python_sum_starts_from_nothing():
    graph = record(lambda w: sum(w), ([1.0, 2.0, 3.0],), {}).graph
    assert [n.op.name for n in graph.nodes if not n.is_input] == ["add", "add"]


def test_labels_stay_inputs_of_the_graph():
    def f(p, y):
        return -np.mean(np.log(p[range(len(y)), y]))

    s = cr.explain(f, np.full((3, 2), 0.5), np.array([0, 1, 1]))
    assert list(s.grads) == ["p"]
    assert "y" in s.code()
    expected = np.zeros((3, 2))
    expected[range(3), [0, 1, 1]] = -2 / 3
    np.testing.assert_allclose(s.grads["p"], expected)


def test_one_hot_of_labels():
    def f(z, y):
        return np.sum(z * np.eye(3)[y])

    np.testing.assert_array_equal(
        cr.explain(f, np.ones((2, 3)), np.array([2, 0])).grads["z"], [[0, 0, 1], [1, 0, 0]]
    )


def test_python_ints_still_count():
    assert cr.grad(lambda x, n: sum(x for _ in range(n)), wrt=0)(2.0, 3) == 3.0
    s = cr.explain(lambda x, n: x * np.ones(n).sum(), 2.0, 3, wrt="x")
    assert s.grads["x"] == 3.0


def numpy_and_traced(f, *args):
    """Run a function plainly on copies, and traced: both must give the same."""
    plain = f(*(np.array(a) for a in args))
    value, gradients = cr.value_and_grad(f, tuple(range(len(args))))(*args)
    np.testing.assert_allclose(value, plain)
    step = 1e-6
    for i, (a, g) in enumerate(zip(args, gradients, strict=True)):
        for index in np.ndindex(a.shape):
            moved = [np.array(b) for b in args]
            moved[i][index] += step
            back = [np.array(b) for b in args]
            back[i][index] -= step
            slope = (f(*moved) - f(*back)) / (2 * step)
            assert g[index] == pytest.approx(slope, rel=1e-5, abs=1e-6)


def item_assignment(x):
    y = x * 1.0
    y[0] = x[1] * 3
    y[1:] *= 2
    return np.sum(y**2)


def aliases_see_the_change(x):
    y = x * 1.0
    z = y
    y += 1
    return np.sum(z * x)


def view_writes_through(x):
    y = x * 1.0
    row = y[1:]
    row *= 3
    return np.sum(y**2)


def augmented_row(x):
    y = x * 1.0
    y[0] += x[1]
    y[y < 0] = 0
    return np.sum(y * x)


def fancy_assignment(x):
    y = np.zeros_like(x)
    y[[0, 2]] = x[[1, 1]]
    return np.sum(y * x)


def argument_written(x):
    x[0] = x[1] * x[2]
    return np.sum(x**2)


@pytest.mark.parametrize(
    "f", [item_assignment, aliases_see_the_change, view_writes_through, augmented_row,
          fancy_assignment, argument_written],
)  # fmt: skip
def test_writing_works_as_numpys_does(f):
    x = np.array([0.5, -1.5, 2.0])
    numpy_and_traced(f, x)
    np.testing.assert_array_equal(x, [0.5, -1.5, 2.0])
    assert cr.explain(f, x).grads["x"] == pytest.approx(cr.grad(f)(x))


def test_in_place_keeps_the_precision():
    def f(x):
        y = x * 1
        y += np.float64(0.1)
        return np.sum(y)

    assert cr.value_and_grad(f)(np.ones(2, np.float32))[0].dtype == np.float32


def test_gradients_own_their_memory():
    a, b = cr.grad(lambda a, b: np.sum(a + b), (0, 1))(np.ones(3), np.ones(3))
    a *= 5
    np.testing.assert_array_equal(b, np.ones(3))
    x = np.ones(3)
    g = cr.grad(lambda w: np.sum(w * x))(np.ones(3))
    g *= 7
    np.testing.assert_array_equal(x, np.ones(3))


def test_nested_gradients():
    def cube(x):
        return x**3

    assert cr.grad(cr.grad(cube))(2.0) == 12.0
    assert cr.grad(cr.grad(cr.grad(cube)))(2.0) == 6.0
    assert cr.grad(lambda x: x * cr.grad(lambda y: x * y)(3.0))(2.0) == 4.0
    np.testing.assert_allclose(
        cr.hessian(lambda x: np.sum(np.sin(x) * x[::-1]))(np.array([0.3, 0.7])),
        [[-np.sin(0.3) * 0.7, np.cos(0.3) + np.cos(0.7)],
         [np.cos(0.3) + np.cos(0.7), -np.sin(0.7) * 0.3]],
    )  # fmt: skip


@pytest.mark.parametrize("zero", [0.0, np.float64(0.0), np.zeros(2)])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 0.0, 1.0])
def test_powers_at_zero(zero, n):
    slope = 1.0 if n == 1 else 0.0
    first = cr.grad(lambda x: np.sum(x**n))
    np.testing.assert_array_equal(first(zero), np.full_like(zero, slope))
    np.testing.assert_array_equal(cr.explain(lambda x: np.sum(x**n), zero).grads["x"], first(zero))
    bend = cr.grad(lambda x: np.sum(first(x)))(zero)
    np.testing.assert_array_equal(bend, np.full_like(zero, 2.0 if n == 2 else 0.0))


def test_functions_without_a_signature():
    assert cr.grad(np.sin)(0.0) == 1.0
    assert cr.explain(np.exp, 0.0).value == 1.0


def test_where_a_place_is_written_twice_the_last_value_stays():
    def f(v, w):
        v = v.copy()
        v[np.array([0, 2, 0])] = w
        return np.sum(v * np.array([1.0, 10.0, 100.0]))

    v, w = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    for got in (cr.grad(f, wrt=(0, 1))(v, w), cr.explain(f, v, w).grads.values()):
        dv, dw = got
        np.testing.assert_array_equal(dv, [0.0, 10.0, 0.0])
        np.testing.assert_array_equal(dw, [0.0, 100.0, 1.0])
    assert cr.explain(f, v, w).code("numpy")


def test_code_for_positions_behind_a_slice():
    code = cr.explain(lambda a: np.sum(a[:, np.array([0, 2, 2])]), np.ones((2, 3))).code("numpy")
    assert "np.add.at(da, np.s_[:," in code


def test_ufunc_methods_and_arguments():
    x, w = np.array([1.0, 2.0, 3.0]), np.array([0.5, 4.0, -1.0])

    def outer(x):
        return np.sum(np.multiply.outer(x, w) ** 2)

    np.testing.assert_allclose(cr.grad(outer)(x), 2 * x * np.sum(w**2))

    def at(x):
        total = np.zeros_like(x)
        np.add.at(total, np.array([0, 0, 2]), x * w)
        np.subtract.at(total, [1], x[2])
        return np.sum(total * np.array([1.0, 10.0, 100.0]))

    assert at(x) == pytest.approx(0.5 + 8.0 - 300.0 - 30.0)
    np.testing.assert_allclose(cr.grad(at)(x), [0.5, 4.0, -100.0 - 10.0])

    def out(x):
        y = np.zeros_like(x)
        np.multiply(x, w, out=y)
        np.add(y, x, out=y)
        return np.sum(y**2)

    np.testing.assert_allclose(cr.grad(out)(x), 2 * x * (w + 1) ** 2)

    def dtype(x):
        return np.sum(x * 3, dtype=np.float64) + np.add(x[0], x[1], dtype=np.float64)

    got = cr.grad(dtype)(x.astype(np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [4.0, 4.0, 3.0])
    assert cr.value_and_grad(dtype)(x.astype(np.float32))[0].dtype == np.float64


def test_an_array_to_write_into_has_to_be_traced():
    for f in (
        lambda x: np.multiply(x, 2.0, out=np.zeros(2)).sum(),
        lambda x: np.sum(x, axis=0, out=np.zeros(())),
        lambda x: np.add.at(np.zeros(2), [0, 1], x) or np.sum(x),
    ):
        with pytest.raises(errors.MutationError, match="plain array"):
            cr.grad(f)(np.ones(2))


class Metres:
    """Something with a NumPy of its own."""

    def __init__(self, value):
        self.value = value

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Metres(ufunc(*(getattr(i, "value", i) for i in inputs)))

    def __mul__(self, other):
        return np.multiply(self, other)

    __rmul__ = __mul__


class Refuses:
    __array_ufunc__ = None


def test_objects_with_a_numpy_of_their_own_are_left_alone():
    seen = []

    def f(x):
        seen.extend([np.multiply(x, Metres(2.0)), x * Metres(3.0)])
        return np.sum(x)

    cr.grad(f)(np.ones(2))
    assert all(isinstance(s, Metres) for s in seen)
    for call in (lambda x: np.add(x, Refuses()), lambda x: x + Refuses()):
        with pytest.raises(TypeError):
            cr.grad(lambda x, call=call: np.sum(call(x)))(np.ones(2))


def test_properties_of_arrays():
    def f(x):
        assert (x.itemsize, x.nbytes, x.size, x.real.shape) == (8, 48, 6, (2, 3))
        return np.sum(x.mT[0] ** 2)

    assert cr.grad(f)(np.ones((2, 3))).tolist() == [[2.0, 0.0, 0.0], [2.0, 0.0, 0.0]]


class Dense:
    def __init__(self, rng, inputs, outputs):
        self.weights = rng.normal(size=(inputs, outputs))
        self.biases = np.zeros(outputs)
        self.name = "dense"
        self.cache = None

    def __call__(self, x):
        self.cache = x @ self.weights + self.biases
        return np.tanh(self.cache)


class Model:
    def __init__(self):
        rng = np.random.default_rng(1)
        self.layers = [Dense(rng, 3, 4), Dense(rng, 4, 1)]
        self.scale = 2.0

    def loss(self, x, y):
        for layer in self.layers:
            x = layer(x)
        return np.mean((self.scale * x - y) ** 2)


def test_objects_with_arrays_as_attributes():
    def loss(model, x, y):
        return model.loss(x, y)

    model, x, y = Model(), np.ones((2, 3)), np.zeros((2, 1))
    gradient = cr.grad(loss)(model, x, y)
    assert isinstance(gradient, Model)
    assert gradient.layers[0].name is None
    assert model.layers[0].cache is None, "the caller's object is not written to"
    moved, h = Model(), 1e-6
    moved.layers[0].weights[1, 2] += h
    slope = (moved.loss(x, y) - model.loss(x, y)) / h
    assert gradient.layers[0].weights[1, 2] == pytest.approx(slope, rel=1e-4)
    s = cr.explain(loss, model, x, y, wrt="model")
    np.testing.assert_allclose(s.grads["model"].layers[1].weights, gradient.layers[1].weights)
    assert "model.layers[0].weights" in s.text()
    assert "model.layers[0].weights" in s.code("numpy")
    assert s.step(lr=0.01).actual < 0


def test_an_object_that_holds_itself_is_no_container():
    model = Model()
    model.me = model
    assert cr.grad(lambda x, m: np.sum(x) * m.scale)(np.ones(2), model).tolist() == [2.0, 2.0]


def test_generators_recursion_and_closures():
    def powers(x):
        term = x
        while True:
            yield term
            term = term * x

    def nested(x, depth):
        return x if depth == 0 else np.sin(nested(x, depth - 1))

    offset = np.array([1.0, 2.0])

    def f(x):
        terms = powers(x)
        total = sum(next(terms) for _ in range(3))
        return np.sum(total * offset) + np.sum(nested(x, 3))

    x = np.array([0.5, 0.25])
    expected = (1 + 2 * x + 3 * x**2) * offset
    s1, s2 = np.sin(x), np.sin(np.sin(x))
    expected += np.cos(x) * np.cos(s1) * np.cos(s2)
    np.testing.assert_allclose(cr.grad(f)(x), expected)


def test_the_items_of_an_unpacked_array_get_their_own_names():
    def f(state):
        angle, speed = state
        first, (second, third) = state[0] * 2, state * 3
        return angle * speed * first * second * third

    assert names(f, np.array([1.0, 2.0]))[:5] == ["angle", "speed", "second", "third", "output"]


def test_a_number_updated_in_place_leaves_its_other_names_alone():
    def f(x):
        total = x
        total += x
        total += x
        return total * x

    assert cr.grad(cr.grad(f))(2.0) == 6.0
    assert cr.hessian(f)(2.0) == 6.0


def test_a_part_updated_in_place_is_written_once():
    def f(x):
        a = x * 1.0
        a[1:] -= 2.0 * a[:-1]
        return np.sum(a**2)

    graph = record(f, (np.arange(3.0),), {}).graph
    assert [node.op.name for node in graph.nodes].count("setitem") == 1
    np.testing.assert_allclose(cr.grad(f)(np.array([1.0, 2.0, 3.0])), [2.0, 4.0, -2.0])


def test_functions_of_numpys_own():
    assert cr.explain(np.sum, np.ones(3)).value == 3.0
    assert cr.explain(np.std, np.arange(3.0)).value == pytest.approx(np.std(np.arange(3.0)))


def test_writing_an_array_through_a_mask_of_itself_is_refused():
    def f(x):
        y = x * 1.0
        y[::-1][np.array([True, True, True])] = y
        return np.sum(y)

    with pytest.raises(errors.MutationError, match="shares its memory"):
        cr.grad(f)(np.ones(3))
