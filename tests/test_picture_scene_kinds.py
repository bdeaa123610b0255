"""Scenes of all kinds of values, of large graphs and of random programs."""

import contextlib
import dataclasses
import warnings

import numpy as np
import pytest
from work import lines

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.picture.scene import LEVELS
from chainrule.picture.scenes import scene
from fuzz.generate import generate


def of(solution, level="auto", open=()):
    return scene(solution._explanation, level, open).validate()


def as_float(text):
    """Read a number that is written with the minus sign of mathematics."""
    return float(text.replace("−", "-"))


@contextlib.contextmanager
def too_many(possible=True):
    """Let there be too many single numbers."""
    try:
        yield
    except ArgumentError as error:
        if not possible or "too many single numbers" not in str(error):
            raise


def all_levels(solution):
    made = {}
    for level in LEVELS:
        with too_many(level == "scalars"):
            made[level] = of(solution, level)
    return made


@dataclasses.dataclass
class Params:
    w: object
    b: float


def odd(name):
    x = np.array([0.5, -1.5, 2.0])
    if name == "nan":
        return cr.explain(lambda x, m: np.sum(np.where(m, x * 2, np.log(x))), x, x > -9)
    if name == "infinite":
        return cr.explain(lambda x: np.sum(np.maximum(x, -np.inf)), x)
    if name == "complex":
        return cr.explain(lambda x, y: np.abs(np.sum((x + 1j * y) * (2 - 1j))), x, x + 1)
    if name == "integer":
        return cr.explain(lambda x, k: np.sum(x[k] * k), x, np.array([0, 2, 2]))
    if name == "empty":
        return cr.explain(lambda x: np.sum(x * 2) + 1.0, np.zeros((0, 3)))
    if name == "float32":
        return cr.explain(lambda x: np.mean(np.tanh(x)), x.astype(np.float32))
    if name == "dict":
        given = {"layer": {"W": np.ones((3, 2)), "b": [0.5, 1.5]}}
        return cr.explain(lambda p, x: np.sum(x @ p["layer"]["W"]) * p["layer"]["b"][1], given, x)
    if name == "dataclass":
        return cr.explain(lambda p, x: np.sum(p.w * x) + p.b, Params(x, 2.0), x)
    if name == "not read":
        return cr.explain(lambda x, y: np.sum(x), x, y=2.0, wrt=("x", "y"))
    if name == "itself":
        return cr.explain(lambda x: x, x, upstream=x)
    if name == "moved output":
        return cr.explain(lambda x: (x * 2).reshape(3, 1).T, x, upstream=np.ones((1, 3)))
    if name == "huge and tiny":
        return cr.explain(lambda x: np.sum(x * 1e-300), x * 1e300)
    if name == "long and other names":

        def f(größe, a_very_long_name_of_an_argument_that_goes_on_and_on):
            λ = größe * a_very_long_name_of_an_argument_that_goes_on_and_on
            return np.sum(λ)

        return cr.explain(f, x, x)
    if name == "convolution":

        def f(x, k):
            windows = np.lib.stride_tricks.sliding_window_view(x, 2)
            return np.sum(np.maximum(windows @ k, 0))

        return cr.explain(f, np.arange(5.0) - 2, np.array([1.0, -0.5]))
    return cr.explain(lambda x, i: np.sum(np.sort(x) * np.cumsum(x)), x, 3)  # fmt: skip


ODD = ["nan", "infinite", "complex", "integer", "empty", "float32", "dict", "dataclass",
       "not read", "itself", "moved output", "huge and tiny", "long and other names",
       "convolution", "order"]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_values_of_all_kinds(name):
    solution = odd(name)
    numbers = {s.number for s in solution.steps if s.number}
    for level, made in all_levels(solution).items():
        shown = {n for item in (*made.boxes, *made.edges) for n in item.steps}
        # Where there are no single numbers, there is nothing that a step of them could stand on.
        assert shown == numbers or (level, name) == ("scalars", "empty"), level
        for item in (*made.boxes, *made.edges):
            assert all("\n" not in k.text for k in (item.value, item.gradient) if k)
    made = of(solution, "tensors")
    of(solution, "tensors", [b.opens for b in made.boxes if b.opens])


def network(depth, width=4, seed=0):
    rng = np.random.default_rng(seed)

    def deep(X, y, params):
        for layer in params:
            X = np.maximum(X @ layer["W"] + layer["b"], 0)
        return np.mean((X - y) ** 2)

    params = [{"W": rng.normal(size=(width, width)), "b": np.zeros(width)} for _ in range(depth)]
    X = rng.normal(size=(3, width))
    return cr.explain(deep, X, X * 0, params, wrt="params")


def test_fifty_layers_are_readable_and_any_number_can_be_opened():
    solution = network(50)
    made = of(solution)
    assert made.level == "layers"
    assert len(made.boxes) <= 12
    ten = next(b for b in made.boxes if b.opens.startswith("g") and b.kind == "group")
    inside = of(solution, open=[ten.opens])
    assert len(inside.boxes) <= 24
    assert [g.title for g in inside.groups] == [ten.title]
    assert [b.title for b in inside.boxes if b.parent][:2] == ["params[0]", "params[1]"]
    everything = of(solution, "tensors")
    deep = [b.id for b in everything.boxes if b.title == "@"][37]
    one = of(solution, open=[f"{deep}[2,1]"])
    assert any(b.id == f"{deep}[2,1]" for b in one.boxes)
    assert len(one.boxes) < 60
    assert len(one.groups) == 3


def loop(turns):
    def f(x, w):
        for _ in range(turns):
            x = x * w
            x = x + 0.001
            x = max(x, 0.0)
        return x

    return cr.explain(f, 1.0, 0.9)


def test_ten_thousand_operations_in_a_loop():
    solution = loop(3334)
    made = of(solution)
    assert made.level == "layers"
    assert len(made.boxes) <= 42
    groups = [b for b in made.boxes if b.kind == "group"]
    assert groups[0].title.endswith("turns 1 to 100")
    inner = of(solution, open=[groups[1].opens])
    assert [b.title.partition(", ")[2] for b in inner.boxes if b.parent] == [
        f"turns {k}1 to {k + 1}0" if k < 19 else "turns 191 to 200" for k in range(10, 20)
    ]
    numbers = [n for item in (*inner.boxes, *inner.edges) for n in item.steps]
    assert set(numbers) == {p.number for p in solution._explanation.plan} - {0}


def test_work_grows_with_the_graph_alone():
    few, many = (lines(of, loop(turns)) for turns in (200, 1600))
    assert many < 10 * few


def test_an_unrolled_recurrence():
    rng = np.random.default_rng(0)

    def recurrent(xs, W, U):
        h = np.zeros(3)
        for x in xs:
            h = np.tanh(h @ W + x @ U)
        return np.sum(h**2)

    solution = cr.explain(
        recurrent, [rng.normal(size=2) for _ in range(60)], rng.normal(size=(3, 3)),
        rng.normal(size=(2, 3)),
    )  # fmt: skip
    made = of(solution)
    assert made.level == "layers"
    assert len(made.boxes) <= 42
    titles = [b.title for b in made.boxes if b.kind == "group"]
    assert "turns 1 to 10" in titles[0]
    assert len(titles) == 6


def test_the_formula_of_an_activation():
    def f(X, W, b):
        return np.sum(1 / (1 + np.exp(-(X @ W.T + b))))

    solution = cr.explain(f, np.ones((2, 3)), np.ones((4, 3)), np.zeros(4), wrt=("W", "b"))
    made = of(solution, "neurons")
    assert [b.title for b in made.boxes].count("sigmoid(Σ)") == 4
    assert len(made.boxes) == 3 + 4 + 1  # no other lines of the sigmoid


def test_names_of_layers_of_a_model():
    model = cr.nn.Sequential(cr.nn.Dense(4), cr.nn.ReLU(), cr.nn.Dense(2))
    x, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
    model.fit(x, y, loss="cross_entropy", epochs=1, batch_size=8, verbose=0)
    made = of(model.explain(x[:2], y[:2]), "layers")
    assert [b.title for b in made.boxes if b.kind == "group"] == ["dense1", "dense2", "loss"]


def test_too_many_numbers_say_what_to_open_instead():
    solution = cr.explain(lambda x, w: np.sum(x @ w), np.ones((30, 20)), np.ones((20, 10)))
    with pytest.raises(ArgumentError, match=r"open=\('n\d+\[0,0\]',\)"):
        of(solution, "scalars")
    with pytest.raises(ArgumentError, match="too many"):
        of(solution, "tensors", ["n2"])
    made = of(solution, "tensors", ["n2[29,9]"])
    assert {"n2[29,9]", "n2[29,9].0", "n0[29,19]", "n1[19,9]"} <= {b.id for b in made.boxes}


def test_one_of_very_many_numbers_is_opened_to_the_largest_of_what_it_reads():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 300)), rng.normal(size=(300, 200))
    solution = cr.explain(lambda x, w: np.sum(np.max(x @ w, axis=1)), x, w)
    made = of(solution, "tensors", ["n2[1,7]", "n3[2]"])
    found = {b.id: b for b in made.boxes}
    products = [as_float(b.value.full) for i, b in found.items() if i.startswith("n2[1,7].")]
    assert len(products) == 13
    assert found["n2[1,7].rest"].title == "288 more"
    assert sum(products) == pytest.approx((x @ w)[1, 7])
    assert found["n3[2].rest"].title == "188 more"
    into = {e.source: as_float(e.gradient.full) for e in made.edges if e.target == "n3[2]"
            and e.gradient}  # fmt: skip
    assert into[f"n2[2,{np.argmax((x @ w)[2])}]"] == 1
    assert sum(into.values()) == 1


def programs(first, count):
    """Yield random programs that chainrule explains."""
    for seed in range(first, first + count):
        program = generate(seed)
        names = [list(program.arguments)[i] for i in program.wrt]
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                yield seed, cr.explain(program.function(), *program.values(), wrt=names)
        except ChainruleError:
            continue


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_random_programs(first):
    for seed, solution in programs(first, 10):
        numbers = {p.number for p in solution._explanation.plan} - {0}
        for level, made in all_levels(solution).items():
            shown = {n for item in (*made.boxes, *made.edges) for n in item.steps}
            assert shown == numbers, (seed, level)
            if not any(n.abstract.dtype.kind == "c" for n in solution._derivation.graph.nodes):
                check_sums(made, seed)
        tensors = of(solution, "tensors")
        for box in tensors.boxes[:: max(1, len(tensors.boxes) // 5)]:
            if box.opens:
                with too_many():
                    of(solution, "tensors", [box.opens])


def check_sums(made, seed):
    """What comes back into a number adds up to its gradient."""
    if made.level != "scalars":
        return
    found = {}
    for edge in made.edges:
        if edge.gradient is not None:
            found.setdefault(edge.source, []).append(as_float(edge.gradient.full))
    for box in made.boxes:
        if box.kind == "input" and box.gradient is not None and box.id in found:
            total, size = sum(found[box.id]), max(map(abs, found[box.id]))
            gradient = as_float(box.gradient.full)
            assert abs(total - gradient) <= 1e-4 * size + 1e-9, (seed, box.title, total, gradient)
