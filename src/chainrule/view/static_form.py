"""A worked solution as HTML without scripts, for notebooks: what needs no extra."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from chainrule.errors import ChainruleError
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.step import Step
from chainrule.picture.layout import draw
from chainrule.picture.scenes import scene
from chainrule.picture.svg import to_svg
from chainrule.render import page
from chainrule.render.formulas import Equation, equations
from chainrule.view.mathml import mathml
from chainrule.view.notebook import DARK, LIGHT, paint

_STYLE = (
    ".chainrule-static ol{padding-left:2.6em;list-style:decimal}"
    ".chainrule-static li{margin:.35em 0}"
    ".chainrule-static svg{max-width:100%;height:auto}"
    ".chainrule-static math{font-size:1.12em}.chainrule-static .cases mtd{text-align:left}"
    ".chainrule-static p{margin:.3em 0}.chainrule-static small{opacity:.75}"
    f"body:is({LIGHT}) .chainrule-static{{{paint(dark=False)}}}"
    f"body:is({DARK}) .chainrule-static{{{paint(dark=True)}}}"
)


def static_html(explanation: Explanation, first: int | None = None) -> str:
    """Return the picture and the steps as a piece of HTML, with formulas in MathML.

    Parameters
    ----------
    explanation : Explanation
    first : int, optional
        So many steps of each pass, where all of them are too many for a cell of a notebook.

    Returns
    -------
    str
    """
    return "".join(_parts(explanation, first))


def _parts(explanation: Explanation, first: int | None) -> Iterator[str]:
    yield f'<div class="chainrule-static"><style>{_STYLE}</style>'
    value = html.escape(page.value_text(explanation.value))
    call, output = html.escape(page.call(explanation)), html.escape(explanation.output_name)
    yield f"<p><b><code>{call}</code></b> &nbsp; {output} = {value}</p>"
    yield _picture(explanation)
    for heading, kinds in (
        ("Forward pass", ("forward",)),
        ("Backward pass", ("upstream", "backward", "sum")),
    ):
        steps = explanation.of_kind(*kinds)
        if steps:
            rows = "".join(map(_row, steps[:first]))
            yield f"<details open><summary>{heading}</summary>"
            yield f'<ol start="{steps[0].number}">{rows}</ol>{_rest(steps, first)}</details>'
    yield from (f"<p>{html.escape(text)}</p>" for text in page.what_it_says(explanation))
    yield "</div>\n"


def _rest(steps: Sequence[Step], first: int | None) -> str:
    if first is None or len(steps) <= first:
        return ""
    return (
        f"<p>{len(steps) - first:,} more steps: <code>.text()</code> has all of them, "
        "<code>.widget()</code> and <code>.save('page.html')</code> go through them.</p>"
    )


def _picture(explanation: Explanation) -> str:
    try:
        return to_svg(draw(scene(explanation)))
    except ChainruleError:  # the steps are there without it
        return ""


def _row(step: Step) -> str:
    reason = page.sentence(step.reason)
    said = f"<br><small>{html.escape(reason)}</small>" if reason else ""
    return f"<li>{'<br>'.join(map(_set, equations(step)))}{said}</li>"


def _set(equation: Equation) -> str:
    return mathml(" = ".join((equation.left, *equation.rights)))
