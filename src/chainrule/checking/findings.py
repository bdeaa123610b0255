"""What a check found: findings, the first wrong one, and their mistakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from chainrule.calling import public
from chainrule.checking.mistakes import MISTAKES
from chainrule.errors import ArgumentError, ChainruleError, Location

if TYPE_CHECKING:
    from chainrule.checking.sweep import Sweep
    from chainrule.solution import Solution

_TRACED = "traced derivative"
#: Mistakes with what belongs to others, about which a derivation says nothing.
_OF_OTHERS = ("mutates-input", "mutates-upstream")
#: `carried`: wrong, but by the error of an earlier one alone. `untestable`: at a kink.
Verdict = Literal["right", "wrong", "carried", "untestable"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A mistake that explains an error.

    Attributes
    ----------
    kind : str
        A key of :data:`chainrule.checking.mistakes.MISTAKES`.
    evidence : str
        What singles it out, in one sentence.
    apart : str
        How to tell it from the other mistakes that explain the error as well.
    """

    kind: str
    evidence: str
    apart: str = ""

    @property
    def title(self) -> str:
        """The mistake in words."""
        return MISTAKES[self.kind].title


@dataclass(frozen=True, slots=True)
class Repair:
    """The line as it should be, which has been run.

    Attributes
    ----------
    where : Location or None
    before, after : str
    """

    where: Location | None
    before: str
    after: str


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What was found out about one gradient, or about the pass as a whole.

    Attributes
    ----------
    name : str
        What the user calls it.
    of : str
        What it is the gradient of.
    verdict : {"right", "wrong", "carried", "untestable"}
    error : float or None
        The largest difference, as a part of the largest number.
    got, expected : array, number or None
    where : Location or None
        The user's line.
    line : str
        What is written there.
    mistakes : tuple of Diagnosis
        The likeliest first; several where they fit equally.
    repair : Repair or None
    note : str
    """

    name: str
    of: str
    verdict: Verdict
    error: float | None = None
    got: Any = None
    expected: Any = None
    where: Location | None = None
    line: str = ""
    mistakes: tuple[Diagnosis, ...] = ()
    repair: Repair | None = None
    note: str = ""

    @property
    def mistake(self) -> str | None:
        """The kind of the likeliest mistake."""
        return self.mistakes[0].kind if self.mistakes else None


@public
@dataclass(frozen=True, eq=False)
class Findings:
    """What was found out about a pass.

    Attributes
    ----------
    name : str
        Of the pass.
    findings : tuple of Finding
        In the order of the backward pass.
    method : str
        Where the true gradients come from: ``"traced derivative"``, ``"complex step"`` or
        ``"extrapolated differences"``.
    points : tuple of str
        Where it was tested.
    notes : tuple of str
        What a reader should know besides.
    """

    name: str
    findings: tuple[Finding, ...]
    method: str
    points: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    _solve: Callable[[], Solution] | None = field(default=None, repr=False, compare=False)
    _sweep: Callable[[], Sweep] | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(f.verdict in ("right", "untestable") for f in self.findings)

    @property
    def first_wrong(self) -> Finding | None:
        """The first finding that is wrong given all before it."""
        return next((f for f in self.findings if f.verdict == "wrong"), None)

    def __bool__(self) -> bool:
        return self.ok

    # -- questions -------------------------------------------------------------------------

    @cached_property
    def worked(self) -> str:
        """The worked steps of the first wrong gradient, as text; empty where there are none."""
        first = self.first_wrong
        if first is None or not first.of or self._solve is None or self.method != _TRACED:
            return ""
        if first.mistake in _OF_OTHERS:
            return ""
        try:
            return self.solution.text(of=f"d{first.of}")
        except ChainruleError:  # there is no step for it, as for one number of a list
            return ""

    @property
    def solution(self) -> Solution:
        """The worked solution of the forward pass, whose steps are the right ones.

        Raises
        ------
        TraceError
            When forward cannot be traced.
        """
        if self._solve is None:
            raise ArgumentError("This report has no worked solution.", got="no forward pass")
        return self._solve()

    def sweep(self) -> Sweep:
        """Return the error of numeric differences against their step size."""
        if self._sweep is None:
            raise ArgumentError("This report has no sweep.", got="no pass that can be run again")
        return self._sweep()
