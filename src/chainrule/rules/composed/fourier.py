"""Discrete Fourier transforms in terms of those along one axis, in NumPy's own order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.op import Op
from chainrule.rules.axes import along, normal_list
from chainrule.rules.fourier import FFT, IFFT, OPPOSITE, bind, bind_axes, bind_two


def _transform(row: Op, binder: Callable[..., Any]) -> Callable[..., Any]:
    """Return a NumPy function that a row stands for, by the binding of its arguments."""

    @functools.wraps(binder)
    def function(*args: Any, **kwargs: Any) -> Any:
        operands, params = binder(*args, **kwargs)
        return row(*operands, **params)

    return function


def _real_forward(binder: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(binder)
    def function(a: Any, *args: Any, **kwargs: Any) -> Any:
        _, params = binder(a, *args, **kwargs)
        *others, last = zip(params["s"], params["axes"], strict=True)
        out = np.fft.rfft(a, *last, params["norm"])
        for n, axis in reversed(others):
            out = np.fft.fft(out, n, axis, params["norm"])
        return out

    return function


def _real_inverse(binder: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(binder)
    def function(a: Any, *args: Any, **kwargs: Any) -> Any:
        _, params = binder(a, *args, **kwargs)
        *others, (n, axis) = zip(params["s"], params["axes"], strict=True)
        for m, i in others:
            a = np.fft.ifft(a, m, i, params["norm"])
        return np.fft.irfft(a, n, axis, params["norm"])

    return function


def _hfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    return np.fft.irfft(np.conj(a), n, axis, OPPOSITE[norm])


def _ihfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    return np.conj(np.fft.rfft(a, n, axis, OPPOSITE[norm]))


def _shift(sign: int) -> Callable[..., Any]:
    def shift(x: Any, axes: Any = None) -> Any:
        ndim = np.ndim(x)
        moved = normal_list(tuple(range(ndim)) if axes is None else axes, ndim)
        for axis in moved:
            n = np.shape(x)[axis]
            cut = n - n // 2 if sign > 0 else n // 2
            parts = [x[along(axis, slice(cut, None))], x[along(axis, slice(cut))]]
            x = np.concatenate(parts, axis)
        return x

    return shift


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.fft.fft: _transform(FFT, bind),
    np.fft.ifft: _transform(IFFT, bind),
    np.fft.fft2: _transform(FFT, bind_two),
    np.fft.ifft2: _transform(IFFT, bind_two),
    np.fft.fftn: _transform(FFT, bind_axes),
    np.fft.ifftn: _transform(IFFT, bind_axes),
    np.fft.rfft2: _real_forward(bind_two),
    np.fft.rfftn: _real_forward(bind_axes),
    np.fft.irfft2: _real_inverse(bind_two),
    np.fft.irfftn: _real_inverse(bind_axes),
    np.fft.hfft: _hfft,
    np.fft.ihfft: _ihfft,
    np.fft.fftshift: _shift(1),
    np.fft.ifftshift: _shift(-1),
}
