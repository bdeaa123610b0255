"""Activations, in plain NumPy.

None overflows, at whatever size of its argument, and each has the derivative at 0 that PyTorch
takes. ``float32`` goes in and comes out: all constants are Python's numbers.

Formulas: V. Nair and G. Hinton, "Rectified linear units improve restricted Boltzmann machines",
2010 (ReLU); A. Maas, A. Hannun and A. Ng, "Rectifier nonlinearities improve neural network acoustic
models", 2013 (leaky ReLU); D. Clevert, T. Unterthiner and S. Hochreiter, arXiv:1511.07289 (ELU);
D. Hendrycks and K. Gimpel, arXiv:1606.08415 (GELU); S. Elfwing, E. Uchibe and K. Doya,
arXiv:1702.03118 (SiLU); C. Dugas et al., "Incorporating second-order functional knowledge for
better option pricing", 2000 (softplus); I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning",
2016, section 4.1 (softmax).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import MissingExtraError
from chainrule.trace import composed


def _of_parts(f: Callable[..., Any]) -> Callable[..., Any]:
    """Let the name that a user gives to the result not be given to the parts of it, too."""

    @functools.wraps(f)
    def function(*args: Any, **kwargs: Any) -> Any:
        return composed(f, args, kwargs)

    return function


def relu(x: Any) -> Any:
    """Return max(x, 0).

    Its derivative at 0 is 0.

    Parameters
    ----------
    x : array of any shape

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return np.maximum(x, 0)


@_of_parts
def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Return x where it is positive, and slope · x elsewhere.

    Its derivative at 0 is `slope`.

    Parameters
    ----------
    x : array of any shape
    slope : float

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> leaky_relu(np.array([-1.0, 0.0, 2.0]))
    array([-0.01,  0.  ,  2.  ])
    """
    return np.where(x > 0, x, slope * x)


@_of_parts
def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where it is positive, and alpha · (exp(x) - 1) elsewhere.

    Its derivative at 0 is `alpha`.

    Parameters
    ----------
    x : array of any shape
    alpha : float

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> elu(np.array([-1.0, 0.0, 2.0]))
    array([-0.63212056,  0.        ,  2.        ])
    """
    # A choice, since the minimum of x and 0 would have the derivative 0 at 0.
    negative = np.where(x > 0, 0, x)
    return np.where(x > 0, x, alpha * np.expm1(negative))


@_of_parts
def sigmoid(x: Any) -> Any:
    """Return the logistic function, 1 / (1 + exp(-x)).

    It keeps all digits of small results, down to the smallest normal number of the type.

    Parameters
    ----------
    x : array of any shape

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).round(3)
    array([0. , 0.5, 1. ])
    """
    return 1 / (1 + np.exp(np.minimum(-x, _largest_exponent(x))))


def _largest_exponent(x: Any) -> int:
    """Return a whole number of which the exponential and its reciprocal are within range."""
    dtype = getattr(x, "dtype", np.dtype(float))
    kind = dtype if dtype.kind == "f" else np.dtype(float)
    return math.floor(-math.log(np.finfo(kind).smallest_normal))


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent.

    Parameters
    ----------
    x : array of any shape

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> tanh(np.array([-1.0, 0.0, 1000.0]))
    array([-0.76159416,  0.        ,  1.        ])
    """
    return np.tanh(x)


def softplus(x: Any) -> Any:
    """Return ln(1 + exp(x)), of which the sigmoid is the derivative.

    Parameters
    ----------
    x : array of any shape

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> softplus(np.array([-1000.0, 0.0, 1000.0]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    return np.logaddexp(x, 0)


@_of_parts
def silu(x: Any) -> Any:
    """Return x · sigmoid(x), also called swish.

    Parameters
    ----------
    x : array of any shape

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> silu(np.array([-1.0, 0.0, 2.0]))
    array([-0.26894142,  0.        ,  1.76159416])
    """
    return x * sigmoid(x)


@_of_parts
def gelu(x: Any, approximate: bool = False) -> Any:
    """Return x times the probability that a standard normal number is below x.

    Parameters
    ----------
    x : array of any shape
    approximate : bool
        Take ½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))), which is up to 5e-4 away, costs
        less and needs NumPy alone. The exact one needs SciPy, for its error function.

    Returns
    -------
    array of the shape of `x`

    Raises
    ------
    MissingExtraError
        For the exact one where SciPy is not installed.

    Examples
    --------
    >>> gelu(np.array([-1.0, 0.0, 2.0]), approximate=True)
    array([-0.15880801,  0.        ,  1.95459769])
    """
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    # The complement keeps the digits of the small probabilities of negative numbers.
    return 0.5 * x * _erfc()(-math.sqrt(0.5) * x)


def _erfc() -> Any:
    try:
        from scipy.special import erfc
    except ImportError as error:
        raise MissingExtraError(
            "The exact GELU needs SciPy, for its error function.",
            instead="pip install 'chainrule[fast]', or approximate=True",
        ) from error
    return erfc


@_of_parts
def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x), divided by its sum along an axis.

    Parameters
    ----------
    x : array of any shape but that of a number
    axis : int
        Along which the results add up to 1.

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> softmax(np.array([1000.0, 1000.0, 0.0]))
    array([0.5, 0.5, 0. ])
    """
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


@_of_parts
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return the logarithm of :func:`softmax`, finite where the softmax itself is 0.

    Parameters
    ----------
    x : array of any shape but that of a number
    axis : int
        Along which the exponentials of the results add up to 1.

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
