"""The picture as SVG: what a browser makes of it, and what it says to the page around it."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from browsing import serious_faults
from random_scenes import chain, random_scene, wide

import chainrule as cr
from chainrule.cli.targets import EXAMPLES, found
from chainrule.errors import ArgumentError, Location
from chainrule.examples.neuron import neuron
from chainrule.picture.layout import draw
from chainrule.picture.scene import Box, Edge, Group, Known, Scene
from chainrule.picture.styles import COLOURS
from chainrule.picture.svg import to_svg

LEVELS = ("auto", "scalars", "neurons", "tensors", "layers")
SVG = "{http://www.w3.org/2000/svg}"

#: Returns what overlaps: texts with texts, texts with boxes that are not their own.
OVERLAPS = """() => {
  const rect = (e) => { const r = e.getBoundingClientRect();
    return {l: r.left, t: r.top, r: r.right, b: r.bottom}; };
  const meet = (a, b) => a.l < b.r - .5 && b.l < a.r - .5 && a.t < b.b - .5 && b.t < a.b - .5;
  const found = [];
  document.querySelectorAll('svg').forEach((svg, at) => {
    const all = (name) => [...svg.querySelectorAll(name)].map(
      e => ({e, ...rect(e), own: e.closest('g')}));
    const texts = all('text'), boxes = all('.shape');
    const whole = rect(svg);
    const say = (a, b) => found.push(
      `${at}: ${a.e.textContent} / ${b.e ? b.e.textContent : 'border'}`);
    texts.forEach((a, i) => {
      for (const b of texts.slice(i + 1)) if (meet(a, b)) say(a, b);
      for (const b of boxes) {
        if (a.own !== b.own) { if (meet(a, b)) say(a, b.own.querySelector('text') ? b : b); }
        else if (/title|name|detail/.test(a.e.getAttribute('class'))) {
          if (a.l < b.l || a.r > b.r || a.t < b.t - 1 || a.b > b.b + 1) say(a, b);
        } else if (meet(a, b)) say(a, b);
      }
      if (a.l < whole.l || a.r > whole.r || a.t < whole.t || a.b > whole.b) say(a, {});
    });
  });
  return {found, texts: document.querySelectorAll('svg text').length};
}"""


def show(tab, pictures):
    tab.set_content(f"<!doctype html><meta charset='utf-8'>{''.join(pictures)}")
    return tab.evaluate(OVERLAPS)


@pytest.fixture(scope="module")
def solutions():
    solved = {}
    for name in EXAMPLES:
        with found(name) as target:
            args, kwargs = target.call(target.values)
            solved[name] = cr.explain(
                target.function, *args, wrt=target.wrt, upstream=target.upstream, **kwargs
            )
    return solved


# -- in a browser ----------------------------------------------------------------------------


def test_no_text_lies_on_anything_in_the_examples(tab, solutions):
    measured = show(tab, [s.svg(level) for s in solutions.values() for level in LEVELS])
    assert measured["found"] == []
    assert measured["texts"] > 200


def test_the_examples_are_no_wider_than_what_a_page_can_show(solutions):
    for name, solution in solutions.items():
        for level in LEVELS:
            width = float(ET.fromstring(solution.svg(level)).get("width"))
            # Single numbers of a batch are many: a page shows them at two thirds of their size.
            assert width <= (1600 if level == "scalars" else 1352), (name, level, width)


@pytest.mark.parametrize("part", range(4))
def test_no_text_lies_on_anything_in_scenes_at_random(tab, part):
    scenes = [random_scene(seed) for seed in range(part * 25, part * 25 + 25)]
    measured = show(tab, [to_svg(draw(scene)) for scene in scenes])
    assert measured["found"] == []
    assert measured["texts"] > 300


def test_pictures_are_light_and_dark_and_have_no_serious_fault(browser):
    from browsing import tab as opened

    for scheme, which in (("light", 0), ("dark", 1)):
        with opened(browser, color_scheme=scheme) as page:
            svg = to_svg(draw(wide(3)))
            page.set_content(f"<!doctype html><html lang='en'><title>x</title><main>{svg}</main>")
            paper = page.evaluate("getComputedStyle(document.querySelector('.paper')).fill")
            assert paper == rgb(COLOURS["paper"][which])
            assert serious_faults(page) == []
            page.add_style_tag(content=":root{--cr-gradient: rgb(1, 2, 3)}")
            fill = page.evaluate("getComputedStyle(document.querySelector('.gradient')).fill")
            assert fill == "rgb(1, 2, 3)"


def rgb(colour):
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


@pytest.mark.parametrize("which", [0, 1])
def test_colours_can_be_told_from_what_is_behind_them(which):
    def contrast(a, b):
        def light(name):
            colour = COLOURS[name][which]
            parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
            parts = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
            return parts @ [0.2126, 0.7152, 0.0722]

        high, low = sorted((light(a), light(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for text in ("ink", "muted", "value", "gradient"):
        for behind in ("paper", "box", "frame", "lit"):
            assert contrast(text, behind) >= 4.5, (text, behind)
    assert contrast("local", "pill") >= 4.5
    for line in ("wire", "stroke", "accent"):
        assert contrast(line, "paper") >= 3
        assert contrast(line, "frame") >= 3


# -- what stands in it -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(100))
def test_whatever_a_scene_says_the_svg_is_xml(seed):
    scene = random_scene(seed)
    root = ET.fromstring(to_svg(draw(scene)))
    assert root.tag == f"{SVG}svg"
    boxes = [g for g in root.iter(f"{SVG}g") if g.get("class").startswith("box ")]
    edges = [g for g in root.iter(f"{SVG}g") if g.get("class").startswith("edge")]
    assert [g.get("data-id") for g in boxes] == [box.id for box in scene.boxes]
    assert [g.get("data-id") for g in edges] == [edge.id for edge in scene.edges]
    assert not [e for e in root.iter() if e.get("style")]


def test_names_with_script_are_shown_as_text(tab):
    bad = "<script>throw 1</script>\"'&]]>\x00"
    number = Known(bad, 0, bad)
    boxes = (
        Box(bad, "input", bad, bad, number, number, bad, Location(bad[:-1], 3, bad), opens=bad),
        Box("n1", "output", "+", value=number, gradient=number, parent="g"),
    )
    edges = (Edge(bad + "e", bad, "n1", number, number, number),)
    svg = to_svg(draw(Scene("tensors", boxes, edges, (Group("g", bad),), bad)))
    texts = [e.text for e in ET.fromstring(svg).iter(f"{SVG}text")]
    assert any("<script>" in (text or "") for text in texts)
    assert show(tab, [svg])["found"] == []
    assert tab.evaluate("document.scripts.length") == 0


def test_the_hooks_that_pages_rely_on():
    boxes = (
        Box("n0", "input", "x", "x", Known("2", 0), where=Location("a.py", 12, "f"), steps=(3, 8)),
        Box("n1", "group", "layer", "y", Known("4", 1), Known("1", 2), "3 operations", opens="g2"),
    )
    edges = (Edge("n0->n1:0", "n0", "n1", Known("2", 0), Known("5", 4), Known("5", 3), steps=(4,)),)
    root = ET.fromstring(to_svg(draw(Scene("layers", boxes, edges, title="f"))))
    assert root.get("class") == "chainrule-picture"
    assert root.get("data-level") == "layers"
    assert root.get("role") == "group"
    assert root.get("aria-label") == "f"
    edge, first, second = root.findall(f"{SVG}g")
    assert first.get("class") == "box input"
    assert first.get("data-steps") == "3 8"
    assert first.get("data-line") == "12"
    assert first.find(f"{SVG}g").get("tabindex") == "0"
    assert second.get("data-opens") == "g2"
    face = second.find(f"{SVG}g")
    assert face.get("role") == "button"
    assert face.get("aria-label") == "layer, y, 3 operations, value 4, gradient 1"
    assert (edge.get("data-source"), edge.get("data-target")) == ("n0", "n1")
    known = {t.get("class"): (t.get("data-known"), t.text) for t in edge.findall(f"{SVG}text")}
    assert known == {"value": ("0", "2"), "gradient": ("4", "← 5"), "local": ("3", "5")}
    assert edge.find(f"{SVG}path").get("class") == "wire"


def test_a_box_says_whose_value_it_has_too():
    box = Box("n4", "output", "softmax(·)", equal="p", value=Known("0.5", 2))
    (drawn,) = ET.fromstring(to_svg(draw(Scene("tensors", (box,), ())))).findall(f"{SVG}g")
    assert drawn.find(f"{SVG}g").get("aria-label") == "softmax(·), = p, value 0.5"
    assert "= p" in [text.text for text in drawn.iter(f"{SVG}text")]


def test_the_name_of_a_box_has_the_words_that_are_seen_and_what_is_cut_off():
    """Whoever says what they see, or cannot see it, means the same box."""
    box = Box("n0", "input", "the_input_of_the_whole_network_of_the_course", value=Known("2", 0))
    (drawn,) = ET.fromstring(to_svg(draw(Scene("tensors", (box,), ())))).findall(f"{SVG}g")
    face = drawn.find(f"{SVG}g")
    seen = ["".join(text.itertext()) for text in face.iter(f"{SVG}text")]
    shown, full, value = face.get("aria-label").split(", ")
    assert "…" in shown
    assert full == box.title
    assert seen == [full + shown]  # its <title>, and what is drawn
    assert value == "value 2"


def test_long_texts_are_at_full_length_for_whoever_points_at_them():
    long = "[" + ", ".join(str(i) for i in range(40)) + "]"
    box = Box(
        "n0", "output", "exp", value=Known(long, 0, long), gradient=Known("3 numbers", 0, long)
    )
    texts = ET.fromstring(to_svg(draw(Scene("tensors", (box,), ())))).iter(f"{SVG}text")
    titles = {t.get("class"): t.find(f"{SVG}title") for t in texts}
    assert titles["value"].text == titles["gradient"].text == long


# -- steps -----------------------------------------------------------------------------------


def test_each_step_adds_to_the_picture_and_moves_nothing():
    solution = cr.explain(neuron, [1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0)
    last = solution.steps[-1].number
    states = [ET.fromstring(solution.svg(step=k)) for k in range(last + 1)]
    whole = ET.fromstring(solution.svg())

    def places(root):
        return {(t.get("class"), t.get("x"), t.get("y"), t.text) for t in root.iter(f"{SVG}text")}

    for before, after in pairwise(states):
        assert places(before) <= places(after)
        assert before.get("viewBox") == after.get("viewBox") == whole.get("viewBox")
    assert places(states[-1]) == places(whole)
    assert len(places(states[0])) < len(places(whole))
    lit = ["current" in ET.tostring(state, "unicode").split("style>")[-1] for state in states]
    assert not lit[0]
    assert all(lit[1:])
    assert not [t for t in states[0].iter(f"{SVG}text") if t.get("class") in ("gradient", "local")]


def test_the_numbers_are_those_of_the_solution():
    solution = cr.explain(neuron, [1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0)
    root = ET.fromstring(solution.svg())
    shown = [t.text for t in root.iter(f"{SVG}text") if t.get("class") == "gradient"]
    for gradient in [*solution.grads["x"], *solution.grads["w"], solution.grads["b"]]:
        assert f"← {gradient:g}".replace("-", "−") in shown


@pytest.mark.parametrize("step", [-1, 99, 1.0, True, "2"])
def test_a_step_that_does_not_exist_is_refused(step):
    solution = cr.explain(neuron, [1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0)
    with pytest.raises(ArgumentError, match="no such step") as refused:
        solution.svg(step=step)
    assert f"from 0 to {solution.steps[-1].number}" in str(refused.value)


def test_levels_look_different_by_more_than_colour():
    scene = Scene(
        "tensors",
        (
            Box("a", "input", "x"), Box("b", "constant", "2"), Box("c", "operation", "×"),
            Box("d", "group", "layer"), Box("e", "output", "+"),
        ),
        (),
    )  # fmt: skip
    root = ET.fromstring(to_svg(draw(scene)))
    shapes = set()
    for g in root.findall(f"{SVG}g"):
        rects = g.find(f"{SVG}g").findall(f"{SVG}rect")
        shapes.add((len(rects), rects[-1].get("rx"), rects[0].get("class")))
    assert len(shapes) == 5


def test_a_network_of_fifty_layers_fits_a_page():
    root = ET.fromstring(to_svg(draw(chain(50, "group"))))
    assert float(root.get("width")) <= 1280
