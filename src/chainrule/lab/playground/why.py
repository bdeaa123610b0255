"""Why a gradient is what it is at this moment of a run, explained with the numbers of now."""

from __future__ import annotations

import base64
import inspect
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.arguments import with_signature
from chainrule.lab.playground.config import Config, checked
from chainrule.lab.playground.fields import refusal, shown
from chainrule.lab.playground.training import Training, loss_of, objective_of
from chainrule.nn.base import Context
from chainrule.solution import Solution, explain
from chainrule.structure import leaves, map_leaves
from chainrule.trace import named

_TARGET = re.compile(r"(\w{1,40})\[(\d{1,4})(?:, ?(\d{1,4}))?\]")


def snapshot(training: Training) -> dict[str, Any]:
    """Return where a run stands, as JSON can hold it."""
    flat = np.concatenate([np.ravel(leaf) for _, leaf in leaves(training.model.params)])
    return {
        "config": training.config.to_dict(),
        "step": training.step,
        "rows": training.rows(training.step, training.step + 1).tolist(),
        "params": base64.b64encode(flat.astype("<f4").tobytes()).decode(),
    }


@dataclass(frozen=True)
class Moment:
    """A run at one of its steps.

    Attributes
    ----------
    config : Config
    step : int
    model : Sequential
    x, labels : array
        The samples of the next step.
    rows : array of int
        Which ones of all samples they are.
    """

    config: Config
    step: int
    model: Any
    x: np.ndarray
    labels: np.ndarray
    rows: np.ndarray


def moment(found: dict[str, Any], sample: int | None = None) -> Moment:
    """Return the moment that a snapshot tells of.

    Parameters
    ----------
    found : dict
        From :func:`snapshot`.
    sample : int, optional
        The loss is to be that of this sample alone, rather than of the next minibatch.

    Raises
    ------
    FieldsError
        When there is no such sample.
    """
    config = checked(found["config"])
    points = config.points()
    model = config.model(len(points.classes))
    model.initialise((2,), config.seed)
    flat = _Flat(np.frombuffer(base64.b64decode(found["params"]), "<f4").astype(np.float32))
    model.params = map_leaves(lambda leaf, path: flat.take(leaf.shape), model.params, "")
    model.loss = "cross_entropy"
    rows = np.array(found["rows"] if sample is None else [sample])
    if sample is not None and not (type(sample) is int and 0 <= sample < len(points.x)):
        most = len(points.x) - 1
        raise refusal([("sample", f"A number from 0 to {most} is needed, not {shown(sample)}.")])
    return Moment(config, found["step"], model, points.x[rows], points.labels[rows], rows)


class _Flat:
    """Numbers, from which arrays are taken one after the other."""

    def __init__(self, flat: np.ndarray) -> None:
        self._flat, self._at = flat, 0

    def take(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the next array."""
        size = int(np.prod(shape))
        self._at += size
        return self._flat[self._at - size : self._at].reshape(shape).copy()


def explained(at: Moment) -> Solution:
    """Explain the loss that the next step goes down, penalty and dropout included.

    Parameters
    ----------
    at : Moment

    Returns
    -------
    Solution
        Of a function of x, y, and the parameters ``dense1_W``, ``dense1_b``, ...

    Examples
    --------
    >>> training = Training(Config(data="xor", layers=(2,), batch=2))
    >>> solution = explained(moment(snapshot(training)))
    >>> value, gradients = training.gradients()
    >>> bool(np.all(solution.grads["dense1_W"] == gradients["dense1"]["W"]))
    True
    """
    model = at.model
    objective = objective_of(at.config, model)
    context = Context(at.config.seed, at.step) if at.config.dropout else None
    arrays = {
        f"{layer}_{name}": v for layer, each in model.params.items() for name, v in each.items()
    }

    def network(x: Any, *given: Any) -> Any:
        values = iter(given)
        params = map_leaves(lambda leaf, path: next(values), model.params, "")
        value = loss_of(model, objective, context, x, at.labels, model.state)(params)
        return named(value, "loss")

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    with_signature(network, [inspect.Parameter(name, kind) for name in ("x", *arrays)])
    return explain(network, at.x, *arrays.values(), wrt=tuple(arrays))


def target_of(solution: Solution, text: Any) -> str:
    """Return the name of a weight as :meth:`Solution.why` takes it.

    Raises
    ------
    FieldsError
        When there is no such weight.
    """
    found = _TARGET.fullmatch(text) if isinstance(text, str) else None
    if found is not None and found[1] in solution.grads:
        places = tuple(int(n) for n in found.groups()[1:] if n is not None)
        shape = np.shape(solution.grads[found[1]])
        if len(places) == len(shape) and all(p < n for p, n in zip(places, shape, strict=True)):
            return f"{found[1]}[{', '.join(map(str, places))}]"
    known = ", ".join(solution.grads)
    raise refusal([("why", f"A weight such as dense1_W[0, 1] is needed, of {known}; not "
                    f"{shown(text)}.")])  # fmt: skip
