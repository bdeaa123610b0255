"""A pair of functions, one forward and one backward."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.arguments import bound, name_of
from chainrule.checking.naming import gradient_of
from chainrule.checking.source import Unit, plain_function, returned_keys, returned_names
from chainrule.checking.subject import Around, Called, Problem, Subject, parameters_of
from chainrule.checking.watching import Watch
from chainrule.errors import ArgumentError
from chainrule.structure import leaves
from chainrule.trace import location

_CACHES = ("cache", "caches", "ctx", "context", "memory", "saved", "tape", "stash")
_OUTPUTS = ("out", "output", "y", "a", "result")


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
        self.arguments = dict(self._bound.arguments)
        self.upstream = upstream
        self.forward, self.backward = (forward,), (backward,)
        super().__init__()
        self._plan = self._planned()

    # -- forward ---------------------------------------------------------------------------

    def _run(self, arguments: Mapping[str, Any]) -> tuple[Any, Any, bool]:
        """Run forward; return its output, its cache, and whether there is one."""
        self._bound.arguments.update(arguments)
        result = self._forward(*self._bound.args, **self._bound.kwargs)
        if isinstance(result, (tuple, list)) and len(result) > 1 and _is_array(result[0]):
            return result[0], result[1] if len(result) == 2 else tuple(result[1:]), True
        return result, None, False

    def value(self, arguments: Mapping[str, Any]) -> Any:
        """Run forward alone."""
        return self._run(arguments)[0]

    # -- backward --------------------------------------------------------------------------

    def _planned(self) -> dict[str, str]:
        """Decide what each parameter of backward is handed."""
        with self.undisturbed():
            _, _, cached = self._run(self.placed(self.values))
        plan: dict[str, str] = {}
        rest: list[inspect.Parameter] = []
        parameters = parameters_of(self._backward)
        named: Sequence[str] = ()
        code = getattr(plain_function(self._forward), "__code__", None)
        inner = set(code.co_varnames) if code else set()

        def is_upstream(name: str) -> bool:
            return _is_upstream(name) and name not in inner - set(self.arguments)

        for i, p in enumerate(parameters):
            if p.name in self.arguments and not (i == 0 and is_upstream(p.name)):
                plan[p.name] = "input"
            elif cached and p.name in _CACHES:
                plan[p.name] = "cache"
            else:
                rest.append(p)
        if any(not is_upstream(p.name) for p in rest[0 if cached else 1 :]) or (
            rest and not is_upstream(rest[0].name) and not cached
        ):
            named = self._named_values()
        for p in list(rest):
            if p.name in named and not is_upstream(p.name):
                plan[p.name] = "intermediate"
                rest.remove(p)
        required = [p for p in rest if p.default is inspect.Parameter.empty]
        kinds = ["upstream"]
        if cached and "cache" not in plan.values():
            # backward(cache) of a loss, or backward(dout, cache) whatever they are called
            kinds = ["upstream", "cache"] if len(required) > 1 else ["cache"]
            if len(required) == 1 and is_upstream(required[0].name):
                kinds = ["upstream"]
            elif len(required) == 2 and is_upstream(required[1].name):
                kinds.reverse()
        if not required and rest and is_upstream(rest[0].name):
            required = rest[:1]  # backward(dout=1.0)
        spare = [p for p in required if p.name not in plan]
        if len(spare) > len(kinds):
            raise ArgumentError(
                f"{name_of(self._backward)} takes {spare[len(kinds)].name!r}, and it is not clear "
                "what that is.",
                expected=f"parameters called like those of {self.name} "
                f"({', '.join(self.arguments)}) or like a value that it computes, the cache that "
                "it returns, and one for the upstream gradient",
                got=f"{name_of(self._backward)}{inspect.signature(self._backward)}",
                where=location(code=getattr(self._backward, "__code__", None)),
                instead="the same name as in the forward pass",
            )
        for p, kind in zip(spare, kinds, strict=False):
            plan[p.name] = kind
        return plan

    def _named_values(self) -> Sequence[str]:
        with self.undisturbed():
            return list(self._intermediates(self.placed(self.values)))

    def _intermediates(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that forward computes on the way, by the user's names."""
        unit = Unit.of(self._forward)
        watch = Watch([unit] if unit is not None else [])
        with watch.around({}):
            output = self._run(arguments)[0]
        found = dict(watch.events[-1].scope) if watch.events else {}
        for name in _OUTPUTS:
            found.setdefault(name, output)
        return found

    @property
    def takes_upstream(self) -> bool:
        """Whether backward is handed an upstream gradient."""
        return "upstream" in self._plan.values()

    @property
    def upstream_name(self) -> str | None:
        """What backward calls the upstream gradient."""
        return next((n for n, kind in self._plan.items() if kind == "upstream"), None)

    def called(self, arguments: Mapping[str, Any], upstream: Any, around: Around) -> Called:
        """Run forward and backward."""
        done = Called()
        done.output, cache, _ = self._run(arguments)
        handed: dict[str, Any] = {}
        inner: dict[str, Any] | None = None
        for name, kind in self._plan.items():
            if kind == "input":
                handed[name] = arguments[name]
            elif kind == "cache":
                handed[name] = cache
            elif kind == "upstream":
                handed[name] = np.copy(upstream) if np.ndim(upstream) else upstream
            else:
                if inner is None:
                    inner = self._intermediates(arguments)
                handed[name] = inner[name]
        try:
            with around({**arguments, **handed}):
                returned = self._backward(**handed)
        except Exception as error:
            done.problems.append(raised(error))
            return done
        given = gradients_in(returned, self._backward, self.targets(), list(self.arguments))
        done.gradients, done.said, done.problems = given.gradients, given.said, given.problems
        return done


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
    if isinstance(returned, dict):
        _from_dict(done, returned, targets)
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
        target = known or next(iter(targets), None)
        if target is None:
            return done
        done.gradients[target] = returned
        done.said[target] = name or f"d{target}"
    return done


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
                n: t for n, t in targets.items() if n.startswith((f"{key}[", f"{str(key)[1:]}["))
            }
            _from_dict(done, value, inner or targets)
            continue
        target = _target_of_key(str(key), targets)
        if target is None:
            done.problems.append(
                Problem("unknown-gradient", f"The backward pass returned {key!r}, which is not the "
                        "name of an input's gradient.",
                        instead=f"a key among {', '.join(f'd{t}' for t in targets)}")
            )  # fmt: skip
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
    names = [name for name, _ in written or ()]
    hints = [hint for _, hint in written or ()]
    matched: list[str | None] = []
    if len(hints) == len(returned):
        matched = [gradient_of(h, [*order, *targets]) if h else None for h in hints]
    if not matched or None in matched or len(set(matched)) < len(matched):
        tops = list(dict.fromkeys(_top(t) for t in targets))
        if len(returned) == len(tops):
            matched = list(tops)
        elif len(returned) == len(order):
            matched = list(order)
        elif len(returned) < len(tops) and all(
            t in targets and np.shape(_array_or_none(v)) == targets[t].shape
            for t, v in zip(tops, returned, strict=False)
        ):
            matched = list(tops[: len(returned)])
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


def _top(name: str) -> str:
    return name.split("[")[0].split(".")[0]


def _is_upstream(name: str) -> bool:
    return name in ("upstream", "g", "dvalues", "grad", "delta", "dvalue", "v", "gradient") or (
        name.startswith(("d", "grad")) and len(name) > 1
    )


def _is_array(value: Any) -> bool:
    return isinstance(value, (float, int, np.ndarray, np.generic)) or hasattr(value, "__apply_op__")
