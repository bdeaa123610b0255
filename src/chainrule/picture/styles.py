"""How a picture looks: the style sheet inside of it, and its colours for PNG and PDF."""

from __future__ import annotations

from chainrule.picture.measure import FACES

#: Name of the custom property -> its colour in light and in dark.
COLOURS = {
    "paper": ("#ffffff", "#14171c"),
    "ink": ("#1c2128", "#e8ebef"),
    "muted": ("#57606c", "#a3adb9"),
    "wire": ("#7d8794", "#7f8b99"),
    "box": ("#ffffff", "#1d2229"),
    "stroke": ("#4a5563", "#98a3b1"),
    "value": ("#1c2128", "#e8ebef"),
    "gradient": ("#b3261e", "#ff9d94"),
    "local": ("#2f4a6d", "#b5cdf0"),
    "pill": ("#edf1f7", "#27313f"),
    "frame": ("#f6f8fa", "#191d23"),
    "accent": ("#1f5fbf", "#7fb2ff"),
    "lit": ("#e8f0fc", "#1e2f49"),
}

MONO = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
SERIF = "'STIX Two Text', Cambria, Georgia, 'Times New Roman', serif"


def _properties(which: int) -> str:
    return "".join(
        f"--p-{name}:var(--cr-{name},{colours[which]});" for name, colours in COLOURS.items()
    )


def _faces() -> str:
    rules = []
    for role, face in FACES.items():
        family = "var(--p-mono)" if face.family == "mono" else "var(--p-serif)"
        slant = "font-style:italic;" if face.italic else ""
        rules.append(
            f".chainrule-picture .{role}{{font-family:{family};font-size:{face.size}px;{slant}}}"
        )
    return "".join(rules)


_PAINTED = {
    "text": "text-anchor:middle;white-space:pre;fill:var(--p-ink);stroke:none;letter-spacing:0;"
    "font-variant-ligatures:none",
    "text.start": "text-anchor:start",
    "text.end": "text-anchor:end",
    ".paper": "fill:var(--p-paper)",
    ".wire": "fill:none;stroke:var(--p-wire);stroke-width:1.3",
    ".head": "fill:var(--p-wire)",
    ".shape": "fill:var(--p-box);stroke:var(--p-stroke);stroke-width:1.2",
    ".sheet": "fill:var(--p-box);stroke:var(--p-stroke);stroke-width:.8",
    ".inner": "fill:none;stroke:var(--p-stroke);stroke-width:.8",
    ".constant .shape": "stroke-dasharray:3 2.5",
    ".aside .shape": "stroke-dasharray:2 3",
    ".aside .wire": "stroke-dasharray:2 3",
    ".border": "fill:var(--p-frame);stroke:var(--p-muted);stroke-width:1;stroke-dasharray:6 3",
    ".pill": "fill:var(--p-pill)",
    ".value": "fill:var(--p-value)",
    ".gradient": "fill:var(--p-gradient)",
    ".local": "fill:var(--p-local)",
    ".detail": "fill:var(--p-muted)",
    ".name": "fill:var(--p-muted)",
    ".frame text": "fill:var(--p-muted)",
    ".current .shape": "stroke:var(--p-accent);stroke-width:2;fill:var(--p-lit)",
    ".current .wire": "stroke:var(--p-accent);stroke-width:2",
    ".current .head": "fill:var(--p-accent)",
    "g:focus-visible": "outline:none",
    "g:focus-visible>.shape": "stroke:var(--p-accent);stroke-width:3",
    "g:focus-visible>.border": "stroke:var(--p-accent);stroke-width:3",
}

#: All rules are for what is in a picture: the page around it keeps its own.
STYLE = (
    f".chainrule-picture{{{_properties(0)}--p-mono:{MONO};--p-serif:{SERIF}}}"
    f"@media screen and (prefers-color-scheme:dark){{.chainrule-picture{{{_properties(1)}}}}}"
    + "".join(f".chainrule-picture {where}{{{how}}}" for where, how in _PAINTED.items())
    + _faces()
)
