"""Scenes of the shipped examples and of hand-worked cases: boxes, edges, numbers and steps."""

import importlib
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli.targets import EXAMPLES, function_in
from chainrule.errors import ArgumentError
from chainrule.picture.scene import LEVELS
from chainrule.picture.scenes import scene


def example(name):
    module, function = EXAMPLES[name]
    target = function_in(importlib.import_module(f"chainrule.examples.{module}"), function, name)
    args, kwargs = target.call(target.values)
    return cr.explain(target.function, *args, wrt=target.wrt, upstream=target.upstream, **kwargs)


@pytest.fixture(params=EXAMPLES, scope="module")
def solution(request):
    return example(request.param)


def of(solution, level="auto", open=()):
    return scene(solution._explanation, level, open).validate()


def as_float(text):
    """Read a number that is written with the minus sign of mathematics."""
    return float(text.replace("−", "-"))


def boxes(scene):
    return {box.id: box for box in scene.boxes}


def edges(scene):
    return {edge.id: edge for edge in scene.edges}


def steps_shown(scene):
    return {n for item in (*scene.boxes, *scene.edges) for n in item.steps}


@pytest.mark.parametrize("level", LEVELS)
def test_every_step_is_shown_at_every_level(solution, level):
    made = of(solution, level)
    assert steps_shown(made) == {step.number for step in solution.steps if step.number}


def test_a_step_stands_where_it_happens(solution):
    made = of(solution, "tensors")
    by_step = {}
    for item in (*made.boxes, *made.edges):
        for number in item.steps:
            by_step.setdefault(number, []).append(item)
    for step in solution.steps:
        if step.number == 0:
            continue
        (item,) = by_step[step.number]
        if step.kind == "backward":
            assert item.gradient.step == step.number
            assert item.source == next(
                b.id for b in made.boxes
                if solution.label(step.node) in (b.name, b.title, b.equal) and b.id == item.source
            )  # fmt: skip
        else:
            assert solution.label(step.node) in (item.name, item.title, item.equal)


def test_gradients_into_a_number_add_up(solution):
    made = of(solution, "scalars")
    into = {}
    for edge in made.edges:
        if edge.gradient is not None:
            into.setdefault(edge.source, []).append(as_float(edge.gradient.full))
    checked = 0
    for box in made.boxes:
        if box.kind == "input" and box.gradient is not None:
            found, total = math.fsum(into.get(box.id, [0.0])), as_float(box.gradient.full)
            assert found == pytest.approx(total, rel=1e-9, abs=1e-12), box.title
            checked += 1
    assert checked >= sum(np.size(g) for g in flat(solution.grads.values()))


def flat(values):
    for value in values:
        if isinstance(value, list):
            yield from flat(value)
        else:
            yield value


def test_the_gradient_of_an_edge_is_upstream_times_local(solution):
    for edge in of(solution, "scalars").edges:
        if edge.gradient is not None:
            upstream = as_float(edge.upstream.rpartition(" = ")[2])
            product = upstream * as_float(edge.local.full)
            assert product == pytest.approx(as_float(edge.gradient.full), rel=1e-3, abs=1e-6), edge


def test_the_same_box_has_the_same_id_at_every_level(solution):
    known = {}
    for level in LEVELS:
        for box in of(solution, level).boxes:
            if box.kind != "group":
                assert known.setdefault(box.id, box.where) == box.where
    tensors = boxes(of(solution, "tensors"))
    groups = [b.opens for b in of(solution, "layers").boxes if b.kind == "group"]
    for part in of(solution, "layers", groups).boxes:
        if part.id in tensors:
            assert part.title == tensors[part.id].title
            assert part.value == tensors[part.id].value


def test_all_operations_can_be_opened(solution):
    made = of(solution, "tensors")
    opens = [box.opens for box in made.boxes if box.opens]
    opened = of(solution, "tensors", opens)
    assert {group.closes for group in opened.groups} == set(opens)
    assert steps_shown(opened) == steps_shown(made)
    for one in opens:
        assert set(boxes(of(solution, "tensors", [one]))) > set(boxes(made))


def test_scenes_are_deterministic(solution):
    for level in LEVELS:
        assert of(solution, level) == of(solution, level)


def test_the_neuron_of_the_seeds():
    made = of(example("neuron"))
    assert made.level == "tensors"
    assert [b.title for b in made.boxes[7:]] == ["×", "×", "×", "+", "max(·, 0)"]
    into_relu = edges(made)["n10->n12:0"]
    assert into_relu.value.text == "6"
    assert into_relu.value.step == 4
    assert into_relu.gradient.text == "1"
    assert into_relu.local.text == "1"
    assert into_relu.symbols == "∂y/∂z = z > 0"
    weights = [edges(made)[f"n{3 + i}->n{7 + i}:1"] for i in range(3)]
    assert [e.gradient.text for e in weights] == ["1", "−2", "3"]
    assert [e.gradient.step for e in weights] == [17, 15, 13]
    data = [edges(made)[f"n{i}->n{7 + i}:0"] for i in range(3)]
    assert [e.gradient.text for e in data] == ["−3", "−1", "2"]
    assert [e.local.text for e in data] == ["−3", "−1", "2"]
    assert boxes(made)["n12"].gradient.text == "1"


def test_on_plain_numbers_scalars_are_tensors():
    solution = example("neuron")
    tensors, scalars = of(solution, "tensors"), of(solution, "scalars")
    assert tensors.boxes == scalars.boxes
    assert tensors.edges == scalars.edges


def test_a_neuron_is_one_unit():
    made = of(example("neuron"), "neurons")
    (unit,) = [b for b in made.boxes if b.kind == "output"]
    assert (unit.title, unit.name, unit.detail) == ("max(Σ, 0)", "y", "b = 1")
    assert [(e.value.text, e.gradient.text) for e in made.edges] == [
        ("−3", "1"), ("−1", "−2"), ("2", "3"),
    ]  # fmt: skip


def test_units_of_a_classifier():
    solution = example("classifier")
    made = of(solution, "neurons")
    assert "first sample" in made.title
    titles = [b.title for b in made.boxes]
    assert titles.count("max(Σ, 0)") == 3
    assert titles.count("Σ") == 3
    weight = edges(made)["n0[0,1]->n9[0,2]:0"]
    assert weight.symbols == "W1[1, 2]"
    assert weight.value.text == "0.8"
    assert as_float(weight.gradient.full) == solution.grads["W1"][1, 2]


def test_layers_of_a_classifier():
    made = of(example("classifier"), "layers")
    assert [b.title for b in made.boxes] == ["X", "y", "layer 1", "layer 2", "loss"]
    between = edges(made)["g1->g2:0"]
    assert between.value.text == between.gradient.text == "3 × 3"
    inside = of(example("classifier"), "layers", ["g1", "n6"])
    assert [(g.id, g.parent) for g in inside.groups] == [("g1", ""), ("n6:elements", "g1")]


@pytest.mark.parametrize("level", LEVELS)
def test_no_two_boxes_have_the_same_name(solution, level):
    made = of(solution, level)
    names = [box.name or box.title for box in made.boxes if box.name or box.kind == "input"]
    assert len(names) == len(set(names))
    assert {box.equal for box in made.boxes if box.equal} <= set(names)


def test_what_is_recognised_says_whose_value_it_has():
    made = of(example("softmax"))
    hand, recognised = [b for b in made.boxes if "probabilities" in (b.name, b.equal)]
    assert (hand.title, hand.name, hand.aside) == ("/", "probabilities", True)
    assert (recognised.title, recognised.name, recognised.kind) == ("softmax(·)", "", "output")
    assert recognised.equal == "probabilities"
    inside = of(example("softmax"), "tensors", [recognised.opens])
    assert "probabilities[0, 2]" in [b.equal for b in inside.boxes]


def test_signs_are_those_of_mathematics_and_names_stay():
    def f(p, x):
        y = p["a-b"] * -x - 1e-5
        return np.sum(y)

    made = of(cr.explain(f, {"a-b": -2.0}, np.array([1.0, -3.0, 2e-9, 1e20, 5.0])))
    words = [text for item in (*made.boxes, *made.edges) for text in words_of(item)]
    assert "p['a-b']" in words
    assert "−2" in words
    assert any("1e−5" in text for text in words)
    assert any("1e20" in text for text in words)
    assert not [text for text in words if "-" in text.replace("a-b", "")]


def words_of(item):
    names = ("title", "name", "equal", "detail", "symbols", "upstream")
    texts = [getattr(item, name, "") for name in names]
    known = [k for k in (item.value, item.gradient, getattr(item, "local", None)) if k]
    return [*texts, *(text for k in known for text in (k.text, k.full))]


def test_what_recognition_passes_by_is_drawn_aside():
    made = of(example("classifier"), "tensors")
    aside = {b.name for b in made.boxes if b.aside}
    assert aside == {"t3", "t4", "exp_values", "t5", "probabilities", "confidences", "t6"}
    (recognised,) = [b for b in made.boxes if b.title == "log_softmax(·)"]
    assert not recognised.aside
    plain = example("classifier")
    assert not any(e.aside for e in made.edges if e.gradient is not None)
    assert boxes(made)["n20"].steps == tuple(
        s.number for s in plain.steps if s.target in ("loss", "dloss")
    )


def test_a_matrix_layer_as_on_paper():
    made = of(example("layer"), "scalars")
    total = boxes(made)["n3[0,1]"]
    products = [b for b in made.boxes if b.id.startswith("n3[0,1].")]
    assert [b.name for b in products] == [f"inputs[0, {k}] · weights[{k}, 1]" for k in range(4)]
    assert math.fsum(as_float(b.value.full) for b in products) == pytest.approx(-1.79)
    assert total.title == "+"
    assert total.value.text == "−1.79"
    edge = edges(made)["n0[0,2]->n3[0,1].2:0"]
    assert edge.local.text == "0.26"
    assert edge.gradient.text == "0.26"


def test_two_ways_out_have_their_sum_on_the_box():
    def f(x):
        return x * x + 3.0 * x

    made = of(cr.explain(f, 2.0))
    (x,) = [b for b in made.boxes if b.kind == "input"]
    assert x.gradient.text == "7"
    assert len(x.steps) == 1
    assert sorted(e.gradient.text for e in made.edges if e.source == x.id) == ["2", "2", "3"]
    assert "× 3" in [b.title for b in made.boxes]


def test_moves_are_passed_by_number_for_number():
    def f(x, w):
        return np.sum((x.reshape(3, 2).T @ w)[::-1])

    solution = cr.explain(f, np.arange(6.0), np.array([1.0, -2.0, 0.5]))
    made = of(solution, "scalars")
    assert not [b for b in made.boxes if "reshape" in b.title or ".T" in b.title]
    assert edges(made)["n0[2]->n4[0].1:0"].gradient.text == "−2"
    assert steps_shown(made) == {s.number for s in solution.steps if s.number}


def test_what_is_read_twice_at_one_place_counts_twice():
    made = of(cr.explain(lambda x: 3.0 * np.sum(x[[0, 0, 1]]), np.array([1.0, 5.0])), "scalars")
    into = {e.source: (e.local.text, e.gradient.text) for e in made.edges if e.target == "n3"}
    assert into == {"n0[0]": ("2", "6"), "n0[1]": ("1", "3")}


def test_local_derivatives_of_single_numbers_are_numbers():
    made = of(cr.explain(lambda x, w: x * w, 3.0, 0.1 + 0.2))  # no short decimal is this number
    assert [e.local.text for e in made.edges] == ["0.3", "3"]
    assert made.edges[0].local.full == "0.30000000000000004"


def test_a_chosen_number_shows_all_that_it_is_chosen_from():
    made = of(cr.explain(lambda x: np.max(x), np.array([1.0, 5.0, 2.0])), "scalars")
    assert [e.gradient.text for e in made.edges] == ["0", "1", "0"]


@pytest.mark.parametrize("open", ["n99", "g99", "n0[5,0]", "n0[0]", "n0[a]", "x"])
def test_what_cannot_be_opened_is_refused(open):
    with pytest.raises(ArgumentError):
        of(example("classifier"), "tensors", [open])


def test_an_unknown_level_is_refused():
    with pytest.raises(ArgumentError, match="no level"):
        of(example("neuron"), "atoms")


def test_turns_of_a_loop_are_counted_once_whatever_its_line_does_twice():
    """One line with two products a turn is still one turn."""

    def loop(x):
        total = 0.0
        for i in range(1, 61):
            total = total + np.sin(x * i) * 0.5
        return total

    drawn = of(cr.explain(loop, 0.3))
    titles = [box.title for box in drawn.boxes if "turns" in box.title]
    assert len(titles) == 6
    assert titles[0].endswith("turns 1 to 10")
    assert titles[-1].endswith("turns 51 to 60")
