"""A layer, an activation or a loss: an object with ``forward`` and ``backward``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.arguments import RESULTS
from chainrule.checking.attributes import attributes, attributes_of
from chainrule.checking.functions import gradients_in, raised
from chainrule.checking.handing import CACHES
from chainrule.checking.naming import gradient_of, says_gradient
from chainrule.checking.source import assignment
from chainrule.checking.state import fresh, same
from chainrule.checking.subject import (
    LABELS,
    Around,
    Called,
    Problem,
    Subject,
    parameters_of,
    unwatched,
)
from chainrule.checking.targets import is_real
from chainrule.errors import ArgumentError
from chainrule.structure import leaves
from chainrule.trace import location

_RATES = ("lr", "learning_rate", "eta", "alpha", "rate", "step_size")
_RESETS = ("zero_grad", "zero_grads", "zero_gradients", "reset_gradients", "clear_gradients")


class Layer(Subject):
    """An object whose ``backward`` leaves gradients in attributes, or returns them.

    Parameters
    ----------
    layer : object
    inputs : tuple
        What `forward` is given.
    upstream : number, array or None
    y_true : array, optional
        Labels, for a loss.
    """

    def __init__(
        self,
        layer: Any,
        inputs: tuple[Any, ...],
        upstream: Any = None,
        y_true: Any = None,
        name: str | None = None,
        methods: tuple[str, str] = ("forward", "backward"),
    ) -> None:
        self.name = name or type(layer).__name__
        self.upstream = upstream
        self._methods = methods
        self._cache: Any = None
        if isinstance(layer, type):
            raise ArgumentError(
                f"{layer.__name__} is a class, and a check needs an object of it.",
                expected="an object with forward and backward",
                got=f"the class {layer.__name__}",
                instead=f"{layer.__name__}(...)",
            )
        for method in methods:
            if not callable(getattr(layer, method, None)):
                raise ArgumentError(
                    f"{self.name} has no {method} method, so there is no pass to check.",
                    expected="an object with forward(inputs) and backward(dvalues), two "
                    "functions, a list of such objects, or gradients={...}",
                    got=f"{type(layer).__name__}",
                )
        self._layer = fresh(layer)
        self.forward = (getattr(type(layer), methods[0], getattr(layer, methods[0])),)
        self.backward = (getattr(type(layer), methods[1], getattr(layer, methods[1])),)
        if y_true is None:
            inputs, y_true = self._with_labels(inputs)
        self.arguments = self._named(inputs, y_true)
        self._inputs = list(self.arguments)
        self._labelled = y_true is not None
        self._label = next((n for n in self._inputs if self.arguments[n] is y_true), None)
        self._refuse_hidden()
        self.arguments["self"] = self._layer
        super().__init__()
        self.is_loss = self._labelled and self._label is not None
        self.take_whole_numbers()

    @property
    def owner(self) -> type | None:
        """The class of the object."""
        return type(self._layer)

    def _forward_of(self, layer: Any) -> Any:
        return getattr(layer, self._methods[0])

    def _backward_of(self, layer: Any) -> Any:
        return getattr(layer, self._methods[1])

    def _refuse_hidden(self) -> None:
        """Refuse an object whose arrays cannot be exchanged for traced ones."""
        slots = [n for kind in type(self._layer).__mro__ for n in getattr(kind, "__slots__", ())]
        found = any(is_real(leaf) for _, leaf in leaves(self._layer, "self"))
        held = [p for p, v in attributes(self._layer) if is_real(v) and p != "self"]
        if (slots and not hasattr(self._layer, "__dict__")) or (held and not found):
            raise ArgumentError(
                f"The arrays of {self.name} cannot be followed: "
                + ("they lie in __slots__." if slots else "the object is part of itself."),
                expected="an object with arrays as attributes, which holds no way back to itself",
                instead="two functions: cr.check(forward, backward, inputs, weights)",
            )

    def _with_labels(self, inputs: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        """Take labels that were given by position for what they are."""
        names = [p.name for p in parameters_of(self._forward_of(self._layer))]
        for i, name in enumerate(names[: len(inputs)]):
            if name in LABELS and len(inputs) > 1:
                return (*inputs[:i], *inputs[i + 1 :]), inputs[i]
        return inputs, None

    def _named(self, inputs: tuple[Any, ...], y_true: Any) -> dict[str, Any]:
        parameters = parameters_of(self._forward_of(self._layer))
        given: dict[str, Any] = {}
        labels = [p for p in parameters if p.name in LABELS]
        if len(labels) == len(parameters) or y_true is None:
            labels = []  # the only argument of a layer may be called y
        labels = labels or parameters[len(inputs) :]
        for value in inputs:
            free = [p for p in parameters if p.name not in given and p not in labels[:1]]
            free = free or [p for p in parameters if p.name not in given]
            if not free:
                raise ArgumentError(
                    f"{self.name}.forward takes {len(parameters)} arguments.",
                    expected=f"forward{inspect.signature(self._forward_of(self._layer))}",
                    got=f"{len(inputs)} inputs",
                )
            given[free[0].name] = value
        if y_true is not None and labels and labels[0].name not in given:
            given[labels[0].name] = y_true
        missing = [
            p.name
            for p in parameters
            if p.name not in given and p.default is inspect.Parameter.empty
        ]
        if missing:
            raise ArgumentError(
                f"{self.name}.forward needs {', '.join(missing)}.",
                expected=f"forward{inspect.signature(self._forward_of(self._layer))}",
                got=", ".join(given) or "no inputs",
                instead="cr.check(loss, y_pred, y_true=labels)"
                if missing[0] in LABELS
                else "cr.check(layer, inputs)",
            )
        return given

    @property
    def takes_upstream(self) -> bool:
        """Whether backward is handed an upstream gradient, and not what forward predicted."""
        return self._handed_kinds()[0] == "upstream"

    @property
    def upstream_name(self) -> str | None:
        """What backward calls the upstream gradient."""
        names = [p.name for p in parameters_of(self._backward_of(self._layer))]
        return names[0] if self.takes_upstream and names else None

    def _handed_kinds(self) -> list[str]:
        """Decide what each parameter of backward is handed."""
        parameters = parameters_of(self._backward_of(self._layer))
        required = [p for p in parameters if p.default is inspect.Parameter.empty]
        if not required and parameters and not self._labelled:
            required = parameters[:1]  # backward(dvalues=1.0)
        takes_labels = self._labelled and any(p.name in LABELS for p in required)
        kinds = []
        for i, p in enumerate(required):
            if self._labelled and (p.name in LABELS or (i == 1 and not takes_labels)):
                kinds.append("labels")
            elif p.name in CACHES:
                kinds.append("cache")
            elif p.name in _RATES:
                kinds.append("rate")
            elif p.name in self._inputs and p.name != "y":
                kinds.append(p.name)
            elif len(required) > 1 and self._labelled:
                kinds.append("prediction")
            else:
                kinds.append("upstream")
        if kinds.count("upstream") > 1:
            raise ArgumentError(
                f"{self.name}.backward takes {kinds.count('upstream')} upstream gradients.",
                expected="one output, and one upstream gradient",
                got=f"backward{inspect.signature(self._backward_of(self._layer))}",
                where=self.place,
                instead="a subclass whose forward returns one output",
            )
        return kinds or ["nothing"]

    # -- running ---------------------------------------------------------------------------

    def _run(self, arguments: Mapping[str, Any]) -> tuple[Any, Any]:
        """Run forward; return the object and its output."""
        layer = arguments["self"]
        returned = self._forward_of(layer)(*(arguments[name] for name in self._inputs))
        if isinstance(returned, tuple) and returned:
            self._cache = returned[1] if len(returned) == 2 else returned[1:]
            return layer, returned[0]
        if returned is not None:
            return layer, returned
        for name in RESULTS:
            if hasattr(layer, name):
                return layer, getattr(layer, name)
        raise ArgumentError(
            f"{self.name}.forward returns nothing, and leaves no output behind.",
            expected="a returned value, or self.output",
            got=", ".join(vars(layer)) if hasattr(layer, "__dict__") else "no attributes",
            where=location(code=getattr(self.forward[0], "__code__", None)),
            instead="self.output = ...",
        )

    def value(self, arguments: Mapping[str, Any]) -> Any:
        """Run forward alone."""
        return self._run(arguments)[1]

    def called(self, arguments: Mapping[str, Any], upstream: Any, around: Around) -> Called:
        """Run forward and backward."""
        layer, output = self._run(arguments)
        done = Called(output)
        for reset in _RESETS:
            if callable(getattr(layer, reset, None)):
                getattr(layer, reset)()
        kinds = self._handed_kinds()
        handed = [self._handed(kind, arguments, layer, upstream) for kind in kinds]
        handed = handed if kinds != ["nothing"] else []
        names = [p.name for p in parameters_of(self._backward_of(layer))]
        shown = {**arguments, **dict(zip(names, handed, strict=False))}
        try:
            with around(shown):
                returned = self._backward_of(layer)(*handed)
        except Exception as error:
            done.problems.append(raised(error))
            return done
        self._collect(done, layer, returned)
        return done

    def call_after(self, first: Any, point: Any) -> Called | None:
        """Run the same object on two inputs, its parameters being the same for both."""
        layer = self._after_another(first, point, backward=True)
        if layer is None:
            return None
        with self.undisturbed():
            return self.called(self._with(layer, point), point.upstream, unwatched)

    def repeated(self, point: Any, around: Around = unwatched) -> Called:
        """Run the same object twice at one point, and return what the second run gave."""
        with self.undisturbed():
            arguments = self.placed(point.values)
            self.called(arguments, point.upstream, unwatched)
        with self.undisturbed():
            again = self._with(arguments["self"], point)
            return self.called(again, point.upstream, around)

    def _after_another(self, first: Any, point: Any, backward: bool) -> Any:
        """Return the object after a run on another input."""
        own = [p for p in point.values if not p.startswith("self")]
        before = {**point.values, **{p: first.values[p] for p in own}}
        for smaller in (True, False):  # a batch of another size shows more, where it can be had
            with self.undisturbed():
                arguments = self._other_batch(self.placed(before), smaller)
                if arguments is None:
                    continue
                try:
                    output = self._run(arguments)[1]
                    upstream = self.default_upstream(output)
                    if not backward or not self.called(arguments, upstream, unwatched).problems:
                        return arguments["self"]
                except Exception:  # this batch may be one that the object does not take
                    continue
        return None

    def _other_batch(self, arguments: dict[str, Any], smaller: bool) -> dict[str, Any] | None:
        """Return arguments with labels and indices of other samples, and fewer of them."""
        arrays = {n: v for n, v in arguments.items() if isinstance(v, np.ndarray) and v.ndim}
        if smaller:
            sizes = {len(v) for v in arrays.values()}
            if len(sizes) != 1 or sizes == {1} or not arrays:
                return None
        for name, value in arrays.items():
            other = np.roll(value, 1) if value.dtype.kind in "biu" else value
            arguments[name] = other[:-1] if smaller else other
        return arguments

    def _with(self, layer: Any, point: Any) -> dict[str, Any]:
        """Return fresh arguments for an object that has run before."""
        again = self.placed(point.values)
        for name, value in attributes_of(again["self"]).items():
            # To draw the same once more, and with the parameters that a pass may have updated.
            drawing = isinstance(value, (np.random.Generator, np.random.RandomState))
            holding = not says_gradient(name) and any(is_real(v) for _, v in attributes(value))
            if drawing or holding:
                setattr(layer, name, value)
        return {**again, "self": layer}

    def stale(self, first: Any, point: Any) -> tuple[str, Any] | None:
        """Return the attribute that is the same after a second forward as after the first."""
        with self.undisturbed():
            alone = self.placed(point.values)
            self._run(alone)
        layer = self._after_another(first, point, backward=False)
        if layer is None:
            return None
        kept = attributes_of(fresh(layer))
        with self.undisturbed():
            self._run(self._with(layer, point))
        after, right = attributes_of(layer), attributes_of(alone["self"])
        for name, value in right.items():
            is_array = isinstance(value, np.ndarray)
            if is_array and not same(value, after.get(name)) and same(kept.get(name), after[name]):
                return name, assignment(self.forward[0], f"self.{name}")
        return None

    def _handed(self, kind: str, arguments: Mapping[str, Any], layer: Any, upstream: Any) -> Any:
        if kind == "cache":
            return self._cache
        if kind == "rate":
            return 0.1
        if kind == "labels":
            return arguments[self._label] if self._label else None
        if kind in arguments:
            return arguments[kind]
        if kind == "prediction":
            first = arguments[self._inputs[0]]
            for name in RESULTS:
                stored: Any = getattr(layer, name, None)
                if np.shape(stored) == np.shape(first) and np.ndim(stored):
                    return np.copy(stored)
            return first
        return np.copy(upstream) if np.ndim(upstream) else upstream

    def _collect(self, done: Called, layer: Any, returned: Any) -> None:
        """Find the gradients among the attributes, and in what was returned."""
        targets = self.targets()
        for path, value in attributes(layer):
            target = gradient_of(path, targets)
            if target is None or target == path or value is None:
                continue
            done.gradients[target], done.said[target] = value, path
        if isinstance(returned, (tuple, dict, list)) or (
            returned is not None and self._inputs[0] not in done.gradients
        ):
            order = {n: t for n, t in targets.items() if not n.startswith("self.")}
            if isinstance(returned, (tuple, dict, list)):
                order = {**order, **{n: t for n, t in targets.items() if n not in order}}
                order = {n: t for n, t in order.items() if n not in done.gradients}
            given = gradients_in(returned, self.backward[0], order, self._inputs)
            if not (given.problems and done.gradients):
                done.problems += given.problems
            for name, value in given.gradients.items():
                done.gradients.setdefault(name, value)
                done.said.setdefault(name, given.said[name])
        if not done.gradients and not done.problems:
            done.problems.append(
                Problem(
                    "returns-none",
                    f"{self.name}.backward returned nothing and left no gradient behind.",
                    instead="self.dinputs = ..., or return the gradient of the inputs",
                )
            )
