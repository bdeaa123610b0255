"""Fields of numbers: short to look at, exact to edit, and never rounded by looking."""

import numpy as np
import pytest
from browsing import tab
from pages import hosted, shell, solved

import chainrule as cr
from chainrule.view import document

pytest.importorskip("playwright")

from playwright.sync_api import expect

HOST = """
({ first, files }) => {
  window.asked = [];
  const host = {
    recompute: async (request) => { window.asked.push(request.arguments); return { errors: [] }; },
    ...(files ? { export_: async (suffix) => {
      if (suffix === "png") throw new Error("no <b>matplotlib</b>");
      window.saved = suffix;
    } } : {}),
  };
  window.view = mount(document.getElementById("view"), first, host);
}
"""


@pytest.fixture
def shown(browser, tmp_path):
    """Show a solution with a host, and return its tab."""
    path = shell(tmp_path)
    with tab(browser) as page:
        yield lambda solution, files=False: hosted(
            page, path, HOST, {"first": document(solution.explanation), "files": files}
        )


LONG = -0.12345678901234568


def test_a_long_number_is_short_until_it_has_the_focus(shown):
    page = shown(
        cr.explain(lambda w, b: np.sum(w) * b, np.array([[1.0, LONG], [1e-9 / 3, 2]]), 0.1)
    )
    field, other = page.locator("[data-key='edit-w[0, 1]']"), page.locator("[data-key='edit-b']")
    assert field.input_value() == "-0.123457"
    assert page.locator("[data-key='edit-w[1, 0]']").input_value() == "3.33333e-10"
    widths = {
        page.locator(f"[data-key='edit-w[{i}, {j}]']").bounding_box()["width"]
        for i in "01"
        for j in "01"
    }
    assert len(widths) == 1
    field.click()
    assert field.input_value() == repr(LONG)
    assert field.evaluate("e => e.scrollWidth <= e.clientWidth")  # all of it is seen
    other.focus()
    assert field.input_value() == "-0.123457"
    assert field.get_attribute("title") == repr(LONG)
    # Looked at, and others edited: what is sent is exact, and of those alone.
    other.fill("0.25")
    page.wait_for_function("asked.length === 1")
    assert page.evaluate("asked[0]") == {"b": "0.25"}
    page.locator("[data-key='edit-w[1, 1]']").fill("3")
    page.wait_for_function("asked.length === 2")
    assert page.evaluate("asked[1].w") == f"[[1, {LONG!r}], [{1e-9 / 3!r}, 3]]"


def test_what_is_typed_is_what_is_meant(shown):
    page = shown(cr.explain(lambda w: w * 2.0, 1.5))
    field = page.locator("[data-key='edit-w']")
    field.fill("0.1234567890123")
    field.blur()
    assert field.input_value() == "0.123457"
    page.wait_for_function("asked.length === 1")
    assert page.evaluate("asked[0].w") == "0.1234567890123"
    field.focus()
    assert field.input_value() == "0.1234567890123"
    field.fill("not 1 of 12345678901 numbers")
    field.blur()
    page.wait_for_function("asked.length === 2")
    assert page.evaluate("asked[1].w") == "not 1 of 12345678901 numbers"


def test_tab_selects_all_of_a_field(shown):
    page = shown(cr.explain(lambda w, b: w * b, LONG, LONG))
    page.locator("[data-key='edit-w']").focus()
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.dataset.key") != "edit-b":
        page.keyboard.press("Tab")
    selected = "(e => [e.selectionStart, e.selectionEnd])(document.activeElement)"
    assert page.evaluate(selected) == [0, len(repr(LONG))]


def test_files_are_offered_where_the_host_makes_them(shown):
    assert shown(solved("neuron")).locator(".cr-files").count() == 0
    page = shown(solved("neuron"), files=True)
    told = page.locator(".cr-told")
    page.locator("[data-key='file-form']").select_option("md")
    page.locator("[data-key='file-save']").click()
    expect(told).to_have_text("Saved.")
    assert page.evaluate("saved") == "md"
    page.locator("[data-key='file-form']").select_option("png")
    page.locator("[data-key='file-save']").click()
    expect(told).to_have_text("no <b>matplotlib</b>")
    expect(page.locator("[data-key='file-save']")).to_be_enabled()


def test_the_explorer_shows_the_numbers_after_a_step_the_same_way(tab, lab):
    pytest.importorskip("uvicorn")
    tab.goto(lab.link)
    tab.wait_for_selector(".cr-view")
    tab.locator("#rate").fill("0.1234567")
    tab.locator("[id='field-value:w']").fill("[-0.3, -1, 2]")
    tab.get_by_role("button", name="Take a step").click()
    field = tab.locator("[id='field-value:w']")
    tab.locator("[id='field-value:w'][title]").wait_for()
    exact = field.get_attribute("title")
    assert len(exact) > len(field.input_value())
    assert [len(part.strip(" []-")) <= 8 for part in field.input_value().split(",")] == [True] * 3
    field.click()
    assert field.input_value() == exact
    tab.locator("#rate").focus()
    assert field.get_attribute("title") == exact


def test_a_zero_is_shown_without_its_sign_and_sent_with_it(shown):
    page = shown(cr.explain(lambda x: np.sum(x * x), np.array([-0.0, 2.0])))
    fields = page.locator(".cr-cell")
    assert fields.nth(0).input_value() == "0"
    fields.nth(1).fill("3")
    page.wait_for_function("window.asked.length")
    assert page.evaluate("window.asked.at(-1).x") == "[-0.0, 3]"
    fields.nth(1).fill("5-0.0")
    fields.nth(0).focus()
    assert fields.nth(1).input_value() == "5-0.0"


def test_an_answer_leaves_the_field_that_is_typed_in_alone(shown):
    """Of a long array the length may change as well, and of a number its kind."""

    def total(b, w):
        return np.sum(w) * b

    page = shown(cr.explain(total, 2, np.ones(100), wrt="w"))
    about = page.locator(".cr-about")
    assert about.all_inner_texts() == ["int64", "100 numbers, float64"]
    field = page.locator("[data-key='edit-w']")
    field.fill("[1, 2")
    page.evaluate(
        "(d) => view.update(d)",
        document(cr.explain(total, 0.5, np.ones(101), wrt="w").explanation),
    )
    page.keyboard.type(", 3")
    assert field.input_value() == "[1, 2, 3"
    assert about.all_inner_texts() == ["float64", "101 numbers, float64"]
    assert page.locator("[data-key='edit-b']").input_value() == "0.5"
