"""What runs, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule.execute.work import work

if TYPE_CHECKING:
    from chainrule.compiling.compiled import Plans
    from chainrule.compiling.plans import Plan

#: Operations a second, of products and of anything else, that a core is reckoned to do.
_PRODUCTS, _OTHERS = 5e10, 1e9


@dataclass(frozen=True)
class CompileReport:
    """What runs in the place of a function.

    Attributes
    ----------
    name : str
    executor : str
    operations : int
        Nodes of the graph.
    flops : int
        Floating-point operations of one call, of the sizes it was compiled for.
    loops : tuple of str
        What was fused, one line each.
    buffers : int
        Arrays that are kept to work in.
    buffer_bytes : int
    seconds : float
        What a call is expected to take on one core; a rough estimate.
    sizes : tuple of str
        Numbers that may vary without another compilation, and what follows from them.
    notes : tuple of str
    """

    name: str
    executor: str
    operations: int
    flops: int
    loops: tuple[str, ...]
    buffers: int
    buffer_bytes: int
    seconds: float
    sizes: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"{self.name} runs on {self.executor}",
            f"  operations        {self.operations}",
            f"  floating point    {_scaled(self.flops)} operations a call",
            f"  expected time     {_time(self.seconds)} a call on one core",
            f"  arrays to work in {self.buffers}, {_scaled(self.buffer_bytes)}B",
            f"  any size of       {', '.join(self.sizes) or 'nothing: compiled for these shapes'}",
        ]
        if self.loops:
            lines.append("  fused")
            lines += [f"    {line}" for line in self.loops]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__


def reported(plan: Plan, plans: Plans) -> CompileReport:
    """Make the report of a plan."""
    facts = plan.runnable.facts()
    products, others = work(plan.kernel)
    notes = [*([plan.note] if plan.note else []), *facts.notes]
    if plans.choice.is_automatic and not plans.choice.is_settled:
        seconds = plans.choice.cost(plan)
        notes.append(f"numba takes over once about {seconds:.1f} s have been spent")
    return CompileReport(
        plan.kernel.name, facts.executor, len(plan.kernel.graph), products + others, facts.loops,
        facts.buffers, facts.buffer_bytes, products / _PRODUCTS + others / _OTHERS,
        plan.kernel.given, tuple(notes),
    )  # fmt: skip


def _scaled(number: float) -> str:
    for unit in ("", "k", "M", "G", "T"):
        if number < 1000 or unit == "T":
            return f"{number:.3g} {unit}"
        number /= 1000
    raise AssertionError


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} µs" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"
