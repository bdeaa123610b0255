"""The sentences that say why a mistake is the one that was made."""

from __future__ import annotations

from chainrule.checking.findings import Finding
from chainrule.checking.judging import Judged
from chainrule.checking.scene import Edit


def evidence_of(edit: Edit, culprit: Finding) -> str:
    """Say what an edit has shown."""
    if edit.moved:
        return (
            f"with `{edit.event.unit.text(edit.event.statement)}` after all gradients, "
            "every gradient is right"
        )
    return f"with `{edit.text}` in its place, every gradient that was wrong is right"


def told_apart(best: Edit, other: Edit, run: Judged) -> str:
    """Say which input tells two mistakes apart that explain the error equally; or nothing."""
    return ""
