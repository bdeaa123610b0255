"""Make the pictures of the README: `python docs/images.py`. It needs Chromium and playwright."""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import chainrule as cr
from chainrule.examples.neuron import neuron
from chainrule.lab.server import Lab, listening

HERE = Path(__file__).parent / "images"
SIZE = {"width": 1280, "height": 800}
LARGER = {"width": 1536, "height": 960}
WRONG = "dz = dy * (z > 0)\ndw = dz * w\ndx = dz * w\ndb = dz"


def main():
    HERE.mkdir(exist_ok=True)
    solution = cr.explain(neuron)
    solution.save(str(HERE / "neuron.svg"))
    browser_path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    with sync_playwright() as driver, Lab(listening()) as lab, tempfile.TemporaryDirectory() as at:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page(viewport=SIZE)
        tab.emulate_media(color_scheme="light", reduced_motion="reduce")
        page = Path(at) / "neuron.html"
        solution.save(str(page))
        exported(tab, page)
        tab.goto(lab.link)
        tab.wait_for_selector(".cr-view")
        larger = browser.new_page(
            viewport=LARGER, device_scale_factor=SIZE["width"] / LARGER["width"]
        )
        larger.goto(lab.link)
        explorer(larger)
        playground(tab)
        browser.close()


def exported(tab, page):
    """The neuron in the middle of its backward pass."""
    tab.goto(page.as_uri())
    tab.wait_for_selector(".cr-view")
    for _ in range(13):
        tab.keyboard.press("ArrowRight")
    write(tab, "page")


def explorer(tab):
    """A wrong line of a backward pass."""
    tab.select_option("#choice", "own")
    tab.locator('[id="field-value:b"]').wait_for()
    tab.fill("#backward", WRONG)
    tab.wait_for_selector('.wrong[data-line="2"]')
    tab.evaluate("document.activeElement.blur()")
    tab.wait_for_timeout(500)
    box = tab.locator(".wrong[data-line]").bounding_box()
    tab.mouse.move(640, 400)
    tab.mouse.wheel(0, box["y"] + box["height"] + 16 - LARGER["height"])
    write(tab, "explorer")


def playground(tab):
    """The spiral, well trained."""
    tab.evaluate("scrollTo(0, 0)")
    tab.click("#tab-playground")
    tab.wait_for_selector(".pg[data-state=paused]")
    tab.click("[data-do=train]")
    tab.wait_for_timeout(1000)
    while float(tab.locator(".pg-figures dd").nth(4).inner_text().split()[0]) < 98:
        tab.wait_for_timeout(100)
    tab.click("[data-do=train]")
    tab.wait_for_selector(".pg[data-state=paused]")
    write(tab, "playground")


def write(tab, name):
    tab.wait_for_timeout(500)  # the last change has been drawn
    image = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    image.quantize(128).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
