"""Models in files: weights as arrays, all else as a document that is looked at and never run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError, ChainruleError, FileError
from chainrule.nn.files import architecture, container
from chainrule.nn.files.packing import packed, unpacked
from chainrule.nn.files.refusals import damaged, refused
from chainrule.nn.function_model import FunctionModel
from chainrule.nn.losses import LOSSES
from chainrule.nn.model import Model
from chainrule.nn.sequential import Sequential
from chainrule.nn.training.history import History
from chainrule.nn.training.metrics import METRICS

Array = np.ndarray[Any, Any]

KIND = "model"

_DTYPES = ("float16", "float32", "float64")


def save(model: Model, path: Any, *, extra: Mapping[str, Any] | None = None) -> None:
    """Write a model to a file, or leave the one that is there as it is.

    Parameters
    ----------
    model : Sequential or FunctionModel
        With parameters. Of a FunctionModel the file has only these, not the function.
    path : str or os.PathLike
    extra : dict, optional
        What else JSON can hold; :func:`load` gives it back as ``model.extra``. Unless given, that
        of the model.

    Raises
    ------
    ArgumentError
        When there are no parameters yet, or they are not those of the layers, or a layer has an
        argument that no file can hold.
    FileError
        When the file cannot be written; one that was there is as it was.
    MissingExtraError
        When safetensors is not installed.

    Examples
    --------
    >>> import os, tempfile
    >>> from chainrule.nn import Dense, ReLU
    >>> model = Sequential(ReLU(), Dense(3))
    >>> model.initialise((2,))
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = os.path.join(directory, "model.safetensors")
    ...     save(model, path)
    ...     again = load(path)
    >>> x = np.ones((1, 2))
    >>> again, np.array_equal(again.predict(x), model.predict(x))
    (Sequential(ReLU(), Dense(units=3, bias=True, init='he')), True)
    """
    arrays, document = parts_of(model)
    extra = model.extra if extra is None else extra
    if extra is not None:
        document["extra"] = dict(extra)
    container.write(path, arrays, document, kind=KIND)


@public
def load(path: Any, forward: Callable[[Any, Any], Any] | None = None) -> Model:
    """Read a model that :func:`save` wrote.

    Nothing in a file is run or imported. A layer of your own is found by its name when the module
    that defines it has been imported.

    Parameters
    ----------
    path : str or os.PathLike
    forward : callable, optional
        ``forward(params, x)`` of a FunctionModel, which its file does not have.

    Returns
    -------
    Sequential or FunctionModel
        Predicts the same numbers, to the bit, and can be trained further.

    Raises
    ------
    FileError
        When the file is not there, is damaged, by another program or by a newer version, or tells
        of layers that do not go together with its arrays.
    ArgumentError
        When `forward` is missing, or is given for a model of layers.

    Examples
    --------
    See :func:`save`.
    """
    content = container.read(path, kinds=[KIND])
    return model_of(container.path_of(path), content.arrays, content.document, forward)


def parts_of(model: Model) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the document of a model, for a file that holds more than a model.

    Parameters
    ----------
    model : Sequential or FunctionModel

    Returns
    -------
    arrays : dict of arrays
    document : dict
        What JSON can hold.

    Raises
    ------
    ArgumentError
    """
    if type(model) not in (Sequential, FunctionModel):
        raise ArgumentError(
            "Only a Sequential or a FunctionModel can be saved.",
            expected="nn.Sequential or nn.FunctionModel itself, and not a subclass",
            got=type(model).__name__,
        )
    if model.params is None:
        raise ArgumentError(
            "The model has no parameters yet, and cannot be saved.",
            instead="fit(...), or initialise(x.shape[1:]) first",
        )
    arrays, document = _layered(model) if isinstance(model, Sequential) else _function(model)
    return arrays, document | _about(model)


def _layered(model: Sequential) -> tuple[dict[str, Array], dict[str, Any]]:
    if model.input_shape is None:
        raise ArgumentError(
            "The shape of a sample is not known, so the model cannot be saved.",
            instead="initialise(x.shape[1:]) first, or set input_shape to it",
        )
    trees = {"params": model.params, "state": model.state or {}}
    arrays = {
        f"{part}.{layer}.{name}": np.asarray(array)
        for part, layers in trees.items()
        for layer, named in layers.items()
        for name, array in named.items()
    }
    dtype = next((a.dtype for a in arrays.values()), np.dtype(np.float32))
    expected = _named(architecture.shapes(model, model.input_shape))
    architecture.check_arrays(arrays, expected, dtype)
    return arrays, {"model": model.config(), "dtype": dtype.name}


def _function(model: Model) -> tuple[dict[str, Array], dict[str, Any]]:
    arrays, node = packed(model.params, "params")
    return arrays, {"model": {"name": "FunctionModel"}, "params": node}


def _about(model: Model) -> dict[str, Any]:
    """Return what a document tells besides layers and parameters."""
    shape = None if model.input_shape is None else list(model.input_shape)
    loss = next((name for name, f in LOSSES.items() if model.loss in (name, f)), None)
    metrics = [model.metrics] if isinstance(model.metrics, str) else list(model.metrics)
    metrics = [name for name in metrics if isinstance(name, str) and name in METRICS]
    history = None
    if model.history is not None:
        told = {
            "epochs": {name: list(map(float, of)) for name, of in model.history.items()},
            "stopped": model.history.stopped,
            "best_epoch": model.history.best_epoch,
            "warnings": list(model.history.warnings),
        }
        history = packed(told, "history")[1]
    return {"input_shape": shape, "loss": loss, "metrics": metrics, "history": history}


def model_of(
    path: str,
    arrays: Mapping[str, Array],
    document: Any,
    forward: Callable[[Any, Any], Any] | None = None,
) -> Model:
    """Return the model of which :func:`parts_of` gave arrays and document.

    Parameters
    ----------
    path : str
        Of the file, for messages.
    arrays : dict of arrays
        Taken as they are, not copied.
    document : what JSON can hold
        Nothing is taken for granted about it.
    forward : callable, optional
        Of a FunctionModel.

    Raises
    ------
    FileError, ArgumentError
    """
    keys = {"model", "input_shape", "loss", "metrics", "history"}
    if not isinstance(document, dict) or not keys <= document.keys():
        raise damaged(path, "lacks a part of what a model is.", expected=", ".join(sorted(keys)))
    told = document["model"]
    name = told.get("name") if isinstance(told, dict) else None
    model: Model
    if name == "Sequential":
        model = _of_layers(path, arrays, document, forward)
    elif name == "FunctionModel":
        model = _of_function(path, arrays, document, forward)
    else:
        raise refused(
            path,
            "has a model that this version does not know.",
            expected="Sequential or FunctionModel",
            got=repr(name),
            instead="pip install --upgrade chainrule",
        )
    _tell(path, model, document)
    return model


def _of_layers(
    path: str, arrays: Mapping[str, Array], document: Mapping[str, Any], forward: Any
) -> Sequential:
    if forward is not None:
        raise ArgumentError(
            f"{path} holds layers, which need no function.", instead="load(path) without forward"
        )
    model = architecture.sequential(path, document["model"])
    shape = architecture.input_shape_of(path, document["input_shape"])
    if document.get("dtype") not in _DTYPES:
        raise damaged(path, "has weights of no known type.", expected=", ".join(_DTYPES))
    try:
        shapes = architecture.shapes(model, shape)
        architecture.check_arrays(arrays, _named(shapes), np.dtype(document["dtype"]))
    except ArgumentError as error:
        raise architecture.fitting(path, error) from None
    trees: dict[str, dict[str, dict[str, Array]]] = {"params": {}, "state": {}}
    for part, layer, name in shapes:
        trees[part].setdefault(layer, {})[name] = arrays[f"{part}.{layer}.{name}"]
    model.params, model.state = trees["params"], trees["state"]
    model.input_shape = shape
    return model


def _of_function(
    path: str, arrays: Mapping[str, Array], document: Mapping[str, Any], forward: Any
) -> FunctionModel:
    if forward is None:
        raise ArgumentError(
            f"{path} holds the parameters of a function, and not the function.",
            instead="nn.load(path, forward=f) with the f(params, x) that it was trained with",
        )
    params = unpacked(path, arrays, document.get("params"))
    try:
        model = FunctionModel(forward, params)
    except ChainruleError as error:
        if not callable(forward):
            raise
        raise damaged(path, f"has parameters that are none: {error.what}", got=error.got) from None
    model.params = params  # numbers of NumPy, which the model has made arrays of, too
    if document["input_shape"] is not None:
        model.input_shape = architecture.input_shape_of(path, document["input_shape"])
    return model


def _named(shapes: Mapping[tuple[str, str, str], Any]) -> dict[str, Any]:
    return {".".join(place): shape for place, shape in shapes.items()}


def _tell(path: str, model: Model, document: Mapping[str, Any]) -> None:
    """Give a model what else its file tells of it."""
    loss, metrics, extra = document["loss"], document["metrics"], document.get("extra")
    if not isinstance(extra, dict | None):
        raise damaged(path, "has something else where further facts belong.", got=repr(extra)[:80])
    model.extra = extra
    if loss is not None and not (isinstance(loss, str) and loss in LOSSES):
        raise _unknown(path, "loss", LOSSES, loss)
    if not isinstance(metrics, list):
        raise damaged(path, "has no list of metrics.")
    for metric in metrics:
        if not (isinstance(metric, str) and metric in METRICS):
            raise _unknown(path, "metric", METRICS, metric)
    model.loss, model.metrics = loss, tuple(metrics)
    if document["history"] is not None:
        model.history = _history(path, unpacked(path, {}, document["history"]))


def _unknown(path: str, what: str, known: Mapping[str, Any], got: Any) -> FileError:
    return refused(
        path,
        f"names a {what} that this version does not know.",
        expected=", ".join(known),
        got=repr(got),
        instead="pip install --upgrade chainrule",
    )


def _history(path: str, told: Any) -> History:
    match told:
        case {
            "epochs": dict(epochs),
            "stopped": str(stopped),
            "best_epoch": int() | None as best,
            "warnings": list(warnings),
        } if all(map(_is_column, epochs, epochs.values())) and _all(str, warnings):
            history = History(epochs)
            history.stopped, history.best_epoch, history.warnings = stopped, best, warnings
            return history
    raise damaged(path, "has a history that is none.")


def _is_column(name: Any, values: Any) -> bool:
    return isinstance(name, str) and isinstance(values, list) and _all(float, values)


def _all(kind: type, values: list[Any]) -> bool:
    return all(type(value) is kind for value in values)
