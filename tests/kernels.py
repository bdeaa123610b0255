"""Kernels of functions, as numba is given them; `AsPython` runs them without it."""

from dataclasses import replace

import numpy as np

from chainrule.compiling.arguments import flatten
from chainrule.compiling.sizes import grown, refilled, unified
from chainrule.compiling.tracing import kinds_of, outlined
from chainrule.emit.loops.apart import expanded
from fuzz.plain import AsPython

__all__ = ["AsPython", "close", "given_for", "kernel_of", "leaves_of", "outline_of"]


def leaves_of(args):
    found = []
    flatten(args, found)
    return found


def outline_of(f, args, kinds=None):
    outline = outlined(f, args, {}, kinds_of(leaves_of(args)) if kinds is None else kinds)
    return replace(outline, graph=expanded(outline.graph))


def kernel_of(f, args, axes=()):
    """Return the kernel of a function; the axes of its leaves that are listed vary."""
    first = outline_of(f, args)
    if not axes:
        return unified(first)
    kinds = grown(kinds_of(leaves_of(args)), axes)
    return unified(first, outline_of(f, args, kinds))


def given_for(kernel, f, args):
    return refilled(kernel, outline_of(f, args))


def close(got, want, dtype=None):
    """Whether results are the same to rounding, in shape and type, too."""
    got, want = np.asarray(got), np.asarray(want)
    single = np.float32 in (want.dtype, dtype)
    tolerance = 2e-5 if single else 1e-11
    scale = np.max(np.abs(want[np.isfinite(want)]), initial=0.1) if want.dtype.kind == "f" else 1
    return (
        got.shape == want.shape
        and got.dtype == want.dtype
        and np.allclose(got, want, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    )
