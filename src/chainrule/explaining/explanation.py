"""Everything that is explained about one call of a function; what the renderers render."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.collector import slowed_down
from chainrule.explaining.derivation import Derivation
from chainrule.explaining.step import Planned, Step
from chainrule.explaining.steps import Writer, planned_steps
from chainrule.graph import Node
from chainrule.structure import map_leaves
from chainrule.trace import Branch


@dataclass(frozen=True)
class Explanation:
    """A worked solution.

    Attributes
    ----------
    derivation : Derivation
    """

    derivation: Derivation

    @property
    def name(self) -> str:
        """The function's name."""
        return self.derivation.recording.name

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All steps: inputs, forward pass, backward pass."""
        with slowed_down():
            return tuple(self.written(planned) for planned in self.plan)

    @cached_property
    def plan(self) -> tuple[Planned, ...]:
        """What each of the steps is about: cheap, where not all of them are to be read."""
        return planned_steps(self.derivation)

    @property
    def last_step(self) -> int:
        """The number of the last step."""
        return self.plan[-1].number

    def written(self, planned: Planned) -> Step:
        """Write one of the steps."""
        known = self._written.get(planned)
        if known is None:
            # Numbers of a branch that was not taken may be anything.
            with np.errstate(all="ignore"):
                known = self._written[planned] = self._writer.step(planned)
        return known

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self.derivation)

    @cached_property
    def _written(self) -> dict[Planned, Step]:
        return {}

    def of_kind(self, *kinds: str) -> list[Step]:
        """Return the steps of some kinds, in order."""
        return [step for step in self.steps if step.kind in kinds]

    @property
    def output(self) -> Node:
        """The output of the forward pass."""
        return self.derivation.graph.output

    @property
    def output_name(self) -> str:
        """What the output is called."""
        return self.derivation.label(self.output)

    @property
    def value(self) -> Any:
        """The value of the output."""
        return self.output.value

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as given, those without numbers left out."""
        recording = self.derivation.recording
        return {
            name: value for name, value in recording.values.items() if recording.inputs_of(name)
        }

    @cached_property
    def gradients(self) -> dict[str, Any]:
        """Gradient of each argument of `wrt`, in the structure of the argument."""
        derivation = self.derivation
        found = derivation.joint.gradients

        def visit(leaf: Any, path: str) -> Any:
            if not isinstance(leaf, Node) or not leaf.carries_gradient:
                return None
            return _like(found[leaf].value, leaf)

        recording = derivation.recording
        return {n: map_leaves(visit, recording.arguments[n], n) for n in recording.wrt}

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Branches that Python took on values."""
        return self.derivation.recording.branches

    @property
    def has_upstream(self) -> bool:
        """Whether an upstream gradient was given."""
        joint = self.derivation.joint
        seed = joint.gradients.get(joint.forward.output)
        return seed is not None and seed.is_input


def _like(gradient: Any, leaf: Node) -> Any:
    """Give a gradient the type of its leaf, in memory of its own."""
    if leaf.abstract.weak:
        return float(gradient)
    if leaf.shape == ():
        return leaf.abstract.dtype.type(gradient)
    return np.array(gradient, leaf.abstract.dtype)
