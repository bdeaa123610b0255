"""What each parameter of somebody's backward function is handed, by name and by position."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.arguments import name_of
from chainrule.checking.naming import gradient_of
from chainrule.checking.subject import parameters_of
from chainrule.errors import ArgumentError
from chainrule.trace import location

CACHES = ("cache", "caches", "ctx", "context", "memory", "saved", "tape", "stash")
#: What the output is called in backward, where forward does not name it.
OUTPUTS = ("out", "output", "y", "a", "result")
_UPSTREAM = ("upstream", "g", "grad", "delta", "dvalues", "dvalue", "v", "gradient", "error")


@dataclass(frozen=True, slots=True)
class Forward:
    """What there is to hand over.

    Attributes
    ----------
    name : str
    inputs : sequence of str
        Names of forward's arguments.
    cached : bool
        Whether it returns something beside its output.
    scalar : bool
        Whether its output is a single number.
    inner : set of str
        Names of its local variables.
    named : callable
        Returns the names of the values that it computes; costs a run.
    outputs : int
        How many outputs it may have.
    returned : sequence of str
        What it calls them; "" for an expression.
    """

    name: str
    inputs: Sequence[str]
    cached: bool
    scalar: bool
    inner: Collection[str]
    named: Callable[[], Collection[str]]
    outputs: int = 1
    returned: Sequence[str] = ()


def planned(backward: Callable[..., Any], forward: Forward) -> dict[str, str]:
    """Decide what each parameter is handed.

    Returns
    -------
    dict
        Parameter -> ``"upstream"``, ``"cache"``, ``"intermediate"`` or ``"input NAME"``; of
        several outputs ``"upstream 0"``, ``"upstream 1"`` and so on.

    Raises
    ------
    ArgumentError
        When it is not clear what a parameter is.
    """
    plan: dict[str, str] = {}
    left: list[inspect.Parameter] = []
    parameters = parameters_of(backward, keyword=True)
    if not parameters and _takes_anything(backward):
        raise ArgumentError(
            f"{name_of(backward)} takes *args, and it is not clear what these are.",
            expected="parameters with names",
            got=f"{name_of(backward)}{inspect.signature(backward)}",
            where=location(code=getattr(backward, "__code__", None)),
            instead="functools.wraps in the decorator, or a function with named parameters",
        )
    for i, p in enumerate(parameters):
        if p.name in forward.inputs and not (i == 0 and _is_upstream(p.name, forward)):
            plan[p.name] = f"input {p.name}"
        elif forward.cached and p.name in CACHES:
            plan[p.name] = "cache"
        else:
            left.append(p)
    inner = [p for p in left if p.name in forward.inner or p.name in OUTPUTS]
    named = forward.named() if inner else ()
    for p in inner:
        if p.name in named and not _is_upstream(p.name, forward):
            plan[p.name] = "intermediate"
            left.remove(p)
    required = [p for p in left if p.default is inspect.Parameter.empty]
    if not required and left and _is_upstream(left[0].name, forward):
        required = left[:1]  # backward(dout=1.0)
    for p, kind in zip(required, _kinds(required, plan, forward, backward), strict=True):
        plan[p.name] = kind
    return plan


def _takes_anything(f: Callable[..., Any]) -> bool:
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.kind is p.VAR_POSITIONAL for p in found)


def _kinds(
    left: Sequence[inspect.Parameter],
    plan: Mapping[str, str],
    forward: Forward,
    backward: Callable[..., Any],
) -> list[str]:
    """Tell the parameters that no name tells: the upstream gradient, the cache, inputs in order."""
    names = [p.name for p in left]
    upstream = [n for n in names if _is_upstream(n, forward)]
    needs_cache = forward.cached and not set(plan.values()) & {"cache", "intermediate"}
    if 1 < len(upstream) <= forward.outputs:
        return _several(names, upstream, plan, forward, backward)
    if len(upstream) > 1 and forward.cached:
        raise ArgumentError(
            f"{name_of(backward)} takes {len(upstream)} upstream gradients: {', '.join(upstream)}.",
            expected="a forward pass with one output, and a backward pass for it",
            got=f"{forward.name}, which returns several",
            where=location(code=getattr(backward, "__code__", None)),
            instead="one output at a time, as by a function that returns the first alone",
        )
    unused = [n for n in forward.inputs if f"input {n}" not in plan.values()]
    if not names:
        return []
    if needs_cache and len(names) == 1:
        alone = not plan and not forward.scalar and names[0] not in forward.inner
        return ["upstream" if upstream or alone else "cache"]
    if needs_cache and len(names) == 2:
        return ["cache", "upstream"] if names[1] in upstream[:1] else ["upstream", "cache"]
    if len(names) == 1 and (upstream or not forward.scalar):
        return ["upstream"]
    if len(names) == 1 + len(unused) and not forward.cached:
        return ["upstream", *(f"input {n}" for n in unused)]
    if len(names) == len(unused) and forward.scalar:
        return [f"input {n}" for n in unused]
    if len(names) == 1:
        return ["upstream"]
    raise _unclear(next((n for n in names[1:] if n not in upstream), names[-1]), forward, backward)


def _unclear(name: str, forward: Forward, backward: Callable[..., Any]) -> ArgumentError:
    return ArgumentError(
        f"{name_of(backward)} takes {name!r}, and it is not clear what that is.",
        expected=f"parameters called like those of {forward.name} "
        f"({', '.join(forward.inputs)}) or like a value that it computes, the cache that "
        "it returns, and one for the upstream gradient",
        got=f"{name_of(backward)}{inspect.signature(backward)}",
        where=location(code=getattr(backward, "__code__", None)),
        instead="the same name as in the forward pass",
    )


def _several(
    names: Sequence[str],
    upstream: Sequence[str],
    plan: Mapping[str, str],
    forward: Forward,
    backward: Callable[..., Any],
) -> list[str]:
    """Tell the parameters of a backward pass with an upstream gradient for each output."""
    outputs = list(forward.returned[: forward.outputs])
    of = [gradient_of(name, [o for o in outputs if o]) for name in upstream]
    known = None not in of and len(set(of)) == len(of)
    places = [outputs.index(str(o)) for o in of] if known else list(range(len(upstream)))
    kinds = {n: f"upstream {place}" for n, place in zip(upstream, places, strict=True)}
    rest = [n for n in names if n not in kinds]
    unused = [n for n in forward.inputs if f"input {n}" not in plan.values()]
    if len(rest) == 1 and forward.cached:
        kinds[rest[0]] = "cache"
    elif rest and len(rest) == len(unused):
        kinds |= {n: f"input {given}" for n, given in zip(rest, unused, strict=True)}
    elif rest:
        raise _unclear(rest[0], forward, backward)
    return [kinds[n] for n in names]


def _is_upstream(name: str, forward: Forward) -> bool:
    """Whether a name is that of an upstream gradient, and of nothing that forward has."""
    if name in set(forward.inner) - set(forward.inputs):
        return False
    formed = name.startswith(("d", "grad", "g_", "D", "∂", "nabla")) and len(name) > 1
    return name in _UPSTREAM or formed or name.endswith(("_grad", "_bar", "grad"))
