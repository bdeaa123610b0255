"""Complex numbers: their parts and their conjugate.

The convention is that of JAX and of autograd. For a real output L and z = x + iy the
gradient is ∂L/∂x - i ∂L/∂y, so that a small change changes L by Re(gradient · dz). A
function with a complex derivative then needs no rule beyond its real one: upstream times
derivative. Only what treats the two parts differently stands here. The direction in which
L falls fastest is minus the *conjugate* of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.notation import Notation, call
from chainrule.op import Op, Sample
from chainrule.rules.infer import of_first
from chainrule.rules.operands import without_zero

#: On which rows are tested.
Z = np.array([[0.3 + 0.7j, -1.1 + 0.4j, 0.9 - 0.2j], [0.5 - 1.3j, 0.8 + 0.1j, -0.6 - 0.9j]])


def is_complex(a: Any) -> bool:
    """Whether a number or an array, traced or not, is complex."""
    return bool(np.iscomplexobj(a))


def conjugated(a: Any) -> Any:
    """Return the conjugate; of real numbers, themselves, without an operation."""
    return np.conjugate(a) if is_complex(a) else a


def squared_modulus(a: Any) -> Any:
    """Return |a|², which is a² for real numbers."""
    if not is_complex(a):
        return np.square(a)
    return np.square(np.real(a)) + np.square(np.imag(a))


def modulus_vjp(g: Any, out: Any, a: Any) -> Any:
    """Return what |a| passes back: its sign; of a complex number, conj(a) / |a|. 0 at 0."""
    if not is_complex(a):
        return g * np.sign(a)
    return g * np.conjugate(a) / without_zero(out)


def _part(
    name: str, function: Any, vjp: Callable[..., Any], reason: str, latex: str, loop: str
) -> Op:
    return Op(
        name=name,
        forward=lambda a: np.array(function(a))[()],  # NumPy's parts are views
        vjp=(vjp,),
        notation=call(f"np.{name}", latex, loop=loop),  # of real numbers
        reason=reason,
        infer=of_first,
        samples=(Sample((Z,)), Sample(((2, 3),))),
    )


TABLE = (
    Op(
        name="conjugate",
        forward=np.conjugate,
        vjp=(lambda g, out, a: conjugated(g),),
        notation=Notation("np.conj({0})", "conj({0})", r"\overline{{{0}}}", loop="{0:atom}"),
        reason="the imaginary part changes against its original, so its gradient turns with it",
        numpy=(np.conjugate,),  # not elementwise: its derivative is no factor
        samples=(Sample((Z,)), Sample(((2, 3),))),
    ),
    _part(
        "real",
        np.real,
        lambda g, out, a: g,
        "the real part changes one for one with the real part",
        r"\operatorname{Re}",
        "{0:atom}",
    ),
    _part(
        "imag",
        np.imag,
        lambda g, out, a: (-1j if is_complex(a) else 0.0) * g,
        "the imaginary part changes one for one with the imaginary part: a factor of -i",
        r"\operatorname{Im}",
        "0",
    ),
)
#: The parts of complex arrays: NumPy's results share memory with their operand.
PARTS = frozenset(row for row in TABLE if row.name in ("real", "imag"))
