"""What a name such as ``dz``, ``grad_w`` or ``self.dweights`` is the gradient of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

#: Marks that people put on the name of a value to call its gradient. ``{0}`` is the value.
_FORMS = (
    r"[d∂]_?(?P<over>[A-Za-z]\w*?)[_/]?[d∂]_?(?P<of>[A-Za-z]\w*)",  # dL_dw, dLdw, ∂L/∂w
    r"(?:grads?|gradient|delta|der|nabla|partial)_?(?P<of>\w+)",
    r"(?P<of>\w+?)_?(?:grads?|gradient|delta|bar)",
    r"(?P<of>\w+)_[gd]",
    r"_?[dDg∂]_?(?P<of>\w+)",
)
#: What the thing differentiated is called where nobody names it.
_OUTPUTS = ("L", "l", "J", "E", "C", "loss", "cost", "error", "out", "output", "y")
#: What the first argument of a layer is called.
_INPUTS = ("inputs", "input", "x", "X", "values", "a_prev", "A_prev", "data")

#: A gradient that is an attribute of what it is the gradient of, and what holds the value there.
_BARE = ("grad", "gradient", "g")
_HELD = ("data", "value", "val", "values", "array", "v", "w")


def gradient_of(name: str, known: Collection[str], outputs: Collection[str] = ()) -> str | None:
    """Return the value that a name is the gradient of.

    Parameters
    ----------
    name : str
        As assigned or returned: ``dz``, ``self.dweights``, ``grads['W1']``.
    known : collection of str
        Names of the values that there are.
    outputs : collection of str
        Names of the output, for ``dloss_dw``.

    Returns
    -------
    str or None
        None where the name says nothing, or the local derivative of something else.

    Examples
    --------
    >>> gradient_of("dz", ["w", "z"]), gradient_of("self.dW", ["self.W"])
    ('z', 'self.W')
    >>> gradient_of("dL_dw0", ["w"], ["loss"]), gradient_of("dz_dw", ["w", "z"])
    ('w[0]', None)
    """
    owner, last, is_key = _split(name)
    if last in _BARE:  # self.W.grad beside self.W.data
        beside = (f"{owner}.{held}" for held in _HELD)
        return next((one for one in beside if one in known), None)
    if is_key and _is_gradient_holder(owner):
        found = _held(owner, last, known)
        if found is not None:
            return found
    for form in _FORMS:
        match = re.fullmatch(form, last)
        if match is None:
            continue
        over, of = match.groupdict().get("over"), match["of"]
        if over is not None and not _is_output(over, known, outputs):
            if _found(over, owner, known) is not None and _found(of, owner, known) is not None:
                return None  # the derivative of one value by another, which is a local one
            continue
        found = _found(of, owner, known)
        if found is not None:
            return found
    return None


def says_gradient(name: str) -> bool:
    """Whether a name is formed like that of a gradient."""
    _, last, _ = _split(name)
    return any(re.fullmatch(form, last) for form in _FORMS)


def _split(name: str) -> tuple[str, str, bool]:
    """Split ``self.grads['W']`` into its owner, its last part, and whether that is a key."""
    match = re.fullmatch(r"(.*)\[(?:['\"](.*)['\"]|(\d+))\]", name)
    if match and (match[2] is not None or "." in match[1]):
        return match[1], match[2] if match[2] is not None else match[3], True
    owner, _, last = name.rpartition(".")
    return owner, last, False


def _is_gradient_holder(owner: str) -> bool:
    return re.search(r"(?:^|[._])(?:d|grads?|gradients?)(?:_?params)?$", owner) is not None


def _held(owner: str, key: str, known: Collection[str]) -> str | None:
    """Return what a key of a dict of gradients belongs to: ``grads['W']`` to ``params['W']``."""
    above = owner.rpartition(".")[0]
    bare = key[1:].lstrip("_") if key[:1] == "d" else key
    for wanted in dict.fromkeys((key, bare)):
        for name in known:
            holder, last, is_key = _split(name)
            same = holder.rpartition(".")[0] == above if is_key else True
            if last == wanted and same:
                return name
    return None


def _is_output(over: str, known: Collection[str], outputs: Collection[str]) -> bool:
    return over in outputs or (over in _OUTPUTS and over not in known)


def _found(of: str, owner: str, known: Collection[str]) -> str | None:
    for wanted in _spellings(of):
        for whole in (f"{owner}.{wanted}" if owner else wanted, wanted):
            if whole in known:
                return whole
        if wanted in _INPUTS and owner:
            first = [n for n in known if "." not in n]
            if first:
                return first[0]
    match = re.fullmatch(r"([A-Za-z]+?)_?(\d+)", of)  # w0 is w[0]
    if match and match[1] in known:
        return f"{match[1]}[{match[2]}]"
    tail = of.rpartition("_")[2]
    return _found(tail, owner, known) if tail != of else None


def _spellings(of: str) -> Iterator[str]:
    yield of
    yield of.strip("_")
    yield from (of.lower(), of.upper(), of[:1].swapcase() + of[1:])
