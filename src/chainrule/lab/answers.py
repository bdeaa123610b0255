"""The answers of the lab, by the name of their route: functions of what was sent.

The page sends ``{"state": {...}, ...}``; what a state is, `targets` says.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import ChainruleError
from chainrule.explaining.update import Update
from chainrule.formula import parse_value
from chainrule.lab.checked import report
from chainrule.lab.explorer import (
    Explained,
    examples,
    explained,
    form_of,
    notation_of,
)
from chainrule.lab.files import TYPES, makers, written
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
    """Answer which fields a state needs."""
    return form_of(target_of(_state(asked)))


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


def _why(asked: Asked) -> dict[str, Any]:
    state = _state(asked)
    return why(explained(state).explanation(notation_of(state)), str(asked.get("name", "")))


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


def _export(asked: Asked) -> dict[str, Any]:
    """Answer a file: its name, its type, and its bytes in base 64."""
    state, suffix = _state(asked), str(asked.get("suffix"))
    if suffix not in TYPES:
        raise Faulty(Fault("suffix", f"Choose among {', '.join(TYPES)}."))
    make = makers.made if suffix in SLOW else written
    name, content = make(state, suffix)
    return {
        "name": name, "type": TYPES[suffix], "content": base64.b64encode(content).decode()
    }  # fmt: skip


#: Files that may take long; the others cost little more than the answer to an edit.
SLOW = frozenset({".html", ".png", ".pdf"})

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

#: Those that need no state, and are asked with GET.
WITHOUT_STATE = frozenset({"examples"})
