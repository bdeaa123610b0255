"""Calls that do not fit: what is public answers them with what it takes, and what was meant.

A call is looked at only once Python has refused it, so one that fits pays for a ``try``.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from chainrule.errors import CallError
from chainrule.trace import location

Public = TypeVar("Public", bound=Callable[..., Any])

#: What other libraries call it -> what to write here: the first that begins with an argument that
#: there is, or else a sentence. ``{}`` stands for the value. What is written nearly the same is
#: found without.
WORDS: dict[str, tuple[str, ...]] = {
    # PyTorch and Keras: optimizers
    "learning_rate": ("lr={}", "optimizer=nn.Adam({})"),
    "lr": ("rate={}", "learning_rate_init={}", "optimizer=nn.Adam({})"),
    "betas": ("b1=..., b2=...",),
    "beta_1": ("b1={}",),
    "beta_2": ("b2={}",),
    "rho": ("alpha={}",),
    "decay": ("weight_decay={}",),
    "step_size": ("every={}",),
    "gamma": ("factor={}",),
    "max_norm": ("clip_norm={}",),
    "max_grad_norm": ("clip_norm={}",),
    # layers
    "activation": ("a layer of its own, as in nn.Dense(8), nn.ReLU()",),
    "out_features": ("units={}",),
    "in_features": ("no {name}: how many inputs there are is seen from the data",),
    "input_dim": ("no {name}: how many inputs there are is seen from the data",),
    "input_shape": ("no {name}: how many inputs there are is seen from the data",),
    "num_features": ("no {name}: how many features there are is seen from the data",),
    "normalized_shape": ("no {name}: how many features there are is seen from the data",),
    "kernel_initializer": ("init={}",),
    "p": ("rate={}",),
    "negative_slope": ("slope={}",),
    "dim": ("axis={}",),
    "inplace": ("no {name}: a layer never writes into what it is given",),
    "from_logits": ("no {name}: cross-entropy takes logits",),
    # training
    "criterion": ("loss={}",),
    "random_state": ("seed={}",),
    "validation_fraction": ("validation_split={}",),
    "max_iter": ("epochs={}", "steps={}"),
    "tol": ("tolerance={}",),
    # gradients: JAX and autograd
    "argnums": ("wrt={}",),
    "argnum": ("wrt={}",),
    "backend": ("executor={}",),
    "device": ("executor={}",),
}

#: A signature up to this length is told with its defaults, a longer one without.
_SIGNATURE = 100
#: A value up to this length is told as it is.
_VALUE = 40

_NO_FIT = "The arguments do not fit"
_KEYWORD, _POSITIONAL = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_ONLY
_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD
_REST, _REST_BY_NAME = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD


def public(called: Public) -> Public:
    """Let a function or a class tell in words of its own when a call does not fit it.

    Of a class, these are its ``__init__`` and the methods that have no underscore. Signature,
    name and docstring stay what they are.

    Parameters
    ----------
    called : function or class

    Returns
    -------
    function or class
        The class itself; of a function, one around it.

    Examples
    --------
    >>> @public
    ... def scaled(x, factor=2.0):
    ...     return factor * x
    >>> scaled(1.0, factr=3.0)
    Traceback (most recent call last):
    ...
    chainrule.errors.CallError: The arguments do not fit scaled: it has no argument 'factr'.
      expected: scaled(x, factor=2.0)
      got:      factr=3.0
      at:       <doctest chainrule.calling.public[1]>:1, in <module>:  scaled(1.0, factr=3.0)
      instead:  factor=3.0
    """
    if not isinstance(called, type):
        return cast("Public", _answering(called, called.__name__))
    for name, member in list(vars(called).items()):
        if name == "__new__":  # of a named tuple
            setattr(called, name, staticmethod(_answering(member.__func__, name, called)))
        elif inspect.isfunction(member) and (name == "__init__" or name[0] != "_"):
            setattr(called, name, _answering(member, name, called))
    return called


def _answering(f: Any, name: str, owner: type | None = None) -> Any:
    @functools.wraps(f)
    def answering(*args: Any, **kwargs: Any) -> Any:
        try:
            return f(*args, **kwargs)
        except TypeError as error:
            called, signature, given = _as_written(f, name, owner, args)
            if isinstance(error, CallError):
                told = _handed_on(error, called, signature, kwargs)
            else:
                told = misfit(called, signature, given, kwargs)
            if told is None:
                raise
        raise told

    return answering


def _as_written(
    f: Any, name: str, owner: type | None, args: Sequence[Any]
) -> tuple[str, inspect.Signature, Sequence[Any]]:
    """Return name, signature and arguments of a call as the user sees them: without ``self``."""
    if owner is None:
        return name, inspect.signature(f), args
    kind = args[0] if args and isinstance(args[0], type) else type(args[0]) if args else owner
    kind = kind if issubclass(kind, owner) else owner
    if name in ("__init__", "__new__"):
        inherits = getattr(kind, name) is getattr(owner, name)  # and does not call super()'s
        made = kind if inherits else owner
        return made.__name__, inspect.signature(made), args[1:]
    signature = inspect.signature(f)
    parameters = list(signature.parameters.values())[1:]
    return f"{kind.__name__}.{name}", signature.replace(parameters=parameters), args[1:]


def misfit(
    called: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> CallError | None:
    """Return what is wrong with a call, or None where it fits.

    Parameters
    ----------
    called : str
        What the user calls it.
    signature : inspect.Signature
    args, kwargs
        Of the call.

    Returns
    -------
    CallError or None
    """
    try:
        signature.bind(*args, **kwargs)
        return None
    except TypeError:
        kinds = {name: p.kind for name, p in signature.parameters.items()}
    by_name = [name for name, kind in kinds.items() if kind in (_EITHER, _KEYWORD)]
    by_place = [name for name, kind in kinds.items() if kind in (_POSITIONAL, _EITHER)]
    placed = by_place[: len(args)]
    expected = written(called, signature)
    unknown = {name: value for name, value in kwargs.items() if name not in by_name}
    if unknown and _REST_BY_NAME not in kinds.values():
        left = [name for name in by_name if name not in {*placed, *kwargs}]
        return no_such(called, left, unknown, expected)
    instead = None
    twice = [name for name in placed if name in kwargs and name in by_name]
    if len(args) > len(by_place) and _REST not in kinds.values():
        why = f"it takes {len(by_place) or 'none'} by position, and {len(args)} came"
        others = [name for name, kind in kinds.items() if kind is _KEYWORD]
        instead = f"by name, such as {others[0]}=..." if others else None
    elif twice:
        why = f"{twice[0]!r} came twice, by position and by name"
    else:
        lacking = [
            name
            for name, p in signature.parameters.items()
            if p.default is p.empty and name in {*by_name, *by_place} - {*placed, *kwargs}
        ]
        why = f"it lacks {' and '.join(map(repr, lacking))}"
    return CallError(
        f"{_NO_FIT} {called}: {why}.", expected=expected,
        got=", ".join([*map(_told, args), *_given(kwargs)]) or "no arguments",
        where=location(), instead=instead,
    )  # fmt: skip


def no_such(
    called: str,
    names: Sequence[str],
    unknown: Mapping[str, Any],
    expected: str,
    instead: str | None = None,
) -> CallError:
    """Return the error for arguments by names that the called does not have.

    Parameters
    ----------
    called : str
        What the user calls it.
    names : sequence of str
        Of the arguments that it has, which may have been meant.
    unknown : mapping of str to value
    expected : str
    instead : str, optional
        What to write where no name is near.

    Returns
    -------
    CallError
    """
    meant = [_meant(name, value, names) for name, value in unknown.items()]
    code = ", ".join(text for text in meant if _is_code(text))
    told = dict.fromkeys(text for text in meant if text and not _is_code(text))
    error = CallError(
        f"{_NO_FIT} {called}: it has no argument {' or '.join(map(repr, unknown))}.",
        expected=expected, got=", ".join(_given(unknown)), where=location(),
        instead="; ".join(filter(None, [code, *told])) or instead,
    )  # fmt: skip
    error.refused = called, names, unknown, expected, instead
    return error


def _handed_on(
    error: CallError, called: str, signature: inspect.Signature, kwargs: Mapping[str, Any]
) -> CallError | None:
    """Return the error of a function to which keywords were handed on, with one's own beside."""
    kinds = {name: p.kind for name, p in signature.parameters.items()}
    own = [name for name, kind in kinds.items() if kind is _KEYWORD]
    if error.refused is None or not own or _REST_BY_NAME not in kinds.values():
        return None
    inner, names, unknown, expected, instead = error.refused
    if not unknown.keys() <= kwargs.keys() - kinds.keys():
        return None
    expected = f"{expected}, or {', '.join(own)} of {called} itself"
    return no_such(inner, [*names, *own], unknown, expected, instead)


def _meant(name: str, value: Any, names: Sequence[str]) -> str:
    """Return what to write in place of an argument that there is none of, if that is known."""
    words = WORDS.get(name, ())
    for word in words:
        if word.partition("=")[0] in names:
            return word.format(_brief(value))
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"{close[0]}={_brief(value)}"
    return next((word.format(name=name) for word in words if not _is_code(word)), "")


def _is_code(text: str) -> bool:
    """Whether this is an argument, and no sentence."""
    return text.partition("=")[0].isidentifier()


def written(called: str, signature: inspect.Signature) -> str:
    """Return a signature as a call: without types, and without defaults where it is long.

    Examples
    --------
    >>> written("zeros", inspect.signature(lambda shape, *, dtype=float: 0))
    'zeros(shape, *, dtype=float)'
    """
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    whole = [
        p if p.default is p.empty else p.replace(default=_Text(_brief(p.default))) for p in plain
    ]
    bare = [p.replace(default=p.empty) for p in plain]
    text, shorter = (f"{called}{inspect.Signature(parameters)}" for parameters in (whole, bare))
    return text if len(text) <= _SIGNATURE else shorter


class _Text(str):
    """Text that a signature shows as it is."""

    __repr__ = str.__str__


def _given(named: Mapping[str, Any]) -> list[str]:
    return [f"{name}={_told(value)}" for name, value in named.items()]


def _told(value: Any) -> str:
    """Return a value as it is written, or what it is where that takes too much room."""
    text = _brief(value)
    if text != "...":
        return text
    shape = getattr(value, "shape", "")
    return f"<{type(value).__name__}{f' {shape}' if shape else ''}>"


def _brief(value: Any) -> str:
    """Return a value as it is written, or dots where that takes too much room."""
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) <= _VALUE and "\n" not in text else "..."
