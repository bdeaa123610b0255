"""What the explorer's page asks for: each answer follows from the state that comes with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, FormulaError
from chainrule.examples import EXAMPLES
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.notations import rewritten
from chainrule.lab.beginnings import begun
from chainrule.lab.fillings import fillings
from chainrule.lab.points import Point, points_of
from chainrule.lab.targets import Call, Fault, Faulty, Target, call_of, fault_of, target_of
from chainrule.lab.work import Kept
from chainrule.lab.written import NAME
from chainrule.solution import Solution
from chainrule.solving import explain
from chainrule.view.arguments import TEXT, value_source
from chainrule.view.document import document


class Explained:
    """A state that has been explained.

    Parameters
    ----------
    solution : Solution
    call : Call or None
        None where the playground asked.
    """

    def __init__(self, solution: Solution, call: Call | None = None) -> None:
        self.solution, self.call = solution, call
        self._turned: dict[tuple[str, ...], Explanation] = {(): solution.explanation}
        self._documents: dict[tuple[str, ...], dict[str, Any]] = {}

    def explanation(self, notation: tuple[str, ...] = ()) -> Explanation:
        """Return the explanation in a notation."""
        if notation not in self._turned:
            self._turned[notation] = rewritten(self.solution.explanation, notation)
        return self._turned[notation]

    def document(self, notation: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return what the view shows."""
        if notation not in self._documents:
            made = document(self.solution.explanation, notation=notation)
            self._documents[notation] = self._as_typed(made)
        return self._documents[notation]

    def _as_typed(self, made: dict[str, Any]) -> dict[str, Any]:
        """Show a formula as it was typed: all of its lines, those without an operation, too."""
        if self.call is None or self.call.target.formula is None:
            return made
        whole = {"first": 1, "lines": [line for _, line in self.call.target.lines]}
        return made | {
            "place": "",
            "sources": [b | whole if b["function"] == NAME else b for b in made["sources"]],
            "steps": [
                s | {"place": s["place"].replace(f"{NAME}:", "line ")} for s in made["steps"]
            ],
        }

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Where a backward pass that is typed is tested."""
        if self.call is None:
            raise Faulty(Fault("backward", "A pass can be checked for examples and formulas."))
        return points_of(self.call, self.solution.explanation.output_name)

    @cached_property
    def whole(self) -> Solution:
        """The same with all gradients, since a pass may have lines for more than are asked."""
        if self.call is None or self.call.wrt == self.call.target.able:
            return self.solution
        return solution_of(replace(self.call, wrt=self.call.target.able))


#: The states that were explained last: questions about them need no new trace.
_KEPT: Kept[str, Explained] = Kept(32)

#: What of a state the solution depends on.
_KEYS = ("example", "formula", "values", "wrt", "upstream", "playground")


def explained(state: Mapping[str, Any]) -> Explained:
    """Explain a state, or find that it has been.

    Raises
    ------
    Faulty
    """
    key = json.dumps({k: state[k] for k in _KEYS if k in state}, sort_keys=True)
    return _KEPT.get(key, lambda: _explained(state))


def _explained(state: Mapping[str, Any]) -> Explained:
    if "playground" in state:
        return Explained(_moment(state["playground"]))
    call = call_of(state)
    return Explained(solution_of(call), call)


def _moment(given: Any) -> Solution:
    """Explain the moment of a run in the playground."""
    from chainrule.lab.playground import why
    from chainrule.lab.playground.fields import FieldsError

    try:
        return why.explained(why.moment(given))
    except FieldsError as error:
        raise Faulty(*(Fault(e["field"], e["message"]) for e in error.errors)) from None


def notation_of(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the notation that a state asks for."""
    found = state.get("notation") or []
    if not isinstance(found, list) or not all(isinstance(n, str) for n in found):
        raise Faulty(Fault("notation", "The notation is a list of names."))
    return tuple(found)


def solution_of(call: Call) -> Solution:
    """Explain a call; what goes wrong is told beside the field that it came from."""
    target = call.target
    try:
        return explain(
            target.function, *(call.values[n] for n in target.names),
            wrt=call.wrt, upstream=call.upstream,
        )  # fmt: skip
    except ChainruleError as error:
        raise Faulty(_fault(error, call)) from None
    except (TypeError, ValueError, IndexError) as error:  # an example's, of a number for its list
        message = f"The function cannot be worked out for these values: {error}."
        raise Faulty(Fault("values", message)) from None


def _fault(error: ChainruleError, call: Call) -> Fault:
    if "its gradient depends on what follows" in error.what:
        return Fault(
            "upstream",
            "The output is an array, so its gradient depends on what follows. "
            "Give the upstream gradient here, or end the formula in one number, as sum(...) is.",
        )
    if "upstream gradient does not have the shape" in error.what:
        return fault_of(error, "upstream")
    return fault_of(error, "formula" if call.target.formula is not None else "values")


# -- examples ------------------------------------------------------------------------------

_TITLES = {
    "neuron": "One neuron with ReLU",
    "layer": "A layer: a matrix product and a bias",
    "two-layer": "Two layers and a squared error",
    "classifier": "A classifier with cross-entropy",
    "classifier-one-hot": "The classifier, with one-hot labels",
    "softmax": "Softmax",
}


def examples() -> list[dict[str, Any]]:
    """Return the shipped examples: title, source, arguments as text."""
    return [
        {"name": name, "title": _TITLES.get(name, name), **form_of(target_of({"example": name}))}
        for name in EXAMPLES
    ]


def form_of(target: Target) -> dict[str, Any]:
    """Return what a form for a target needs: its arguments, and their values as text."""
    upstream = "" if target.upstream is None else value_source(target.upstream)
    return {
        "arguments": [
            {
                "name": n,
                "text": value_source(target.defaults[n]) if n in target.defaults else "",
                "gradient": n in target.able,
            }
            for n in target.names
        ],
        "upstream": upstream,
        "wrt": list(target.wrt),
        "lines": [line for _, line in target.lines],
        "first": target.lines[0][0] if target.lines else 1,
    }


def form_begun(
    target: Target, typed: Mapping[str, Any], present: Mapping[str, Any], upstream: Any
) -> dict[str, Any]:
    """Return a form as `form_of` does, with values to begin with for what nobody has typed.

    Parameters
    ----------
    target : Target
        Of a formula.
    typed : mapping
        Name -> text that stays what it is.
    present : mapping
        Name -> text that has begun before, and stays if the formula works with it.
    upstream : str
        The same of the upstream gradient.
    """
    form = form_of(target)
    assert target.formula is not None
    before, given = _read(target, present), {**target.defaults, **_read(target, typed)}
    found = None
    if all(name in given for name in typed if name in target.names):
        labels = [name for name in target.names if name not in target.wrt]
        found = begun(target.formula, given, before, labels)
    for place, argument in enumerate(form["arguments"]):
        name = argument["name"]
        value = before.get(name, fillings(place, ())[0])
        argument["begin"] = value_source(value if found is None else found.values.get(name, value))
    if found is None:
        return form | {"upstream": str(upstream or "")}
    if found.upstream is not None and found.upstream.size <= TEXT:
        value = _read(target, {"": upstream}).get("", 0.0)
        same = np.shape(value) == found.upstream.shape
        form["upstream"] = value_source(value if same else found.upstream)
    return form


def _read(target: Target, texts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of those texts that can be read."""
    found: dict[str, Any] = {}
    for name, text in texts.items():
        with suppress(FormulaError):
            found[name] = target.read(name, text if isinstance(text, str) else "")
    return found
