"""The answers of the lab, by the name of their route: functions of what was sent.

The page sends ``{"state": {...}, ...}``; what a state is, `targets` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.lab.explorer import examples, explained, form_of
from chainrule.lab.targets import Fault, Faulty, target_of

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
    return {"document": explained(_state(asked)).document}


ANSWERS: dict[str, Callable[[Asked], Any]] = {
    "examples": _examples,
    "form": _form,
    "explain": _explain,
}

#: Those that need no state, and are asked with GET.
WITHOUT_STATE = frozenset({"examples"})
