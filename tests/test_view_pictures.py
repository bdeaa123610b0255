"""The picture of a page: groups that open together, its size, edges that fade; and paper."""

import sys

import numpy as np
import pytest
from browsing import PHONE, serious_faults, tab
from pages import opened, solved

import chainrule as cr
from chainrule.view.pictures import all_pictures, key

pytest.importorskip("playwright")

BOX = ".cr-scroll .cr-svg .box"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return solved("classifier").save(tmp_path_factory.mktemp("pages") / "classifier.html")


@pytest.fixture
def page(browser, path):
    with tab(browser, offline=True) as page:
        yield opened(page, path)


def open_group(page, name):
    page.locator(f"{BOX}.group[data-opens='{name}']").click()


def open_numbers(page, node):
    page.locator(f"{BOX}[data-id='{node}']").click()
    page.locator("[data-key='open']").click()


# -- groups ----------------------------------------------------------------------------------


def test_layers_open_together_and_close_one_by_one(page):
    page.locator("[data-key='level-layers']").click()
    counts = [page.locator(BOX).count()]
    for name in ("g1", "g2", "g3"):
        open_group(page, name)
        counts.append(page.locator(BOX).count())
    assert counts == sorted(set(counts))
    assert page.locator(".cr-scroll g.frame").count() == 3
    assert page.locator(".cr-inset").count() == 0
    page.locator(".cr-scroll g.frame[data-id='g2'] text").click()
    frames = page.locator(".cr-scroll g.frame").all()
    assert [f.get_attribute("data-id") for f in frames] == ["g1", "g3"]
    page.locator("[data-key='level-layers']").click()
    assert page.locator(BOX).count() == counts[0]


def test_groups_open_and_close_by_keyboard(page):
    page.locator("[data-key='level-layers']").click()
    page.locator(f"{BOX}.group .face").first.focus()
    page.keyboard.press("Enter")
    frame = page.locator(".cr-scroll g.frame[data-id='g1']")
    frame.focus()
    page.keyboard.press("Enter")
    assert page.locator(".cr-scroll g.frame").count() == 0
    assert page.evaluate("!!document.activeElement.closest('.cr-svg')")


def test_what_has_no_common_picture_is_opened_beside_it(page):
    nodes = [n for n in ("n6", "n7", "n10") if page.locator(f"{BOX}[data-id='{n}']").count()]
    for node in nodes:
        open_numbers(page, node)
    assert page.locator(".cr-scroll g.frame").count() == 1
    assert page.locator(".cr-inset").count() == len(nodes) - 1
    assert "Opened beside" in page.locator(".cr-insets").inner_text()
    cut = page.locator(".cr-inset svg").first
    assert cut.locator("g.frame").count() == 1
    inside = cut.locator(".box").count()
    assert 0 < inside < page.locator(BOX).count() + inside
    # It knows steps and paths as the picture does.
    page.keyboard.press("Home")
    assert cut.locator(".cr-unknown").count() > 0
    page.locator("button[data-name='W1[0, 1]']").click()
    assert page.locator(".cr-inset svg.cr-has-lit").count() == len(nodes) - 1
    assert serious_faults(page) == []
    # Opened again it is not there twice; its frame closes it.
    open_numbers(page, nodes[1])
    assert page.locator(".cr-inset").count() == len(nodes) - 1
    for left in range(len(nodes) - 2, -1, -1):
        page.locator(".cr-inset g.frame text").first.click()
        assert page.locator(".cr-inset").count() == left
    assert page.locator(".cr-insets").is_hidden()


def test_in_another_notation_a_group_stays_open(page):
    page.locator("[data-key='level-layers']").click()
    open_group(page, "g2")
    for toggle in ("notation-sum", "notation-columns", "notation-sum"):
        page.locator(f"[data-key='{toggle}']").click()
        assert page.locator(".cr-scroll g.frame").get_attribute("data-id") == "g2"
        assert page.locator(".cr-picture-problem").is_hidden()


def test_what_another_notation_has_no_picture_of_is_closed_and_the_page_says_so(page):
    nodes = ["n6", "n7", "n9"]
    for node in nodes:
        open_numbers(page, node)
    frames = page.locator(".cr-picture g.frame, .cr-insets g.frame")
    assert frames.count() == len(nodes)
    page.locator("[data-key='notation-sum']").click()
    assert frames.count() < len(nodes)
    assert "does not hold a picture of all" in page.locator(".cr-picture-problem").inner_text()
    page.locator("[data-key='notation-sum']").click()
    assert page.locator(".cr-picture-problem").is_hidden()


def test_a_file_opens_in_the_notation_that_it_was_saved_in(browser, tmp_path):
    file = solved("classifier").notation("sum", "columns").save(tmp_path / "turned.html")
    with tab(browser, offline=True) as page:
        opened(page, file)
        for name in ("columns", "sum"):
            button = page.locator(f"[data-key='notation-{name}']")
            assert button.get_attribute("aria-pressed") == "true"
        turned = page.locator(".cr-result").inner_text()
        page.locator("[data-key='level-layers']").click()
        for name in ("g1", "g2", "g3"):
            open_group(page, name)
        assert page.locator(".cr-scroll g.frame").count() == 3
        page.locator("[data-key='notation-sum']").click()
        page.locator("[data-key='notation-columns']").click()
        assert page.locator(".cr-result").inner_text() != turned
        assert serious_faults(page) == []


def test_a_file_holds_pictures_in_the_order_in_which_readers_come_to_them():
    first, pictures = all_pictures(solved("classifier").explanation)
    assert first == "tensors"
    for open in (["g1"], ["g2", "g1"], ["g3", "g1", "g2"]):
        assert key("layers", open) in pictures
    assert key("tensors", ["n6"]) in pictures
    frames = pictures["layers/g1/g2"]["frames"]
    assert frames == {"g1": {"closes": "g1", "parent": ""}, "g2": {"closes": "g2", "parent": ""}}
    assert all_pictures(solved("neuron").explanation, 0)[1].keys() == {"neurons", "tensors"}


def test_a_group_in_a_group_opens_with_it_and_closes_with_it(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["chainrule.view.document"], "ROOM", 300_000)  # is enough here

    def deep(x, weights):
        for w in weights:
            x = np.maximum(x @ w, 0)
        return np.sum(x)

    r = np.random.default_rng(0)
    weights = [r.normal(size=(3, 3)) for _ in range(45)]
    s = cr.explain(deep, r.normal(size=(2, 3)), weights)
    saved = s.save(tmp_path / "deep.html")
    assert saved.stat().st_size < 1_000_000
    with tab(browser, offline=True) as page:
        opened(page, saved)
        outer = page.locator(f"{BOX}.group").first.get_attribute("data-opens")
        closed = page.locator(BOX).count()
        open_group(page, outer)
        inner = page.locator(f"{BOX}.group").first.get_attribute("data-opens")
        open_group(page, inner)
        assert page.locator(".cr-board g.frame").count() >= 2
        page.locator(f".cr-scroll g.frame[data-id='{outer}'] text").click()
        assert page.locator(".cr-scroll g.frame").count() == 0
        assert page.locator(BOX).count() == closed


#: The box that is nearest to the middle of what is seen of the picture.
CENTRAL = """() => {
  const middle = (e) => {
    const { left, right, top, bottom } = e.getBoundingClientRect();
    return [(left + right) / 2, (top + bottom) / 2];
  };
  const [x, y] = middle(document.querySelector(".cr-scroll"));
  const far = (e) => Math.hypot(middle(e)[0] - x, middle(e)[1] - y);
  const boxes = [...document.querySelectorAll(".cr-scroll .box")];
  return boxes.sort((a, b) => far(a) - far(b))[0].dataset.id;
}"""

#: A point of the picture where nothing is drawn.
EMPTY = """() => {
  const box = document.querySelector(".cr-scroll").getBoundingClientRect();
  for (let x = box.left + 20; x < box.right - 20; x += 15)
    for (let y = box.top + 20; y < box.bottom - 20; y += 15)
      if (!document.elementFromPoint(x, y).closest(".box, .edge")) return [x, y];
}"""


# -- size ------------------------------------------------------------------------------------


def width(page):
    return page.locator(".cr-scroll > svg").bounding_box()["width"]


def test_the_size_is_told_and_can_be_chosen(page):
    scale = page.locator("[data-key='zoom-full']")
    natural = page.evaluate(
        "Number(document.querySelector('.cr-scroll svg').getAttribute('viewBox').split(' ')[2])"
    )
    page.locator("[data-key='level-scalars']").click()
    fit = page.locator("[data-key='zoom-fit']")
    assert fit.get_attribute("aria-pressed") == "false"
    fit.click()
    assert fit.get_attribute("aria-pressed") == "true"
    assert width(page) <= page.locator(".cr-scroll").bounding_box()["width"] + 1
    page.locator("[data-key='level-tensors']").click()
    scale.click()
    assert scale.inner_text() == "100 %"
    assert width(page) == pytest.approx(natural, rel=0.01)
    page.locator("[data-key='zoom-larger']").click()
    assert scale.inner_text() == "125 %"
    page.locator(f"{BOX}.input .face").first.focus()
    page.keyboard.press("-")
    assert scale.inner_text() == "100 %"
    page.keyboard.press("f")
    assert fit.get_attribute("aria-pressed") == "true"


def test_the_wheel_with_control_enlarges_what_is_under_the_pointer(page):
    page.locator("[data-key='zoom-full']").click()
    box = page.locator(f"{BOX}[data-id='{page.evaluate(CENTRAL)}']")
    at = box.bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    page.locator(".cr-scale:not(:text-is('100 %'))").wait_for()
    now = box.bounding_box()
    assert now["width"] > at["width"] * 1.2
    assert abs(now["x"] + now["width"] / 2 - x) < 6
    # With the mouse on empty ground it is dragged.
    left = "document.querySelector('.cr-scroll').scrollLeft"
    before = page.evaluate(left)
    x, y = page.evaluate(EMPTY)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 80, y)
    page.mouse.up()
    assert page.evaluate(left) == pytest.approx(before + 80, abs=2)


# -- what scrolls ----------------------------------------------------------------------------


def test_edges_fade_where_there_is_more_and_keys_scroll(browser, path):
    with tab(browser, PHONE, offline=True) as page:
        opened(page, path)
        page.locator("[data-key='zoom-full']").click()
        place = page.locator(".cr-scroll")
        place.evaluate("e => { e.scrollLeft = 0; }")
        page.locator(".cr-scroll:not(.cr-more-left)").wait_for()
        page.locator(".cr-scroll.cr-more-right").wait_for()
        assert "cr-more-left" not in place.get_attribute("class")
        assert place.evaluate("e => getComputedStyle(e).maskImage") != "none"
        assert place.get_attribute("aria-label") == "Picture, scrolls with the arrow keys"
        step = page.locator(".cr-count").inner_text()
        page.locator("[data-key='zoom-fit']").focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className").startswith("cr-scroll")
        page.keyboard.press("ArrowRight")
        page.locator(".cr-scroll.cr-more-left").wait_for()
        assert page.locator(".cr-count").inner_text() == step
        assert place.evaluate("e => getComputedStyle(e).maskImage") == "none"  # while focused
        page.locator("[data-key='zoom-fit']").click()
        page.locator(".cr-scroll:not(.cr-more-right)").wait_for()
        assert page.locator("pre.cr-more-right").count() == 1  # the source is wider, too


# -- paper -----------------------------------------------------------------------------------


def test_it_prints_all_steps_in_light_and_no_controls(browser, path):
    with tab(browser, color_scheme="dark", offline=True) as page:
        opened(page, path)
        page.keyboard.press("Home")
        page.locator("[data-key='zoom-larger']").click()
        page.emulate_media(media="print")
        for name in (".cr-bar", ".cr-quiet", ".cr-segments", ".cr-field", ".cr-edge-note"):
            assert not any(e.is_visible() for e in page.locator(name).all()), name
        assert all(e.is_visible() for e in page.locator(".cr-row").all())
        hidden = "[...document.querySelectorAll('.cr-unknown')].filter("
        hidden += "e => getComputedStyle(e).visibility === 'hidden').length"
        assert page.evaluate(hidden) == 0
        ink = page.locator(".cr-view").evaluate("e => getComputedStyle(e).color")
        assert ink == "rgb(0, 0, 0)"
        paper = page.locator(".cr-scroll .paper").evaluate("e => getComputedStyle(e).fill")
        assert paper == "rgb(255, 255, 255)"
        wide = "[...document.querySelectorAll('.cr-view *')].filter(e => "
        wide += "e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('pre, svg')).length"
        page.set_viewport_size({"width": 700, "height": 900})
        assert page.evaluate(wide) == 0
        assert page.pdf().startswith(b"%PDF")


def test_on_paper_wide_gradients_are_whole_and_no_step_is_lit(browser, tmp_path):
    w = np.linspace(-1, 1, 16).reshape(2, 8) / 3
    s = cr.explain(lambda x, w: np.sum(np.tanh(x @ w) ** 2), np.array([0.7, 1e-4]), w)
    with tab(browser, offline=True) as page:
        opened(page, s.save(tmp_path / "wide.html"))
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        shape = page.locator(".cr-scroll .box.current .shape").first
        stroke = "e => getComputedStyle(e).strokeWidth"
        assert shape.evaluate(stroke) == "2px"
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        page.set_viewport_size({"width": 680, "height": 900})  # a page of A4
        page.emulate_media(media="print")
        assert shape.evaluate(stroke) == "1.2px"
        grid = page.locator(".cr-gradient-side .cr-grid").last
        assert grid.evaluate("e => e.getBoundingClientRect().right <= innerWidth")
        heights = grid.locator("td").evaluate_all("all => all.map((e) => e.offsetHeight)")
        assert len(set(heights)) == 1


def test_long_names_stay_in_their_panels(browser, tmp_path):
    def f(a_name_that_goes_on_and_on_and_on, another_name_that_is_no_shorter):
        both = a_name_that_goes_on_and_on_and_on * another_name_that_is_no_shorter
        return both * both

    saved = cr.explain(f, 2.0, 3.0).save(tmp_path / "long.html")
    for viewport in ({"width": 1280, "height": 800}, PHONE):
        with tab(browser, viewport=viewport, offline=True) as page:
            opened(page, saved)
            page.keyboard.press("End")
            for part in (".cr-through", ".cr-given"):
                place = page.locator(part)
                assert place.evaluate("e => e.scrollWidth <= e.clientWidth || e.tabIndex === 0")
                inside = place.evaluate("e => e.clientWidth <= e.closest('.cr-panel').clientWidth")
                assert inside


def test_what_a_file_does_not_hold_is_looked_for_at_other_levels(browser, tmp_path):
    s = solved("classifier")
    held = [k.split("/") for k in all_pictures(s.explanation)[1]]
    numbers = {
        name: {i for level, *ids in held if level == name for i in ids if i.startswith("n")}
        for name in ("layers", "tensors")
    }
    with tab(browser, offline=True) as page:
        opened(page, s.save(tmp_path / "page.html"))
        page.locator("[data-key='level-layers']").click()
        for name in ("g1", "g2", "g3"):
            open_group(page, name)
        there = page.locator(f"{BOX}:not(.group)[data-opens]")
        ids = there.evaluate_all("all => all.map((e) => e.dataset.opens)")
        only = [i for i in ids if i in numbers["tensors"] - numbers["layers"]]
        assert only
        open_numbers(page, only[0])
        assert "At the level “Tensors”" in page.locator(".cr-picture-problem").inner_text()


def test_a_box_is_offered_to_be_opened_by_its_title(page):
    page.locator(f"{BOX}[data-id='n0']").click()
    title = page.locator(f"{BOX}[data-id='n0'] text").first.text_content()
    assert page.locator("[data-key='open']").inner_text() == f"Open {title} into single numbers"


def test_of_very_many_steps_both_ends_are_there(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["chainrule.view.document"], "MOST_STEPS", 40)

    def long(x):
        for _ in range(30):
            x = x * 0.999 + 0.001
        return x

    s = cr.explain(long, 2.0)
    saved = s.save(tmp_path / "long.html")
    with tab(browser, offline=True) as page:
        opened(page, saved)
        assert page.locator(".cr-gap").count() == 1
        last = s.explanation.last_step
        page.keyboard.press("End")
        assert page.locator(".cr-count").inner_text() == f"step {last} of {last}"
        page.locator("[data-key='row-20']").click()
        page.keyboard.press("ArrowRight")
        after = page.locator(".cr-count").inner_text()
        assert after == f"step {last - 19} of {last}"
        page.keyboard.press("ArrowLeft")
        assert page.locator(".cr-count").inner_text() == f"step 20 of {last}"
        assert page.locator(".cr-card-body .cr-equation").count() == 1
