"""SciPy's special functions that are written in Python, and ``np.logaddexp.reduce``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.rules.axes import all_axes, normal_axis
from chainrule.rules.softmax import LOG_SOFTMAX, LOG_SUM_EXP, SOFTMAX
from chainrule.rules.special import rows


def _axes(a: Any, axis: Any) -> tuple[int, ...]:
    return all_axes(normal_axis(axis, np.ndim(a)), np.ndim(a))


def log_sum_exp(a: Any, axis: Any = 0, *, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, as ``np.logaddexp.reduce`` has its arguments."""
    return LOG_SUM_EXP(a, axis=_axes(a, axis), keepdims=bool(keepdims))


def _softmax(x: Any, axis: Any = None) -> Any:
    return SOFTMAX(x, axis=_axes(x, axis))


def _log_softmax(x: Any, axis: Any = None) -> Any:
    return LOG_SOFTMAX(x, axis=_axes(x, axis))


def _logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    if return_sign:
        raise UnsupportedError(
            "special.logsumexp cannot be traced with the argument 'return_sign'.",
            instead="np.log(np.abs(s)) and np.sign(s) of s = np.sum(b * np.exp(a))",
        )
    if b is None:
        return LOG_SUM_EXP(a, axis=_axes(a, axis), keepdims=bool(keepdims))
    a = a + np.zeros_like(b, dtype=float) if np.shape(a) != np.shape(b) else a
    top = LOG_SUM_EXP(a, axis=_axes(a, axis), keepdims=True)
    out = top + np.log(np.sum(b * np.exp(a - top), axis=axis, keepdims=True))
    return out if keepdims else np.squeeze(out, _axes(a, axis))


def _multigammaln(a: Any, d: int) -> Any:
    terms = [rows()["gammaln"](a - i / 2) for i in range(int(d))]
    return np.float64(d * (d - 1) / 4 * math.log(math.pi)) + sum(terms[1:], terms[0])


#: Name in ``scipy.special`` -> the same in terms of rows.
IN_PYTHON: dict[str, Callable[..., Any]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "polygamma": lambda n, x: rows()["polygamma"](n, x),
    "multigammaln": _multigammaln,
}
