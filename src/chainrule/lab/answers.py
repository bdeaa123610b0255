"""The answers of the lab, by the name of their route: functions of what was sent.

The page sends ``{"state": {...}, ...}``; what a state is, `targets` says.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainrule.errors import ChainruleError
from chainrule.explaining.update import Update
from chainrule.formula import parse_value
from chainrule.lab import limits
from chainrule.lab.apart import apart
from chainrule.lab.checked import report
from chainrule.lab.explorer import (
    Explained,
    examples,
    explained,
    form_begun,
    form_of,
    notation_of,
)
from chainrule.lab.targets import Fault, Faulty, fault_of, target_of
from chainrule.view.arguments import value_source
from chainrule.view.asked import why
from chainrule.view.pictures import picture
from chainrule.writing import scalar_text

Asked = Mapping[str, Any]


def _state(asked: Asked) -> Mapping[str, Any]:
    state = asked.get("state")
    if not isinstance(state, dict):
        raise Faulty(Fault("", "The request has no state."))
    return state


def _examples(asked: Asked) -> dict[str, Any]:
    return {"examples": examples()}


def _form(asked: Asked) -> dict[str, Any]:
    """Answer which fields a state needs, and what those of a formula begin with.

    ``typed`` are the values that somebody has typed, ``begun`` those that have begun before, and
    ``upstream`` such a gradient.
    """
    target = target_of(_state(asked))
    if target.formula is None:
        return form_of(target)
    typed, begun = (asked.get(key) or {} for key in ("typed", "begun"))
    if not isinstance(typed, dict) or not isinstance(begun, dict):
        raise Faulty(Fault("", "Values are texts by name."))
    return form_begun(target, typed, begun, asked.get("upstream"))


def _explain(asked: Asked) -> dict[str, Any]:
    state = _state(asked)
    return {"document": explained(state).document(notation_of(state))}


def _picture(asked: Asked) -> dict[str, Any]:
    state = _state(asked)
    level, groups = asked.get("level", "auto"), asked.get("open") or []
    is_list = isinstance(groups, list) and all(isinstance(g, str) for g in groups)
    if not isinstance(level, str) or not is_list:
        raise Faulty(Fault("level", "A level is a name, and what is open a list of names."))
    return picture(explained(state).explanation(notation_of(state)), level, groups)


def _why(asked: Asked) -> Any:
    """Answer the paths of a number; those through many others in a process that can be ended."""
    state, name = _state(asked), asked.get("name")
    if not isinstance(name, str) or len(name) > limits.MAX_NAME:
        raise Faulty(Fault("name", "A number has a name such as w[0]."))
    explanation = explained(state).explanation(notation_of(state))
    nodes = explanation.derivation.graph.nodes
    if sum(math.prod(n.shape) for n in nodes if not n.is_input) > limits.MAX_BETWEEN:
        return apart.answer("why", asked, Fault("name", _TOO_MANY))
    return _why_here(asked)


def _why_here(asked: Asked) -> dict[str, Any]:
    state = _state(asked)
    return why(explained(state).explanation(notation_of(state)), str(asked["name"]))


def _check(asked: Asked) -> dict[str, Any]:
    text = asked.get("backward")
    if not isinstance(text, str):
        raise Faulty(Fault("backward", "The backward pass is text."))
    found = explained(_state(asked))
    if not text.strip():
        return {"lines": [], "ok": False, "wrong": None, "missing": [*found.solution.grads]}
    return report(found, text)


def _step(asked: Asked) -> dict[str, Any]:
    """Answer the values after a gradient step, what it promised and what came."""
    found = explained(_state(asked))
    done = _stepped(found, asked.get("lr"))
    return {
        "values": {name: value_source(value) for name, value in done.parameters.items()},
        "before": scalar_text(done.before),
        "after": scalar_text(done.after),
        "predicted": scalar_text(done.predicted),
        "actual": scalar_text(done.actual),
        "held": list(done.held),
    }


def _stepped(found: Explained, lr: Any) -> Update:
    try:
        rate = parse_value(str(lr)) if str(lr or "").strip() else None
        if not isinstance(rate, float):
            raise Faulty(Fault("lr", "The learning rate is one number, such as 0.1."))
        return found.solution.step(rate)
    except ChainruleError as error:
        raise Faulty(fault_of(error, "lr")) from None


def _export(asked: Asked) -> Any:
    """Answer a file: its name, its type, and its bytes in base 64."""
    suffix = str(asked.get("suffix"))
    if suffix not in TYPES:
        raise Faulty(Fault("suffix", f"Choose among {', '.join(TYPES)}."))
    if suffix not in SLOW:
        return _export_here(asked)
    too_much = (
        f"This is too large for {suffix[1:].upper()}: it would take longer than "
        f"{limits.APART_SECONDS:g} seconds, or more memory than there is. {SLOW[suffix]}."
    )
    return apart.answer("export", asked, Fault("suffix", too_much))


def _export_here(asked: Asked) -> dict[str, Any]:
    state, suffix = _state(asked), str(asked["suffix"])
    solution = explained(state).solution
    with TemporaryDirectory(prefix="chainrule-lab-") as folder:
        file = Path(folder) / f"{solution.explanation.name}{suffix}"
        path = solution.notation(*notation_of(state)).save(file)
        content = path.read_bytes()
    return {
        "name": path.name, "type": TYPES[suffix], "content": base64.b64encode(content).decode()
    }  # fmt: skip


#: Suffix of a file that can be had -> its type.
TYPES = {
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".txt": "text/plain",
    ".py": "text/x-python",
    ".json": "application/json",
}

#: Files that may take long -> what to do instead. The others cost little more than an edit.
SLOW = {
    ".html": "Save a picture (SVG), Markdown or text, or shorten the formula",
    ".png": "Save it as SVG, which stays sharp at any size, or shorten the formula",
    ".pdf": "Save it as SVG, which prints as well, or shorten the formula",
}

_TOO_MANY = (
    "The paths of this number are too many to be told one by one here. Take smaller arrays or "
    "fewer samples, or ask for the number at which they come together."
)

ANSWERS: dict[str, Callable[[Asked], Any]] = {
    "examples": _examples,
    "form": _form,
    "explain": _explain,
    "picture": _picture,
    "why": _why,
    "check": _check,
    "step": _step,
    "export": _export,
}

#: What is worked out in a process of its own where it may take long.
HERE: dict[str, Callable[[Asked], Any]] = {"why": _why_here, "export": _export_here}

#: Those that need no state, and are asked with GET.
WITHOUT_STATE = frozenset({"examples"})
