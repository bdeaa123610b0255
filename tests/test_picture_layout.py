"""Where everything in a picture stands: nothing lies on anything else."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_scenes import chain, random_scene, wide
from work import lines

from chainrule.picture.drawing import strokes
from chainrule.picture.layout import draw
from chainrule.picture.layout.coordinates import nearest
from chainrule.picture.layout.layering import circle, layers
from chainrule.picture.layout.ordering import Link, ordered
from chainrule.picture.measure import FACES, Face, plain, shortened, width
from chainrule.picture.scene import Box, Edge, Group, Known, Scene

SCENES = {f"seed {seed}": random_scene(seed) for seed in range(100)}
SCENES |= {"chain": chain(30), "layers": chain(50, "group"), "wide": wide(40)}


def rectangle(text):
    face = FACES[text.role]
    left = text.x - {"start": 0.0, "middle": text.width / 2, "end": text.width}[text.anchor]
    return left, text.y - face.ascent, left + text.width, text.y + face.descent


def corners(area):
    return area.x, area.y, area.x + area.width, area.y + area.height


def meet(a, b, slack=0.02):
    return (
        a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack
    )


def is_inside(inner, outer, slack=0.02):
    return (
        inner[0] > outer[0] - slack and inner[1] > outer[1] - slack
        and inner[2] < outer[2] + slack and inner[3] < outer[3] + slack
    )  # fmt: skip


def things(drawing):
    """Return (owner, rectangle) of all texts outside of boxes, and of all boxes."""
    texts, boxes = [], []
    for placed in drawing.boxes:
        own = [placed.area, *placed.sheets]
        boxes.append((placed.box.id, corners(placed.area)))
        boxes += [(placed.box.id, corners(sheet)) for sheet in own[1:]]
        for text in placed.texts:
            if not is_inside(rectangle(text), corners(placed.area)):
                texts.append((placed.box.id, rectangle(text)))
    for wire in drawing.wires:
        texts += [(wire.edge.id, rectangle(t)) for t in wire.texts if t.role != "local"]
        if wire.pill:
            texts.append((wire.edge.id, corners(wire.pill)))
    texts += [(frame.group.id, rectangle(frame.title)) for frame in drawing.frames]
    return texts, boxes


def along(points):
    """Return points of a wire, close to each other."""
    (x, y), drawn = strokes(points)
    found = [(x, y)]
    for stroke in drawn:
        t = np.linspace(0, 1, 24)[1:, None]
        start, end = np.array([x, y]), np.array(stroke[-1])
        if len(stroke) == 3:
            a, b = np.array(stroke[0]), np.array(stroke[1])
            way = (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * a + 3 * (1 - t) * t * t * b
            way = way + t**3 * end
        else:
            way = (1 - t) * start + t * end
        found += [tuple(p) for p in way]
        x, y = stroke[-1]
    return np.array(found)


@pytest.mark.parametrize("name", SCENES)
def test_nothing_lies_on_anything_else(name):
    drawing = draw(SCENES[name])
    texts, boxes = things(drawing)
    for (_, a), (_, b) in itertools.combinations(texts, 2):
        assert not meet(a, b), (a, b)
    for owner, a in texts:
        assert not any(meet(a, b) for _, b in boxes), owner
    plain_boxes = [corners(placed.area) for placed in drawing.boxes]
    for a, b in itertools.combinations(plain_boxes, 2):
        assert not meet(a, b), (a, b)
    whole = (0, 0, drawing.width, drawing.height)
    assert all(is_inside(area, whole) for _, area in texts + boxes)
    for placed in drawing.boxes:
        for text in placed.texts:
            if text.role in ("title", "name", "detail"):
                assert is_inside(rectangle(text), corners(placed.area))


@pytest.mark.parametrize("name", SCENES)
def test_wires_run_through_no_box_and_no_text(name):
    drawing = draw(SCENES[name])
    texts, boxes = things(drawing)
    areas = np.array(
        [area for owner, area in texts if not owner.startswith("g")]
        + [area for owner, area in boxes]
    )
    whose = [owner for owner, _ in texts if not owner.startswith("g")] + [o for o, _ in boxes]
    for wire in drawing.wires:
        points = along(wire.points)
        x, y = points[:, :1], points[:, 1:]
        hit = (x > areas[:, 0] + 0.6) & (x < areas[:, 2] - 0.6)
        hit &= (y > areas[:, 1] + 0.6) & (y < areas[:, 3] - 0.6)
        mine = {wire.edge.id, wire.edge.source}
        struck = {whose[i] for i in np.nonzero(hit.any(axis=0))[0]}
        assert struck <= mine, (wire.edge.id, struck)
        assert points.min() >= 0
        assert points[:, 0].max() <= drawing.width
        assert points[:, 1].max() <= drawing.height


@pytest.mark.parametrize("seed", range(0, 100, 9))
def test_open_groups_are_frames_around_their_boxes(seed):
    scene = random_scene(seed)
    drawing = draw(scene)
    frames = {frame.group.id: corners(frame.area) for frame in drawing.frames}
    parents = {group.id: group.parent for group in scene.groups}
    for placed in drawing.boxes:
        around, group = set(), placed.box.parent
        while group:
            around.add(group)
            group = parents[group]
        for name, frame in frames.items():
            assert is_inside(corners(placed.area), frame) == (name in around)
            assert is_inside(corners(placed.area), frame) or not meet(corners(placed.area), frame)


def test_a_group_that_a_value_leaves_and_comes_back_to_has_no_frame():
    boxes = (
        Box("a", "input", "a", parent="g1"), Box("b", "operation", "exp"),
        Box("c", "operation", "log", parent="g1"), Box("d", "operation", "sin", parent="g2"),
    )  # fmt: skip
    edges = (Edge("a->b:0", "a", "b"), Edge("b->c:0", "b", "c"), Edge("c->d:0", "c", "d"))
    drawing = draw(Scene("layers", boxes, edges, (Group("g1", "one"), Group("g2", "two"))))
    assert [frame.group.id for frame in drawing.frames] == ["g2"]


def test_what_is_read_stands_to_the_left_in_a_row():
    drawing = draw(wide(12))
    place = {placed.box.id: placed.area for placed in drawing.boxes}
    for wire in drawing.wires:
        source, target = place[wire.edge.source], place[wire.edge.target]
        assert source.x + source.width < target.x
        assert wire.points[0][0] == pytest.approx(source.x + source.width)
        assert wire.points[-1][0] == pytest.approx(target.x)
        assert target.y < wire.points[-1][1] < target.y + target.height


def test_a_tree_has_no_crossing():
    boxes = [Box(f"x{i}", "input", f"x{i}") for i in (5, 2, 7, 0, 3, 6, 1, 4)]
    edges, row = [], [f"x{i}" for i in range(8)]
    while len(row) > 1:
        pairs, row = list(zip(row[::2], row[1::2], strict=True)), []
        for a, b in pairs:
            boxes.append(Box(a + b, "operation", "+"))
            edges += [Edge(f"{a}->{a + b}:0", a, a + b), Edge(f"{b}->{a + b}:1", b, a + b)]
            row.append(a + b)
    drawing = draw(Scene("scalars", tuple(boxes), tuple(edges)))
    heights = {placed.box.id: placed.area.y for placed in drawing.boxes}
    assert sorted((f"x{i}" for i in range(8)), key=heights.get) == [f"x{i}" for i in range(8)]


def test_long_chains_are_broken_into_rows_that_fit_a_page():
    drawing = draw(chain(30))
    assert drawing.width <= 1280
    lefts = [placed.area.x for placed in drawing.boxes if placed.box.id.startswith("n")]
    turns = sum(b < a for a, b in itertools.pairwise(lefts))
    assert 3 <= turns <= 12
    tops = [p.area.y for p in drawing.boxes if p.box.id.startswith("n")]
    assert all(
        b > a + 40
        for (a, b), back in zip(
            itertools.pairwise(tops), [b < a for a, b in itertools.pairwise(lefts)], strict=True
        )
        if back
    )


def test_rows_begin_where_few_wires_go_over():
    # Eight values side by side, then two, then eight again: the row ends at the two.
    boxes = [Box(f"x{i}", "input", f"x{i}") for i in range(8)]
    edges, row = [], [f"x{i}" for i in range(8)]
    for at, wide_one in enumerate((8, 8, 2, 8, 8, 1)):
        names = [f"n{at}.{i}" for i in range(wide_one)]
        boxes += [Box(name, "operation", "some_operation(·)", name) for name in names]
        edges += [
            Edge(f"{source}->{name}:{k}", source, name, Known("-0.123456", 0), Known("-1.5", 9))
            for i, name in enumerate(names)
            for k, source in enumerate(row if len(row) < 8 or wide_one < 8 else row[i : i + 1])
        ]
        row = names
    drawing = draw(Scene("scalars", tuple(boxes), tuple(edges)))
    place = {placed.box.id: placed.area for placed in drawing.boxes}
    assert place["n2.0"].x > place["n1.0"].x > place["n0.0"].x
    assert place["n3.0"].x < place["n2.0"].x
    bottom = max(place[f"n{at}.{i}"].y for at in (0, 1, 2) for i in range(2 if at == 2 else 8))
    assert min(place[f"n3.{i}"].y for i in range(8)) > bottom


@pytest.mark.parametrize(("length", "title"), [(7, 13 * "e"), (9, 7 * "e"), (10, 13 * "e")])
def test_no_row_has_nothing_but_the_end_of_a_wire(length, title):
    # Sixteen lanes that all lead into the output: a row could rather begin behind than before it.
    boxes, edges = [], []
    for lane in range(16):
        boxes.append(Box(f"n0.{lane}", "input", "x"))
        for i in range(1, length):
            source, target = f"n{i - 1}.{lane}", f"n{i}.{lane}"
            boxes.append(Box(target, "operation", title))
            edges.append(Edge(target, source, target, Known("1.23456", i), Known("1", 40)))
    boxes.append(Box("s", "output", "+", "s", Known("12345.678", 1)))
    edges += [Edge(f"s.{k}", f"n{length - 1}.{k}", "s", Known("1", 4)) for k in range(16)]
    (*_, last) = draw(Scene("scalars", tuple(boxes), tuple(edges))).boxes
    assert len({y for _, y in last.tail}) == 1


def test_a_wire_past_other_boxes_is_level():
    boxes = [Box("x", "input", "x")]
    boxes += [Box(f"n{i}", "operation", "exp(·)", f"y{i}") for i in range(3)]
    boxes.append(Box("s", "output", "+", "s", Known("1", 3)))
    names = ["x", "n0", "n1", "n2", "s"]
    edges = [Edge(f"{a}->{b}:0", a, b, Known("1", 0)) for a, b in itertools.pairwise(names)]
    edges.append(Edge("x->s:1", "x", "s", Known("1", 0)))
    drawing = draw(Scene("tensors", tuple(boxes), tuple(edges)))
    (past,) = [wire for wire in drawing.wires if wire.edge.id == "x->s:1"]
    assert len({y for _, y in past.points}) <= 3


def test_the_same_scene_gives_the_same_drawing():
    assert draw(random_scene(3)) == draw(random_scene(3))


def test_an_empty_scene_and_a_lonely_box():
    assert draw(Scene("tensors", (), ())).boxes == ()
    drawing = draw(Scene("tensors", (Box("x", "input", "x", value=Known("2", 0)),), ()))
    (placed,) = drawing.boxes
    assert [text.text for text in placed.texts] == ["x", "2"]
    assert placed.tail


def test_the_gradients_of_several_ways_out_are_summed_at_the_box():
    drawing = draw(wide(3))
    (x,) = [placed for placed in drawing.boxes if placed.box.id == "x"]
    assert [text.text for text in x.texts if text.role == "gradient"] == ["Σ ← 7"]
    (single,) = [placed for placed in drawing.boxes if placed.box.id == "n1"]
    assert not [text for text in single.texts if text.role == "gradient"]


@pytest.mark.parametrize("scene", [wide, chain])
def test_drawing_is_work_that_grows_with_the_scene(scene):
    few, many = (lines(draw, scene(n)) for n in (50, 200))
    assert many < 6 * few  # quadratic would be 16


# -- layers, orders, heights -----------------------------------------------------------------


def test_layers_are_longest_paths_pulled_tight():
    assert layers(5, [(0, 1), (1, 2), (3, 4), (2, 4)]) == [0, 1, 2, 2, 3]
    assert layers(2, [(0, 1), (1, 0)]) is None
    assert circle(3, [(0, 1), (1, 0), (1, 2)]) == {0, 1}


def test_sweeps_uncross_what_the_first_order_crosses():
    # Two results that read two values each, in opposite orders.
    links = [Link(0, 3), Link(1, 2), Link(2, 5), Link(3, 4)]
    first, middle, last = ordered([[0, 1], [2, 3], [4, 5]], links)
    assert (first == [0, 1]) == (middle == [3, 2]) == (last == [4, 5])


@given(
    st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 9), st.floats(0, 30)), min_size=1)
)  # fmt: skip
def test_heights_are_the_nearest_that_keep_the_gaps(items):
    asked, weights, gaps = map(np.array, zip(*items, strict=True))
    found = np.array(nearest(list(asked), list(weights), list(gaps)))
    assert (np.diff(found) >= gaps[1:] - 1e-6).all()
    best = (weights * (found - asked) ** 2).sum()
    rng = np.random.default_rng(0)
    for _ in range(20):  # no other heights that keep the gaps are nearer
        other = found + rng.normal(size=len(found)) * rng.choice([0.01, 1, 20])
        for i in range(1, len(other)):
            other[i] = max(other[i], other[i - 1] + gaps[i])
        assert (weights * (other - asked) ** 2).sum() >= best - 1e-6 * (1 + best)


# -- measures --------------------------------------------------------------------------------


def test_long_texts_are_shortened_and_fit():
    face = Face("mono", 10)
    assert shortened("short", face, 50) == "short"
    text = shortened("a very long text", face, 50)
    assert text.endswith("…")
    assert width(text, face) <= 50


def test_the_index_of_a_long_name_is_kept():
    face = FACES["title"]
    one, other = (shortened(f"a_very_long_name_of_an_array[{i}, 0]", face, 190) for i in (0, 1))
    assert one.endswith("…[0, 0]")
    assert one != other
    assert width(one, face) <= 190
    assert shortened("[[0.125, 12.5], [3, 44444444444444]]", face, 190).endswith("…")


@given(st.text(max_size=40), st.sampled_from(list(FACES.values())))
def test_any_text_fits_once_shortened(text, face):
    assert width(shortened(text, face, 80), face) <= 80 + 0.2 * face.size


def test_characters_that_cannot_be_drawn_are_shown_as_such():
    assert plain("\x00\x1b\x7f\x85\ud800\ufffe\u202e") == "␀␛␡" + "\ufffd" * 4
    assert plain("e" + 9 * "\u0301") == "e\u0301\u0301"
