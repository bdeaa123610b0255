"""Answers that come late or in another order, while people go on: nothing of theirs is lost.

What answers is held back until the test lets it go, so that the order is the same every time.
"""

import numpy as np
import pytest
from browsing import tab as new_tab
from pages import hosted, shell, solved

import chainrule as cr
from chainrule.examples.neuron import neuron
from chainrule.view import document, picture, why

pytest.importorskip("playwright")

from playwright.sync_api import expect

HOST = """(first) => {
  window.asked = [];
  const ask = (kind) => (...given) =>
    new Promise((done, fail) => { window.asked.push({ kind, given, done, fail }); });
  window.view = mount(document.getElementById("view"), first, {
    recompute: ask("recompute"), picture: ask("picture"), why: ask("why"),
  });
}"""


class Hosted:
    """A view whose questions wait in ``asked``."""

    def __init__(self, page):
        self.page = page

    def asked(self, count):
        """Wait for so many questions; return what the last one gives."""
        self.page.wait_for_function("(n) => asked.length === n", arg=count)
        return self.page.evaluate("asked.at(-1).given")

    def answer(self, place, answer):
        self.page.evaluate("([i, a]) => asked[i].done(a)", [place, answer])


@pytest.fixture
def view(browser, tmp_path):
    path = shell(tmp_path)
    with new_tab(browser) as page:
        yield lambda s: Hosted(hosted(page, path, HOST, document(s.explanation)))


#: Type a number, as quickly as nobody can.
TYPE = """
const type = (key, text) => {
  const field = document.querySelector(`[data-key='${key}']`);
  field.focus();
  field.value = text;
  field.dispatchEvent(new Event("input"));
};
"""


def test_what_was_typed_is_kept_when_an_earlier_edit_is_answered(view):
    s = solved("neuron")
    v = view(s)
    v.page.fill("[data-key='edit-b']", "5")
    assert v.asked(1)[0]["arguments"] == {"b": "5"}
    other = document(s.at({"b": 5.0}).explanation)
    # The next field has been typed in and left again, and is not sent yet.
    v.page.evaluate(
        f"(answer) => {{ {TYPE} type('edit-w[1]', '7');"
        "document.querySelector(\"[data-key='edit-w[2]']\").focus(); asked[0].done(answer); }",
        {"document": other},
    )
    assert v.asked(2)[0]["arguments"] == {"w": "[-3, 7, 2]"}
    assert v.page.input_value("[data-key='edit-w[1]']") == "7"
    # Nor is it lost to a document from elsewhere while its own answer is on its way.
    v.page.evaluate("(d) => view.update(d)", other)
    assert v.page.input_value("[data-key='edit-w[1]']") == "7"
    v.answer(1, {"errors": [{"field": "w", "message": "no"}]})
    v.page.locator("[data-key='edit-b']").fill("6")
    assert v.asked(3)[0]["arguments"] == {"w": "[-3, 7, 2]", "b": "6"}
    last = document(s.at({"b": 6.0, "w": [-3.0, 7.0, 2.0]}).explanation)
    v.answer(2, {"document": last})
    expect(v.page.locator(".cr-result")).to_contain_text(last["value"]["text"])


def test_a_number_typed_just_before_a_notation_is_sent_with_it(view):
    v = view(solved("classifier"))
    v.page.evaluate(
        f"() => {{ {TYPE} type('edit-b2[0]', '5');"
        "document.querySelector(\"[data-key='notation-sum']\").click(); }"
    )
    [asked] = v.asked(1)
    assert asked["notation"] == ["sum"]
    assert asked["arguments"]["b2"].startswith("[5, ")
    # Until it is there, numbers would be meant in another notation than they are read in.
    field = v.page.locator("[data-key='edit-b2[0]']")
    expect(field).not_to_be_editable()
    v.page.click("[data-key='notation-columns']")
    assert sorted(v.asked(2)[0]["notation"]) == ["columns", "sum"]
    v.answer(0, {"document": document(solved("classifier").explanation, notation=["sum"])})
    assert v.page.get_attribute("[data-key='notation-sum']", "aria-pressed") == "false"
    v.answer(1, {"errors": [{"field": "", "message": "no"}]})
    expect(field).to_be_editable()
    expect(v.page.locator(".cr-error:visible")).to_have_text("no")


def test_paths_are_those_of_the_document_that_is_shown(view):
    s = solved("neuron")
    other = s.at({"w": [5.0, -1.0, 2.0]})
    v = view(s)
    v.page.click("button[data-name='x[0]']")
    v.asked(1)
    v.page.evaluate("(d) => view.update(d)", document(other.explanation))
    v.asked(2)
    v.answer(0, why(s.explanation, "x[0]"))
    v.answer(1, why(other.explanation, "x[0]"))
    total = v.page.locator(".cr-total .cr-product")
    assert float(total.get_attribute("data-sum")) == other.grads["x"][0] == 5
    # What is asked for counts, not what was shown before.
    v.page.click("button[data-name='b']")
    v.asked(3)
    v.page.evaluate("(d) => view.update(d)", document(s.explanation))
    assert v.asked(4)[0] == "b"
    v.answer(3, why(s.explanation, "b"))
    expect(v.page.locator("[data-key='why-select']")).to_have_value("b")


def test_a_path_that_was_chosen_is_not_looked_for_in_other_paths(view):
    def f(a, b):
        return a * b + a * a + a

    s = cr.explain(f, 2.0, 3.0)
    v = view(s)
    v.page.click("button[data-name='a']")
    v.asked(1)
    v.answer(0, why(s.explanation, "a"))
    v.page.click("button[data-name='b']")
    v.asked(2)
    v.page.locator(".cr-path").last.click()
    v.answer(1, why(s.explanation, "b"))
    expect(v.page.locator(".cr-terms li")).to_have_count(1)
    assert v.page.locator(".cr-path[aria-pressed=true]").count() == 0


def test_groups_that_are_opened_one_after_the_other_are_all_open(view):
    s = solved("classifier")
    v = view(s)
    draw = lambda level, *ids: picture(s.explanation, level, ids)  # noqa: E731
    v.page.click("[data-key='level-layers']")
    assert v.asked(1)[0]["level"] == "layers"
    v.answer(0, draw("layers"))
    for name in ("g1", "g2"):
        v.page.locator(f".cr-scroll .box.group[data-opens='{name}']").click()
    assert v.asked(3)[0]["open"] == ["g1", "g2"]
    # Another document comes first: in it, too, both are to be open.
    other = s.at({"b2": np.zeros(3)})
    v.page.evaluate("(d) => view.update(d)", document(other.explanation))
    found = v.asked(4)[0]
    assert (found["level"], found["open"]) == ("layers", ["g1", "g2"])
    v.answer(1, draw("layers", "g1"))
    v.answer(2, draw("layers", "g1", "g2"))
    v.answer(3, picture(other.explanation, "layers", ("g1", "g2")))
    expect(v.page.locator(".cr-scroll g.frame")).to_have_count(2)


def test_the_focus_stays_where_it_is_when_its_part_is_made_anew(tab, tmp_path):
    tab.goto(solved("classifier").save(tmp_path / "page.html").as_uri())
    focused = "document.activeElement.dataset.key"
    tab.locator("[data-key='level-layers']").focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate(focused) == "level-layers"
    tab.locator("button[data-name='b2[0]']").click()
    tab.locator("[data-key='path-0']").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(focused) == "path-0"
    tab.locator("[data-key='copy-current']").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(focused) == "copy-current"


# -- the explorer ----------------------------------------------------------------------------

HOLD = """(paths) => {
  const ask = window.fetch;
  window.held = [];
  window.hold = (...paths) => { window.holding = paths; };
  window.hold(...paths);
  window.fetch = async (path, ...given) => {
    if (holding.includes(path)) await new Promise((open) => { held.push({ path, open }); });
    return ask(path, ...given);
  };
  window.release = () => { window.holding = []; held.splice(0).forEach(({ open }) => open()); };
}"""


@pytest.fixture
def page(tab, lab):
    tab.goto(lab.link)
    tab.wait_for_selector(".cr-view")
    return tab


def hold(page, *paths):
    page.evaluate(HOLD, list(paths))


def held(page, count=1):
    page.wait_for_function("(n) => held.length === n", arg=count)


def state(page):
    return page.evaluate("JSON.parse(sessionStorage.getItem('chainrule-lab/1')).explorer")


def value(page, name):
    return page.locator(f'[id="field-value:{name}"]')


def result(page):
    return page.locator(".cr-result")


def test_fields_of_a_formula_that_come_late_change_no_example(page):
    hold(page, "/api/form")
    page.select_option("#choice", "own")
    held(page)
    page.select_option("#choice", "neuron")
    with page.expect_response("**/api/explain"):  # asked for after the fields have come
        page.evaluate("release()")
    expect(value(page, "w")).to_have_value("[-3, -1, 2]")
    assert state(page)["values"] == {}


def test_edits_of_the_form_and_of_the_view_are_all_kept(page):
    hold(page, "/api/explain")
    value(page, "x").fill("[1, 1, 1]")
    held(page)
    page.fill("[data-key='edit-b']", "7")
    expect(value(page, "b")).to_have_value("7")
    value(page, "w").fill("[1, 2, 3]")
    page.evaluate("release()")
    right = cr.explain(neuron, [1.0, 1.0, 1.0], [1.0, 2.0, 3.0], 7.0)
    expect(result(page)).to_contain_text(f"{right.value:g}")
    assert state(page)["values"] == {"x": "[1, 1, 1]", "b": "7", "w": "[1, 2, 3]"}
    expect(page.locator("[data-key='edit-x[0]']")).to_have_value("1")


def test_undo_takes_an_edit_back_that_is_not_answered(page):
    value(page, "x").fill("[1, 1, 1]")
    expect(page.locator("[data-key='edit-x[0]']")).to_have_value("1")
    hold(page, "/api/explain")
    page.fill("[data-key='edit-b']", "7")
    held(page)
    page.get_by_role("button", name="Undo").click()
    page.evaluate("release()")
    expect(page.locator("[data-key='edit-b']")).to_have_value("1")
    assert state(page)["values"] == {"x": "[1, 1, 1]"}
    expect(value(page, "b")).to_have_value("1")


def test_each_click_is_a_step(page):
    hold(page, "/api/step")
    step = page.get_by_role("button", name="Take a step")
    for _ in range(3):
        step.click()
    held(page)
    page.evaluate("release()")
    s = cr.explain(neuron, [1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0)
    for _ in range(3):
        done = s.step(0.1)
        s = cr.explain(neuron, **done.parameters)
    expect(page.locator("#stepped")).to_contain_text(f"→ {done.after:.4g}"[:6])
    expect(page.locator("[data-key='edit-b']")).to_have_value(f"{done.parameters['b']:.6g}")


def test_no_step_overwrites_what_was_changed_meanwhile(page):
    hold(page, "/api/step")
    for _ in range(2):
        page.get_by_role("button", name="Take a step").click()
    held(page)
    value(page, "b").fill("7")
    page.evaluate("release()")
    expect(page.locator("#stepped")).to_contain_text("No step was taken")
    expect(value(page, "b")).to_have_value("7")
    expect(page.locator("[data-key='edit-b']")).to_have_value("7")
    assert state(page)["values"] == {"b": "7"}


def test_a_step_of_a_formula_that_was_just_typed_is_of_that_formula(page):
    hold(page, "/api/form")
    page.select_option("#choice", "own")
    page.fill("#formula", "y = k * k")
    page.get_by_role("button", name="Take a step").click()
    held(page)
    page.evaluate("release()")
    expect(page.locator("#stepped")).to_contain_text("4 → ")
    expect(page.locator("#rate-error")).to_be_hidden()


def test_a_repair_is_offered_for_the_text_that_was_checked(page):
    page.fill("#backward", "dz = dy * (z > 0)\ndw = dz * w")
    repair = page.get_by_role("button", name="Use this line")
    repair.wait_for()
    hold(page, "/api/check")
    page.fill("#backward", "dz = dy * (z > 0)\ndb = dz\ndw = dz * w")
    expect(repair).to_be_disabled()
    held(page)
    page.evaluate("release()")
    expect(repair).to_be_enabled()
    repair.click()
    expect(page.locator("#backward")).to_have_value("dz = dy * (z > 0)\ndb = dz\ndw = dz * x")


def test_what_is_changed_after_a_link_was_made_survives_a_reload(page):
    page.click("#share")
    page.wait_for_function("() => location.hash.includes('?s=')")
    value(page, "b").fill("7")
    page.reload()
    expect(value(page, "b")).to_have_value("7")


def test_values_begin_with_those_in_code_that_is_pasted_at_once_and_stay_edited(page):
    hold(page, "/api/form")
    page.select_option("#choice", "own")
    page.fill("#formula", "w = [5, 5]\nx = 3\nb = 1\ny = sum(w * x) + b")
    page.evaluate("release()")
    expect(value(page, "w")).to_have_value("[5, 5]")
    value(page, "b").fill("10")
    page.select_option("#choice", "neuron")
    expect(page.locator(".cr-call")).to_contain_text("neuron")
    page.select_option("#choice", "own")
    expect(result(page)).to_contain_text("40")
    expect(value(page, "b")).to_have_value("10")
    page.fill("#formula", "w = [5, 5]\nx = 3\nb = 2\ny = sum(w * x) + b")
    expect(value(page, "b")).to_have_value("2")
    page.get_by_role("button", name="Undo").click()
    expect(value(page, "b")).to_have_value("10")


# -- the playground --------------------------------------------------------------------------

#: What the server says waits in ``said`` while ``isQuiet``, and comes in order once it is let go.
WEBSOCKET = """
window.said = [];
window.isQuiet = false;
window.next = () => { while (window.said.length) {
  const one = window.said.shift();
  one();
  if (one.isText) return;
} };
window.letGo = () => { window.isQuiet = false; window.said.splice(0).forEach((one) => one()); };
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  addEventListener(name, listener) {
    super.addEventListener(name, name !== "message" ? listener : (event) => {
      const isText = typeof event.data === "string";
      if (window.isQuiet) window.said.push(Object.assign(() => listener(event), { isText }));
      else listener(event);
    });
  }
  send(text) { (window.sent ??= []).push(JSON.parse(text)); super.send(text); }
};
"""


@pytest.fixture
def playground(tab, lab, no_run_is_left):
    tab.add_init_script(WEBSOCKET)
    tab.goto(f"{lab.link}#playground")
    tab.wait_for_selector(".pg[data-state=paused] .pg-figures dd")
    return tab


def told(page, count):
    """Wait until so many answers are held back, frames not counted."""
    page.wait_for_function("(n) => said.filter((one) => one.isText).length >= n", arg=count)


def config(page):
    return page.evaluate("JSON.parse(sessionStorage.getItem('chainrule-lab/1')).playground")


def until_kept(page, name, value):
    """Wait until the server has answered with a setting."""
    page.wait_for_function(
        "([name, value]) =>"
        " JSON.parse(sessionStorage.getItem('chainrule-lab/1')).playground?.[name] === value",
        arg=[name, value],
    )


def commands(page):
    return [message["do"] for message in page.evaluate("sent") if message["do"] != "frame"]


def test_a_setting_is_not_taken_back_by_an_earlier_answer(playground):
    page = playground
    page.evaluate("isQuiet = true")
    page.click("[data-do=reset]")
    page.select_option("#pg-activation", "relu")
    told(page, 2)
    page.evaluate("next()")
    assert page.input_value("#pg-activation") == "relu"
    page.evaluate("letGo()")
    until_kept(page, "activation", "relu")
    assert page.input_value("#pg-activation") == "relu"


def test_a_table_that_is_to_come_is_still_chosen_after_an_answer(playground):
    page = playground
    page.evaluate("isQuiet = true")
    page.select_option("#pg-activation", "relu")
    told(page, 1)
    page.select_option("#pg-data", "table")
    page.evaluate("letGo()")
    assert page.input_value("#pg-data") == "table"
    rows = "".join(f"{i % 9},{(i * i) % 7},{'ab'[i % 2]}\n" for i in range(40))
    page.fill("#pg-table", rows)
    expect(page.locator("#pg-table-x")).to_be_visible()
    page.wait_for_function(
        "() => JSON.parse(sessionStorage.getItem('chainrule-lab/1')).playground.table"
    )
    # Text that is no table is left to be mended, whatever else is set.
    page.fill("#pg-table", "a,b,c\n1,2,x\n,3,y\n4,5,x")
    expect(page.locator("#pg-table-error")).to_contain_text("row 3")
    page.fill("#pg-rate", "0.02")
    until_kept(page, "rate", 0.02)
    assert page.input_value("#pg-table").startswith("a,b,c")
    assert "row 3" in page.inner_text("#pg-table-error")


def test_of_two_tables_the_later_one_counts(playground):
    page = playground
    page.select_option("#pg-data", "table")
    hold(page, "/api/playground/table")
    page.fill("#pg-table", "a,b\n1,2\n")
    held(page)
    page.evaluate("hold()")  # the next is answered before
    page.fill("#pg-table", "".join(f"{i % 9},{(i * i) % 7},{'ab'[i % 2]}\n" for i in range(40)))
    expect(page.locator("#pg-table-x")).to_be_visible()
    with page.expect_response("**/table"):
        page.evaluate("release()")
    page.evaluate("fetch('/api/playground/options').then((response) => response.json())")
    assert page.locator("#pg-table-error").is_hidden()


def test_what_was_typed_counts_before_training_begins(playground):
    page = playground
    before = len(commands(page))
    page.evaluate(
        "() => { const rate = document.getElementById('pg-rate'); rate.value = '0.02';"
        "rate.dispatchEvent(new Event('input'));"
        "document.querySelector('[data-do=train]').click(); }"
    )
    page.wait_for_selector(".pg[data-state=running]")
    assert commands(page)[before:] == ["configure", "train"]
    assert config(page)["rate"] == 0.02


def test_a_link_has_what_was_typed_last(playground):
    page = playground
    page.evaluate(
        "() => { const seed = document.getElementById('pg-seed'); seed.value = '11';"
        "seed.dispatchEvent(new Event('input'));"
        "document.querySelector('[data-do=link]').click(); }"
    )
    page.wait_for_function("() => location.hash.includes('?run=')")
    assert page.evaluate("JSON.parse(decodeURIComponent(location.hash.split('=')[1])).seed") == 11
    # The run of a link goes on through a reload, and what is changed is not undone by one.
    page.click("[data-do=step]")
    page.wait_for_selector(".pg[data-step='1']")
    page.reload()
    page.wait_for_selector(".pg[data-step='1']")
    page.fill("#pg-seed", "12")
    until_kept(page, "seed", 12)
    page.reload()
    page.wait_for_selector(".pg[data-state=paused] .pg-figures dd")
    assert page.input_value("#pg-seed") == "12"


def test_a_speed_is_not_taken_back_by_a_frame_of_before(playground):
    page = playground
    page.evaluate("isQuiet = true")
    page.click("[data-do=step]")
    page.wait_for_function("() => said.length")
    page.select_option("#pg-pace", "100")
    page.evaluate("letGo()")
    page.wait_for_selector(".pg[data-step='1']")
    assert page.input_value("#pg-pace") == "100"


def test_the_button_does_what_it_says_when_training_begins_anew(playground):
    page = playground
    page.click("[data-do=train]")
    page.wait_for_selector(".pg[data-state=running]")
    page.evaluate("isQuiet = true")
    page.select_option("#pg-activation", "relu")
    told(page, 1)
    page.evaluate("next()")  # the run begins anew, and waits; no frame shows that yet
    before = len(commands(page))
    assert page.inner_text("[data-do=train]") == "Train"
    page.click("[data-do=train]")
    assert commands(page)[before:] == ["train"]
    page.evaluate("letGo()")
    page.wait_for_selector(".pg[data-state=running]")


def test_nothing_is_to_be_pressed_before_there_is_a_run(browser, lab):
    with new_tab(browser) as page:
        page.add_init_script(WEBSOCKET + "window.isQuiet = true;")
        page.goto(f"{lab.link}#playground")
        page.wait_for_selector(".pg")
        told(page, 1)
        for name in ("train", "step", "link", "save"):
            assert page.is_disabled(f"[data-do={name}]"), name
        assert page.is_disabled("#pg-sample")
        assert page.is_disabled("text=Why this gradient now")
        page.evaluate("letGo()")
        page.wait_for_selector(".pg[data-state=paused] .pg-figures dd")
        assert page.is_enabled("[data-do=link]")
        assert page.is_enabled("#pg-sample")
