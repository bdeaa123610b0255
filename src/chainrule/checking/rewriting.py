"""A line written anew: the true gradient in the user's own names, run and compared."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.backward import differentiate
from chainrule.checking.claims import Claim
from chainrule.checking.findings import Repair
from chainrule.checking.judging import Judged
from chainrule.checking.reference import Traced
from chainrule.checking.scene import Edit
from chainrule.checking.source import targets_of
from chainrule.checking.trying import Bench
from chainrule.checking.watching import Watch
from chainrule.errors import ChainruleError
from chainrule.graph import Graph, Node
from chainrule.graphing import Recording
from chainrule.notation import Written
from chainrule.recognise import recognise
from chainrule.simplify import simplify
from chainrule.writing import number, write

#: A line longer than this is no help.
_LONGEST = 160


def written_anew(runs: Sequence[Judged], claim: Claim, watch: Watch) -> Repair | None:
    """Return the line that gives the gradient, where one can be written that does."""
    run, event = runs[0], claim.event
    reference = run.reference
    if event is None or not isinstance(reference, Traced) or claim.node is None:
        return None
    if not isinstance(event.statement, (ast.Assign, ast.AugAssign)):
        return None
    if targets_of(event.statement) != [claim.name]:
        return None
    earlier = [e.scope for e in watch.events[: claim.position] if e.unit is event.unit]
    scope = earlier[-1] if earlier else watch.entry
    try:
        text = _expression(reference, claim, scope)
    except (ChainruleError, TypeError, ValueError, KeyError):
        return None  # there is no formula for it in these names
    if text is None or len(text) > _LONGEST or "np.array(" in text:
        return None
    target = (
        event.statement.target
        if isinstance(event.statement, ast.AugAssign)
        else event.statement.targets[0]
    )
    if isinstance(target, ast.Subscript):
        return None
    try:
        new = ast.Assign([target], ast.parse(text, mode="eval").body)
    except SyntaxError:
        return None
    edit = Edit("", 0.0, event, [new])
    aims = frozenset({claim.target}) if claim.target else frozenset(run.wrong)
    if not Bench(runs).repairing([edit], aims):
        return None
    after = event.unit.rewritten(event.statement, edit.text)
    return Repair(event.unit.where(event.statement), event.unit.text(event.statement), after)


def _expression(reference: Traced, claim: Claim, scope: Mapping[str, Any]) -> str | None:
    """Write the gradient of a node in names that are in scope."""
    node = claim.node
    assert node is not None
    recording: Recording = reference.recording
    graph = recognise(recording.graph, (node,)).graph if node.is_input else recording.graph
    joint = differentiate(graph, [node], reference.upstream, name="output")
    _, image = simplify(Graph(joint.graph.nodes, joint.graph.outputs))
    wanted = image.get(joint.gradients[node])
    if wanted is None:
        return None
    names = _names(scope)
    gradients = {image[g] for g in joint.gradients.values() if g in image}

    def label(one: Node) -> Written | None:
        if one is wanted:
            return None
        if one.is_constant and np.ndim(one.value) == 0:
            return number(one.value, "code")
        same = [n for n, v in names.items() if n != claim.name and _equal(v, one.value)]
        # Two values may be the same here by chance: the one of that name is meant.
        same.sort(key=lambda name: name.rpartition(".")[2] != one.name)
        for name in same:
            if one in gradients or one.is_leaf or one.shape or name == one.name:
                return Written(name)
        if one.is_input:
            raise KeyError(one.name)
        return None

    return str(write(wanted, "code", label))


def _names(scope: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        n: v
        for n, v in scope.items()
        if isinstance(v, (np.ndarray, float)) and not n.startswith("__") and "[" not in n
    }
    return dict(sorted(found.items(), key=lambda item: (item[0].startswith("self."), len(item[0]))))


def _equal(some: Any, other: Any) -> bool:
    return np.shape(some) == np.shape(other) and np.array_equal(some, other)
