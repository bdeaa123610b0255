"""Lines that no call in the tests shows: indexing, writing, containers, control flow."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from fuzz.draw import Draw, RejectedError, Value, can_be_written
from fuzz.program import SCOPE
from fuzz.templates import Template, templates


def from_template(d: Draw, template: Template) -> str:
    """Fill the slots of a template with values of the program."""
    if template.elementwise:
        kind = "c" if d.chance(0.2) and any(v.kind == "c" for v in d.pool.values()) else "f"
        first = d.find(kind=kind)
        if kind == "c":
            d.traits.add("odd")  # not every function takes complex numbers
        names = [first, *(d.partner(first) for _ in template.slots[1:])]
        if d.chance(0.5):
            names.reverse()
        operands = [d.within(n, s) for n, s in zip(names, template.slots, strict=True)]
    elif "odd" in d.traits and "TABLE" not in template.text and d.chance(0.3):
        operands = [d.within(d.array(len(s.shape), len(s.shape)), s) for s in template.slots]
    else:
        # The eigenvectors of a complex matrix have a phase that is LAPACK's to choose.
        real = "linalg" in template.text or "TABLE" in template.text or d.chance(0.7)
        operands = [d.fitting(slot, "f" if real else "fc") for slot in template.slots]
        if not real:
            d.traits.add("odd")
    if "linalg" in template.text and not all(map(d.has_full_rank, operands)):
        raise RejectedError
    return template.filled(operands)


def expression(d: Draw, allowed: Callable[[Template], bool]) -> str:
    groups = templates()
    template = d.choice(groups[d.choice(groups)])
    if not allowed(template) or ("float32" in template.text and "single" not in d.traits):
        raise RejectedError
    if template.by_value:
        d.traits.add("branch")
    return from_template(d, template)


# -- indexing ----------------------------------------------------------------------------


def _position(d: Draw, n: int) -> str:
    return str(d.integer(-n, n))


def _slice(d: Draw, n: int) -> str:
    start, stop = sorted(int(i) for i in d.rng.permutation(n + 1)[:2])
    return d.choice([
        f"{start}:{stop}", f"{start}:{stop}", ":", "::-1", "::2", f"{start}:", f"-{n - start}:",
        f":{stop}", f"{stop - 1}:{start - 1 if start else ''}:-1",
    ])  # fmt: skip


def basic_key(d: Draw, shape: tuple[int, ...]) -> str:
    parts = [_position(d, n) if d.chance(0.35) else _slice(d, n) for n in shape]
    if d.chance(0.3):
        parts[d.integer(0, len(parts)) :] = ["..."] if d.chance(0.5) else []
    if d.chance(0.15):
        parts.insert(d.integer(0, len(parts) + 1), "None")
    return ", ".join(parts) or "..."


def _positions(d: Draw, n: int, count: int, distinct: bool) -> str:
    if distinct:
        chosen = d.rng.permutation(n)[:count]
        chosen = np.where(d.rng.random(len(chosen)) < 0.3, chosen - n, chosen)
    else:
        chosen = d.rng.integers(-n, n, count)
    text = str(chosen.tolist())
    # JAX takes no lists.
    return text if d.chance(0.3) and "jax" not in d.traits else f"np.array({text})"


def fancy_key(d: Draw, shape: tuple[int, ...], distinct: bool = False) -> str:
    """Key with arrays of positions or truth values; `distinct`: it names no element twice."""
    n = shape[0]
    count = d.integer(1, n + 1) if distinct else d.integer(1, 5)
    ways = ["one", "mask", "grid"]
    if len(shape) > 1:
        ways += ["pair", "last", "mixed", "rows", "whole mask"]
    way = d.choice(ways)
    if way == "one":
        return _positions(d, n, count, distinct)
    if way == "mask":
        return f"np.array({[True, *(d.rng.random(n - 1) < 0.5).tolist()]})"
    if way == "whole mask":
        mask = d.rng.random(shape) < 0.5
        mask.flat[0] = True
        return f"np.array({mask.tolist()})"
    if way == "grid":
        if distinct:
            raise RejectedError
        return f"np.array({d.rng.integers(-n, n, (2, 2)).tolist()})"
    if way == "pair":
        first = _positions(d, n, min(n, shape[1]) if distinct else count, distinct)
        second = _positions(d, shape[1], min(n, shape[1]) if distinct else count, distinct)
        return f"{first}, {second}"
    if way == "last":
        return f"..., {_positions(d, shape[-1], min(count, shape[-1]), distinct)}"
    if way == "rows":
        columns = d.rng.integers(0, shape[1], n).tolist()
        return f"np.arange({n}), np.array({columns})"
    key = f"{_slice(d, n)}, {_positions(d, shape[1], min(count, shape[1]), distinct)}"
    return key if d.chance(0.5) else f"None, {key}" if not distinct else key


def view(d: Draw) -> None:
    a = d.array()
    d.assign(f"{a}[{basic_key(d, d.shape(a))}]", base=a)


def fancy(d: Draw) -> None:
    a = d.array()
    d.assign(f"{a}[{fancy_key(d, d.shape(a))}]")


def renaming(d: Draw) -> None:
    """The same array under another name, or a copy that only looks like it."""
    a = d.array()
    text = d.choice([a, f"+{a}", f"{a}.copy()", f"np.copy({a})", f"{a}[:]", f"{a} * 1.0"])
    d.assign(text, base=a if text in (a, f"{a}[:]") else None)


def labelled(d: Draw) -> None:
    """Pick one element a row, by labels that are an argument."""
    a = d.find(lambda v: len(v.shape) == 2)
    n, classes = d.shape(a)
    known = [x for x, v in d.pool.items() if v.kind == "i" and v.shape == (n,)
             and np.min(v.worlds[0]) >= 0 and np.max(v.worlds[0]) < classes]  # fmt: skip
    labels = d.choice(known) if known and d.chance(0.7) else d.labels(n, classes)
    d.assign(f"{a}[np.arange({n}), {labels}]")


def masked(d: Draw) -> None:
    a = d.array()
    bound = d.number(-0.8, 0.8)
    if d.chance(0.3):
        mask = d.find(kind="b")
        d.assign(d.choice([f"np.where({mask}, {a}, {d.partner(a)})", f"{a} * {mask}"]))
    elif d.chance(0.5) and "jax" not in d.traits:
        d.assign(f"{a}[{a} {d.choice('<>')} {bound}]")
        d.traits.add("branch")
    else:
        b = d.partner(a)
        d.assign(f"np.where({a} {d.choice(['<', '>', '<=', '>='])} {bound}, {a}, {b})")


# -- writing -----------------------------------------------------------------------------


def _target(d: Draw) -> str:
    """An array to write to: rather a view, and rather one that was made here than an argument."""

    def fits(v: Value) -> bool:
        known = v.is_array and v.depends and v.kind == "f" and len(v.shape) > 0
        return known and can_be_written(v.worlds[0])

    if d.chance(0.5):
        try:
            return d.find(lambda v: fits(v) and v.base is not None and d.is_writable(v))
        except RejectedError:
            pass
    if "alias" in d.traits:
        return d.find(fits)
    return d.find(lambda v: fits(v) and d.is_writable(v))


def _new_value(d: Draw, shape: tuple[int, ...], avoid: str) -> str:
    if d.chance(0.2):
        return d.number(-1.5, 1.5)

    def fits(v: Value) -> bool:
        try:
            return np.broadcast_shapes(v.shape, shape) == shape
        except ValueError:
            return False

    name = d.find(fits)
    return name if d.chance(0.6) else f"np.{d.choice(['sin', 'tanh'])}({name})"


def write_at(d: Draw) -> None:
    a = _target(d)
    shape = d.shape(a)
    if d.chance(0.6):
        key = basic_key(d, shape)
    else:
        # JAX leaves open which of two values an element gets; NumPy gives it the last.
        key = fancy_key(d, shape, distinct="jax" in d.traits or d.chance(0.6))
    part = _evaluated(d, f"{a}[{key}]")
    value = _new_value(d, np.shape(part), a)
    symbol = d.choice(["=", "=", "=", "+=", "-=", "*=", "/="])
    if symbol == "/=":
        value = f"(1.5 + 0.5 * np.tanh({value}))" if value in d.pool else "1.3"
    if symbol == "=" and np.ndim(part) == 1 and len(part) < 4 and d.chance(0.2):
        numbers = [d.find(lambda v: v.shape == ()) for _ in part]
        value = f"[{', '.join(numbers)}]"
    d.write(a, f"{a}[{key}] {symbol} {value}")


def update(d: Draw) -> None:
    a = _target(d)
    value = _new_value(d, d.shape(a), a)
    symbol = d.choice(["+=", "-=", "*="])
    if value.startswith("-") and d.chance(0.5):
        value = f"{value} * {a}"
    d.write(a, f"{a} {symbol} {value}")


def _evaluated(d: Draw, text: str) -> np.ndarray:
    try:
        return np.asarray(eval(text, SCOPE, d.namespaces[0]))
    except Exception:  # drawn text may fail in any way: draw another
        raise RejectedError from None


# -- containers --------------------------------------------------------------------------


def container(d: Draw) -> None:
    a, b, c = d.find(), d.find(), d.find()
    text, parts = d.choice([
        (f"{{'k': {a}, 'l': ({b}, {c})}}", {"['k']": a, "['l'][0]": b, "['l'][1]": c}),
        (f"[{a}, {b}, {c}]", {"[0]": a, "[1]": b, "[-1]": c}),
        (f"({a}, {{'m': [{b}, {c}]}})", {"[0]": a, "[1]['m'][0]": b, "[1]['m'][-1]": c}),
    ])  # fmt: skip
    name = d.fresh()
    d.run(f"{name} = {text}")
    d.lines.append(f"{name} = {text}")
    for path, held in parts.items():
        value = d.pool[held]
        d.register(f"{name}{path}", value.worlds, value.depends)
        d.pool[f"{name}{path}"].used = True


# -- control flow ------------------------------------------------------------------------


def branch(d: Draw, inner: Callable[[Draw], str]) -> None:
    a = d.find()
    condition = f"np.sum({a})" if d.shape(a) else a
    condition = f"{condition} {d.choice('<>')} {d.number(-0.5, 0.5)}"
    first, second = inner(d), inner(d)
    d.traits.add("branch")
    if d.chance(0.5):
        d.assign(f"{first} if {condition} else {second}")
        return
    name = f"v{d.count}"
    d.assign(name, lines=f"if {condition}:\n    {name} = {first}\nelse:\n    {name} = {second}\n")


def loop(d: Draw, inner: Callable[[Draw], str]) -> None:
    a = d.find()
    kind = d.choice(["repeat", "rows", "comprehension", "sum", "function", "max"])
    name = f"v{d.count}"
    if kind == "repeat":
        body = d.choice(["np.sin({0}) * {1}", "0.5 * {0} + {1}", "{0} - 0.3 * {0} * {1}"])
        factor = d.partner(a)
        text = body.format(name, factor)
        d.assign(name, lines=f"{name} = {a}\nfor _ in range({d.integer(2, 4)}):\n"
                 f"    {name} = {text}\n")  # fmt: skip
        return
    if kind == "max":
        if "single" in d.traits:
            raise RejectedError  # Python's max may give back a number without a precision
        scalar = d.find(lambda v: v.shape == ())
        other = d.number(-1.0, 1.0)
        d.assign(f"{d.choice(['max', 'min'])}({scalar}, {other})")
        return
    if kind == "function":
        d.assign(f"(lambda z: z * np.exp(-np.square(z)))({a})")
        return
    a = d.array(1, 3)
    if kind == "rows":
        d.assign(name, lines=f"{name} = 0.0\nfor row in {a}:\n    {name} = {name} + np.sin(row)"
                 f" * row\n")  # fmt: skip
    elif kind == "comprehension":
        d.assign(f"np.stack([np.tanh(row) * {d.number(0.5, 1.5)} for row in {a}])")
    else:
        d.assign(f"sum([row * np.cos(row) for row in {a}])")


def softmax(d: Draw) -> None:
    a = d.array(1, 2)
    d.assign(d.choice([
        f"np.exp({a}) / np.sum(np.exp({a}), axis=-1, keepdims=True)",
        f"np.log(np.exp({a}) / np.sum(np.exp({a}), axis=-1, keepdims=True))",
        f"{a} - np.log(np.sum(np.exp({a}), axis=-1, keepdims=True))",
    ]))  # fmt: skip


def sigmoid(d: Draw) -> None:
    a = d.array(0, 2)
    p = d.choice([
        f"1 / (1 + np.exp(-({a})))",
        f"(np.exp(-1 * {a}) + 1.0) ** -1",
        f"np.exp({a}) / (1 + np.exp({a}))",
        f"np.reciprocal(1 + np.exp(np.minimum(-{a}, {d.choice([2, 708])})))",
    ])  # fmt: skip
    y = d.choice([f"({a} > {d.number(-1.0, 1.0)})", str(d.number(0.1, 0.9)), "0.0", "1"])
    d.assign(d.choice([
        p,
        f"{y} * np.log({p}) + (1 - {y}) * np.log(1 - {p})",
        f"-{y} * np.log({p}) - np.log(1 - {p}) * (1 - {y})",
        f"{y} * np.log({p}) - (1 - {y}) * np.log(1 - {p})",
    ]))  # fmt: skip


def renamed(source: str, name: str, expression: str) -> str:
    """Return source with a variable replaced by an expression."""
    return re.sub(rf"\b{name}\b", lambda m: expression, source)


def from_call(d: Draw, allowed: Callable[[Template], bool]) -> None:
    d.assign(expression(d, allowed))
