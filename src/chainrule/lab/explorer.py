"""What the explorer's page asks for: each answer follows from the state that comes with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.examples import EXAMPLES
from chainrule.explaining.explanation import Explanation
from chainrule.lab.backward import Point, points_of
from chainrule.lab.targets import Call, Fault, Faulty, Target, call_of, fault_of, target_of
from chainrule.lab.work import Kept
from chainrule.solution import Solution, explain


@dataclass(frozen=True, eq=False)
class Explained:
    """A state that has been explained.

    Attributes
    ----------
    call : Call or None
        None where the playground asked.
    solution : Solution
    """

    solution: Solution
    call: Call | None = None

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Where a backward pass that is typed is tested."""
        if self.call is None:
            raise Faulty(Fault("backward", "A pass can be checked for examples and formulas."))
        explanation = explanation_of(self.solution)
        return points_of(self.call, explanation.output_name, tuple(self.solution.grads))

    @cached_property
    def document(self) -> dict[str, Any]:
        """What the view shows."""
        return document_of(self)


#: The states that were explained last: questions about them need no new trace.
_KEPT: Kept[str, Explained] = Kept(32)

#: What of a state the explanation depends on.
_KEYS = ("example", "formula", "values", "wrt", "upstream", "notation", "playground")


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


def explanation_of(solution: Solution) -> Explanation:
    """Return the explanation that a solution is a view of."""
    return solution._explanation


def document_of(found: Explained) -> dict[str, Any]:
    """Return what the view shows."""
    return dict(json.loads(found.solution.json()))


# -- examples ------------------------------------------------------------------------------

_TITLES = {
    "neuron": "One neuron with ReLU",
    "layer": "A layer: a matrix product and a bias",
    "two-layer": "Two layers and a squared error",
    "classifier": "A classifier: softmax and cross-entropy",
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
    upstream = "" if target.upstream is None else text_of(target.upstream)
    return {
        "arguments": [
            {"name": n, "text": text_of(target.defaults[n]) if n in target.defaults else ""}
            for n in target.names
        ],
        "upstream": upstream,
        "wrt": list(target.wrt or ()),
        "lines": [line for _, line in target.lines],
        "first": target.lines[0][0] if target.lines else 1,
    }


def text_of(value: Any) -> str:
    """Write a value so that it can be read again.

    Examples
    --------
    >>> text_of(np.array([[1.0, -2.5]])), text_of([1.0, 2]), text_of(3.0)
    ('[[1, -2.5]]', '[1, 2]', '3')
    """
    plain = np.asarray(value).tolist()

    def written(item: Any) -> str:
        if isinstance(item, list):
            return f"[{', '.join(map(written, item))}]"
        return repr(int(item)) if abs(item) < 1e15 and float(item).is_integer() else repr(item)

    return written(plain)
