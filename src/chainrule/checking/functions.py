"""A pair of functions, one forward and one backward."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.arguments import bound, name_of
from chainrule.checking import outputs
from chainrule.checking.handing import OUTPUTS, Forward, planned
from chainrule.checking.naming import gradient_of
from chainrule.checking.source import Unit, plain_function, returned_keys, returned_names
from chainrule.checking.state import with_floats
from chainrule.checking.subject import (
    LABELS,
    Around,
    Called,
    ForwardError,
    Problem,
    Subject,
    parameters_of,
)
from chainrule.checking.watching import Watch
from chainrule.errors import ChainruleError
from chainrule.structure import leaves


class Functions(Subject):
    """``forward(*inputs)`` and ``backward``, whose parameters are matched by name.

    Parameters
    ----------
    forward, backward : callable
    args, kwargs
        Of `forward`.
    upstream : number, array or None
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        upstream: Any = None,
    ) -> None:
        self.name = name_of(forward)
        self._forward, self._backward = forward, backward
        self._bound = bound(forward, args, dict(kwargs))
        self.arguments = {n: with_floats(v) for n, v in self._bound.arguments.items()}
        self.upstream = upstream
        self.forward, self.backward = (forward,), (backward,)
        super().__init__()
        #: How many of the values that forward returns are outputs, and their shapes.
        self._count = 1
        self._shapes: list[tuple[int, ...]] = []
        self._plan = self._planned()
        #: What is given as **options is given to both.
        self._options = _options(forward) if _options(backward) else None
        kind = inspect.Parameter.VAR_POSITIONAL
        both = _options(forward, kind) and _options(backward, kind)
        self._several = _options(forward, kind) if both else None
        self.take_whole_numbers()

    # -- forward ---------------------------------------------------------------------------

    def _run(self, arguments: Mapping[str, Any]) -> tuple[Any, Any, bool]:
        """Run forward; return its output, its cache, and whether there is one."""
        self._bound.arguments.update(arguments)
        result = self._forward(*self._bound.args, **self._bound.kwargs)
        return self._taken_apart(result)

    def _taken_apart(self, result: Any) -> tuple[Any, Any, bool]:
        """Return the output among what forward returned, its cache, and whether there is one."""
        several, cache, cached = outputs.split(result, self._count)
        if len(several) > 1:
            self._shapes = outputs.shapes_of(several)
        return outputs.joined(several), cache, cached

    def value(self, arguments: Mapping[str, Any]) -> Any:
        """Run forward alone."""
        return self._run(arguments)[0]

    # -- backward --------------------------------------------------------------------------

    def _planned(self) -> dict[str, str]:
        """Decide what each parameter of backward is handed."""
        try:
            with self.undisturbed():
                arguments = self.placed(self.values)
                self._bound.arguments.update(arguments)
                result = self._forward(*self._bound.args, **self._bound.kwargs)
                output, _, cached = self._taken_apart(result)
        except ChainruleError:
            raise
        except Exception as error:  # whatever the user's code raises
            raise ForwardError(error) from error
        code = getattr(plain_function(self._forward), "__code__", None)
        inner = code.co_varnames if code is not None else ()
        has = Forward(
            self.name, list(self.arguments), cached, np.shape(output) == (), inner,
            self._named_values, outputs.in_front(result), outputs.names(self._forward),
        )  # fmt: skip
        plan = planned(self._backward, has)
        self._count = max(sum(kind.startswith("upstream") for kind in plan.values()), 1)
        self._taken_apart(result)
        self.upstream = outputs.upstream_of(self.upstream, self._shapes or [()])
        return plan

    def _named_values(self) -> Sequence[str]:
        with self.undisturbed():
            return list(self._intermediates(self.placed(self.values)))

    @cached_property
    def _forward_unit(self) -> Unit | None:
        return Unit.of(self._forward)

    def _intermediates(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that forward computes on the way, by the user's names."""
        watch = Watch([self._forward_unit] if self._forward_unit is not None else [])
        with watch.around({}):
            output = self._run(arguments)[0]
        found = dict(watch.events[-1].scope) if watch.events else {}
        for name in OUTPUTS:
            found.setdefault(name, output)
        return found

    @property
    def asked(self) -> list[str]:
        """The real inputs, without labels and options: what has a default need not move."""
        needed = {p.name for p in parameters_of(self._forward) if p.default is p.empty}
        return [n for n in self.targets() if n not in LABELS and n.split("[")[0] in needed]

    @property
    def takes_upstream(self) -> bool:
        """Whether backward is handed an upstream gradient."""
        return bool(self.upstream_names)

    @property
    def upstream_names(self) -> frozenset[str]:
        """What backward calls the upstream gradient, or those of several outputs."""
        return frozenset(n for n, kind in self._plan.items() if kind.startswith("upstream"))

    def _upstream(self, kind: str, upstream: Any) -> Any:
        """Return a copy of the upstream gradient, of which of several outputs `kind` says."""
        if not self._shapes:
            return np.copy(upstream) if np.ndim(upstream) else upstream
        parts = outputs.parted(upstream, self._shapes)
        which = kind.removeprefix("upstream").strip()
        return parts[int(which)] if which else tuple(parts)

    def called(self, arguments: Mapping[str, Any], upstream: Any, around: Around) -> Called:
        """Run forward and backward."""
        done = Called()
        done.output, cache, _ = self._run(arguments)
        handed: dict[str, Any] = {}
        inner: dict[str, Any] | None = None
        for name, kind in self._plan.items():
            if kind.startswith("input "):
                handed[name] = arguments[kind[6:]]
            elif kind == "cache":
                handed[name] = cache
            elif kind.startswith("upstream"):
                handed[name] = self._upstream(kind, upstream)
            else:
                if inner is None:
                    with self.randomness.replayed():
                        inner = self._intermediates(arguments)
                handed[name] = inner[name]
        options = {} if self._options is None else arguments[self._options]
        try:
            with around({**arguments, **handed}):
                if self._several is None:
                    returned = self._backward(**handed, **options)
                else:
                    first = [handed[p.name] for p in parameters_of(self._backward)]
                    returned = self._backward(*first, *arguments[self._several], **options)
        except Exception as error:
            done.problems.append(raised(error))
            return done
        given = gradients_in(returned, self._backward, self.targets(), list(self.arguments))
        given.output = done.output
        return given


def _options(f: Callable[..., Any], kind: Any = inspect.Parameter.VAR_KEYWORD) -> str | None:
    """Return the name of a function's **options, or *xs."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return None
    return next((p.name for p in parameters if p.kind is kind), None)


def raised(error: Exception) -> Problem:
    """Return the problem that backward raised an error."""
    return Problem(
        "raises", f"The backward pass raised {type(error).__name__}: {error}", None, error
    )


def gradients_in(
    returned: Any,
    backward: Callable[..., Any],
    targets: Mapping[str, Any],
    order: Sequence[str],
) -> Called:
    """Tell which gradient is which among what a backward function returned."""
    done = Called()
    written = returned_names(backward)
    if returned is None:
        done.problems.append(
            Problem("returns-none", "The backward pass returned None.",
                    instead="return the gradients: `return dx, dw, db`")
        )  # fmt: skip
        return done
    if not isinstance(returned, (dict, tuple, list)) and _is_record(returned):
        returned = dict(vars(returned))
    elif hasattr(returned, "_asdict"):
        returned = returned._asdict()
    if isinstance(returned, dict):
        _from_dict(done, returned, targets)
        if not done.gradients:
            done.problems.append(_of_nothing(done.ignored, targets))
        keys = returned_keys(backward)
        done.said = {target: keys.get(key, key) for target, key in done.said.items()}
        holder = written[0][0] if written else None
        if holder:
            done.said = {
                t: k if k in keys.values() else f"{holder}[{k!r}]" for t, k in done.said.items()
            }
    elif isinstance(returned, (tuple, list)) and not _is_one_gradient(returned, targets):
        _from_tuple(done, list(returned), written, targets, order)
    else:
        name, hint = written[0] if written and len(written) == 1 else (None, None)
        known = gradient_of(hint, targets) if hint else None
        # Labels come first now and then, and have no gradient.
        unlabelled = [t for t in targets if t not in LABELS] or list(targets)
        fitting = [t for t in unlabelled if targets[t].shape == np.shape(_array_or_none(returned))]
        # One gradient without a name is that of the weights, where it has their shape alone.
        likely = fitting if len(fitting) == 1 else unlabelled
        target = known or next(iter(likely), None)
        if target is None:
            return done
        done.gradients[target] = returned
        done.said[target] = name or f"d{target}"
    return done


def _is_record(value: Any) -> bool:
    """Whether a value is an object with gradients as attributes."""
    attributes = getattr(value, "__dict__", None)
    return isinstance(attributes, dict) and bool(attributes) and not hasattr(value, "__array__")


def _of_nothing(keys: Sequence[str], targets: Mapping[str, Any]) -> Problem:
    if not keys:
        return Problem("returns-none", "The backward pass returned no gradient.")
    return Problem(
        "unknown-gradient",
        f"The backward pass returned {', '.join(map(repr, keys)) or 'nothing'}, which are not the "
        "names of gradients of inputs.",
        instead=f"keys among {', '.join(f'd{t}' for t in targets)}",
    )


def _is_one_gradient(returned: Any, targets: Mapping[str, Any]) -> bool:
    """Whether a list is the gradient of a list of numbers."""
    first = next(iter(targets.values()), None)
    return (
        first is not None
        and len(targets) == 1
        and len(first.shape) > 0
        and np.shape(_array_or_none(returned)) == first.shape
    )


def _array_or_none(value: Any) -> Any:
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        return None


def _from_dict(done: Called, returned: Mapping[Any, Any], targets: Mapping[str, Any]) -> None:
    for key, value in returned.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            inner = {
                n: t
                for n, t in targets.items()
                if n.startswith((f"{key}[", f"{str(key)[1:]}[")) or f"[{key!r}]" in n
            }
            _from_dict(done, value, inner or targets)
            continue
        target = _target_of_key(str(key), targets)
        if target is None:
            done.ignored.append(str(key))
            continue
        done.gradients[target], done.said[target] = value, str(key)


def _target_of_key(key: str, targets: Mapping[str, Any]) -> str | None:
    if key in targets:
        return key
    return gradient_of(key, targets) or gradient_of(f"grads[{key!r}]", targets)


def _from_tuple(
    done: Called,
    returned: list[Any],
    written: Sequence[tuple[str | None, str | None]] | None,
    targets: Mapping[str, Any],
    order: Sequence[str],
) -> None:
    tops = list(dict.fromkeys(_top(t) for t in targets))
    if len(returned) == len(tops) + 1 and np.ndim(_array_or_none(returned[0])) == 0:
        # The loss comes first, as in `return loss, dW`.
        returned = returned[1:]
        written = written[-len(returned) :] if written else written
    names = [name for name, _ in written or ()]
    hints = [hint for _, hint in written or ()]
    matched: list[str | None] = []
    if len(hints) == len(returned):
        matched = [gradient_of(h, [*order, *targets]) if h else None for h in hints]
    if not matched or None in matched or len(set(matched)) < len(matched):
        if len(returned) == len(tops):
            matched = list(tops)
        elif len(returned) == len(targets):
            matched = list(targets)
        elif len(returned) == len(order):
            matched = list(order)
        elif (by_shape := _by_shape(returned, tops, targets)) is not None:
            matched = by_shape
        else:
            shown = ", ".join(tops)
            done.problems.append(
                Problem("count", f"The backward pass returned {len(returned)} gradients, and there "
                        f"are {len(tops)} inputs that have one: {shown}.",
                        instead=f"return {', '.join(f'd{t}' for t in tops)}")
            )  # fmt: skip
            return
    for target, value, name in zip(matched, returned, [*names, *[None] * 99], strict=False):
        if value is None or target is None:
            continue
        if target in targets:
            done.gradients[target] = value
            done.said[target] = name if name and names.count(name) == 1 else f"d{target}"
            continue
        for path, leaf in leaves(value, target):  # a structure of gradients
            if path in targets:
                done.gradients[path], done.said[path] = leaf, f"d{path}"


def _by_shape(
    returned: Sequence[Any], tops: Sequence[str], targets: Mapping[str, Any]
) -> list[str | None] | None:
    """Match gradients to inputs in order, by their shapes; None where that does not do."""
    found: list[str | None] = []
    rest = list(tops)
    for value in returned:
        shape = np.shape(_array_or_none(value))
        while rest and not (rest[0] in targets and targets[rest[0]].shape == shape):
            rest.pop(0)
        if not rest:
            return None
        found.append(rest.pop(0))
    return found


def _top(name: str) -> str:
    return name.split("[")[0] if name.startswith("self.") else name.split("[")[0].split(".")[0]
