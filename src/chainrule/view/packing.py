"""A document as text for a page: pictures of the same boxes share what they have in common.

Two pictures with other groups open differ in little but numbers, the places of things. So each
line of a picture is kept as the number of its form, the line with a gap for each number, and the
numbers in the gaps; forms are kept once, and what is known of an edge as well. ``static/packed.js``
puts them together again.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
#: Stands for a number in a form: no picture holds it.
_GAP = "\0"
#: Of gzip: what 9 would save, one part in a hundred, takes it twice as long.
_EFFORT = 7


def packed(document: dict[str, Any]) -> str:
    """Return a document as JSON, gzip and Base64, which may stand in a script element.

    Parameters
    ----------
    document : dict
        With its variants; it is left as it is.
    """
    forms: dict[str, int] = {}
    notes: dict[str, int] = {}

    def folded(one: dict[str, Any]) -> dict[str, Any]:
        pictures = {
            name: {
                **picture,
                "svg": _numbers(picture["svg"], forms),
                "edges": [_place(edge, notes) for edge in picture["edges"].items()],
            }
            for name, picture in one["pictures"].items()
        }
        return {**one, "pictures": pictures}

    whole = folded(document)
    whole["variants"] = {name: folded(one) for name, one in document["variants"].items()}
    whole["forms"] = [form.split(_GAP) for form in forms]
    whole["notes"] = [json.loads(note) for note in notes]
    # A lone surrogate, which a name may hold, has no place in UTF-8: JSON in ASCII has one.
    text = json.dumps(whole, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("ascii"), _EFFORT, mtime=0)).decode("ascii")


def _numbers(svg: str, forms: dict[str, int]) -> str:
    """Return the form and the numbers of each line, and note new forms."""
    lines = []
    for line in svg.split("\n"):
        pieces = _NUMBER.split(line)  # what stands between numbers, and the numbers, in turn
        form = forms.setdefault(_GAP.join(pieces[::2]), len(forms))
        lines.append(" ".join([str(form), *pieces[1::2]]))
    return "\n".join(lines)


def _place(edge: tuple[str, Any], notes: dict[str, int]) -> int:
    return notes.setdefault(json.dumps(edge), len(notes))
