"""The exported page in a real browser, opened as a file with the network off."""

import re

import numpy as np
import pytest
from browsing import DESKTOP, PHONE, serious_faults, tab
from pages import hosted, opened, shell, solved

import chainrule as cr
from chainrule.writing import scalar_text

pytest.importorskip("playwright")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Solutions, and the pages that they were saved as."""
    folder, known = tmp_path_factory.mktemp("pages"), {}

    def save(name, solution=None):
        if name not in known:
            solution = solution or solved(name)
            known[name] = solution, solution.save(folder / f"{name}.html")
        return known[name]

    return save


@pytest.fixture
def offline(browser):
    with tab(browser, offline=True) as page:
        yield page


def number(text):
    return float(text.replace("−", "-"))


def rows(page):
    """Return what the current step says, as plain text."""
    return page.locator(".cr-card-body .cr-equation").all_inner_texts()


def test_stepping_by_keyboard_reads_the_gradients(offline, written):
    s, path = written("neuron")
    page = opened(offline, path)
    read = {}
    page.keyboard.press("Home")
    assert "17 steps" in page.locator(".cr-count").inner_text()
    for step in s.steps:
        if not step.number:
            continue
        page.keyboard.press("ArrowRight")
        assert page.locator(".cr-count").inner_text() == f"step {step.number} of 17"
        backward = step.kind != "forward"
        assert ("Backward" in page.locator(".cr-phase").inner_text()) == backward
        last = rows(page)[-1]
        value = number(re.split(r"=", last)[-1].strip().replace("\n", ""))
        assert value == pytest.approx(step.value, rel=1e-5)
        if backward:
            read[step.target] = value
        lit = page.locator(".cr-lit-line .cr-code-text")
        assert lit.inner_text().strip() == step.where.source
    assert [read[f"dw[{i}]"] for i in range(3)] == s.grads["w"]
    assert [read[f"dx[{i}]"] for i in range(3)] == s.grads["x"]
    assert read["db"] == s.grads["b"]
    page.keyboard.press("ArrowLeft")
    assert page.locator(".cr-count").inner_text() == "step 16 of 17"
    page.keyboard.press("End")
    assert page.locator("[data-key='step-Next step']").is_disabled()
    page.locator("[data-key='step-Back one step']").click()
    assert page.locator("[role=status]").inner_text().startswith("Step 16 of 17, backward.")


def test_the_picture_knows_at_each_step_what_is_known_then(offline, written):
    _, path = written("neuron")
    page = opened(offline, path)
    page.keyboard.press("Home")
    shown = ".cr-svg [data-known]:not(.cr-unknown)"
    at_start = page.locator(shown).count()
    page.keyboard.press("End")
    assert page.locator(".cr-svg .cr-unknown").count() == 0
    assert page.locator(shown).count() > at_start
    assert page.locator(".cr-svg .edge.current").count() == 1


def test_an_edge_without_a_factor_tells_what_is_done_to_the_gradient(offline, tmp_path):
    s = cr.explain(lambda x, w: np.sum(x @ w), np.ones((2, 3)), np.ones((3, 2)))
    page = opened(offline, s.save(tmp_path / "product.html"))
    page.keyboard.press("End")
    page.locator(".cr-svg .edge[data-id^='n1->']").focus()
    assert page.locator(".cr-edge-note .cr-local").inner_text().split("\n") == ["local", "x.T @ ·"]


def test_an_edge_tells_its_product(offline, written):
    s, path = written("neuron")
    page = opened(offline, path)
    page.keyboard.press("End")
    steps = [t for t in s.steps if t.local is not None and t.target == "dw[1]"]
    [edge] = [
        e
        for e in page.locator(".cr-svg .edge").all()
        if str(steps[0].number) in (e.get_attribute("data-steps") or "").split()
    ]
    middle = edge.locator(".wire").evaluate(
        "w => { const p = w.getPointAtLength(w.getTotalLength() / 2).matrixTransform("
        "w.getScreenCTM()); return [p.x, p.y]; }"
    )
    page.mouse.move(*middle)
    note = page.locator(".cr-edge-note")
    local, upstream, gradient = (
        note.locator(f".cr-factor:has(.cr-caption:text-is('{name}'))").inner_text()
        for name in ("local", "upstream", "gradient")
    )
    read = [number(re.split(r"[=\n]", t)[-1]) for t in (local, upstream, gradient)]
    assert read == [steps[0].local.value, steps[0].upstream_value, s.grads["w"][1]]
    assert note.inner_text().count("×") == 1
    page.keyboard.press("Home")
    edge.focus()
    assert "not known yet" in note.inner_text()


def test_the_picture_can_be_walked_and_pressed_by_keyboard(offline, written):
    _, path = written("neuron")
    page = opened(offline, path)
    page.locator(".cr-svg [tabindex='0']").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    assert page.locator(".cr-svg [tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('.cr-svg') !== null")


def test_paths_and_their_sum_are_those_of_why(offline, written):
    s, path = written("classifier")
    page = opened(offline, path)
    page.locator("button[data-name='W1[0, 1]']").click()
    paths = s.why("W1[0, 1]", k=8)
    products = [float(p.get_attribute("data-product"))
                for p in page.locator(".cr-terms .cr-product[data-product]").all()]  # fmt: skip
    assert products == [p.product for p in paths.shown]
    assert sum(products) + paths.rest == pytest.approx(s.grads["W1"][0, 1])
    total = page.locator(".cr-total .cr-product")
    assert float(total.get_attribute("data-sum")) == s.grads["W1"][0, 1]
    assert number(total.inner_text()) == pytest.approx(s.grads["W1"][0, 1], rel=1e-5)
    for level in ("tensors", "neurons", "scalars", "layers"):
        page.locator(f"[data-key='level-{level}']").click()
        assert page.locator(f".cr-svg[data-level='{level}'].cr-has-lit").count() == 1
        assert page.locator(".cr-svg .box.cr-lit").count() >= 2, level
        assert page.locator(".cr-svg .edge.cr-lit").count() >= 1, level
    page.locator("[data-key='level-scalars']").click()
    every = page.locator(".cr-svg .cr-lit").count()
    page.locator("[data-key='path-0']").click()
    assert page.locator("[data-key='path-0']").get_attribute("aria-pressed") == "true"
    assert 0 < page.locator(".cr-svg .cr-lit").count() < every
    page.locator("[data-key='why-clear']").click()
    assert page.locator(".cr-svg .cr-lit").count() == 0


def test_a_number_can_be_chosen_from_the_list_and_in_the_picture(offline, written):
    s, path = written("neuron")
    page = opened(offline, path)
    page.locator("[data-key='why-select']").select_option("w[2]")
    total = page.locator(".cr-total .cr-product")
    assert float(total.get_attribute("data-sum")) == s.grads["w"][2]
    page.locator(".cr-svg .box.input", has_text="x[1]").click()
    assert float(total.get_attribute("data-sum")) == s.grads["x"][1]
    assert page.locator("[data-key='why-select']").input_value() == "x[1]"


def test_notations_are_there_without_a_host(offline, written):
    s, path = written("classifier")
    page = opened(offline, path)
    page.locator("button[data-name='W1[0, 1]']").click()
    page.locator("[data-key='notation-sum']").click()
    total = page.locator(".cr-total .cr-product")
    assert float(total.get_attribute("data-sum")) == pytest.approx(3 * s.grads["W1"][0, 1])
    page.locator("[data-key='notation-columns']").click()
    shown = page.locator(".cr-argument", has_text="W1").first
    assert "3 × 2" in shown.inner_text()
    for name in ("columns", "sum"):
        page.locator(f"[data-key='notation-{name}']").click()
    page.locator("button[data-name='W1[0, 1]']").click()
    assert float(total.get_attribute("data-sum")) == s.grads["W1"][0, 1]


def test_copy_says_so_and_copies_latex(browser, written):
    _, path = written("neuron")
    with tab(browser, offline=True, permissions=["clipboard-read", "clipboard-write"]) as page:
        opened(page, path)
        page.keyboard.press("End")
        button = page.locator("[data-key='copy-current']")
        button.click()
        page.wait_for_function(
            "document.querySelector(\"[data-key='copy-current']\").textContent === 'Copied'"
        )
        text = page.evaluate("navigator.clipboard.readText()")
        assert text.startswith("\\begin{aligned}")
        assert r"\mathrm{d}w_{0}" in text
    with tab(browser, offline=True) as page:
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined});"
                             "document.execCommand = () => false;")  # fmt: skip
        opened(page, path)
        page.keyboard.press("End")
        page.locator("[data-key='copy-current']").click()
        assert page.locator(".cr-offer").input_value() == text
        selected = "(a => a.selectionEnd - a.selectionStart)(document.activeElement)"
        assert page.evaluate(selected) == len(text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious(browser, written, scheme, size):
    _, path = written("classifier")
    with tab(browser, size, color_scheme=scheme, offline=True) as page:
        opened(page, path)
        page.locator("button[data-name='b2[0]']").click()
        page.keyboard.press("End")
        assert serious_faults(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0


def test_picture_and_step_are_seen_together(browser, written):
    _, path = written("classifier")
    with tab(browser, DESKTOP, offline=True) as page:
        opened(page, path)
        for name in (".cr-scroll", ".cr-card-body .cr-lines", ".cr-bar"):
            box = page.locator(name).first.bounding_box()
            assert box["y"] + box["height"] <= DESKTOP["height"], name


HOSTILE = "</script><img src=x onerror=alert(1)><!-- \u2028 ${1} \\u003c"


def test_hostile_names_are_text(offline, written, tmp_path):
    source = tmp_path / "hostile <b>&amp;.py"
    source.write_text(
        f"def f(p, w):\n    '''{HOSTILE}'''\n    a = p[{HOSTILE!r}] * w  # {HOSTILE}\n".replace(
            "\u2028", "\\u2028"
        )
        + "    return a\n",
        "utf-8",
    )
    space = {}
    exec(compile(source.read_text("utf-8"), str(source), "exec"), space)
    s = cr.explain(space["f"], {HOSTILE: 2.0}, 3.0)
    _, path = written("hostile", s)
    page = opened(offline, path)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.keyboard.press("End")
    assert page.locator("img, script[src]").count() == 0
    assert "onerror=alert(1)" in page.locator(".cr-source").inner_text()
    for element in page.locator(".cr-view *").all()[:50]:
        assert element.get_attribute("onerror") is None
    assert "<img" in page.locator(".cr-arguments").inner_text()
    name = next(n for n in [f"p[{HOSTILE!r}]"])
    page.locator(".cr-svg .box.input").first.click()
    assert page.locator("[data-key='why-select']").input_value() == name


def test_a_function_may_have_any_name(written):
    def f(w, x):
        return w * x

    f.__name__ = "\ud800</title><script>alert(1)</script>\x00"
    _, path = written("named", cr.explain(f, 2.0, 3.0))
    text = path.read_text("utf-8")
    assert text.count("<script") == 2
    assert text.count("</title>") == 1


def test_numbers_of_all_sizes_are_shown(offline, written):
    def f(x, W, tiny):
        return np.sum(np.tanh(W @ x)) * tiny

    s = cr.explain(f, np.linspace(-1, 1, 20), np.ones((70, 20)), 1e-30)
    _, path = written("sizes", s)
    page = opened(offline, path)
    page.keyboard.press("End")
    assert "70 × 20" in page.locator(".cr-arguments").inner_text()
    page.locator("button[data-name='tiny']").click()
    total = page.locator(".cr-total .cr-product").inner_text().replace("−", "-")
    assert total == scalar_text(s.grads["tiny"])


HOST = """
async ({ first, second }) => {
  window.asked = [];
  const host = {
    step: 0,
    recompute: (request) => new Promise((done) => {
      const ticket = window.asked.push(request);
      const bad = request.arguments?.w?.includes("oops");
      const answer = bad
        ? { errors: [{ field: "w", message: "oops is <b>no</b> number" }] } : { document: second };
      setTimeout(() => done(answer), ticket === 1 ? 400 : 10);  // the first answer comes last
    }),
    why: async (name) => { throw new Error(`no paths of ${name}`); },
    picture: async ({ level }) => first.pictures[level],
  };
  const root = document.getElementById("view");
  window.view = mount(root, first, host);
}
"""


def test_with_a_host_numbers_are_edited(browser, written, tmp_path):
    from chainrule.view import document

    s, _ = written("neuron")
    first = document(s.explanation, alone=True)
    second = document(s.at({"w": [5.0, -1.0, 2.0]}).explanation)
    with tab(browser) as page:
        hosted(page, shell(tmp_path), HOST, {"first": first, "second": second})
        field = page.get_by_label("w[0]", exact=True)
        field.fill("-oops")
        page.locator(".cr-error:visible").wait_for()
        assert "oops is <b>no</b> number" in page.locator(".cr-error:visible").inner_text()
        assert field.get_attribute("aria-invalid") == "true"
        assert page.locator(".cr-result").inner_text().split("=")[1].strip() == "6"
        field.fill("5")
        page.wait_for_function("document.querySelector('.cr-result').innerText.includes('14')")
        assert page.evaluate("asked.at(-1).arguments.w") == "[5, -1, 2]"
        assert page.locator(".cr-error:visible").count() == 0
        assert page.evaluate("document.activeElement.dataset.key") == "edit-w[0]"
        assert page.evaluate("document.activeElement.selectionStart") == 1
        page.evaluate("for (const key of '0000') document.execCommand('insertText', false, key)")
        page.wait_for_function("asked.at(-1).arguments.w === '[50000, -1, 2]'")
        assert page.evaluate("asked.length") == 3  # four keys, one question
        assert field.input_value() == "50000"
        page.evaluate("view.goto(3)")
        assert page.locator(".cr-count").inner_text() == "step 3 of 17"
        page.evaluate("view.destroy()")
        assert page.locator("#view *").count() == 0
