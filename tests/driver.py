"""Runs a case of `passes` as `cr.check` would, without chainrule, and collects its gradients."""

import inspect
import re
import sys
import types
import warnings

import numpy as np

#: A scalar loss gets an upstream gradient other than 1, so that ignoring it shows.
SCALAR_UPSTREAM = 1.7
UPSTREAM_NAME = re.compile(r"d(out|y|loss|values|L|Y)|g|grad\w*|upstream|delta")


def gradients(case, seed, calls=1):
    """Return the gradients by name, or the exception that was raised on the way to them.

    With `calls=2`, the forward pass of an object first sees other inputs, as in a second epoch.
    """
    state = np.random.get_state()
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _run(case, seed, calls)
    except Exception as error:  # a mutant may raise anything
        return error
    finally:
        np.random.set_state(state)


def same(first, second, tolerance=1e-9):
    """Whether two answers of `gradients` agree so well that nothing can tell them apart."""
    if isinstance(first, Exception) or isinstance(second, Exception):
        return type(first) is type(second)
    if first.keys() != second.keys():
        return False
    return all(_agree(first[name], second[name], tolerance) for name in first)


def _agree(a, b, tolerance):
    if a.shape != b.shape:
        return False
    scale = np.max(np.abs(a[np.isfinite(a)]), initial=0)
    return np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def _run(case, seed, calls):
    args, kwargs = case.draw(np.random.default_rng(seed))
    first, *inputs = args
    _reseed(seed, case.backward.__globals__.values())
    if isinstance(first, types.FunctionType):
        return _functions(first, inputs[0], inputs[1:], seed, **kwargs)
    layers = first if isinstance(first, list | tuple) else [first]
    return _layers(layers, inputs, seed, calls, **kwargs)


def _reseed(seed, values):
    """Bring every source of random numbers that a forward pass may use into one state."""
    np.random.seed(seed)
    for value in values:
        if isinstance(value, np.random.Generator):
            value.bit_generator.state = np.random.default_rng(seed).bit_generator.state


def _upstream(given, output, seed):
    if given is not None:
        return given.copy() if isinstance(given, np.ndarray) else given
    if np.ndim(output) == 0:
        return SCALAR_UPSTREAM
    return np.random.default_rng([seed, 1]).normal(size=np.shape(output))


def _functions(forward, backward, inputs, seed, upstream=None):
    returned, names = _with_locals(forward, inputs)
    caches = isinstance(returned, tuple) and len(returned) == 2
    output, cache = returned if caches else (returned, None)
    needless = caches and np.ndim(output) == 0
    bound = inspect.signature(forward).bind(*inputs)
    bound.apply_defaults()
    known = names | bound.arguments
    parameters = inspect.signature(backward).parameters
    rest = [name for name in parameters if name not in known]
    flowing = upstream_name(rest, needless)
    for name in rest:
        known[name] = _upstream(upstream, output, seed) if name == flowing else cache
    return _named(backward(*(known[name] for name in parameters)))


def upstream_name(unknown, needless):
    """Return which of the parameters that forward does not know gets the upstream gradient.

    It is the first of them; of a scalar loss with a cache, whose backward pass need not take an
    upstream gradient, the only one is that only where it is called so.
    """
    if len(unknown) == 1 and needless and not UPSTREAM_NAME.fullmatch(unknown[0]):
        return None
    return unknown[0] if unknown else None


def _with_locals(function, inputs):
    """Call a function; return its answer and the values that its names had at the end."""
    names = {}

    def at_return(frame, event, _):
        if event == "return" and frame.f_code is function.__code__:
            names.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(at_return)
    try:
        return function(*inputs), names
    finally:
        sys.setprofile(before)


def _layers(layers, inputs, seed, calls, upstream=None, y_true=None):
    for values in [[x[::-1].copy() for x in inputs]] * (calls - 1) + [inputs]:
        entered = []
        for layer in layers:
            _reseed(seed, vars(layer).values())
            entered.append(values)
            values = [_forward(layer, values, y_true)]
    flowing = _upstream(upstream, values[0], seed)
    found = {}
    for number, layer in reversed(list(enumerate(layers))):
        flowing = _backward(layer, entered[number], y_true, flowing)
        found |= {f"{number}.{name}": value for name, value in _named(flowing).items()}
        found |= {f"{number}.{name}": value for name, value in _kept(layer).items()}
        flowing = getattr(layer, "dinputs", flowing)
        flowing = flowing[0] if isinstance(flowing, tuple) else flowing
    return found


def _takes_labels(layer):
    return len(inspect.signature(layer.backward).parameters) > 1


def _forward(layer, inputs, y_true):
    labels = [y_true] if _takes_labels(layer) else []
    returned = layer.forward(*inputs, *labels)
    kept = getattr(layer, "output", getattr(layer, "out", None))
    return kept if returned is None else returned


def _backward(layer, inputs, y_true, upstream):
    if not _takes_labels(layer):
        return layer.backward(upstream)
    output = getattr(layer, "output", None)
    combined = np.shape(output) == np.shape(inputs[0])
    return layer.backward(np.copy(output if combined else inputs[0]), y_true)


def _kept(layer):
    """Return what a layer has stored under names of gradients."""
    return _named({k: v for k, v in vars(layer).items() if k.startswith("d") or "grad" in k})


def _named(values):
    if isinstance(values, tuple | list):
        values = {str(place): value for place, value in enumerate(values)}
    if isinstance(values, dict):
        inner = {f"{k}.{n}": v for k, part in values.items() for n, v in _named(part).items()}
        return inner
    if isinstance(values, np.ndarray | np.generic | float | int):
        return {"": np.array(values, float)}
    return {}
