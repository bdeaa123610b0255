"""Pages for the tests: solutions of the examples, saved and opened in a tab."""

import chainrule as cr
from chainrule.cli.targets import found


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
