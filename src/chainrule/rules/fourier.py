"""Discrete Fourier transforms along one or several axes.

A transform is a product with a symmetric matrix, F, after its input was cut or filled with
zeros to the length asked for: its gradient is the same transform of the upstream gradient,
cut or filled back. The transforms of real numbers leave out the half that is conjugate to
the other: going back, each number of the half that is kept counts for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Op, Sample, UnsupportedArgumentError, shape_of, stand_in
from chainrule.rules.axes import line, normal_list
from chainrule.rules.complex import Z, is_complex
from chainrule.rules.operands import refuse_out

#: The norm that scales the inverse as this one scales the transform.
OPPOSITE: dict[Any, Any] = {
    None: "forward",
    "backward": "forward",
    "forward": "backward",
    "ortho": "ortho",
}


def bind(a: Any, n: int | None = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Bind the arguments of a transform along one axis."""
    return bind_axes(a, None if n is None else (n,), (axis,), norm, out)


def bind_axes(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """Bind the arguments of a transform along several axes."""
    refuse_out(out)
    if axes is None:
        axes = range(-len(s), 0) if s is not None else range(np.ndim(a))
    found = tuple(normal_list(tuple(axes), np.ndim(a)))
    if len(set(found)) != len(found):
        raise UnsupportedArgumentError("axes that repeat")
    sizes = [-1] * len(found) if s is None else list(s)
    # Lengths and axes that are NumPy's own choice are kept as that: code need not name them.
    lengths = tuple(None if n in (-1, None) else int(n) for n in sizes)
    return (a,), {"s": lengths, "axes": tuple(i - np.ndim(a) for i in found), "norm": norm}


def bind_two(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """Bind the arguments of a transform along two axes."""
    return bind_axes(a, s, axes, norm, out)


def resized(g: Any, like: Any, axes: Sequence[int]) -> Any:
    """Cut or fill with zeros at the end of some axes, to the lengths of another array."""
    have, want = np.shape(g), np.shape(like)
    kept = tuple(slice(min(n, m)) for n, m in zip(have, want, strict=True))
    short = [(0, max(m - n, 0)) for n, m in zip(have, want, strict=True)]
    if any(have[i] > want[i] for i in axes):
        g = g[kept]
    return np.pad(g, short) if any(hi for _, hi in short) else g


def _both(name: str) -> Any:
    one, several = getattr(np.fft, name), getattr(np.fft, f"{name}n")

    def transform(a: Any, s: Any, axes: Any, norm: Any) -> Any:
        if len(axes) == 1:
            return one(a, s[0], axes[0], norm)
        return several(a, _lengths(a, s, axes), axes, norm)

    return transform


def _written(name: str, default: Any) -> Notation:
    def plain(prefix: str) -> Any:
        def write(a: Any, s: Any, axes: Any, norm: Any) -> str:
            if len(axes) == 1:
                given = keywords(n=s[0], axis=None if axes[0] == -1 else axes[0], norm=norm)
                return f"{prefix}{name}({a}{given})"
            given = keywords(s=None if None in s else s, axes=axes, norm=norm)
            return f"{prefix}{name}n({a}{given})"

        return write

    def latex(a: Any, **params: Any) -> str:
        return rf"\mathcal{{F}}{default}\left({a}\right)"

    return Notation(plain("np.fft."), plain(""), latex)


def _transform_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    shape = list(shape_of(operands[0]))
    for n, axis in zip(params["s"], params["axes"], strict=True):
        shape[axis] = shape[axis] if n is None else n
    return Abstract(tuple(shape), _dtype(np.fft.fft, operands[0]))


def _lengths(a: Any, s: Sequence[Any], axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape_of(a)[axis] if n is None else n for n, axis in zip(s, axes, strict=True))


def _dtype(function: Any, operand: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = function(np.ones(2, np.asarray(stand_in(operand)).dtype)).dtype
    return dtype


def _transform(name: str, latex: str) -> Op:
    forward = _both(name)
    along = {1: getattr(np.fft, name), 2: getattr(np.fft, f"{name}n")}

    def vjp(g: Any, out: Any, a: Any, s: Any, axes: Any, norm: Any) -> Any:
        if len(axes) == 1:
            back = along[1](g, axis=axes[0], norm=norm)
        else:
            back = along[2](g, axes=axes, norm=norm)
        return resized(back, a, axes)

    return Op(
        name=name,
        forward=forward,
        vjp=(vjp,),
        notation=_written(name, latex),
        reason="a transform is a product with a symmetric matrix, so the gradient goes back "
        "through the same transform",
        infer=_transform_infer,
        samples=(
            Sample((Z,), {"s": (None,), "axes": (-1,), "norm": None}),
            Sample((Z,), {"s": (5,), "axes": (-1,), "norm": "ortho"}),
            Sample((Z,), {"s": (2, 2), "axes": (-2, -1), "norm": "forward"}),
        ),
    )


def _rfft_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    shape, (axis,) = list(shape_of(operands[0])), params["axes"]
    shape[axis] = (shape[axis] if params["s"][0] is None else params["s"][0]) // 2 + 1
    return Abstract(tuple(shape), _dtype(np.fft.rfft, operands[0]))


def _irfft_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    shape, (axis,) = list(shape_of(operands[0])), params["axes"]
    shape[axis] = 2 * (shape[axis] - 1) if params["s"][0] is None else params["s"][0]
    return Abstract(tuple(shape), _dtype(np.fft.irfft, operands[0]))


def _rfft_vjp(g: Any, out: Any, a: Any, s: Any, axes: Any, norm: Any) -> Any:
    (n,) = _lengths(a, s, axes)
    full = np.fft.fft(g, n=n, axis=axes[0], norm=norm)
    return resized(np.real(full), a, axes)


def _irfft_vjp(g: Any, out: Any, a: Any, s: Any, axes: Any, norm: Any) -> Any:
    (axis,) = axes
    n = np.shape(out)[axis]
    half = np.conj(np.fft.rfft(g, axis=axis, norm=OPPOSITE[norm]))
    twice = np.full(n // 2 + 1, 2.0, g.dtype)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    weights = twice.reshape(line(axis % np.ndim(g), np.ndim(g)))
    product = half * weights
    return resized(product if is_complex(a) else np.real(product), a, axes)


FFT = _transform("fft", "")
IFFT = _transform("ifft", "^{-1}")

TABLE = (
    FFT,
    IFFT,
    Op(
        name="rfft",
        forward=lambda a, s, axes, norm: np.fft.rfft(a, s[0], axes[0], norm),
        vjp=(_rfft_vjp,),
        notation=_written("rfft", ""),
        reason="the gradient goes back through the transform, and its real part remains",
        numpy=(np.fft.rfft,),
        bind=bind,
        infer=_rfft_infer,
        samples=(
            Sample(((2, 5),), {"s": (None,), "axes": (-1,), "norm": None}),
            Sample(((4, 3),), {"s": (6,), "axes": (-2,), "norm": "ortho"}),
        ),
    ),
    Op(
        name="irfft",
        forward=lambda a, s, axes, norm: np.fft.irfft(a, s[0], axes[0], norm),
        vjp=(_irfft_vjp,),
        notation=_written("irfft", "^{-1}"),
        reason="each number stands for itself and for its conjugate in the half left out",
        numpy=(np.fft.irfft,),
        bind=bind,
        infer=_irfft_infer,
        samples=(
            Sample((Z,), {"s": (None,), "axes": (-1,), "norm": None}),
            Sample((Z,), {"s": (5,), "axes": (-1,), "norm": "forward"}),
        ),
    ),
)
