"""Optimizers: from gradients to better parameters.

Each is a composition of the transformations next door, and has PyTorch's meaning and defaults
unless its docstring says otherwise. An optimizer itself never changes: what goes from step to
step is its state, nested dicts of arrays, which :func:`chainrule.epoch` can carry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.optimizer import Optimizer
from chainrule.nn.transformations import (
    Transformation,
    lion,
    momentum,
    scale,
    scale_by_adagrad,
    scale_by_adam,
    scale_by_rms,
)


@public
@dataclass(frozen=True)
class SGD(Optimizer):
    """Steps down along the gradient, with momentum or without.

    ``g ← g + weight_decay · p``, ``b ← momentum · b + g`` and ``p ← p - lr · b``; with
    `nesterov`, ``p ← p - lr (g + momentum · b)``. For the momentum see
    :func:`~chainrule.nn.transformations.momentum`.

    Parameters
    ----------
    lr : float or schedule
        The learning rate, or a function of the step that returns it, such as those of
        :mod:`chainrule.nn.schedules`.
    momentum : float
        From 0 up to but not including 1.
    nesterov : bool
    weight_decay, clip_norm, clip_value
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = SGD(0.1, momentum=0.9)
    >>> p = {"w": np.array([1.0, 2.0])}
    >>> state = optimizer.init(p)
    >>> for _ in range(2):
    ...     p, state = optimizer.apply(p, {"w": np.array([1.0, 0.0])}, state)
    >>> p
    {'w': array([0.71, 2.  ])}
    """

    lr: Any = 1e-3
    momentum: float = 0.0
    nesterov: bool = False

    def _parts(self) -> Iterator[Transformation]:
        yield from self._l2()
        if self.nesterov and self.momentum == 0:
            raise ArgumentError(
                "Nesterov's look ahead is along the momentum.",
                expected="momentum greater than 0 with nesterov=True",
                got=f"momentum={self.momentum}",
            )
        if self.momentum != 0:
            yield momentum(self.momentum, self.nesterov)
        yield scale(self.lr)


@public
@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """Divides each gradient by the root of the sum of all its squares so far.

    ``g ← g + weight_decay · p``, ``s ← s + g²`` and ``p ← p - lr · g / (√s + eps)``; see
    :func:`~chainrule.nn.transformations.scale_by_adagrad`.

    Parameters
    ----------
    lr : float or schedule
    eps : float
    weight_decay, clip_norm, clip_value
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = AdaGrad(0.1)
    >>> p = np.array([1.0, 2.0])
    >>> optimizer.apply(p, np.array([0.5, -4.0]), optimizer.init(p))[0]
    array([0.9, 2.1])
    """

    lr: Any = 1e-2
    eps: float = 1e-10

    def _parts(self) -> Iterator[Transformation]:
        yield from self._l2()
        yield scale_by_adagrad(self.eps)
        yield scale(self.lr)


@public
@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Divides each gradient by the root of the average of its squares.

    ``g ← g + weight_decay · p``, ``v ← alpha · v + (1 - alpha) g²``,
    ``b ← momentum · b + g / (√v + eps)`` and ``p ← p - lr · b``; see
    :func:`~chainrule.nn.transformations.scale_by_rms`, for `centered`, too.

    Parameters
    ----------
    lr : float or schedule
    alpha : float
        From 0 up to but not including 1.
    eps : float
    momentum : float
        From 0 up to but not including 1.
    centered : bool
    weight_decay, clip_norm, clip_value
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = RMSProp(0.01)
    >>> p = np.array([1.0, 2.0])
    >>> optimizer.apply(p, np.array([0.5, -4.0]), optimizer.init(p))[0].round(6)
    array([0.9, 2.1])
    """

    lr: Any = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False

    def _parts(self) -> Iterator[Transformation]:
        yield from self._l2()
        yield scale_by_rms(self.alpha, self.eps, self.centered)
        if self.momentum != 0:
            yield momentum(self.momentum)
        yield scale(self.lr)


@public
@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps along an average gradient, divided by the root of the average square.

    ``g ← g + weight_decay · p``, then Adam's direction, see
    :func:`~chainrule.nn.transformations.scale_by_adam`, and ``p ← p - lr · direction``.

    Parameters
    ----------
    lr : float or schedule
    b1, b2 : float
        From 0 up to but not including 1.
    eps : float
    weight_decay, clip_norm, clip_value
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Adam(0.1)
    >>> p = np.array([1.0, 2.0])
    >>> optimizer.apply(p, np.array([0.5, -4.0]), optimizer.init(p))[0]
    array([0.9, 2.1])
    """

    lr: Any = 1e-3
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def _parts(self) -> Iterator[Transformation]:
        yield from self._l2()
        yield scale_by_adam(self.b1, self.b2, self.eps)
        yield scale(self.lr)


@public
@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with a decay that is not divided by the size of gradients.

    ``p ← p - lr (direction + weight_decay · p)`` (Loshchilov and Hutter, *Decoupled Weight Decay
    Regularization*, 2019, algorithm 2, with the decay scaled by the rate as in PyTorch).

    Parameters
    ----------
    lr, b1, b2, eps
        See :class:`Adam`.
    weight_decay, clip_norm, clip_value
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = AdamW(0.1, weight_decay=0.5)
    >>> p = np.array([1.0, 2.0])
    >>> optimizer.apply(p, np.array([0.5, -4.0]), optimizer.init(p))[0]
    array([0.85, 2.  ])
    """

    weight_decay: float = field(default=1e-2, kw_only=True)

    def _parts(self) -> Iterator[Transformation]:
        yield scale_by_adam(self.b1, self.b2, self.eps)
        yield from self._decay()
        yield scale(self.lr)


@public
@dataclass(frozen=True)
class Lion(Optimizer):
    """Steps of one size in each parameter, along the sign of an average gradient.

    ``p ← p - lr (sign(b1 m + (1 - b1) g) + weight_decay · p)``, and then
    ``m ← b2 m + (1 - b2) g``; see :func:`~chainrule.nn.transformations.lion`. Its authors
    advise a rate three to ten times smaller than Adam's.

    Parameters
    ----------
    lr : float or schedule
    b1, b2 : float
        From 0 up to but not including 1.
    weight_decay, clip_norm, clip_value
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Lion(0.1)
    >>> p = np.array([1.0, 2.0])
    >>> optimizer.apply(p, np.array([0.5, -4.0]), optimizer.init(p))[0]
    array([0.9, 2.1])
    """

    lr: Any = 1e-4
    b1: float = 0.9
    b2: float = 0.99

    def _parts(self) -> Iterator[Transformation]:
        yield lion(self.b1, self.b2)
        yield from self._decay()
        yield scale(self.lr)
