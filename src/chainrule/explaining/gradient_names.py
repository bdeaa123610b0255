"""What a gradient is called: in code, in plain text and in LaTeX.

Its name is that of its value behind a ``d``: ``dz``, ``ddense1_W``. So it is called in code, and
wherever somebody asks for it. In formulas the ``d`` stands apart where a word follows, since the
two would read as one word: ``d dense1_W``, but ``dz`` and ``dW1``.
"""

from __future__ import annotations

import re

from chainrule.notation import Style, Written
from chainrule.writing import latex_name

#: A name that begins with several letters: the d of a gradient would seem to be one of them.
_WORD = re.compile(r"[^\W\d_]{2}")
#: A name that LaTeX sets upright, as the d before it.
_UPRIGHT = re.compile(r"\\mathrm\{[^{}].*[^{}].*\}")


def gradient_name(value: str) -> str:
    """Return the name of the gradient of a value.

    Examples
    --------
    >>> gradient_name("z"), gradient_name("dense1_W[0, 2]")
    ('dz', 'ddense1_W[0, 2]')
    """
    return f"d{value}"


def gradient_text(name: str) -> str:
    """Write the name of a gradient in plain text.

    Examples
    --------
    >>> gradient_text("dW1[0]"), gradient_text("ddense1_W"), gradient_text("ddt")
    ('dW1[0]', 'd dense1_W', 'd dt')
    """
    return f"d {name[1:]}" if _WORD.match(name, 1) else name


def gradient_latex(name: str) -> str:
    r"""Write the name of a gradient in LaTeX: an upright d, a thin space before a word.

    Examples
    --------
    >>> gradient_latex("dz"), gradient_latex("dloss"), gradient_latex("dalpha")
    ('\\mathrm{d}z', '\\mathrm{d}\\,\\mathrm{loss}', '\\mathrm{d}\\alpha')
    """
    value = latex_name(name[1:])
    return rf"\mathrm{{d}}\,{value}" if _UPRIGHT.match(value) else rf"\mathrm{{d}}{value}"


def gradient_written(name: str, style: Style) -> Written:
    """Write the name of a gradient as a part of a formula.

    Two words are held together by parentheses where an index or a power follows.

    Examples
    --------
    >>> f"{gradient_written('dz', 'text'):atom}.T", f"{gradient_written('dloss', 'text'):atom}.T"
    ('dz.T', '(d loss).T')
    """
    written = gradient_latex(name) if style == "latex" else gradient_text(name)
    apart = written.startswith((r"\mathrm{d}\,", "d "))
    return Written(written, "unary" if apart else "atom", style)


def gradient_asked(name: str) -> str:
    """Return the name of a gradient that somebody has written as in code or as in a formula.

    Examples
    --------
    >>> gradient_asked("ddense1_W"), gradient_asked("d dense1_W")
    ('ddense1_W', 'ddense1_W')
    """
    return re.sub(r"^d\s+", "d", name.strip())
