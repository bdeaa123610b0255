"""Why a gradient is what it is at some moment of a run, explained with the numbers of then.

A moment is all that the gradient follows from, so that it can be kept, sent, and explained after
the run has gone on or has ended::

    {"config": {...}, "step": 120, "classes": 2, "params": BASE64, "x": [[0.5, -1]], "labels": [0],
     "why": "dense1_W[0, 3]"}

`params` are the float32 of all parameters as a frame has them, `x` and `labels` the samples of the
next step, or a single one.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.arguments import with_signature
from chainrule.lab.playground.config import SAMPLES, Config, checked
from chainrule.lab.playground.fields import Fields, FieldsError, refusal, shown
from chainrule.lab.playground.table import CLASSES
from chainrule.lab.playground.training import Training, loss_of, objective_of
from chainrule.nn.base import Context
from chainrule.solution import Solution
from chainrule.solving import explain
from chainrule.structure import map_leaves
from chainrule.trace import named

_NAMES = ("config", "step", "classes", "params", "x", "labels", "why", "sample", "run")
_TARGET = re.compile(r"(\w{1,40})\[(\d{1,4})(?:, ?(\d{1,4}))?\]")
_STEPS = 2**53


@dataclass(frozen=True)
class Moment:
    """A run at one of its steps.

    Attributes
    ----------
    config : Config
        Without a table.
    step : int
    model : Sequential
    x : array of float32, shape (n, 2)
    labels : array of int64, shape (n,)
    why : str
        Which weight is asked about, such as ``dense1_W[0, 3]``; empty for none.
    """

    config: Config
    step: int
    model: Any
    x: np.ndarray
    labels: np.ndarray
    why: str = ""


def told(training: Training, why: str = "") -> dict[str, Any]:
    """Return the moment at which a training is, as JSON can hold it.

    Parameters
    ----------
    training : Training
    why : str
    """
    from chainrule.lab.playground.frame import flat

    rows = training.rows(training.step, training.step + 1)
    config = training.config.to_dict()
    config.pop("table", None)
    return {
        "config": config | {"data": "spiral"},
        "step": training.step,
        "classes": len(training.points.classes),
        "params": base64.b64encode(flat(training.model.params).tobytes()).decode(),
        "x": training.data[0][rows].tolist(),
        "labels": training.data[1][rows].tolist(),
        "why": why,
    }


def moment(given: Any) -> Moment:
    """Return the moment that JSON tells of.

    Parameters
    ----------
    given : object
        Whatever was sent.

    Returns
    -------
    Moment

    Raises
    ------
    FieldsError
        Names every wrong field.
    """
    fields = Fields(given, _NAMES)
    step = fields.whole("step", 0, 0, _STEPS)
    classes = fields.whole("classes", 2, 2, CLASSES)
    text = fields.text("params", 2**20)
    x, labels = _samples(fields, classes)
    try:
        config = checked(given.get("config"))
    except FieldsError as error:
        fields.errors += [(f"config.{e['field']}", e["message"]) for e in error.errors]
        config = Config()
    fields.finish()
    model = config.model(classes)
    model.initialise((2,), config.seed)
    model.params = _params(text, model.params)
    return Moment(config, step, model, x, labels, _target(given.get("why", ""), model.params))


def _samples(fields: Fields, classes: int) -> tuple[np.ndarray, np.ndarray]:
    x: Any = fields.given.get("x")
    labels: Any = fields.given.get("labels")
    is_good = isinstance(x, list) and 1 <= len(x) <= SAMPLES and all(map(_is_pair, x))
    if not is_good:
        fields.wrong("x", f"A list of 1 to {SAMPLES:,} pairs of numbers is needed.")
        x = [[0.0, 0.0]]
    fits = isinstance(labels, list) and len(labels) == len(x)
    if not (fits and all(type(v) is int and 0 <= v < classes for v in labels)):
        fields.wrong("labels", f"A class from 0 to {classes - 1} is needed for each sample.")
        labels = [0] * len(x)
    return np.array(x, np.float32), np.array(labels, np.int64)


def _is_pair(pair: Any) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(type(v) in (int, float) and math.isfinite(v) and abs(v) < 1e30 for v in pair)
    )


def _params(text: str, like: Any) -> Any:
    """Return parameters from their bytes: weights, then biases, of one layer after the other."""
    size = sum(array.size for each in like.values() for array in each.values())
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 4 * size:
        raise refusal([("params", f"The {size} numbers of this network are needed.")])
    numbers = np.frombuffer(data, "<f4").astype(np.float32)
    if not np.all(np.isfinite(numbers)):
        raise refusal([("params", "Finite numbers are needed.")])
    at = 0
    made: dict[str, dict[str, np.ndarray]] = {}
    for layer, each in like.items():
        made[layer] = {}
        for name in ("W", "b"):
            made[layer][name] = numbers[at : at + each[name].size].reshape(each[name].shape)
            at += each[name].size
    return made


def _target(text: Any, params: Any) -> str:
    """Return the name of a weight as :meth:`Solution.why` takes it."""
    if text in ("", None):
        return ""
    shapes = {f"{layer}_{k}": v.shape for layer, each in params.items() for k, v in each.items()}
    found = _TARGET.fullmatch(text) if isinstance(text, str) else None
    if found is not None and found[1] in shapes:
        places = tuple(int(n) for n in found.groups()[1:] if n is not None)
        shape = shapes[found[1]]
        if len(places) == len(shape) and all(p < n for p, n in zip(places, shape, strict=True)):
            return f"{found[1]}[{', '.join(map(str, places))}]"
    raise refusal([(
        "why", f"A weight such as dense1_W[0, 1] is needed, of {', '.join(shapes)}; not "
        f"{shown(text)}.",
    )])  # fmt: skip


def explained(at: Moment) -> Solution:
    """Explain the loss that the next step goes down, penalty and dropout included.

    Parameters
    ----------
    at : Moment

    Returns
    -------
    Solution
        Of a function of x and the parameters ``dense1_W``, ``dense1_b``, ...

    Examples
    --------
    >>> training = Training(Config(data="xor", layers=(2,), batch=2))
    >>> solution = explained(moment(told(training)))
    >>> value, gradients = training.gradients()
    >>> bool(np.allclose(solution.grads["dense1_W"], gradients["dense1"]["W"]))
    True
    """
    model = at.model
    objective = objective_of(at.config, model)
    context = Context(at.config.seed, at.step) if at.config.dropout else None
    arrays = {f"{layer}_{k}": v for layer, each in model.params.items() for k, v in each.items()}

    def network(x: Any, *given: Any) -> Any:
        values = iter(given)
        params = map_leaves(lambda leaf, path: next(values), model.params, "")
        value = loss_of(model, objective, context, x, at.labels, model.state)(params)
        return named(value, "loss")

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    with_signature(network, [inspect.Parameter(name, kind) for name in ("x", *arrays)])
    return explain(network, at.x, *arrays.values(), wrt=tuple(arrays))
