"""Changes to what an expression gives, as a whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.checking.scene import (
    Changed,
    Scene,
    broadcast_together,
    derivatives,
    expression,
    over,
    plus,
    replaced,
    text_of,
    times,
)
from chainrule.checking.sizes import counts

# -- around an expression ----------------------------------------------------------------------


def around(e: ast.expr, got: Any, name: str, scene: Scene) -> Iterator[Changed]:
    """Change what an expression gives, as a whole."""
    np_ = scene.np
    yield "sign", 1.2, ast.UnaryOp(ast.USub(), e)
    for text, weight in counts(e, scene):
        yield "scale", weight, over(e, text)
        yield "scale", weight, times(e, text)
    for text in ("2", "0.5"):
        yield "scale", 2.2, times(e, text)
    if np.ndim(got) == 2:
        yield "transposed", 2, ast.Attribute(e, "T", ast.Load())
    for axis in range(np.ndim(got) if isinstance(got, np.ndarray) else 0):
        for keep in ("", ", keepdims=True"):
            yield "not-summed", 1.5, _call(f"{np_}.sum", e, f"axis={axis}{keep}")
    if np.ndim(got) > 2:
        for axes in {
            tuple(range(np.ndim(got) - 1)),
            tuple(i for i in range(np.ndim(got)) if i != 1),
        }:
            yield "not-summed", 1.6, _call(f"{np_}.sum", e, f"axis={axes}")
    if np.ndim(got):
        yield "not-summed", 1.7, _call(f"{np_}.sum", e, "")
    written = {text_of(n) for n in ast.walk(e) if isinstance(n, (ast.Name, ast.Attribute))}
    shape = np.shape(got)
    for other, value in scene.arrays().items():
        fits = broadcast_together(np.shape(value), shape)
        if not fits or (other == name and not np.ndim(value)):
            continue
        if other in scene.gradients:
            if other not in written:
                yield "upstream-ignored", 2, times(e, other)
                if not _is_new(e):
                    yield "not-accumulated", 2, plus(e, other)
            continue
        if np.ndim(value):
            if np.asarray(value).dtype.kind != "b":
                for factor in derivatives(other, np_):
                    yield "derivative-missing", 2.5, times(e, factor)
                yield "derivative-missing", 2.6, over(e, other)
            yield "derivative-missing", 2.4, times(e, other)
        elif scene.is_forward(value):
            yield "derivative-missing", 2.3, times(e, other)
            yield "derivative-missing", 2.5, over(e, other)
        else:
            # A number that is at hand for it fits seldom by chance, and a size often does.
            yield "scale", 1.15, times(e, other)
            yield "scale", 1.15, over(e, other)
    for other, value in scene.parts().items():
        if not broadcast_together(np.shape(value), shape):
            continue
        if other.split("[")[0] in scene.gradients:
            yield "upstream-ignored", 2.4, times(e, other)
            if np.shape(value) == shape:
                yield "not-accumulated", 2.4, plus(e, other)
        else:
            yield "derivative-missing", 2.6, times(e, other)
            yield "derivative-missing", 2.7, over(e, other)
    for other, low, high in scene.limits:
        yield "clip-forgotten", 1, times(e, f"(({other} > {low}) & ({other} < {high}))")
        yield "clip-forgotten", 1.1, times(e, f"(({other} >= {low}) & ({other} <= {high}))")
    if np.ndim(got):
        yield from _full_jacobian(e, scene)


def _is_product(e: ast.expr) -> bool:
    return isinstance(e, ast.BinOp) and isinstance(e.op, ast.Mult)


def _is_new(e: ast.expr) -> bool:
    """Whether an expression is an array of zeros, to be filled later."""
    return isinstance(e, ast.Call) and text_of(e.func).split(".")[-1] in ("zeros", "zeros_like")


def _full_jacobian(e: ast.expr, scene: Scene) -> Iterator[Changed]:
    """Put back what makes the Jacobian of softmax more than its diagonal."""
    np_ = scene.np
    if isinstance(e, ast.BinOp) and _is_product(e):
        for s in (text_of(e.left), text_of(e.right)):
            sums = f"{np_}.sum({text_of(e)}, axis=-1, keepdims=True)"
            yield "off-diagonal", 2.15, ast.BinOp(e, ast.Sub(), expression(f"({s}) * {sums}"))
            yield (
                "off-diagonal",
                2.18,
                ast.BinOp(e, ast.Sub(), expression(f"({s}) * {np_}.sum({text_of(e)})")),
            )
    for call in ast.walk(e):
        if isinstance(call, ast.Call) and text_of(call.func).split(".")[-1] in ("diag", "diagflat"):
            s = text_of(call.args[0]) if call.args else ""
            outer = expression(f"{text_of(call)} - {np_}.outer({s}, {s})")
            if s:
                yield "off-diagonal", 1, replaced(e, call, outer)
        if isinstance(call, ast.Call) and text_of(call.func).split(".")[-1] in ("eye", "identity"):
            for s, value in scene.arrays().items():
                if np.ndim(value) and s not in scene.gradients:
                    for form in (f"{text_of(call)} - {s}", f"{text_of(call)} - {s}[..., None, :]"):
                        yield "off-diagonal", 1.5, replaced(e, call, expression(form))
    for s, value in scene.arrays().items():
        if np.ndim(value) and s not in scene.gradients:
            for g in scene.gradients if _is_product(e) else ():
                whole = f"{s} * ({g} - {np_}.sum({g} * {s}, axis=-1, keepdims=True))"
                yield "off-diagonal", 2.25, expression(whole)
            for form in (s, f"{np_}.exp({s})"):
                sums = f"{np_}.sum({text_of(e)}, axis=-1, keepdims=True)"
                yield "off-diagonal", 2.3, ast.BinOp(e, ast.Sub(), expression(f"{form} * {sums}"))
            for g in scene.gradients:
                sums = f"{np_}.sum({g} * {s}, axis=-1, keepdims=True)"
                yield "off-diagonal", 2.2, ast.BinOp(e, ast.Sub(), expression(f"{s} * {sums}"))
                yield "off-diagonal", 2.3, ast.BinOp(e, ast.Sub(), expression(sums))


def _call(function: str, e: ast.expr, keywords: str) -> ast.expr:
    call = expression(f"{function}(0{', ' + keywords if keywords else ''})")
    assert isinstance(call, ast.Call)
    call.args[0] = e
    return call
