"""A worked solution as one document of plain data, which the modules of the browser show.

The document, as JSON has it::

    version       1
    name, call    the function, and its call: "neuron(x, w, b)"
    place         "neuron.py:5"; empty where it is not known
    output        the name of the output
    value         {text, mathml} of the output
    seed          the name of the output's gradient, as formulas have it
    upstream      the given upstream gradient as text to edit; null where none was given
    arguments     [{name, text, shown, shape, dtype, wrt, grid, gradient, parts}]
                  text: to edit, null where it is too large or nested; shown: to read;
                  grid: rows of cells {name, text}, null where it is no small vector or matrix;
                  gradient: {name, shown, grid} of those in wrt; parts: the arrays in a nested
                  argument, each as an argument
    sources       [{file, function, first, lines}]
    sentences     {meaning, branches, last}: lists of sentences for before, between and after
    steps         [{number, kind, phase, target, title, lines, latex, value, upstream, local,
                  through, reason, part, node, edge, place, line}]
                  kind: input, forward, upstream, backward, sum; lines: [{left, rights, latex}],
                  left and rights in MathML; title: the step in one line of text;
                  upstream {name, text}, local {name, symbols, text} and through {text, mathml}
                  or null; node and edge: ids in the picture; line: [place in sources, number]
    left_out      how many steps are not in it, where there are too many: those in the middle
    level         the level to begin with
    levels        [{id, title}] that there are
    pictures      {"tensors": {level, open, svg, edges, frames}, "tensors/g2": with the group g2
                  open}
    style         the style sheet of the pictures
    paths         {"w[0]": {name, title, gradient, count, hidden, rest, terms}}
    notation      ids of the notation that it is in
    begin         ids of the notation to begin with, among the variants
    notations     [{id, title}] that are offered
    variants      {"columns": document, "columns sum": document}, by the ids in their order

``pictures`` beyond the first, ``paths`` and ``variants`` are there in a document that stands
alone; with a host the page asks for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.gradient_names import gradient_name, gradient_text
from chainrule.explaining.notations import notations, rewritten
from chainrule.explaining.step import Planned
from chainrule.picture.styles import STYLE
from chainrule.render import page
from chainrule.render.formulas import value_latex
from chainrule.view.arguments import arguments_data, value_source
from chainrule.view.asked import precomputed
from chainrule.view.mathml import mathml
from chainrule.view.pictures import (
    ROOM,
    ROOM_OF_OTHERS,
    TITLES,
    all_pictures,
    key,
    levels_of,
    picture,
)
from chainrule.view.source import Sources
from chainrule.view.steps import places, step_data

VERSION = 1
#: Of more steps than this the first and the last are shown: no reader gets through all of them,
#: and no browser has room for them.
MOST_STEPS = 1500


def document(
    explanation: Explanation,
    *,
    alone: bool = False,
    level: str = "auto",
    open: Sequence[str] = (),
    notation: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a worked solution as plain data; the module says what is in it.

    Parameters
    ----------
    explanation : Explanation
        In the notation of the user.
    alone : bool
        With all that a page without a host needs: pictures of every level, paths of the numbers
        of small arguments, other notations as `variants`.
    level : str
        Level of the first picture.
    open : sequence of str
        Groups open in it.
    notation : sequence of str
        Notations to show it in; alone, to begin with.

    Returns
    -------
    dict

    Raises
    ------
    ArgumentError
        For a level or a notation that there is not.

    Examples
    --------
    >>> from chainrule.explaining.derivation import derive
    >>> from chainrule.graphing import record
    >>> made = Explanation(derive(record(lambda w, x: w * x, (2.0, 3.0), {})))
    >>> found = document(made)
    >>> found["value"]["text"], [step["title"] for step in found["steps"]][-1]
    ('6', 'dx = d output · ∂output/∂x = 1 · 2 = 2')
    """
    notation = (notation,) if isinstance(notation, str) else tuple(notation)
    offered = notations(explanation)
    known = [n.id for n in offered]
    shown = rewritten(explanation, notation) if notation else explanation
    begin = tuple(n for n in known if n in notation) if alone else ()
    made = {
        **_single(explanation if alone else shown, _room(alone, not begin), level, open),
        "notation": [] if alone else list(notation),
        "notations": [{"id": n.id, "title": n.title} for n in offered],
        "begin": list(begin),
        "variants": {},
    }
    for ids in _combinations(known) if alone else ():
        try:
            turned = shown if ids == begin else rewritten(explanation, ids)
            variant = _single(turned, _room(alone, ids == begin), level, ())
        except ArgumentError:  # not each can be had together with each
            continue
        made["variants"][" ".join(ids)] = {**variant, "notation": list(ids)}
    return made


def _room(alone: bool, first: bool) -> int | None:
    """Return the room for pictures with groups opened; None where a host draws them."""
    return (ROOM if first else ROOM_OF_OTHERS) if alone else None


def _combinations(ids: Sequence[str]) -> list[tuple[str, ...]]:
    found = (itertools.combinations(ids, n) for n in range(1, len(ids) + 1))
    return list(itertools.chain.from_iterable(found))


def _single(
    explanation: Explanation, room: int | None, level: str, open: Sequence[str]
) -> dict[str, Any]:
    """Return the document in one notation."""
    ids = places(explanation)
    steps = [explanation.written(planned) for planned in _shown(explanation.plan)]
    sources = Sources(steps)
    if room is not None:
        first, pictures = all_pictures(explanation, room)
        levels = [name for name in TITLES if name in pictures]
    else:
        shown = picture(explanation, level, open)
        first, levels = shown["level"], levels_of(explanation)[1]
        levels = [name for name in TITLES if name in (first, *levels)]
        pictures = {key(first, shown["open"]): shown}
    return {
        "version": VERSION,
        "name": explanation.name,
        "call": page.call(explanation),
        "place": page.place(explanation),
        "output": explanation.output_name,
        "value": {
            "text": page.value_text(explanation.value),
            "mathml": mathml(value_latex(explanation.value)),
        },
        "seed": gradient_text(gradient_name(explanation.output_name)),
        "upstream": _upstream(explanation),
        "arguments": arguments_data(explanation),
        "sources": sources.blocks,
        "sentences": {
            "meaning": page.what_gradients_mean(explanation),
            "branches": page.branches(explanation),
            "last": page.what_it_says(explanation),
        },
        "steps": [{**step_data(step, ids), "line": sources.line_of(step)} for step in steps],
        "left_out": len(explanation.plan) - len(steps),
        "level": first,
        "levels": [{"id": name, "title": TITLES[name]} for name in levels],
        "pictures": pictures,
        "style": STYLE,
        "paths": {} if room is None else precomputed(explanation),
    }


def _shown(plan: Sequence[Planned]) -> Sequence[Planned]:
    """Return the steps that are shown, of many those at both ends."""
    inputs = [planned for planned in plan if planned.kind == "input"]
    half = MOST_STEPS // 2
    if len(plan) - len(inputs) <= MOST_STEPS:
        return plan
    return [*plan[: len(inputs) + half], *plan[-half:]]


def _upstream(explanation: Explanation) -> str | None:
    if not explanation.has_upstream:
        return None
    seed = explanation.derivation.joint.gradients[explanation.derivation.joint.forward.output]
    value = np.asarray(seed.value)
    return value_source(value) if value.dtype.kind in "fiub" else page.value_text(value)
