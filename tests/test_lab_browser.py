"""The lab in a real browser: edit, check, step, export, share, reload."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("playwright")
pytest.importorskip("PIL")

from browsing import PHONE, serious_faults
from browsing import tab as new_tab
from PIL import Image
from playwright.sync_api import expect

import chainrule as cr
from chainrule.examples.neuron import neuron
from chainrule.lab import limits
from chainrule.lab.server import Lab, listening

RIGHT = "dz = dy * (z > 0)\ndw = dz * x\ndx = dz * w\ndb = dz"


@pytest.fixture
def page(tab, lab, monkeypatch):
    for name in ("WORK_SECONDS", "APART_SECONDS", "REQUEST_SECONDS"):  # a busy machine needs them
        monkeypatch.setattr(limits, name, 300.0)
    tab.goto(lab.link)
    tab.wait_for_selector(".cr-view")
    return tab


def result(page):
    return page.locator(".cr-result")


def own(page, formula=None, **values):
    page.select_option("#choice", "own")
    if formula:
        page.fill("#formula", formula)
    for name, value in values.items():
        page.locator(f'[id="field-value:{name}"]').fill(value)


def has(page, selector, text):
    page.wait_for_function(
        "([s, t]) => document.querySelector(s)?.textContent.includes(t)", arg=[selector, text]
    )


def test_an_edit_and_all_that_follows(page):
    assert "token" not in page.url
    page.locator('[id="field-value:b"]').fill("2.5")
    has(page, ".cr-result", "7.5")
    page.locator('[id="field-value:w"]').fill("[1, 2, 3]")
    right = cr.explain(neuron, w=[1.0, 2.0, 3.0], b=2.5)
    has(page, ".cr-result", f"{right.value:g}")
    shown = page.locator(".cr-arguments-panel").inner_text()
    for number in right.grads["x"]:
        assert f"{number:g}" in shown
    # The view has fields as well, and both say the same.
    page.locator(".cr-arguments-panel input").last.fill("-20")
    page.locator(".cr-arguments-panel input").last.press("Enter")
    expect(page.locator('[id="field-value:b"]')).to_have_value("-20")
    expect(result(page)).to_have_text(re.compile(r"=\s*0$"))
    page.get_by_role("button", name="Undo").click()
    expect(page.locator('[id="field-value:b"]')).to_have_value("2.5")


def test_faults_stand_beside_their_fields_and_the_last_state_stays(page):
    own(page)
    has(page, ".cr-result", "7")
    page.fill("#formula", "z = w*x + b\ny = max(z 0)")
    page.wait_for_selector("#formula-error:not([hidden])")
    assert "operator is missing" in page.locator("#formula-error").inner_text()
    assert "▲" in page.locator("#formula-error").inner_text()
    assert "7" in result(page).inner_text()
    assert page.locator("#formula").get_attribute("aria-invalid") == "true"
    page.fill("#formula", "z = weight*x + b\ny = max(z, 0)")
    page.wait_for_selector('[id="field-value:weight"]')
    page.locator('[id="field-value:weight"]').fill("<img src=x onerror=alert(1)>")
    page.wait_for_selector('[id="field-value:weight-error"]:not([hidden])')
    page.locator('[id="field-value:weight"]').fill("10")
    has(page, ".cr-result", "31")
    assert page.locator("img, script:not([src])").count() == 0


def test_hostile_text_is_text_wherever_it_is_shown(page):
    own(page)
    page.fill("#formula", "y = x < <script>alert(1)</script>")
    page.wait_for_selector("#formula-error:not([hidden])")
    page.fill("#backward", '<svg onload="alert(1)">\n"><b>bold</b>')
    page.fill("#formula", "z = w*x + b\ny = max(z, 0)")
    page.wait_for_selector("#verdict .error")
    assert page.locator("#verdict b, #verdict svg").count() == 0


def test_a_field_that_has_the_focus_stays_in_place_when_answers_come(page):
    """Fields change their order and number; whoever types in one goes on typing there."""
    page.evaluate(
        "() => { const ask = fetch; const gate = new Promise((open) => { window.release = open; });"
        "window.fetch = async (...asked) => { await gate; return ask(...asked); }; }"
    )
    own(page, "b = x*w + bias\ny = max(b, 0)")
    field = page.locator('[id="field-value:x"]')  # there already: the example has it, too
    field.fill("4")
    page.evaluate("release()")
    page.locator('[id="field-value:bias"]').wait_for()
    page.keyboard.type("2")
    expect(field).to_have_value("42")
    page.fill("#formula", "b = bias + w*x\ny = max(b, 0)")
    page.wait_for_function("() => document.querySelector('.values label').textContent === 'bias'")
    names = page.locator(".values label:not(.tick)").all_inner_texts()
    assert names == ["bias", "w", "x"]
    expect(field).to_have_value("42")


def test_code_that_is_pasted(page):
    own(page, "z = w*x + b\ny = max(z, 0)", w="5", x="6", b="7")
    has(page, ".cr-result", "37")
    code = "w = [1, 2]  # weights\nx = np.array([3, 4])\nb = 1\nprint(w)\ny = sum(w * x) + b"
    page.fill("#formula", code)
    has(page, ".cr-result", "12")
    fields = page.locator(".values input[type=text]")
    assert [f.input_value() for f in fields.all()] == ["[1, 2]", "[3, 4]", "1"]
    assert "begin with those in the formula" in page.locator("#room-explorer").inner_text()
    # A field that is edited keeps its value, until the one in the formula is another.
    fields.nth(2).fill("10")
    has(page, ".cr-result", "21")
    page.fill("#formula", code.replace("w * x", "w * x * 2"))
    has(page, ".cr-result", "32")
    page.fill("#formula", code.replace("b = 1", "b = 2"))
    has(page, ".cr-result", "13")
    page.locator("#field-value\\:b").fill("4")
    has(page, ".cr-result", "15")
    page.reload()
    has(page, ".cr-result", "15")


def test_names_that_javascript_has_a_use_for(page):
    own(page, "valueOf = w * constructor\ny = valueOf + toString")
    page.locator("#field-value\\:constructor").wait_for()
    has(page, ".cr-call", "constructor")
    names = page.locator(".values label:not(.tick)").all_inner_texts()
    assert names == ["w", "constructor", "toString"]
    values = [field.input_value() for field in page.locator(".values input[type=text]").all()]
    assert values == ["2", "3", "1"]
    page.locator(".cr-why-panel select").select_option("constructor")
    has(page, ".cr-why-panel", "constructor reaches y by one path")


def test_a_pass_is_checked_while_it_is_typed(page):
    own(page)
    has(page, ".cr-result", "7")
    page.fill("#backward", RIGHT.replace("dw = dz * x", "dw = dz * w"))
    page.wait_for_selector('.wrong[data-line="2"]')
    told = page.locator("#verdict").inner_text()
    assert "Line 2 is the first wrong one" in told
    assert "dw = dz * x" in told
    marks = page.locator(".gutter li").all_inner_texts()
    assert marks == ["✓", "✗", "✓", "✓"]
    page.get_by_role("button", name="Use this line").click()
    page.wait_for_selector("#verdict .good")
    assert page.locator("#backward").input_value() == RIGHT
    assert "all 4 gradients" in page.locator("#verdict").inner_text()
    page.fill("#formula", "z = w*x + b\ny = sigmoid(z)")
    page.wait_for_selector('.wrong[data-line="1"]')


LOSS = "z = X @ w\nloss = mean((z - Y)**2)"
DATA = {"X": "[[1, 2], [3, 4]]", "w": "[0.5, -1]", "Y": "[1, 2]"}


def tick(page, name):
    return page.get_by_role("checkbox", name=f"Gradient of {name}", exact=True)


def test_marks_say_which_gradients_are_derived(page, browser, lab):
    own(page, LOSS)
    page.locator('[id="field-value:Y"]').wait_for()
    for name, value in DATA.items():
        page.locator(f'[id="field-value:{name}"]').fill(value)
    page.fill("#backward", "dz = 2 * (z - Y) / 2\ndw = X.T @ dz")
    has(page, "#verdict", "Not there yet: dX")
    # Labels begin without a mark; the keyboard takes that of the inputs, too.
    expect(tick(page, "Y")).not_to_be_checked()
    page.locator('[id="field-value:X"]').press("Tab")
    assert tick(page, "X").evaluate("tick => tick === document.activeElement")
    page.keyboard.press("Space")
    has(page, "#verdict .good", "all 2 gradients")
    expect(page.locator(".cr-arguments-panel")).not_to_contain_text("← dX")
    tick(page, "w").uncheck()
    page.wait_for_selector("#wrt-error:not([hidden])")
    assert "at least one" in page.locator("#wrt-error").inner_text()
    assert tick(page, "w").get_attribute("aria-invalid") == "true"
    expect(page.locator(".cr-arguments-panel")).to_contain_text("← dw")  # the last good state
    tick(page, "Y").check()
    expect(page.locator("#wrt-error")).to_be_hidden()
    expect(page.locator(".cr-arguments-panel")).to_contain_text("← dY")
    has(page, "#verdict", "Not there yet: dY")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    has(page, "#verdict .good", "all 2 gradients")
    # A name that comes up later is marked, those that were unmarked stay so.
    page.fill("#formula", LOSS.replace("X @ w", "X @ w + b"))
    has(page, "#verdict", "Not there yet: db")
    assert [tick(page, n).is_checked() for n in "XwbY"] == [False, True, True, False]
    page.reload()
    has(page, "#verdict", "Not there yet: db")
    page.click("#share")
    page.wait_for_function("() => location.hash.includes('?s=')")
    hash_ = page.evaluate("location.hash")
    with new_tab(browser) as other:
        other.goto(f"{lab.link}{hash_}")
        has(other, "#verdict", "Not there yet: db")
        assert [tick(other, n).is_checked() for n in "XwbY"] == [False, True, True, False]


def test_marks_of_an_example(page):
    page.select_option("#choice", "classifier")
    has(page, ".cr-call", "classifier")
    expect(page.get_by_role("checkbox", name="Gradient of y: whole numbers")).to_be_disabled()
    expect(tick(page, "X")).not_to_be_checked()
    tick(page, "X").check()
    expect(page.locator(".cr-arguments-panel")).to_contain_text("← dX")
    page.select_option("#choice", "neuron")
    has(page, ".cr-call", "neuron")
    assert all(tick(page, name).is_checked() for name in "xwb")


def test_a_step(page):
    page.select_option("#choice", "two-layer")
    has(page, ".cr-call", "two_layer")
    page.fill("#rate", "0.01")
    page.get_by_role("button", name="Take a step").click()
    has(page, "#stepped", "The gradient promised a change of")
    from chainrule.examples import two_layer

    done = cr.explain(two_layer.two_layer, wrt=two_layer.WRT).step(0.01)
    has(page, ".cr-result", f"{done.after:.4g}"[:5])
    w1 = json.loads(page.locator('[id="field-value:w1"]').get_attribute("title"))  # in full
    assert w1 == done.parameters["w1"].tolist()
    page.fill("#rate", "fast")
    page.get_by_role("button", name="Take a step").click()
    page.wait_for_selector("#rate-error:not([hidden])")


def test_export_and_reopen_offline(page, browser, tmp_path):
    own(page)
    has(page, ".cr-result", "7")
    with page.expect_download() as waiting:
        page.click("#save")
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.name == "formula.html"
    with new_tab(browser, offline=True) as offline:
        offline.goto(path.as_uri())
        offline.wait_for_selector(".cr-view")
        assert "7" in result(offline).inner_text()


@pytest.mark.parametrize(("suffix", "begin"), [(".png", b"\x89PNG\r\n"), (".pdf", b"%PDF-")])
def test_a_picture_as_a_file(page, tmp_path, suffix, begin):
    pytest.importorskip("matplotlib")
    own(page, "z = w*x + b\ny = max(z, 0)")
    has(page, ".cr-result", "7")
    page.select_option("#file", suffix)
    with page.expect_download() as waiting:
        page.click("#save")
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.suffix == suffix
    assert path.read_bytes().startswith(begin)
    assert page.locator("#file-error").is_hidden()
    if suffix == ".png":
        pixels = np.asarray(Image.open(path).convert("L"))
        assert pixels.shape[0] > 100
        assert pixels.shape[1] > 300
        assert 0.005 < np.mean(pixels < 128) < 0.5


def test_a_file_that_takes_too_long_says_so_beside_its_kind(page, monkeypatch):
    monkeypatch.setattr(limits, "APART_SECONDS", 0.05)
    page.select_option("#file", ".png")
    page.click("#save")
    page.wait_for_selector("#file-error:not([hidden])")
    assert "Save it as SVG" in page.locator("#file-error").inner_text()
    assert page.locator("#file").get_attribute("aria-invalid") == "true"
    page.select_option("#file", ".svg")
    assert page.locator("#file-error").is_hidden()
    with page.expect_download() as waiting:
        page.click("#save")
    assert waiting.value.suggested_filename == "neuron.svg"


def test_the_typed_line_of_a_step_is_lit(page):
    own(page, "k = 3\n\nz = k*w*x + b\ny = max(z, 0)")
    has(page, ".cr-result", "19")
    lines = page.locator(".cr-code-text").all_inner_texts()
    assert [line.strip() for line in lines] == ["k = 3", "", "z = k*w*x + b", "y = max(z, 0)"]
    numbers = page.locator(".cr-code-number").all_inner_texts()
    assert numbers == ["1", "2", "3", "4"]
    page.locator("[data-id]").first.focus()
    page.keyboard.press("Home")
    seen = []
    while page.locator("[aria-label='Next step']").is_enabled():
        page.keyboard.press("ArrowRight")
        seen.append(page.locator("[aria-current=true] .cr-code-text").inner_text())
    first, last = "z = k*w*x + b", "y = max(z, 0)"
    assert list(dict.fromkeys(seen)) == [first, last]
    assert seen[-1] == first


def test_a_repair_takes_the_place_of_its_statement_alone(page):
    own(page, "z = w*x + b\ny = max(z, 0)", w="2", x="3", b="1")
    page.fill("#backward", "dz = (dy *\n (z > 0)); dw = dz * w; db = dz\ndx = dz * w")
    page.wait_for_selector("#verdict .wrong[data-line='2']")
    page.get_by_role("button", name="Use this line").click()
    page.wait_for_selector("#verdict .good")
    fixed = "dz = (dy *\n (z > 0)); dw = dz * x; db = dz\ndx = dz * w"
    assert page.locator("#backward").input_value() == fixed
    page.fill("#backward", "dz = (upstream *\n 2); dw = dz * x; db = dz\ndx = dz * w")
    page.wait_for_selector("#verdict .wrong[data-line='1']")
    page.get_by_role("button", name="Use this line").click()
    page.wait_for_selector("#verdict .good")
    assert page.locator("#backward").input_value().endswith("; dw = dz * x; db = dz\ndx = dz * w")


def test_a_reload_keeps_all_and_tabs_keep_apart(page, browser, lab):
    own(page, "y = a*x**2", a="3", x="5")
    has(page, ".cr-result", "75")
    page.fill("#backward", "dx = dy * 2 * a * x")
    page.wait_for_selector("#verdict .good")
    page.reload()
    page.wait_for_selector("#verdict .good")
    assert page.locator("#formula").input_value() == "y = a*x**2"
    assert "75" in result(page).inner_text()
    # A second tab begins where the last one is, and then goes its own way.
    other = page.context.new_page()
    other.goto(lab.link)
    has(other, ".cr-result", "75")
    other.locator('[id="field-value:x"]').fill("2")
    has(other, ".cr-result", "12")
    page.reload()
    has(page, ".cr-result", "75")
    other.reload()
    has(other, ".cr-result", "12")


def value(page, name):
    return page.locator(f'[id="field-value:{name}"]')


def test_values_begin_as_a_formula_that_is_typed_needs_them(page, browser, lab):
    own(page)
    has(page, ".cr-result", "7")
    page.fill("#formula", "")
    page.locator("#formula").press_sequentially("Z = X @ W + b", delay=40)
    has(page, ".cr-call", "X, W, b")
    expect(value(page, "b")).to_have_value(re.compile(r"^\[.+, .+\]$"))
    room = page.locator("#room-explorer")
    expect(room.locator(".error:visible")).to_have_count(0)
    assert room.locator("[aria-invalid]").count() == 0
    assert "not edited are examples" in room.inner_text()
    X, W, b, dZ = (
        np.array(json.loads(field.input_value()))
        for field in [value(page, n) for n in "XWb"] + [page.locator("#field-upstream")]
    )
    assert (X.shape, W.shape, b.shape, dZ.shape) == ((2, 3), (3, 2), (2,), (2, 2))
    expect(page.locator(".cr-arguments-panel")).to_contain_text("← dW")
    dW = page.locator(".cr-arguments-panel").inner_text()
    assert all(f"{n:g}".replace("-", "−") in dW for n in np.ravel(X.T @ dZ))
    # What is edited stays, and the rest fits to it, here and where a link is opened.
    value(page, "X").fill("[[1, 2, 3, 4]]")
    expect(value(page, "W")).to_have_value(re.compile(r"^(\[*[^\]]+\]){4}\]$"))
    expect(room.locator(".error:visible")).to_have_count(0)
    value(page, "b").fill("[10, 20]")
    page.fill("#formula", "Z = X @ W + b\ny = sum(Z * c)")
    expect(value(page, "c")).not_to_have_value("")
    expect(page.locator(".upstream")).to_be_hidden()  # a number needs none
    page.reload()
    has(page, ".cr-call", "c")
    page.click("#share")
    page.wait_for_function("() => location.hash.includes('?s=')")
    hash_ = page.evaluate("location.hash")
    with new_tab(browser) as other:
        other.goto(f"{lab.link}{hash_}")
        has(other, ".cr-call", "c")
        other.fill("#formula", "z = W @ x + b")
        has(other, ".cr-call", "W, x, b")
        expect(value(other, "b")).to_have_value("[10, 20]")
        assert np.shape(json.loads(value(other, "W").input_value()))[0] == 2
        other.fill("#formula", "y = W * v")
        expect(value(other, "W")).to_have_value("2")  # x is gone: all that began begins anew


def test_undo_takes_back_what_began_with_a_formula(page):
    own(page, "y = w @ x")
    expect(value(page, "w")).to_have_value(re.compile("^\\["))
    before = [value(page, n).input_value() for n in "wx"]
    page.wait_for_timeout(1600)  # what is typed at one go is taken back at one go
    page.fill("#formula", "y = w * x[3]")
    expect(value(page, "w")).to_have_value("2")
    page.get_by_role("button", name="Undo").click()
    expect(value(page, "w")).to_have_value(before[0])
    expect(value(page, "x")).to_have_value(before[1])
    value(page, "w").fill("[1, 2]")
    value(page, "x").fill("[3, 4]")
    has(page, ".cr-result", "11")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    expect(value(page, "w")).to_have_value(before[0])


def test_an_upstream_gradient_that_is_taken_out_stays_so(page):
    own(page, "z = w @ X")
    upstream = page.locator("#field-upstream")
    expect(upstream).to_have_value(re.compile("^\\["))
    upstream.fill("")
    page.wait_for_selector("#field-upstream-error:not([hidden])")
    page.fill("#formula", "z = w @ X * 2")
    page.wait_for_timeout(300)
    expect(upstream).to_have_value("")
    expect(page.locator("#field-upstream-error")).to_contain_text("depends on what follows")


@pytest.mark.parametrize("begun", ["abc", 5, None, [], {"values": 7, "upstream": {}}])
def test_a_damaged_note_of_what_has_begun(page, begun):
    explorer = {"formula": "y = w*length", "values": {"length": "4"}, "begun": begun}
    page.evaluate(
        "text => { for (const s of [localStorage, sessionStorage])"
        " s.setItem('chainrule-lab/1', text); }",
        json.dumps({"room": "explorer", "explorer": explorer}),
    )
    page.reload()
    has(page, ".cr-result", "8")


def test_a_damaged_store_is_left_aside(browser, lab):
    explorer = {"example": "neuron", "values": [1], "marks": 5, "wrt": 1}
    damaged = json.dumps({"room": "nowhere", "explorer": explorer, "playground": 5})
    with browser.new_context() as context:
        page = context.new_page()
        failures = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(lab.link)
        page.wait_for_selector("#room-explorer svg")
        page.evaluate(
            "text => { for (const s of [localStorage, sessionStorage])"
            " s.setItem('chainrule-lab/1', text); }",
            damaged,
        )
        page.goto("about:blank")
        page.goto(lab.link)
        page.wait_for_selector("#room-explorer svg")
        assert failures == []


def test_a_link_holds_the_state(page, browser, lab):
    own(page, "y = k*x", k="6", x="7")
    has(page, ".cr-result", "42")
    page.click("#share")
    page.wait_for_function("() => location.hash.includes('?s=')")
    hash_ = page.evaluate("location.hash")
    with new_tab(browser) as other:
        other.goto(f"{lab.link}{hash_}")
        has(other, ".cr-result", "42")
    page.goto(re.sub(r"\?s=.*", "?s=broken!", page.url))
    assert "42" in result(page).inner_text()


def test_quick_edits_end_with_the_last(page):
    own(page, "y = w*x + b")
    has(page, ".cr-result", "7")
    page.evaluate(
        """() => { const input = document.getElementById('field-value:w');
            for (let i = 0; i <= 1000; i++) {
                input.value = String(i); input.dispatchEvent(new Event('input'));
            } }"""
    )
    has(page, ".cr-result", "3001")
    page.wait_for_timeout(150)
    assert "3001" in result(page).inner_text().replace("\u2009", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE])
def test_accessible_in_both_rooms(browser, lab, scheme, viewport):
    with new_tab(browser, viewport, color_scheme=scheme) as page:
        page.goto(lab.link)
        page.wait_for_selector(".cr-view")
        own(page)
        if viewport is PHONE:
            page.get_by_text("Your backward pass").click()
        page.fill("#backward", "dz = dy\ndw = dz x")
        page.wait_for_selector("#verdict .wrong")
        assert serious_faults(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        page.focus("#tab-explorer")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.id") == "tab-playground"
        assert page.evaluate("location.hash") == "#playground"
        page.wait_for_selector("#room-playground.playground canvas")
        assert serious_faults(page) == []


def test_stopping_asks_first(browser):
    with Lab(listening()) as lab, new_tab(browser) as page:
        page.goto(lab.link)
        page.wait_for_selector(".cr-view")
        page.get_by_role("button", name="Stop the lab").click()
        page.get_by_role("button", name="Keep it running").click()
        assert page.locator("#stopped").is_hidden()
        page.get_by_role("button", name="Stop the lab").click()
        page.get_by_role("button", name="Stop", exact=True).click()
        page.wait_for_selector("#stopped:not([hidden])")
        assert page.evaluate("document.getElementById('rooms').inert")
