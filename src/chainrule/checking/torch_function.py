"""A subclass of ``torch.autograd.Function``, run by PyTorch as it would be in training."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.arguments import bound, with_signature
from chainrule.checking.functions import raised
from chainrule.checking.source import plain_function, returned_names
from chainrule.checking.subject import Around, Called, Problem, Subject, unwatched
from chainrule.checking.torch_random import TorchRandomness
from chainrule.errors import ArgumentError, TraceError
from chainrule.graphing import Recording


class TorchFunction(Subject):
    """``forward`` and ``backward`` of a ``torch.autograd.Function``, called by ``apply``.

    Parameters
    ----------
    function : type
        The subclass.
    args : tuple
        What ``apply`` is given. Arrays and tensors of floats become leaves in double precision.
        A Python float beside them stays one, unless the pass works with a tensor alone.
    upstream : number, array, tensor or None

    Raises
    ------
    ArgumentError
        When the arguments do not fit forward, or the output is not one tensor of real numbers.
    """

    def __init__(self, function: Any, args: tuple[Any, ...], upstream: Any = None) -> None:
        self.name = function.__name__
        self._function = function
        self.arguments = _named(function, [_plain(value) for value in args])
        self.upstream = None if upstream is None else _plain(upstream)
        self._way = _way_back(function)
        backward = getattr(function, self._way)
        self.forward = (plain_function(function.forward) or function.forward,)
        self.backward = (plain_function(backward) or backward,)
        super().__init__()
        self.randomness = TorchRandomness((*self.forward, *self.backward))
        self._returned: list[Any] = []
        self._recording = self._with_record()
        self._constants: frozenset[str] = frozenset()
        if not self.values:
            raise ArgumentError(
                f"{self.name} is given nothing that has a gradient.",
                expected="a tensor, an array or a number of floats",
                got=", ".join(type(value).__name__ for value in args) or "no inputs",
                instead="floats for integers: x.double()",
            )
        self._constants = self._floats_that_stay()
        self._refuse_what_does_not_fit()

    def _with_record(self) -> Any:
        """Return a subclass whose backward keeps what the user's returned, as it was."""
        returned = self._returned

        def recorded(ctx: Any, *upstream: Any) -> Any:
            gradients = getattr(self._function, self._way)(ctx, *upstream)
            returned.append(gradients)
            return gradients

        body = {self._way: staticmethod(recorded), "__module__": self._function.__module__}
        return type(self._function)(self.name, (self._function,), body)

    def _floats_that_stay(self) -> frozenset[str]:
        """Return the arguments that are handed on as Python floats.

        ``leaky(x, 0.01)`` returns None for the slope, and may need a plain number for it; in
        ``scaled(x, 2.0)`` the factor may have a gradient, which PyTorch takes for tensors alone.
        """
        floats = frozenset(n for n, value in self.arguments.items() if type(value) is float)
        if not floats or len(floats) == len(self.values):
            return frozenset()
        for constants in (floats, frozenset[str]()):
            self._constants = constants
            with self.randomness.replayed():
                try:
                    if self._run(self.placed(self.values), None, unwatched).error is None:
                        return constants
                except Exception:  # as the user's forward pass may; it is told of later on
                    continue
        return floats

    def _refuse_what_does_not_fit(self) -> None:
        try:
            output = self.output(self.values)
        except ArgumentError:
            raise
        except Exception:  # the user's, which the check reports as a finding
            return
        if np.iscomplexobj(output):
            raise ArgumentError(
                f"The output of {self.name} is complex.",
                expected="one tensor of floats",
                got=str(np.asarray(output).dtype),
                instead="the real part or the absolute value of it, as the last step of forward",
            )
        if self.upstream is not None and np.shape(self.upstream) != np.shape(output):
            raise ArgumentError(
                "The upstream gradient does not have the shape of the output.",
                expected=f"shape {np.shape(output)}",
                got=f"shape {np.shape(self.upstream)}",
            )

    @property
    def array_module(self) -> Any:
        """PyTorch."""
        return sys.modules["torch"]

    @property
    def traceable(self) -> bool:
        """Whether it makes sense to try and trace it: tensors are not followed."""
        return False

    @property
    def takes_upstream(self) -> bool:
        """Whether backward is handed an upstream gradient, as PyTorch does always."""
        return True

    def recording(self, values: Mapping[str, Any]) -> Recording:
        """Refuse to trace."""
        raise TraceError(
            f"{self.name} computes with tensors of PyTorch, which are not traced.",
            instead="the same forward pass in NumPy, for a worked solution",
        )

    # -- running ---------------------------------------------------------------------------

    def value(self, arguments: Mapping[str, Any]) -> Any:
        """Run forward alone and return its output."""
        with _in_double():
            return _array(self._apply(self._function, arguments).output)

    def called(self, arguments: Mapping[str, Any], upstream: Any, around: Around) -> Called:
        """Run forward and backward on arguments of its own."""
        run = self._run(arguments, upstream, around)
        done = Called(run.output)
        written = returned_names(self.backward[0]) or []
        said = [name for name, _ in written]
        for i, name in enumerate(self.arguments):
            given = said[i] if len(said) == len(self.arguments) else None
            done.said[name] = given if given and said.count(given) == 1 else f"grad_{name}"
        if run.error is None:
            done.gradients = run.gradients
        else:
            self._refused(done, run)
        done.said = {n: s for n, s in done.said.items() if n in done.gradients}
        if not done.gradients and not done.problems:
            names = ", ".join(f"grad_{name}" for name in run.leaves)
            what = "The backward pass returned None for each input."
            done.problems.append(Problem("returns-none", what, instead=f"return {names}"))
        return done

    def _apply(self, function: Any, arguments: Mapping[str, Any]) -> _Applied:
        torch = _torch()
        leaves: dict[str, Any] = {}
        given: dict[str, Any] = {}
        for name, value in arguments.items():
            given[name] = value
            if name not in self._constants and isinstance(value, (np.ndarray, np.generic, float)):
                given[name] = torch.from_numpy(np.array(value))
                if np.asarray(value).dtype.kind in "fc":
                    leaves[name] = given[name].requires_grad_()
                    # A leaf may not be written to in place, which a forward pass may do.
                    given[name] = leaves[name].clone()
        result = function.apply(*given.values())
        return _Applied(leaves, given, _only_output(self.name, result))

    def _run(self, arguments: Mapping[str, Any], upstream: Any, around: Around) -> _Run:
        """Run both passes; what backward raises is kept, and what it returned."""
        torch = _torch()
        self._returned.clear()
        with _in_double():
            applied = self._apply(self._recording, arguments)
            output, leaves = applied.output, applied.leaves
            seed = torch.ones_like(output)
            if upstream is not None:
                seed = torch.from_numpy(np.array(upstream)).to(output.dtype)
            run = _Run(_array(output), leaves, applied.given)
            # These share their memory with the tensors, so that a change to either is seen.
            handed = {**applied.given, self._upstream_name: seed}
            handed = {n: t.detach().numpy() for n, t in handed.items() if torch.is_tensor(t)}
            try:
                # The graph is retained, so that what was saved can be looked at afterwards.
                with around(handed):
                    found = torch.autograd.grad(
                        output, [*leaves.values()], seed, retain_graph=True, allow_unused=True
                    )
            except Exception as error:
                run.error = error
                found = [None] * len(leaves)
            if self._returned:
                last = self._returned[-1]
                run.returned = list(last) if isinstance(last, tuple) else [last]
            for name, gradient in zip(leaves, found, strict=True):
                if gradient is not None:
                    # It comes in the precision of its leaf, and is as exact as it was returned.
                    own = (run.returned or [])[list(arguments).index(name)]
                    exact = own.dtype if own.is_floating_point() else gradient.dtype
                    run.gradients[name] = _array(gradient.to(exact))
        return run

    @property
    def _upstream_name(self) -> str:
        names = list(inspect.signature(self.backward[0]).parameters)
        return names[1] if len(names) > 1 else "grad_output"

    def _refused(self, done: Called, run: _Run) -> None:
        """Say why PyTorch did not take what backward returned."""
        torch, error = _torch(), run.error
        assert error is not None
        if run.returned is None:
            done.problems.append(raised(error))
            return
        names = list(self.arguments)
        if any(isinstance(gradient, list) for gradient in run.returned):
            what = "The backward pass returned a list, and PyTorch takes a tensor or a tuple."
            done.problems.append(Problem("raises", what, None, error))
            return
        returned, spare = run.returned[: len(names)], run.returned[len(names) :]
        if len(returned) < len(names) or any(g is not None for g in spare):
            done.problems.append(
                Problem(
                    "count",
                    f"The backward pass returned {len(run.returned)} gradients, and forward has "
                    f"{len(names)} inputs: {', '.join(names)}.",
                    instead=f"return {', '.join(f'grad_{name}' for name in names)}, with None for "
                    "an input without a gradient",
                )
            )
            return
        for name, gradient in zip(names, returned, strict=True):
            kind = type(gradient).__name__
            if gradient is None or (name not in run.leaves and torch.is_tensor(run.given[name])):
                continue  # PyTorch throws the gradient of a tensor of integers away
            if name not in run.leaves:
                what = f"The backward pass returned a gradient of {name}, which is no tensor."
                done.problems.append(Problem("unknown-gradient", what, instead="None in its place"))
            elif torch.is_tensor(gradient):
                done.gradients[name] = _array(gradient)
            elif isinstance(gradient, (np.ndarray, np.generic, float, int)):
                what = f"{done.said[name]} is {kind}, and PyTorch takes a tensor."
                done.problems.append(Problem("raises", what, None, error))
            else:
                done.gradients[name] = gradient
        shapes = {n: np.shape(g) for n, g in done.gradients.items()}
        if not done.problems and all(s == run.leaves[n].shape for n, s in shapes.items()):
            done.problems.append(raised(error))


@dataclass(frozen=True, slots=True, eq=False)
class _Applied:
    """Leaves that require a gradient, what forward was given, and the output."""

    leaves: dict[str, Any]
    given: dict[str, Any]
    output: Any


@dataclass(slots=True, eq=False)
class _Run:
    """What PyTorch made of both passes."""

    output: Any
    leaves: dict[str, Any]
    given: dict[str, Any]
    gradients: dict[str, Any] = field(default_factory=dict)
    returned: list[Any] | None = None
    error: Exception | None = None


def _torch() -> Any:
    return importlib.import_module("torch")


def _plain(value: Any) -> Any:
    """Return tensors and arrays of floats as arrays in double precision."""
    torch = _torch()
    if torch.is_tensor(value):
        return value.detach().cpu().double().numpy() if value.is_floating_point() else value
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f":
        return value.astype(np.float64)
    return value


def _array(tensor: Any) -> Any:
    torch = _torch()
    tensor = tensor.detach().cpu()
    if tensor.dtype is torch.bfloat16:  # which NumPy does not have
        tensor = tensor.float()
    return np.array(tensor.numpy())[()]


def _named(function: Any, values: list[Any]) -> dict[str, Any]:
    """Return the inputs by the names of forward's parameters, defaults included."""
    parameters = list(inspect.signature(function.forward).parameters.values())
    if function.setup_context is _torch().autograd.Function.setup_context:
        parameters = parameters[1:]  # ctx

    def forward() -> None: ...

    forward.__name__ = f"{function.__name__}.apply"
    found = bound(with_signature(forward, parameters), tuple(values), {})
    named: dict[str, Any] = {}
    for name, value in found.arguments.items():
        if found.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            named |= {f"{name}[{i}]": one for i, one in enumerate(value)}
        else:
            named[name] = value
    return named


def _way_back(function: Any) -> str:
    """Return the name under which the backward pass is written."""
    base = _torch().autograd.Function
    for name in ("backward", "vjp"):
        if getattr(function, name) is not getattr(base, name):
            return name
    raise ArgumentError(
        f"{function.__name__} has no backward method, so there is no pass to check.",
        expected="a staticmethod backward(ctx, grad_output)",
        got=f"the class {function.__name__}",
    )


def _only_output(name: str, result: Any) -> Any:
    """Return the tensor that has a gradient among what ``apply`` returned."""
    torch = _torch()
    several = result if isinstance(result, tuple) else (result,)
    found = [one for one in several if torch.is_tensor(one) and one.requires_grad]
    if len(found) != 1:
        raise ArgumentError(
            f"{name} has {len(found)} outputs with a gradient, and a check takes one.",
            expected="one tensor of floats",
            got=", ".join(str(getattr(one, "dtype", type(one).__name__)) for one in several),
            instead="a subclass for each output, with its own backward",
        )
    return found[0]


@contextmanager
def _in_double() -> Iterator[None]:
    """Record gradients, and make tensors in double precision where no type is written."""
    torch = _torch()
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    # Differences take many runs on little data, where threads wait for each other.
    torch.set_num_threads(1)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(before)
