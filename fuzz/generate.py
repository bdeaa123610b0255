"""From a seed to a program."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fuzz import forms
from fuzz.draw import SHAPES, Draw, RejectedError
from fuzz.program import Program
from fuzz.templates import Template

#: Lines by hand, and how often each is drawn for 100 calls.
FORMS: dict[Callable[[Draw], None], int] = {
    forms.view: 18,
    forms.fancy: 12,
    forms.labelled: 4,
    forms.renaming: 4,
    forms.masked: 6,
    forms.write_at: 18,
    forms.update: 8,
    forms.container: 4,
    forms.softmax: 2,
    forms.sigmoid: 3,
}
NESTED = {forms.branch: 6, forms.loop: 8}
CALLS = 100

#: One program in so many is drawn for JAX.
JAX_EVERY = 40


def generate(
    seed: int, allowed: Callable[[Template], bool] = lambda t: True, jax: bool = True
) -> Program:
    """Draw the program of a seed.

    Parameters
    ----------
    seed : int
    allowed : callable
        Which templates a program may have that is to be compared with JAX.
    jax : bool
        Draw such programs at all.
    """
    rng = np.random.default_rng([seed, 20260117])
    traits = {"jax"} if jax and seed % JAX_EVERY == 0 else set()
    if not traits:
        traits |= {t for t, p in {"alias": 0.08, "odd": 0.5}.items() if rng.random() < p}
    if rng.random() < 0.25:
        traits.add("single")
    d = Draw(rng, traits)
    d.most_arguments = d.integer(2, 7)
    for i in range(d.integer(1, min(4, d.most_arguments))):
        d.argument(SHAPES[0] if i == 0 else d.choice(SHAPES))
    allowed = allowed if "jax" in traits else lambda t: True
    longest = 30 if "jax" in traits else 60
    length = int(np.exp(rng.uniform(np.log(5), np.log(longest + 1))))
    _fill(d, length, allowed)
    return _finished(d, seed)


def _fill(d: Draw, length: int, allowed: Callable[[Template], bool]) -> None:
    def call(d: Draw) -> None:
        forms.from_call(d, allowed)

    def inner(d: Draw) -> str:
        return forms.expression(d, allowed)

    ways: list[Callable[[Draw], None]] = [call, *FORMS]
    ways += [lambda d, form=form: form(d, inner) for form in NESTED]
    weights = np.array([CALLS, *FORMS.values(), *NESTED.values()], float)
    weights /= weights.sum()
    for _ in range(20 * length):
        if len(d.lines) >= length:
            break
        way = ways[d.rng.choice(len(ways), p=weights)]
        d.touched.clear()
        try:
            way(d)
        except RejectedError:
            continue


def _finished(d: Draw, seed: int) -> Program:
    ends = [n for n, v in d.pool.items() if v.kind in "fc" and not v.used and n not in d.arguments]
    ends = ends or [n for n, v in d.pool.items() if v.kind == "f"]
    total = " + ".join(f"{d.number(0.5, 1.5)} * {_whole(d, n)}" for n in ends)
    body = "\n".join([*d.lines, f"return {total}"]).replace("\n", "\n    ")
    names, arguments = _packed(d)
    for name, expression in names.items():
        body = forms.renamed(body, name, expression)
    source = f"def program({', '.join(arguments)}):\n    {body}\n"
    direction: list[Any] = [d.ways[n] for n in _order(arguments, names) if n in d.ways]
    functions = frozenset(re.findall(r"np\.([a-z][\w.]*)\(", body))
    program = Program(source, arguments, direction, seed, frozenset(d.traits), functions)
    return single(program) if "single" in d.traits else program


def _whole(d: Draw, name: str) -> str:
    """One real number of all numbers of a value."""
    if d.pool[name].kind == "c":
        parts = [
            "np.sum(np.real({0}))",
            "np.sum(np.imag({0}))",
            "np.sum(np.real({0} * {0}.conj()))",
        ]
    else:
        parts = ["np.sum(np.sin({0}))", "np.sum({0})", "np.sum({0} * {0})"]
    return d.choice(parts).format(name)


def _packed(d: Draw) -> tuple[dict[str, str], dict[str, Any]]:
    """Put arguments together in a dict or a list, for some programs."""
    real = [n for n in d.arguments if n in d.ways]
    if len(real) < 2 or not d.chance(0.3):
        return {}, d.arguments
    rest = {n: v for n, v in d.arguments.items() if n not in real}
    first, *others = real
    if d.chance(0.5):
        names = {first: "p['w']", **{n: f"p['b'][{i}]" for i, n in enumerate(others)}}
        packed: Any = {"w": d.arguments[first], "b": [d.arguments[n] for n in others]}
    else:
        names = {n: f"p[{i}]" for i, n in enumerate(real)}
        packed = [d.arguments[n] for n in real]
    return names, {"p": packed, **rest}


def _order(arguments: dict[str, Any], names: dict[str, str]) -> list[str]:
    return [*names] if names else list(arguments)


def single(program: Program) -> Program:
    """Return the program with arguments in float32."""
    values = dict(zip(program.arguments, program.values(0.0, np.float32), strict=True))
    return replace(program, arguments=values)
