import json
import re
import time

import numpy as np
import pytest

pytest.importorskip("starlette")

from browsing import DESKTOP, PHONE, serious_faults
from browsing import tab as tab_of

import chainrule as cr
from chainrule import nn
from chainrule.lab import limits
from chainrule.lab.playground import api, why

pytestmark = pytest.mark.usefixtures("no_run_is_left")


@pytest.fixture
def page(browser, lab):
    with tab_of(browser) as opened:
        yield enter(opened, lab)


def enter(page, lab, hash_="#playground"):
    page.goto(f"{lab.link}{hash_}")
    page.wait_for_selector(".pg[data-state=paused], .pg[data-state=running]")
    until(page, "document.querySelectorAll('.pg-figures dd').length")
    return page


def until(page, condition, seconds=60):
    """Wait for an expression; Playwright's own way needs eval, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"not in time: {condition}"
        page.wait_for_timeout(30)


def step_of(page):
    return int(page.get_attribute(".pg", "data-step"))


def train(page):
    page.click("[data-do=train]")
    page.wait_for_selector(".pg[data-state=running]")


def pause(page):
    page.click("[data-do=train]")
    page.wait_for_selector(".pg[data-state=paused]")


def found(page, canvas, what, across):
    """Move down a canvas until there is something to click, and click it."""
    box = page.locator(canvas).bounding_box()
    for y in range(40, int(box["height"]) - 40, 3):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + y)
        if page.get_attribute(canvas, "data-over") == what:
            page.mouse.down()
            page.mouse.up()
            return
    raise AssertionError(f"no {what}")


def told_of(field, value):
    """Whether the server has answered with a setting, as an expression."""
    kept = "JSON.parse(sessionStorage.getItem('chainrule-lab/1')).playground"
    return f"{kept}?.{field} === {json.dumps(value)}"


def set_field(page, field, value):
    page.fill(f"[data-field='{field}'] input", value)


def asked_of(page):
    """Take note of the states that the explorer asks the server about."""
    states = []

    def noted(request):
        if request.url.endswith("/api/explain"):
            states.append(request.post_data_json["state"])

    page.on("request", noted)
    return states


def test_an_answer_leaves_the_field_that_is_typed_in_as_it_is(page):
    """Its text and the focus: 0.10 is on the way to 0.105, and 1 to 12 units."""
    rate = page.locator("[data-field=rate] input")
    rate.fill("0.10")
    until(page, told_of("rate", 0.1))
    assert rate.input_value() == "0.10"
    page.keyboard.type("5")
    until(page, told_of("rate", 0.105))
    page.fill("[data-field=layers] input >> nth=0", "1")
    until(page, told_of("layers[0]", 1))
    page.keyboard.type("2")
    until(page, told_of("layers[0]", 12))


def test_train_on_the_spiral_click_a_weight_and_read_its_why(page):
    states = asked_of(page)
    train(page)
    began, first = time.monotonic(), step_of(page)
    page.evaluate(
        "window.frames_ = 0; new MutationObserver(() => { window.frames_ += 1; }).observe("
        "document.querySelector('.pg'), {attributeFilter: ['data-step']})"
    )
    until(
        page, "Number.parseFloat(document.querySelectorAll('.pg-figures dd')[3].textContent) >= 95"
    )
    seconds, frames = time.monotonic() - began, page.evaluate("window.frames_")
    print(f"95 % after {seconds:.1f} s, {frames / seconds:.0f} frames a second")
    until(page, "window.frames_ > 5")
    assert step_of(page) > first
    pause(page)
    found(page, ".pg-network", "weight", 0.5)
    told = page.inner_text("[data-told=weight]")
    name, layer, a, b, value, gradient = re.match(
        r"((dense\d)_W\[(\d+), (\d+)\]) = (\S+), gradient (\S+) on the next 16", told
    ).groups()
    page.click("text=Why this gradient now")
    total = page.locator("#room-explorer [data-sum]")
    total.wait_for()
    said = page.inner_text(".moment")
    assert "on the next 16 samples" in said
    assert name in said
    page.click("text=Go to its paths")
    box = page.locator(".cr-why-panel").bounding_box()
    assert 0 <= box["y"] < 500
    assert page.get_attribute("#tab-explorer", "aria-selected") == "true"
    at = why.moment(next(s["playground"] for s in states if "playground" in s))
    assert at.why == name

    def loss(params):
        return nn.cross_entropy(at.model.apply(params, {}, at.x)[0], at.labels)

    exact = cr.grad(loss)(at.model.params)[layer]["W"][int(a), int(b)]
    assert float(total.get_attribute("data-sum")) == pytest.approx(exact, rel=1e-3, abs=1e-8)
    assert number_of(gradient) == pytest.approx(exact, rel=0.01, abs=1e-6)
    weight = at.model.params[layer]["W"][int(a), int(b)]
    assert number_of(value) == pytest.approx(weight, rel=0.01, abs=1e-6)


def number_of(text):
    return float(text.replace("−", "-"))


def test_a_sample_is_asked_about(page):
    states = asked_of(page)
    found(page, ".pg-plot", "sample", 0.5)
    sample = int(page.input_value("#pg-sample"))
    page.click("text=Why this sample’s gradient")
    page.locator("#room-explorer svg.chainrule-picture").first.wait_for()
    at = why.moment(next(s["playground"] for s in states if "playground" in s))
    points = at.config.points()
    assert np.array_equal(at.x, points.x[[sample]])
    assert at.labels.tolist() == [points.labels[sample]]


def test_a_run_goes_on_through_a_reload(page):
    page.select_option("#pg-pace", "1000")
    train(page)
    until(page, "Number(document.querySelector('.pg').dataset.step) > 100")
    page.reload()
    page.wait_for_selector(".pg[data-state=running]")
    before = step_of(page)
    assert before > 100
    assert page.input_value("#pg-pace") == "1000"
    until(page, f"Number(document.querySelector('.pg').dataset.step) > {before + 50}")


def test_a_socket_that_the_server_drops_comes_back_to_its_run(page, lab, monkeypatch):
    page.select_option("#pg-pace", "100")
    train(page)
    until(page, "Number(document.querySelector('.pg').dataset.step) > 5")
    name = page.evaluate("sessionStorage.getItem('chainrule-playground-run')")
    monkeypatch.setattr(limits, "MAX_SOCKETS", 0)  # for a while, no other is let in
    drop_sockets(lab)
    lost = page.locator("[data-lost]")
    lost.wait_for()
    assert "Training goes on meanwhile" in lost.inner_text()
    assert page.is_disabled("[data-do=train]")
    step = step_of(page)
    assert step > 5  # what was last seen stays
    page.fill("#pg-rate", "0.05")  # what is set meanwhile is not lost
    page.wait_for_timeout(500)
    page.fill("#pg-rate", "0.04")
    page.wait_for_timeout(500)
    monkeypatch.undo()
    lost.wait_for(state="hidden")
    page.watched.errors.clear()  # that sockets were refused
    assert page.evaluate("sessionStorage.getItem('chainrule-playground-run')") == name
    until(page, told_of("rate", 0.04))
    page.click("[data-do=train]")
    page.wait_for_selector(".pg[data-state=running]")


def test_a_run_goes_on_while_its_socket_is_away(page, lab):
    page.select_option("#pg-pace", "100")
    train(page)
    until(page, "Number(document.querySelector('.pg').dataset.step) > 5")
    name, step = page.evaluate("sessionStorage.getItem('chainrule-playground-run')"), step_of(page)
    # It is away for a moment, which a busy machine might not see.
    page.evaluate(
        "() => { const lost = document.querySelector('[data-lost]'); window.seen = [];"
        "new MutationObserver(() => seen.push(lost.hidden)).observe(lost, {attributes: true}); }"
    )
    drop_sockets(lab)
    until(page, "window.seen.join() === 'false,true'")
    assert page.evaluate("sessionStorage.getItem('chainrule-playground-run')") == name
    assert page.get_attribute(".pg", "data-state") == "running"
    until(page, f"Number(document.querySelector('.pg').dataset.step) > {step + 20}")


def drop_sockets(lab):
    """Break all sockets off, as a server does that is in trouble."""
    server = lab._server
    loop = server.servers[0].get_loop()
    for one in list(server.server_state.connections):
        if "WebSocket" in type(one).__name__:
            loop.call_soon_threadsafe(one.transport.abort)


def test_a_link_gives_the_same_losses(browser, lab, page):
    page.select_option("#pg-data", "xor")
    set_field(page, "seed", "11")
    until(page, told_of("seed", 11))
    seen = []
    page.click("[data-do=link]")
    until(page, "location.hash.includes('?run=')")
    link = page.evaluate("location.hash")
    with tab_of(browser) as other:
        enter(other, lab, link)
        assert other.input_value("#pg-seed") == "11"
        for each in (page, other):
            for _ in range(16):
                each.click("[data-do=step]")
            each.wait_for_selector(".pg[data-step='16']")
            seen.append(each.inner_text(".pg-figures"))
    assert seen[0] == seen[1]
    assert len(api.runs) == 2


def test_what_is_wrong_is_told_beside_its_field(page):
    for field, value in [("rate", "fast"), ("samples", "1e9"), ("seed", "<b>1</b>")]:
        before = page.input_value(f"[data-field='{field}'] input")
        set_field(page, field, value)
        error = page.locator(f"[data-field='{field}'] .pg-error")
        error.wait_for(state="visible")
        assert "needed" in error.inner_text()
        set_field(page, field, before)
        error.wait_for(state="hidden")
    assert page.get_attribute(".pg", "data-state") == "paused"


def test_a_wrong_layer_is_marked_alone(page):
    page.fill("[aria-label='Units of layer 2']", "25")
    page.locator("#pg-layers-error").wait_for(state="visible")
    assert "layer 2, not 25" in page.inner_text("#pg-layers-error")
    invalid = page.locator(".pg-widths [aria-invalid=true]")
    assert [each.get_attribute("aria-label") for each in invalid.all()] == ["Units of layer 2"]
    page.fill("[aria-label='Units of layer 2']", "4")
    page.locator("#pg-layers-error").wait_for(state="hidden")
    assert invalid.count() == 0


def test_columns_are_offered_once_there_are_some(page):
    page.select_option("#pg-data", "table")
    page.locator("#pg-table-help").wait_for(state="visible")
    assert page.locator("#pg-table-x").is_hidden()
    page.fill("#pg-table", "x,y,k\n1,2,a\n2,3,a")
    until(page, "document.querySelector('#pg-table-error').textContent.includes('one value')")
    assert page.locator("#pg-table-x").is_hidden()
    page.fill("#pg-table", "".join(f"{i % 9},{(i * i) % 7},{'ab'[i % 2]}\n" for i in range(40)))
    page.locator("#pg-table-x").wait_for(state="visible")
    assert page.input_value("#pg-table-x") == "column 1"
    until(page, told_of("table?.target", "column 3"))
    page.reload()
    until(page, "document.querySelectorAll('#pg-table-x option').length === 2")
    assert page.input_value("#pg-table-x") == "column 1"
    page.select_option("#pg-table-x", "column 2")
    page.locator("#pg-table-y-error").wait_for(state="visible")
    page.select_option("#pg-table-y", "column 1")
    until(page, told_of("table?.y", "column 1"))
    assert page.locator("#pg-table-x option").count() == 2


def test_a_pointer_over_a_weight_or_a_sample_reads_it(page):
    # What is written there is on a canvas: pixels of its frame are not there without it.
    for canvas, kind in ((".pg-network", "weight"), (".pg-plot", "sample")):
        dark = (
            f"(() => {{ const c = document.querySelector('{canvas}');"
            " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            " let sum = 0; for (let i = 0; i < d.length; i += 4) sum += d[i] + d[i + 1] + d[i + 2];"
            " return sum; })()"
        )
        page.mouse.move(5, 5)
        page.wait_for_timeout(100)
        before = page.evaluate(dark)
        box = page.locator(canvas).bounding_box()
        for y in range(60, int(box["height"]) - 60, 3):
            page.mouse.move(box["x"] + 0.48 * box["width"], box["y"] + y)
            if page.get_attribute(canvas, "data-over") == kind:
                break
        assert page.get_attribute(canvas, "data-over") == kind
        page.wait_for_timeout(100)
        assert page.evaluate(dark) != before


def test_numbers_of_now_stay_on_one_line(page):
    page.click("[data-do=step]")
    page.wait_for_selector(".pg[data-step='1']")
    for width in (320, 901, 1160, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        heights = page.evaluate(
            "[...document.querySelectorAll('.pg-figures dt, .pg-figures dd')]"
            ".map(each => each.getClientRects()[0].height)"
        )
        assert max(heights) < 24, width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_table_of_ones_own_with_script_in_it(page):
    name = "<img src=x onerror=alert(1)>"
    rows = "".join(
        f"{i % 9},{(i * i) % 7},{['<script>', '&lt;b&gt;', 'c'][i % 3]}\n" for i in range(60)
    )
    page.select_option("#pg-data", "table")
    page.fill("#pg-table", f"{name},depth,kind\n{rows}")
    until(page, "document.querySelectorAll('.pg-key').length === 3")
    assert page.locator(".pg-key").all_inner_texts() == ["&lt;b&gt;", "<script>", "c"]
    assert page.locator(".playground img, .playground script").count() == 0
    sources = page.locator("select[aria-label=From] option").all_inner_texts()
    assert sources == [name, "depth", "bias"]
    train(page)
    until(page, "Number(document.querySelector('.pg').dataset.step) > 50")
    pause(page)
    page.fill("#pg-table", "a,b\n1,2\n")
    page.locator("#pg-table-error").wait_for(state="visible")


def test_numbers_that_are_not_finite_are_told(page):
    page.select_option("#pg-activation", "relu")
    set_field(page, "l2", "1")
    set_field(page, "rate", "1000")
    until(page, told_of("rate", 1000))
    page.click("[data-do=train]")
    page.wait_for_selector(".pg[data-state=diverged]")
    assert "rate" in page.inner_text(".pg-finding")
    assert page.is_disabled("[data-do=train]")
    told = page.inner_text("[data-stopped]")
    for word in ("NaN", "infinite", "last that are finite", "smaller learning rate than 1000"):
        assert word in told
    assert page.locator(".pg-figures dd").nth(1).inner_text() == "not finite"
    assert page.is_disabled("text=Why this gradient now")
    page.click("[data-do=reset]")
    page.wait_for_selector(".pg[data-state=paused]")
    assert page.locator("[data-stopped]").is_hidden()
    # A smaller rate is enough to go on: it begins anew.
    page.click("[data-do=train]")
    page.wait_for_selector(".pg[data-state=diverged]")
    set_field(page, "l2", "0")
    set_field(page, "rate", "0.01")
    until(page, f"{told_of('rate', 0.01)} && {told_of('l2', 0)}")
    page.wait_for_selector(".pg[data-state=paused]")
    train(page)
    until(page, "Number(document.querySelector('.pg').dataset.step) > 20")


def test_a_long_table_is_pasted_at_once(page):
    page.select_option("#pg-data", "table")
    rows = "".join(f"{i % 37},{(i * i) % 41},{'ab'[i % 2]}\n" for i in range(1500))
    paste = (
        "text => { const data = new DataTransfer(); data.setData('text/plain', text);"
        " document.getElementById('pg-table').dispatchEvent(new ClipboardEvent('paste',"
        " {clipboardData: data, cancelable: true})); }"
    )
    page.evaluate(paste, f"across,up,kind\n{rows}")
    until(page, "document.querySelectorAll('#pg-table-x option').length === 2")
    until(page, told_of("table?.x", "across"))
    page.evaluate(paste, "1,2,a\n" * 50_000)
    error = page.locator("#pg-table-error")
    error.wait_for(state="visible")
    assert "300,000 characters" in error.inner_text()
    page.fill("#pg-table", "a,b,c\n1,2,x\n,3,y\n4,5,x")
    until(page, "document.querySelector('#pg-table-error').textContent.includes('row 3')")


def test_numbers_have_true_minus_signs(page):
    written = page.evaluate(
        "import('/static/playground_dom.js').then(({number, minus}) => "
        "[number(-1e-5), number(-2.5), number(3e18), minus('dense1-2 is (-1e+05), -∞ and 1e-07')])"
    )
    assert written == ["−1.00e−5", "−2.5", "3.00e18", "dense1-2 is (−1e5), −∞ and 1e−7"]


def test_a_file_gives_the_same_run(page, tmp_path):
    with page.expect_download() as download:
        page.click("[data-do=save]")
    path = tmp_path / "run.json"
    download.value.save_as(path)
    kept = json.loads(path.read_text())
    kept["config"] |= {"data": "blobs", "layers": [3]}
    path.write_text(json.dumps(kept))
    page.set_input_files("#pg-open", path)
    until(page, "document.querySelectorAll('.pg-key').length === 3")
    assert page.input_value("#pg-data") == "blobs"
    path.write_text('{"chainrule": "playground", "version": 1, "config": {"rate": "x"}}')
    page.set_input_files("#pg-open", path)
    page.locator("[data-field=rate] .pg-error").wait_for(state="visible")
    path.write_text("no json")
    page.set_input_files("#pg-open", path)
    until(page, "document.querySelector('.pg-note').textContent.includes('JSON')")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_it_is_accessible_and_fits(browser, lab, viewport):
    with tab_of(browser, viewport) as page:
        enter(page, lab)
        page.locator("details.pg-settings").evaluate("e => { e.open = true; }")
        assert serious_faults(page) == []
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"]
        assert page.locator("[data-spoken]").inner_text()
