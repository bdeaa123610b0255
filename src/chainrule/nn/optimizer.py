"""What an optimizer is, and those of one's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.configs import config_of, plain, registered
from chainrule.nn.transformations import (
    Transformation,
    chain,
    clip_by_norm,
    clip_by_value,
    decay,
    l2,
)
from chainrule.nn.transformations.steps import is_scheduled, rate_of
from chainrule.nn.trees import Tree, check_alike, float_type, mapped
from chainrule.structure import leaves


@public
@dataclass(frozen=True)
class Optimizer(ABC):
    """What all optimizers have in common; use one of its subclasses.

    Parameters
    ----------
    weight_decay : float
        How strongly the parameters are drawn towards 0; 0 for not at all.
    clip_norm, clip_value : float, optional
        The greatest norm of all gradients together, and the greatest size of each number in
        them, as :func:`~chainrule.nn.transformations.clip_by_norm` and
        :func:`~chainrule.nn.transformations.clip_by_value` have it. Gradients are clipped
        before anything else; where both are given, by value first.

    Raises
    ------
    ArgumentError
        When an argument is out of its range.
    """

    weight_decay: float = field(default=0.0, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)

    def __init_subclass__(cls) -> None:
        registered(cls)

    def __post_init__(self) -> None:
        for f in fields(self):  # a number of NumPy would make doubles of single precision
            object.__setattr__(self, f.name, plain(getattr(self, f.name)))
        parts = [*self._clipping(), *self._parts()]
        object.__setattr__(self, "_transformation", chain(*parts))

    def _clipping(self) -> Iterator[Transformation]:
        if self.clip_value is not None:
            yield clip_by_value(self.clip_value)
        if self.clip_norm is not None:
            yield clip_by_norm(self.clip_norm)

    @abstractmethod
    def _parts(self) -> Iterator[Transformation]:
        """Yield what makes steps of clipped gradients."""

    def _l2(self) -> Iterator[Transformation]:
        if self.weight_decay != 0:
            yield l2(self.weight_decay)

    def _decay(self) -> Iterator[Transformation]:
        if self.weight_decay != 0:
            yield decay(self.weight_decay)

    @property
    def transformation(self) -> Transformation:
        """What it is composed of."""
        composed: Transformation = vars(self)["_transformation"]
        return composed

    def init(self, params: Tree) -> Tree:
        """Return the state before the first step.

        Parameters
        ----------
        params : nested structure of float arrays

        Returns
        -------
        dict
            Of arrays in the shapes and types of the parameters, and of counts of steps without
            axes.

        Raises
        ------
        DtypeError
            When a parameter is not of a real floating-point type.
        """
        float_type(params)
        return self.transformation.init(params)

    def apply(self, params: Tree, gradients: Tree, state: Tree) -> tuple[Tree, Tree]:
        """Return the parameters and the state after one step.

        Parameters
        ----------
        params : nested structure of float arrays
        gradients : the same structure
            Of the loss that is to become smaller.
        state : dict
            From :meth:`init` or the step before.

        Returns
        -------
        params, state

        Raises
        ------
        ArgumentError, ShapeError
            When gradients or state do not have the structure and shapes of the parameters.
        """
        check_alike(params, gradients, "The gradients")
        try:
            steps, state = self.transformation.update(gradients, state, params)
        except KeyError as error:
            raise ArgumentError(
                f"The state is not one of {type(self).__name__}'s: it lacks {error}.",
                expected="what .init(params), or the step before, returned",
                got=", ".join(path for path, _ in leaves(state)) or "nothing in it",
            ) from error
        return mapped(lambda p, s: p + s, params, steps), state

    def learning_rate(self, state: Tree, ahead: int = 0) -> float | None:
        """Return the learning rate of the next step, or of one so many steps later or earlier.

        Parameters
        ----------
        state : dict
            From :meth:`init` or a step.
        ahead : int

        Returns
        -------
        float or None
            What all parts that scale gradients come to; None where there is no such part.

        Examples
        --------
        >>> import numpy as np
        >>> from chainrule.nn import SGD, schedules
        >>> halved = SGD(schedules.step(0.1, every=10, factor=0.5))
        >>> state = halved.init(np.zeros(2))
        >>> halved.learning_rate(state), halved.learning_rate(state, ahead=10)
        (0.1, 0.05)
        """
        return rate_of(self.transformation, state, ahead)

    @property
    def is_scheduled(self) -> bool:
        """Whether the learning rate depends on the step."""
        return is_scheduled(self.transformation)

    def config(self) -> dict[str, Any]:
        """Return what it was made from, for a file; see :func:`~chainrule.nn.from_config`."""
        arguments = {f.name: getattr(self, f.name) for f in fields(self)}
        return config_of(type(self).__name__, arguments)


@public
class Composed(Optimizer):
    """An optimizer of your own, from transformations.

    Parameters
    ----------
    *parts : Transformation
        The last of which turns gradients into steps, as
        :func:`~chainrule.nn.transformations.scale` does.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.nn.transformations import clip_by_norm, scale, scale_by_rms
    >>> optimizer = Composed(scale_by_rms(), clip_by_norm(1.0), scale(0.1))
    >>> p = np.array([1.0, 2.0])
    >>> optimizer.apply(p, np.array([3.0, 4.0]), optimizer.init(p))[0].round(3)
    array([0.929, 1.929])
    """

    def __init__(self, *parts: Transformation) -> None:
        object.__setattr__(self, "parts", parts)
        super().__init__()

    def _parts(self) -> Iterator[Transformation]:
        yield from vars(self)["parts"]

    def config(self) -> dict[str, Any]:
        """Return what it was made from, for a file."""
        return config_of("Composed", {"parts": vars(self)["parts"]})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Composed) and vars(self)["parts"] == vars(other)["parts"]

    def __hash__(self) -> int:
        return hash(vars(self)["parts"])

    def __repr__(self) -> str:
        return f"Composed({', '.join(map(repr, vars(self)['parts']))})"
