"""SciPy's special functions, for those who have SciPy: rows made when they are first asked for.

``import chainrule`` needs NumPy alone. Whoever traces ``special.erf(x)`` has imported SciPy,
and :func:`found` makes the rows then.

Formulas: NIST Digital Library of Mathematical Functions, 5.2, 5.5, 5.12, 5.15 (gamma
functions), 6.2 (exponential integrals), 7.2, 7.10 (error functions), 8.8 (incomplete gamma),
8.17 (incomplete beta), 10.6, 10.29 (Bessel functions). Where the derivative by a parameter has
no closed form, as by the order of a Bessel function, it is refused.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import call
from chainrule.op import Op, Sample
from chainrule.rules.calls import operator_name
from chainrule.rules.functions import TABLE as _FUNCTIONS

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)

#: What JAX calls otherwise; functions that it lacks are refused when they are emitted.
_IN_JAX = {"psi": "special.digamma({0})", "log_expit": "jax.nn.log_sigmoid({0})"}

#: Functions that SciPy has a version of its own of: NumPy's rules serve for them.
_SHARED = ("log1p", "expm1", "cbrt", "exp2")
_IN_JAX.update((name, f"np.{name}({{0}})") for name in _SHARED)


#: Code for single numbers. Other functions are compositions, or have no loops.
_LOOPS = {
    "erf": "math.erf({0})",
    "erfc": "math.erfc({0})",
    "gammaln": "({0} if {0} == -np.inf else math.lgamma({0}))",
}


class _Rows(dict[str, Op]):
    """Rows by name, callable as SciPy's functions are: ``f.erf(x)``."""

    def __getattr__(self, name: str) -> Op:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _refused(g: Any, out: Any, *operands: Any) -> Any:
    raise UnsupportedError(
        "This special function has no rule for its derivative by that parameter.",
        instead="a constant in its place, which is not differentiated by",
    )


def _share(x: Any, y: Any) -> Any:
    """Return x / y, and 0 for 0 / 0."""
    return x / (y + ((x == 0) & (y == 0)))


def _density(f: _Rows, a: Any) -> Any:
    return np.exp(-np.square(a) / 2) / math.sqrt(2 * math.pi)


def _vjps(f: _Rows) -> dict[str, Any]:
    """Name -> (vjp of each operand, lowest and highest value to test on)."""
    wide, positive, unit = (-2.0, 2.0), (0.4, 3.0), (0.1, 0.9)
    return {
        # error functions
        "erf": (lambda g, out, a: g * _TWO_OVER_ROOT_PI * np.exp(-np.square(a)), wide),
        "erfc": (lambda g, out, a: -g * _TWO_OVER_ROOT_PI * np.exp(-np.square(a)), wide),
        "erfcx": (lambda g, out, a: g * (2 * a * out - _TWO_OVER_ROOT_PI), wide),
        "erfi": (lambda g, out, a: g * _TWO_OVER_ROOT_PI * np.exp(np.square(a)), (-1.0, 1.0)),
        "dawsn": (lambda g, out, a: g * (1 - 2 * a * out), wide),
        "erfinv": (lambda g, out, a: g / _TWO_OVER_ROOT_PI * np.exp(np.square(out)), (-0.8, 0.8)),
        "erfcinv": (lambda g, out, a: -g / _TWO_OVER_ROOT_PI * np.exp(np.square(out)), (0.3, 1.7)),
        # the normal distribution
        "ndtr": (lambda g, out, a: g * _density(f, a), wide),
        "ndtri": (lambda g, out, a: g / _density(f, out), unit),
        "log_ndtr": (
            lambda g, out, a: g * math.sqrt(2 / math.pi) / f.erfcx(-a / math.sqrt(2)),
            wide,
        ),
        # the logistic function
        "expit": (lambda g, out, a: g * out * f.expit(-a), wide),
        "log_expit": (lambda g, out, a: g * f.expit(-a), wide),
        "logit": (lambda g, out, a: g / (a * (1 - a)), unit),
        # gamma functions
        "gamma": (lambda g, out, a: g * out * f.psi(a), positive),
        "rgamma": (lambda g, out, a: -g * out * f.psi(a), positive),
        "gammaln": (lambda g, out, a: g * f.psi(a), positive),
        "loggamma": (lambda g, out, a: g * f.psi(a), positive),
        "psi": (lambda g, out, a: g * f.polygamma(1, a), positive),
        "polygamma": (_refused, lambda g, out, n, a: g * f.polygamma(n + 1, a), positive),
        "beta": (
            lambda g, out, a, b: g * out * (f.psi(a) - f.psi(a + b)),
            lambda g, out, a, b: g * out * (f.psi(b) - f.psi(a + b)),
            positive,
        ),
        "betaln": (
            lambda g, out, a, b: g * (f.psi(a) - f.psi(a + b)),
            lambda g, out, a, b: g * (f.psi(b) - f.psi(a + b)),
            positive,
        ),
        "gammainc": (_refused, lambda g, out, a, x: g * _gamma_density(f, a, x), positive),
        "gammaincc": (_refused, lambda g, out, a, x: -g * _gamma_density(f, a, x), positive),
        "betainc": (
            _refused,
            _refused,
            lambda g, out, a, b, x: (
                g * np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - f.betaln(a, b))
            ),
            unit,
        ),
        # entropies
        "entr": (lambda g, out, a: -g * (np.log(a) + 1), unit),
        "xlogy": (lambda g, out, x, y: g * np.log(y), lambda g, out, x, y: g * _share(x, y), unit),
        "xlog1py": (
            lambda g, out, x, y: g * np.log1p(y),
            lambda g, out, x, y: g * _share(x, 1 + y),
            unit,
        ),
        "rel_entr": (
            lambda g, out, x, y: g * (np.log(x / y) + 1),
            lambda g, out, x, y: -g * _share(x, y),
            unit,
        ),
        "kl_div": (
            lambda g, out, x, y: g * np.log(x / y),
            lambda g, out, x, y: g * (1 - _share(x, y)),
            unit,
        ),
        # Bessel functions
        "j0": (lambda g, out, a: -g * f.j1(a), wide),
        "j1": (lambda g, out, a: g * (f.j0(a) - f.jv(2, a)) / 2, wide),
        "jv": (_refused, lambda g, out, n, a: g * (f.jv(n - 1, a) - f.jv(n + 1, a)) / 2, positive),
        "y0": (lambda g, out, a: -g * f.y1(a), positive),
        "y1": (lambda g, out, a: g * (f.y0(a) - f.yv(2, a)) / 2, positive),
        "yv": (_refused, lambda g, out, n, a: g * (f.yv(n - 1, a) - f.yv(n + 1, a)) / 2, positive),
        "i0": (lambda g, out, a: g * f.i1(a), wide),
        "i1": (lambda g, out, a: g * (f.i0(a) + f.iv(2, a)) / 2, wide),
        "iv": (_refused, lambda g, out, n, a: g * (f.iv(n - 1, a) + f.iv(n + 1, a)) / 2, positive),
        "i0e": (lambda g, out, a: g * (f.i1e(a) - np.sign(a) * out), positive),
        "i1e": (
            lambda g, out, a: g * ((f.i0e(a) + f.ive(2, a)) / 2 - np.sign(a) * out),
            positive,
        ),
        "ive": (
            _refused,
            lambda g, out, n, a: g * ((f.ive(n - 1, a) + f.ive(n + 1, a)) / 2 - np.sign(a) * out),
            positive,
        ),
        "k0": (lambda g, out, a: -g * f.k1(a), positive),
        "k1": (lambda g, out, a: -g * (f.k0(a) + f.kv(2, a)) / 2, positive),
        "kv": (_refused, lambda g, out, n, a: -g * (f.kv(n - 1, a) + f.kv(n + 1, a)) / 2, positive),
        # exponential integrals, and what else is made of exponentials
        "expi": (lambda g, out, a: g * np.exp(a) / a, positive),
        "exp1": (lambda g, out, a: -g * np.exp(-a) / a, positive),
        "cosm1": (lambda g, out, a: -g * np.sin(a), wide),
        "exp10": (lambda g, out, a: g * out * math.log(10), wide),
        # functions that NumPy has, too
        **{
            row.name: (row.pullback(0), (row.low, row.high))
            for row in _FUNCTIONS
            if row.name in _SHARED
        },
        # robust losses
        "huber": (
            lambda g, out, d, r: g * np.maximum(np.abs(r) - d, 0),
            lambda g, out, d, r: g * np.clip(r, -d, d),
            (0.3, 0.5),
        ),
        "pseudo_huber": (
            lambda g, out, d, r: g * (out / d - (np.hypot(d, r) - d) * d / np.hypot(d, r)),
            lambda g, out, d, r: g * (r * d / np.hypot(d, r)),
            positive,
        ),
        "boxcox": (lambda g, out, x, p: g * x ** (p - 1), _refused, positive),
    }


def _if_zero(x: Any, y: Any, value: Any, otherwise: Any) -> Any:
    """Choose a value where x is 0, unless y is NaN."""
    return np.where((x == 0) & (y == y), value, otherwise)


def _entropy(x: Any, y: Any, at_zero: Any, inside: Any) -> Any:
    """Choose among the values of a relative entropy; it is infinite where it is not defined."""
    outside = np.where((x == 0) & (y >= 0), at_zero, np.where(np.isnan(x + y), x + y, np.inf))
    return np.where((x > 0) & (y > 0), inside, outside)


def _erfc(a: Any) -> Any:
    return rows()["erfc"](a)


def _logit(a: Any) -> Any:
    # Close to 1/2 the quotient is close to 1, of whose logarithm digits would be lost.
    near = np.abs(a - 0.5) < 0.2
    rest = 1.0 - a
    close = np.log1p((2.0 * a - 1.0) / np.where(near, rest, 1))
    return np.where(near, close, np.log(a / rest))


def _huber(d: Any, r: Any) -> Any:
    size = np.abs(r)
    inside = np.where(size <= d, 0.5 * r * r, d * (size - 0.5 * d))
    return np.where(d < 0, np.inf, inside)


def _pseudo_huber(d: Any, r: Any) -> Any:
    ratio = r / np.where(d == 0, 1, d)
    inside = np.where((d == 0) | (r == 0), 0, d * d * (np.hypot(1, ratio) - 1))
    return np.where(d < 0, np.inf, inside)


#: Functions in terms of others that there are loops for.
_COMPOSITIONS: dict[str, Any] = {
    "expit": lambda a: 1 / (1 + np.exp(-a)),
    "log_expit": lambda a: np.minimum(a, 0) - np.log1p(np.exp(-np.abs(a))),
    "logit": _logit,
    "ndtr": lambda a: 0.5 * _erfc(a * -math.sqrt(0.5)),
    "entr": lambda a: np.where(a == 0, 0, np.where(a < 0, -np.inf, -a * np.log(a))),
    "xlogy": lambda x, y: _if_zero(x, y, 0, x * np.log(y)),
    "xlog1py": lambda x, y: _if_zero(x, y, 0, x * np.log1p(y)),
    "rel_entr": lambda x, y: _entropy(x, y, 0, x * np.log(x / y)),
    "kl_div": lambda x, y: _entropy(x, y, y, x * np.log(x / y) - x + y),
    "cosm1": lambda a: -2 * np.square(np.sin(a / 2)),
    "huber": _huber,
    "pseudo_huber": _pseudo_huber,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "exp2": np.exp2,
    "cbrt": np.cbrt,
}


def _gamma_density(f: _Rows, a: Any, x: Any) -> Any:
    return np.exp((a - 1) * np.log(x) - x - f.gammaln(a))


#: Whole numbers that stand for parameters by which there is no derivative, when tested.
_PARAMETERS = (np.array(2), np.array(3))


def _row(function: Any, name: str, vjps: tuple[Any, ...], low: float, high: float) -> Op:
    arity = len(vjps)
    shapes = [_PARAMETERS[i] if v is _refused else (3, 4) for i, v in enumerate(vjps)]
    if name == "boxcox":
        shapes[1] = _PARAMETERS[0]
    return Op(
        name=f"special.{name}",
        forward=function,
        vjp=vjps,
        notation=replace(
            call(f"special.{name}", operator_name(name), name, arity),
            requires=("from scipy import special",),
            jax=_IN_JAX.get(name),
            loop=_LOOPS.get(name, ""),
        ),
        composition=_COMPOSITIONS.get(name),
        reason=f"the derivative of {name} follows from its definition",
        numpy=(function,),
        elementwise=True,
        low=low,
        high=high,
        samples=(Sample(tuple(shapes)),),
    )


@lru_cache(maxsize=1)
def rows() -> Mapping[str, Op]:
    """Return the rows of all special functions by name; imports SciPy."""
    special = import_module("scipy.special")
    made = _Rows()
    for name, (*vjps, (low, high)) in _vjps(made).items():
        made[name] = _row(getattr(special, name), name, tuple(vjps), low, high)
    return made


def found(function: Any) -> Op | None:
    """Return the row of one of SciPy's functions, or None."""
    if "scipy.special" not in sys.modules:
        return None
    row = rows().get(getattr(function, "__name__", ""))
    return row if row is not None and function in row.numpy else None
