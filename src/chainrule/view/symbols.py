"""The signs of LaTeX that formulas are set with, by what TeX calls their class."""

from __future__ import annotations

import html

_RELATIONS = {
    "=": "=", "<": "<", ">": ">", r"\le": "≤", r"\leq": "≤", r"\ge": "≥", r"\geq": "≥",
    r"\ne": "≠", r"\neq": "≠", r"\approx": "≈", r"\equiv": "≡", r"\sim": "∼", r"\to": "→",
    r"\rightarrow": "→", r"\leftarrow": "←", r"\mapsto": "↦", r"\in": "∈", r"\propto": "∝",
    ":": ":",
}  # fmt: skip
_BINARY = {
    "+": "+", "-": "−", "*": "∗", "/": "/", r"\cdot": "·", r"\times": "×", r"\div": "÷",
    r"\pm": "±", r"\ast": "∗", r"\star": "⋆", r"\circ": "∘", r"\odot": "⊙", r"\oplus": "⊕",
    r"\otimes": "⊗", r"\wedge": "∧", r"\vee": "∨", r"\bmod": "mod", r"\cup": "∪", r"\cap": "∩",
}  # fmt: skip
_LARGE = {r"\sum": "∑", r"\prod": "∏"}
_PUNCTUATION = {",": ",", ";": ";"}
_PREFIX = {r"\neg": "¬", r"\lnot": "¬"}
_OPENING = {
    "(": "(", "[": "[", r"\{": "{", r"\lbrace": "{", r"\lfloor": "⌊", r"\lceil": "⌈",
    r"\langle": "⟨", r"\lvert": "|", r"\lVert": "‖",
}  # fmt: skip
_CLOSING = {
    ")": ")", "]": "]", r"\}": "}", r"\rbrace": "}", r"\rfloor": "⌋", r"\rceil": "⌉",
    r"\rangle": "⟩", r"\rvert": "|", r"\rVert": "‖",
}  # fmt: skip
_UPRIGHT_LETTERS = {
    r"\infty": "∞", r"\top": "⊤", r"\ldots": "…", r"\dots": "…", r"\cdots": "⋯", r"\vdots": "⋮",
    r"\bullet": "•", r"\prime": "′", "'": "′", "!": "!", "?": "?", "|": "|", r"\|": "‖",
    r"\Vert": "‖", r"\vert": "|", r"\backslash": "\\", r"\emptyset": "∅", r"\surd": "√",
    r"\_": "_", r"\#": "#", r"\%": "%", r"\&": "&", r"\$": "$", ".": ".",
    r"\Gamma": "Γ", r"\Delta": "Δ", r"\Theta": "Θ", r"\Lambda": "Λ", r"\Xi": "Ξ", r"\Pi": "Π",
    r"\Sigma": "Σ", r"\Upsilon": "Υ", r"\Phi": "Φ", r"\Psi": "Ψ", r"\Omega": "Ω",
    r"\nabla": "∇",
}  # fmt: skip
_SLANTED_LETTERS = {
    r"\partial": "∂", r"\ell": "ℓ", r"\alpha": "α", r"\beta": "β", r"\gamma": "γ",
    r"\delta": "δ", r"\epsilon": "ϵ", r"\varepsilon": "ε", r"\zeta": "ζ", r"\eta": "η",
    r"\theta": "θ", r"\vartheta": "ϑ", r"\iota": "ι", r"\kappa": "κ", r"\lambda": "λ",
    r"\mu": "μ", r"\nu": "ν", r"\xi": "ξ", r"\pi": "π", r"\rho": "ρ", r"\sigma": "σ",
    r"\varsigma": "ς", r"\tau": "τ", r"\upsilon": "υ", r"\phi": "ϕ", r"\varphi": "φ",
    r"\chi": "χ", r"\psi": "ψ", r"\omega": "ω",
}  # fmt: skip
_FUNCTIONS = (
    "exp ln log max min sin cos tan sinh cosh tanh coth arcsin arccos arctan det gcd lim inf "
    "sup arg dim ker Pr sec csc cot"
)

#: Command or character -> class and what is written of it.
SIGNS: dict[str, tuple[str, str]] = {
    **{
        sign: (kind, f"<mo>{html.escape(written)}</mo>")
        for kind, signs in (
            ("relation", _RELATIONS), ("binary", _BINARY), ("large", _LARGE),
            ("punctuation", _PUNCTUATION),
        )
        for sign, written in signs.items()
    },
    **{sign: ("prefix", f'<mo form="prefix">{written}</mo>') for sign, written in _PREFIX.items()},
    **{
        sign: (kind, f'<mo form="{form}" stretchy="false">{html.escape(written)}</mo>')
        for kind, form, signs in (
            ("opening", "prefix", _OPENING), ("closing", "postfix", _CLOSING),
        )
        for sign, written in signs.items()
    },
    **{
        sign: ("letter", f'<mi mathvariant="normal">{html.escape(written)}</mi>')
        for sign, written in _UPRIGHT_LETTERS.items()
    },
    **{sign: ("letter", f"<mi>{written}</mi>") for sign, written in _SLANTED_LETTERS.items()},
    **{rf"\{name}": ("function", f"<mi>{name}</mi>") for name in _FUNCTIONS.split()},
}  # fmt: skip

#: What may follow ``\left`` and ``\right``.
FENCES = {
    **_OPENING, **_CLOSING, "|": "|", r"\|": "‖", r"\Vert": "‖", r"\vert": "|", ".": "", "/": "/",
}  # fmt: skip

#: Width of each space, in em.
SPACES = {
    r"\,": 0.17, r"\:": 0.22, r"\;": 0.28, r"\ ": 0.25, "~": 0.25, r"\!": -0.17, r"\quad": 1.0,
    r"\qquad": 2.0,
}  # fmt: skip

#: What stands above a letter.
ACCENTS = {
    r"\overline": "¯", r"\bar": "¯", r"\hat": "^", r"\widehat": "^", r"\tilde": "~",
    r"\widetilde": "~", r"\vec": "→", r"\dot": "˙", r"\ddot": "¨", r"\check": "ˇ",
}  # fmt: skip

#: Environment -> the fences around its table.
TABLES = {
    "matrix": ("", ""), "bmatrix": ("[", "]"), "pmatrix": ("(", ")"), "vmatrix": ("|", "|"),
    "Vmatrix": ("‖", "‖"), "Bmatrix": ("{", "}"), "cases": ("{", ""), "aligned": ("", ""),
}  # fmt: skip

#: Where the alphabets begin, and the letters that stood elsewhere before.
_ALPHABETS = {
    r"\mathcal": (
        0x1D49C, 0x1D4B6, dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    ),
    r"\mathbb": (0x1D538, 0x1D552, dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))),
    r"\mathbf": (0x1D400, 0x1D41A, {}),
}  # fmt: skip
ALPHABETS = frozenset(_ALPHABETS)

#: What a name may hold and LaTeX takes for markup.
_MARKS = {
    r"\lbrace ": "{", r"\rbrace ": "}", r"\backslash ": "\\", r"\wedge ": "^", r"\sim ": "~",
    r"\_": "_", r"\#": "#", r"\%": "%", r"\&": "&", r"\$": "$",
}  # fmt: skip


def plain(name: str) -> str:
    r"""Return a name without the markup that LaTeX needs.

    Examples
    --------
    >>> plain(r"learning\_rate")
    'learning_rate'
    """
    for mark, character in _MARKS.items():
        name = name.replace(mark, character)
    return name


def in_alphabet(command: str, text: str) -> str:
    r"""Write letters in the alphabet of a command.

    Examples
    --------
    >>> in_alphabet(r"\mathcal", "F")
    'ℱ'
    """
    capital, small, others = _ALPHABETS[command]

    def letter(character: str) -> str:
        if character in others:
            return others[character]
        if "A" <= character <= "Z":
            return chr(capital + ord(character) - ord("A"))
        return chr(small + ord(character) - ord("a")) if "a" <= character <= "z" else character

    return "".join(map(letter, text))
