"""The notebook widget in a browser, as a notebook runs it: one module, messages, a shadow."""

import pytest
from browsing import PHONE, serious_faults

import chainrule as cr
from chainrule.examples.neuron import neuron

pytest.importorskip("anywidget")
pytest.importorskip("playwright")


@pytest.fixture
def s():
    return cr.explain(neuron, [1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0)


@pytest.fixture
def widget(s):
    made = s.widget()
    made.sent = []
    made.send = made.sent.append
    return made


#: The notebook's part: a model whose messages go to Python, and come back.
NOTEBOOK = """async ([esm, state]) => {
  const { default: widget } = await import(
    URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
  const heard = {};
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => {},
    on: (name, f) => { (heard[name] ??= new Set()).add(f); },
    off: (name, f) => { heard[name]?.delete(f); },
    send: async (message) => {
      const [changes, sent] = await window.toPython(message);
      Object.assign(state, changes);
      for (const name of Object.keys(changes)) heard[`change:${name}`]?.forEach((f) => f());
      for (const answer of sent) heard["msg:custom"]?.forEach((f) => f(answer));
    },
  };
  window.ends = ["one", "two"].map((id) =>
    widget.render({ model, el: document.getElementById(id) }));
}"""

PAGE = """<!DOCTYPE html><html lang="en"><title>Notebook</title>
<body data-jp-theme-light="THEME"><style>
:root { --ink: lime; } button, input, h3, p { color: lime !important; font-size: 40px !important; }
</style><main><h1>Notebook</h1><div id="one"></div><div id="two"></div></main></body></html>"""


@pytest.fixture
def notebook(tab, widget):
    def to_python(message):
        before = widget.serial
        widget.sent.clear()
        widget._asked(widget, message, [])
        changed = {"serial": widget.serial, "document": widget.document}
        return [changed if widget.serial != before else {}, list(widget.sent)]

    def opened(light="true"):
        tab.set_content(PAGE.replace("THEME", light))
        state = {"document": widget.document, "serial": widget.serial}
        tab.evaluate(NOTEBOOK, [widget._esm, state])
        return tab

    tab.expose_function("toPython", to_python)
    return opened


def test_a_notebook_changes_the_solution(notebook, s):
    page = notebook()
    one, two = page.locator("#one"), page.locator("#two")
    cell = one.locator("[data-key='edit-b']")
    cell.fill("2")
    cell.press("Tab")
    two.locator(".cr-result", has_text="7").wait_for()
    one.locator(".cr-result", has_text="7").wait_for()
    assert s.value == 7.0
    cell.fill("two")
    one.locator(".cr-error:visible", has_text="where a number belongs").wait_for()
    assert s.value == 7.0
    assert "7" in one.locator(".cr-result").inner_text()
    # The gradient of another number is asked for, with its paths.
    one.locator("[data-key='why-w[0]']").click()
    one.locator(".cr-why-panel", has_text="w[0]").wait_for()
    page.evaluate("() => window.ends.forEach((end) => end())")
    assert page.locator("#one").inner_html() == ""


def test_the_notebooks_styles_stay_outside_and_its_colours_are_followed(notebook):
    colours = []
    for light in ("true", "false"):
        page = notebook(light)
        view = page.locator("#one .cr-view")
        colours.append(view.evaluate("(e) => getComputedStyle(e).color"))
        button = page.locator("#one button").first
        assert button.evaluate("(e) => getComputedStyle(e).fontSize") != "40px"
        assert page.evaluate("() => document.querySelectorAll('.cr-view').length") == 0
    light, dark = (int(c.split("(")[1].split(",")[0]) for c in colours)
    assert light < 100 < dark


#: How the body of each notebook says that it is light, and that it is dark.
BODIES = [
    ('data-jp-theme-light="true"', 'data-jp-theme-light="false"'),
    ('data-vscode-theme-kind="vscode-light"', 'data-vscode-theme-kind="vscode-dark"'),
    (
        'data-vscode-theme-kind="vscode-high-contrast-light"',
        'data-vscode-theme-kind="vscode-high-contrast"',
    ),
    ('class="light light-theme"', 'class="dark dark-theme"'),
]
INK = "(e) => Number(getComputedStyle(e).{}.match(/[0-9]+/)[0])"


@pytest.mark.parametrize(("light", "dark"), BODIES)
def test_all_that_is_shown_turns_with_the_notebook(notebook, s, light, dark):
    """Whatever the system is: the words, the picture, and the static form."""
    page = notebook()
    page.evaluate("(html) => document.getElementById('two').innerHTML = html", s._repr_html_())
    words, node = page.locator("#one .cr-view"), page.locator("#one .chainrule-picture text").first
    static = page.locator("#two .chainrule-picture text").first

    def inks(body):
        name, value = body.replace('"', "").split("=")
        page.evaluate(
            """([name, value]) => {
              const body = document.body;
              for (const { name } of [...body.attributes]) body.removeAttribute(name);
              body.setAttribute(name, value);
            }""",
            [name, value],
        )
        return [
            words.evaluate(INK.format("color")),
            node.evaluate(INK.format("fill")),
            static.evaluate(INK.format("fill")),
        ]

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert max(inks(light)) < 120
        assert min(inks(dark)) > 160


def test_a_view_in_vs_code_has_no_white_rim(notebook):
    page = notebook()
    page.add_style_tag(
        content=".cell-output-ipywidget-background { background: white !important; }"
    )
    main = page.locator("main")
    main.evaluate("(e) => e.classList.add('cell-output-ipywidget-background')")
    assert main.evaluate("(e) => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"


def test_keys_in_the_widget_do_not_reach_the_notebook_but_its_shortcuts_do(notebook):
    page = notebook()
    page.evaluate("() => { window.keys = []; document.addEventListener('keydown', (e) => "
                  "window.keys.push(e.key)); }")  # fmt: skip
    page.locator("#one button:enabled").first.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("d")
    page.locator("#one [data-key='edit-b']").focus()
    page.keyboard.press("d")
    page.keyboard.press("Control+a")
    assert page.evaluate("() => window.keys.filter((key) => key !== 'Control')") == []
    page.keyboard.press("Control+s")
    page.locator("#one button:enabled").first.focus()
    page.keyboard.press("Control+Enter")
    assert page.evaluate("() => window.keys.filter((key) => key !== 'Control')") == ["s", "Enter"]


def test_a_file_is_made_of_what_is_shown(notebook, s):
    page = notebook()
    one = page.locator("#one")
    one.locator("[data-key='edit-b']").fill("2")
    one.locator(".cr-result", has_text="7").wait_for()
    one.locator("[data-key='file-form']").select_option("md")
    with page.expect_download() as download:
        one.locator("[data-key='file-save']").click()
    assert download.value.suggested_filename == "neuron.md"
    assert download.value.path().read_text("utf-8") == s.markdown()
    one.locator(".cr-told", has_text="Saved.").wait_for()


@pytest.mark.parametrize("light", ["true", "false"])
def test_axe_finds_nothing_serious_in_the_widget(notebook, light):
    page = notebook(light)
    page.locator("#two .cr-view").wait_for()
    ground, ink = ("#fff", "#111") if light == "true" else ("#111", "#eee")
    page.add_style_tag(content=f"body {{ background: {ground}; color: {ink}; }}")
    page.locator("#one [data-key='why-w[0]']").click()
    assert serious_faults(page) == []
    page.set_viewport_size(PHONE)
    assert serious_faults(page) == []
