"""A real browser for the tests: Debian's Chromium, driven by Playwright."""

import os
import shutil
from contextlib import contextmanager
from urllib.parse import urlsplit

#: Nothing but the page itself: no first-run page, no look-up of other hosts, no saved state.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip

#: Milliseconds that a test waits for what is to come: a busy machine takes its time.
PATIENCE = 60_000

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


#: The first is made for running without a screen, and takes half the time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")


def chromium():
    """Return the path of the browser, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


class Watched:
    """What went wrong in a tab: errors on its console, requests to other hosts."""

    def __init__(self, page, origin=None):
        self.errors, self.elsewhere, self.origin = [], [], origin
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._console)
        page.on("request", self._request)

    def _console(self, message):
        if message.type == "error":
            self.errors.append(f"{message.text} {message.location}")

    def _request(self, request):
        parts = urlsplit(request.url)
        local = parts.scheme in ("file", "data", "blob", "about")
        if not local and parts.hostname not in ("127.0.0.1", "localhost"):
            self.elsewhere.append(request.url)


@contextmanager
def tab(browser, viewport=DESKTOP, **options):
    """Open a tab; afterwards its console must be clean and no other host have been asked.

    A test that provokes an error empties ``page.watched.errors`` once it has looked at it.
    """
    context = browser.new_context(viewport=viewport, **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    watched = page.watched = Watched(page)
    try:
        yield page
    finally:
        context.close()
    assert not watched.errors, watched.errors
    assert not watched.elsewhere, watched.elsewhere


def serious_faults(page):
    """Return what axe-core calls serious or critical, one line each.

    It is the one that the test's package ships, or the file that ``AXE_CORE`` names: a newer one
    of the npm registry's, say, on a machine that has npm.
    """
    from axe_playwright_python.sync_playwright import Axe

    newer = os.environ.get("AXE_CORE")
    violations = (Axe.from_file(newer) if newer else Axe()).run(page).response["violations"]
    return [
        f"{v['id']}: {v['help']} ({'; '.join(n['html'][:120] for n in v['nodes'][:3])})"
        for v in violations
        if v["impact"] in ("serious", "critical")
    ]
