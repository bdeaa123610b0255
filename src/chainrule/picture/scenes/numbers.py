"""Numbers and formulas as a picture shows them: short on the edge, at length for who points at it.

Their minus signs are those of mathematics, as on the page beside the picture.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from chainrule.picture.scene import Known
from chainrule.render.page import summary, value_text
from chainrule.writing import LITERAL_SIZE, array_text, number

#: Arrays are written out on an edge up to this many characters.
SHORT = 16
_DIGITS = 4
#: A key in quotes, a power of ten, a whole exponent, or a hyphen that stands for a minus sign.
_SIGNS = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<=\d)e(?P<sign>[+-])0*(?P<power>\d)"""
    r"""|\^(?P<raised>-?\d+)(?![\d.])|-"""
)
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def signed(text: str) -> str:
    """Write the minus signs and powers of a formula as such; keys in quotes stay as they are.

    Examples
    --------
    >>> signed("-0.5 - w['a-b']"), signed("1e-05 · h^2"), signed("2.5e+20")
    ("−0.5 − w['a-b']", '1e−5 · h²', '2.5e20')
    """

    def sign(found: re.Match[str]) -> str:
        if found["power"]:
            return f"e{'−' if found['sign'] == '-' else ''}{found['power']}"
        if found["raised"]:
            return found["raised"].translate(_RAISED)
        return "−" if found[0] == "-" else found[0]

    return _SIGNS.sub(sign, text)


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as ``3 × 2``; empty for a single number."""
    if len(shape) == 1:
        return "1 number" if shape == (1,) else f"{shape[0]} numbers"
    return " × ".join(map(str, shape))


def brief(value: Any) -> str:
    """Write a value in a few characters: small arrays whole, others by their shape.

    Examples
    --------
    >>> import numpy as np
    >>> brief(2.0), brief(1 / 3), brief(np.array([1.0, -2.0])), brief(np.zeros((3, 2)))
    ('2', '0.3333', '[1, −2]', '3 × 2')
    """
    array = np.asarray(value)
    if array.shape == ():
        return signed(number(array[()], "text", _DIGITS).string)
    if 0 < array.size <= 4:
        text = array_text(array, 3)
        if len(text) <= SHORT:
            return signed(text)
    return shape_text(array.shape)


def at_length(value: Any) -> str:
    """Write a value whole, or by its shape, size and range where it is large."""
    array = np.asarray(value)
    if array.shape == ():
        return signed(_exact(array[()]))
    return signed(summary(array) if array.size > LITERAL_SIZE else value_text(array))


def _exact(value: Any) -> str:
    """Write as many digits as it takes to read the same number again."""
    if value.dtype.kind != "f":
        return number(value, "text", 17).string
    text = str(value).removesuffix(".0")
    return "0" if text == "-0" else text


def known(value: Any, step: int) -> Known:
    """Return a value as something known from a step on."""
    return Known(brief(value), step, at_length(value))
