"""A solution and what a reader does to it: questions in, plain data out; no notebook in sight."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import view
from chainrule.errors import ArgumentError, ChainruleError, FormulaError
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.notations import given_value, rewritten
from chainrule.solution import Solution
from chainrule.widget.values import value_of

#: What is answered: a message beside a field, or beside none.
Fault = dict[str, str]


class RefusedError(Exception):
    """What a reader asked for cannot be; `faults` say why, each beside its field."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*(f["message"] for f in faults))
        self.faults = list(faults)


class Session:
    """Answers what the page asks about a solution, and changes it.

    The solution is changed in place, and only by what succeeds: after a wrong value it is what
    it was.

    Attributes
    ----------
    solution : Solution
    document : dict
        What is shown, as :mod:`chainrule.view.document` describes it.
    notation : tuple of str
        In which notation.
    """

    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        self.notation: tuple[str, ...] = ()
        self._shown: Explanation = solution.explanation
        self.document = self._document(solution, ())
        self._answers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "recompute": self.recompute,
            "picture": self.picture,
            "why": self.why,
            "export": self.export,
        }

    def answer(self, ask: Any, given: Any) -> dict[str, Any]:
        """Answer one question.

        Parameters
        ----------
        ask : str
            ``recompute``, ``picture``, ``why`` or ``export``.
        given : mapping
            What belongs to the question.

        Returns
        -------
        dict
            The answer, or ``{"errors": [{field, message}]}``.
        """
        found = self._answers.get(ask) if isinstance(ask, str) else None
        if found is None or not isinstance(given, Mapping):
            return {"errors": [_fault("", f"Nothing is known of the question {ask!r:.60}.")]}
        try:
            return found(given)
        except RefusedError as error:
            return {"errors": error.faults}
        except ChainruleError as error:
            return {"errors": [_fault("", str(error))]}
        except (TypeError, ValueError, KeyError) as error:
            return {"errors": [_fault("", f"This question has another form: {error}")]}

    # -- questions ---------------------------------------------------------------------

    def recompute(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take over values that were typed, the upstream gradient and the notation.

        Parameters
        ----------
        given : mapping
            ``arguments``: name -> text, in the notation that is shown; ``upstream``: text;
            ``notation``: ids. What is missing, or is as it was shown, stays.
        """
        wanted = given.get("notation")
        notation = self.notation if wanted is None else _names(wanted)
        changed, upstream = self._changes(given)
        solution = self.solution
        if changed or upstream:
            field = next(iter((*changed, *upstream))) if len(changed) + len(upstream) == 1 else ""
            solution = self._again(changed, upstream, field)
        document = self._document(solution, notation)
        self.solution.become(solution)
        self.notation, self.document = notation, document
        self._shown = rewritten(self.solution.explanation, notation)
        return {"document": document}

    def picture(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Draw another level, or with groups opened."""
        level, opened = str(given.get("level", "auto")), _names(given.get("open", ()))
        return {"picture": view.picture(self._shown, level, opened)}

    def why(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Part the gradient of one number into its paths."""
        return {"why": view.why(self._shown, str(given["name"]))}

    def export(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Make a file, of any suffix that a solution can be saved with."""
        suffix = str(given["suffix"]).lstrip(".")
        if not suffix.isalnum():
            raise ArgumentError("This is no suffix.", got=repr(suffix))
        name = self.document["name"]
        stem = name if name.isidentifier() else "solution"
        with tempfile.TemporaryDirectory() as folder:
            path = self.solution.notation(*self.notation).save(Path(folder) / f"{stem}.{suffix}")
            data = path.read_bytes()
        return {"file": {"name": f"{stem}.{suffix}", "base64": base64.b64encode(data).decode()}}

    # -- how ---------------------------------------------------------------------------

    @staticmethod
    def _document(solution: Solution, notation: Sequence[str]) -> dict[str, Any]:
        return view.document(solution.explanation, notation=notation)

    def _changes(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the arguments that are others than those shown, and the upstream gradient."""
        changed: dict[str, Any] = {}
        faults: list[Fault] = []
        shown = {a["name"]: a["text"] for a in self.document["arguments"]}
        arguments = self.solution.explanation.arguments
        turned = self._shown.arguments
        for name, text in dict(given.get("arguments") or {}).items():
            if name not in shown:
                faults.append(_fault("", f"There is no argument {name!r:.60}."))
            elif text != shown[name]:
                self._read(name, text, turned[name], arguments[name], changed, faults)
        upstream: dict[str, Any] = {}
        text = given.get("upstream")
        if text is not None and text not in ("", self.document["upstream"]):
            seed, own = _upstream(self._shown), _upstream(self.solution.explanation)
            self._read("upstream", text, seed, own, upstream, faults)
        if faults:
            raise RefusedError(*faults)
        return changed, upstream

    def _read(
        self, name: str, text: Any, shown: Any, own: Any,
        into: dict[str, Any], faults: list[Fault],
    ) -> None:  # fmt: skip
        try:
            into[name] = given_value(value_of(text, shown), own, self.notation)
        except FormulaError as error:  # the caret under the text needs letters of one width
            lines = (error.what.splitlines()[0], error.instead and f"Instead: {error.instead}")
            faults.append(_fault(name, "\n".join(filter(None, lines))))
        except ChainruleError as error:
            faults.append(_fault(name, str(error)))

    def _again(
        self, changed: Mapping[str, Any], upstream: Mapping[str, Any], field: str
    ) -> Solution:
        """Run the user's function on other values, whatever it may raise."""
        try:
            return self.solution.at(changed, **upstream)
        except ChainruleError as error:
            raise RefusedError(_fault(field, str(error))) from error
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            raise RefusedError(_fault(field, message)) from error


def _fault(field: str, message: str) -> Fault:
    return {"field": field, "message": message}


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(str(v) for v in value)


def _upstream(explanation: Explanation) -> Any:
    output = explanation.derivation.joint.forward.output
    seed = explanation.derivation.joint.gradients.get(output)
    return np.float64(1.0) if seed is None else seed.value
