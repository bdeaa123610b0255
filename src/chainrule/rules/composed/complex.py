"""Functions of complex numbers in terms of their parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.rules.complex import conjugated
from chainrule.rules.operands import flat


def _angle(z: Any, deg: bool = False) -> Any:
    radians = np.arctan2(np.imag(z), np.real(z))
    return radians * (180 / np.pi) if deg else radians


def _vdot(a: Any, b: Any) -> Any:
    return np.matmul(conjugated(flat(a)), flat(b))


def _real(val: Any) -> Any:
    return val.real if hasattr(val, "real") else val


def _imag(val: Any) -> Any:
    return val.imag


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.angle: _angle,
    np.imag: _imag,
    np.real: _real,
    np.vdot: _vdot,
}
