"""Nodes written as formulas: in symbols or with numbers, as code, text or LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.notation import Style, Written

#: Returns what to write in place of a node, or None to write out what computes it.
Label = Callable[[Node], Written | None]

#: Arrays up to this size are written in code.
LITERAL_SIZE = 64
_SMALL_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi"),
    *("psi", "omega"),
)
_GREEK = frozenset(
    (
        *(*_SMALL_GREEK, "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon"),
        *("Phi", "Psi", "Omega"),
    )
)

#: Greek letters as LaTeX calls them; the capitals that look like Latin ones have no name there.
GREEK_LETTERS = {
    **dict(zip("αβγδεζηθικλμνξπρστυφχψω", _SMALL_GREEK, strict=True)),
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip


def write(node: Node, style: Style, label: Label) -> Written:
    """Write a node as a formula.

    Parameters
    ----------
    node : Node
        It is written out even if it has a label.
    style : {"code", "text", "latex"}
    label : callable
        Where it returns None, the node is written out in turn; leaves always are labelled.
    """
    made: dict[Node, Written] = {}
    stack = [node]
    while stack:
        current = stack[-1]
        if current in made:
            stack.pop()
            continue
        shown = label(current) if current is not node or current.is_leaf else None
        if shown is None and current.is_leaf:
            shown = leaf(current, style)
        if shown is not None:
            made[current] = shown
            stack.pop()
            continue
        missing = [i for i in current.inputs if i not in made]
        if missing:
            stack.extend(missing)
            continue
        operands = [made[i] for i in current.inputs]
        extra = {"out": "out"} if current.op.notation.statement and style == "code" else {}
        made[current] = current.op.notation.write(style, operands, {**current.params, **extra})
        stack.pop()
    return made[node]


def leaf(node: Node, style: Style) -> Written:
    """Write an input by its name and a constant by its name or value."""
    if node.name:
        return symbol(node.name, style)
    return number(node.value, style)


def symbol(name: str, style: Style) -> Written:
    """Write a name."""
    return Written(latex_name(name) if style == "latex" else name, "atom", style)


def latex_name(name: str) -> str:
    r"""Return the LaTeX of a Python name or path: ``W1`` becomes ``W_{1}``.

    Examples
    --------
    >>> latex_name("w[0]"), latex_name("alpha_t"), latex_name("loss")
    ('w_{0}', '\\alpha_{t}', '\\mathrm{loss}')
    >>> latex_name("ω_t"), latex_name("ωmega")
    ('\\omega_{t}', '\\mathrm{\\omega mega}')
    """
    greek = None if name[1:2].isalpha() else GREEK_LETTERS.get(name[:1])
    match = re.fullmatch(
        r"([A-Za-z]+)[_]?(\d*|[A-Za-z0-9]{0,3})((?:\[.*\]|\..*)*)",
        (greek or "") + name[bool(greek) :],
    )
    if match is None:
        return rf"\mathrm{{{_escaped(name)}}}"
    base, low, path = match.groups()
    low = ",".join(filter(None, [low, *_indices(path)]))
    head = base if len(base) == 1 else rf"\{base}" if base in _GREEK else rf"\mathrm{{{base}}}"
    return head + (f"_{{{low}}}" if low else "")


def _indices(path: str) -> list[str]:
    parts = re.findall(r"\[([^\]]*)\]|\.(\w+)", path)
    return [
        key if key.isdigit() else rf"\mathrm{{{_escaped(key.strip(chr(39)) or attribute)}}}"
        for key, attribute in parts
    ]


#: What a name or a key of a dict may hold and LaTeX takes for markup, or cannot set.
_MARKS = {
    **{letter: rf"\{name} " for letter, name in GREEK_LETTERS.items()},
    **{sign: rf"\{sign}" for sign in "_#%&$"},
    "\\": r"\backslash ", "{": r"\lbrace ", "}": r"\rbrace ", "^": r"\wedge ", "~": r"\sim ",
}  # fmt: skip


def _escaped(name: str) -> str:
    return "".join(_MARKS.get(c, c) for c in name)


def number(value: Any, style: Style, digits: int = 6) -> Written:
    """Write a number or an array."""
    array = np.asarray(value)
    if array.shape == ():
        return _scalar(array[()], style, digits)
    if style == "code":
        return Written(_array_code(array), "atom", style)
    if is_identity(array):
        return Written(rf"I_{{{len(array)}}}" if style == "latex" else f"eye({len(array)})")
    if style == "latex":
        return Written(_matrix(array, digits), "atom", style)
    return Written(array_text(array, digits), "atom", style)


def _scalar(value: Any, style: Style, digits: int) -> Written:
    if isinstance(value, (bool, np.bool_)):
        # A truth value in a product is the number 1 or 0.
        text = str(bool(value)) if style == "code" else str(int(value))
    elif isinstance(value, (int, np.integer)):
        text = str(int(value))
    elif isinstance(value, (complex, np.complexfloating)):
        return _complex(complex(value), style, digits)
    elif style == "code":
        text = _float_code(float(value))
    else:
        text = scalar_text(float(value), digits)
        if style == "latex":
            text = re.sub(r"e([+-]?)0*(\d+)$", r" \\cdot 10^{\1\2}", text).replace("{+", "{")
            text = text.replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")
    return Written(text, "unary" if text.startswith("-") else "atom", style)


def _complex(value: complex, style: Style, digits: int) -> Written:
    if style == "code":
        return Written(repr(value).strip("()"), "sum")
    text = complex_text(value, digits)
    return Written(text.replace("i", r"\,i") if style == "latex" else text, "sum", style)


def complex_text(value: complex, digits: int = 6) -> str:
    """Write a complex number as ``1.5 - 2i``."""
    sign = "-" if value.imag < 0 or str(value.imag) == "-0.0" else "+"
    return f"{scalar_text(value.real, digits)} {sign} {scalar_text(abs(value.imag), digits)}i"


def _float_code(value: float) -> str:
    if np.isfinite(value):
        full, short = repr(value), f"{value:.16g}".replace("e+0", "e").replace("e+", "e")
        return short if "e" in short and float(short) == value and len(short) < len(full) else full
    return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"


def scalar_text(value: float, digits: int = 6) -> str:
    """Write a float as a person would: ``6`` for 6.0, six significant digits."""
    text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def array_text(array: np.ndarray[Any, Any], digits: int = 6) -> str:
    """Write an array in one line, whole when small and summarised when large."""
    if array.size > LITERAL_SIZE:
        return f"array of shape {array.shape}"
    if array.ndim == 1:
        return "[" + ", ".join(_scalar(v, "text", digits).string for v in array) + "]"
    return "[" + ", ".join(array_text(row, digits) for row in array) + "]"


def _matrix(array: np.ndarray[Any, Any], digits: int) -> str:
    if array.size > LITERAL_SIZE or array.ndim > 2:
        size = r" \times ".join(map(str, array.shape))
        return rf"\left[{size}\right]"
    rows = np.atleast_2d(array)
    body = r" \\ ".join(" & ".join(_scalar(v, "latex", digits).string for v in row) for row in rows)
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def is_identity(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array is an identity matrix, which has a short name."""
    square = array.ndim == 2 and array.shape[0] == array.shape[1] > 1
    return square and array.dtype == float and np.array_equal(array, np.eye(len(array)))


def _array_code(array: np.ndarray[Any, Any]) -> str:
    if is_identity(array):
        return f"np.eye({len(array)})"
    if not array.size:
        return f"np.zeros({array.shape}, np.{array.dtype.name})"
    plain = array.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool))
    suffix = "" if plain else f", dtype=np.{array.dtype.name}"
    return f"np.array({_nested_code(array.tolist())}{suffix})"


def _nested_code(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_nested_code, value)) + "]"
    return _float_code(value) if isinstance(value, float) else repr(value)
