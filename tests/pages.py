"""Pages for the tests: solutions of the examples, saved and opened in a tab."""

import chainrule as cr
from chainrule.cli.targets import found
from chainrule.view import module, style


def solved(name):
    """Explain one of the examples."""
    with found(name, []) as target:
        args, kwargs = target.call(target.values)
        return cr.explain(
            target.function, *args, wrt=target.wrt, upstream=target.upstream, **kwargs
        )


def opened(page, path):
    """Open a saved page, and wait for its view."""
    page.goto(path.as_uri())
    page.wait_for_selector(".cr-view")
    return page


def shell(folder):
    """Write a page with nothing but the view's module and style, for a host to mount it in."""
    path = folder / "host.html"
    code = module().replace("export { mount };", "window.mount = mount;")
    path.write_text(
        f"<!DOCTYPE html><html lang=en><title>t</title><style>{style()}</style>"
        f"<main id=view></main><script type=module>{code}</script>",
        "utf-8",
    )
    return path


def hosted(page, path, script, given):
    """Open such a page, and mount the view by a script."""
    page.goto(path.as_uri())
    page.wait_for_function("!!window.mount")
    page.evaluate(script, given)
    return page
