"""Arguments and their gradients as plain data: text to edit, grids of numbers to ask about."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.gradient_names import gradient_name, gradient_text
from chainrule.explaining.why import element_name
from chainrule.render import page
from chainrule.structure import leaves
from chainrule.writing import scalar_text

#: Arrays up to this many numbers, and this many in a row, are shown and edited as a grid.
GRID, WIDEST = 64, 12
#: Nested arguments of up to so many arrays are shown array by array.
PARTS = 40
#: Arrays up to this many numbers can be edited as text.
TEXT = 2000


def arguments_data(explanation: Explanation) -> list[dict[str, Any]]:
    """Return each argument; :mod:`chainrule.view.document` says what is in it."""
    gradients = explanation.gradients
    return [
        _argument(name, value, gradients.get(name), name in gradients)
        for name, value in explanation.arguments.items()
    ]


def _argument(name: str, value: Any, gradient: Any, wrt: bool) -> dict[str, Any]:
    array = _as_array(value)
    text = None if array is None or array.size > TEXT else value_source(value)
    return {
        "name": name,
        "text": text,
        "shown": page.value_text(value) if array is not None else _nested(name, value),
        "shape": list(array.shape) if array is not None else None,
        "dtype": str(array.dtype) if array is not None else type(value).__name__,
        "wrt": wrt,
        "grid": _grid(name, value),
        "gradient": _gradient(name, gradient) if wrt else None,
        "parts": _parts(name, value, gradient, wrt) if array is None else [],
    }


def _parts(name: str, value: Any, gradient: Any, wrt: bool) -> list[dict[str, Any]]:
    """Return each array in a nested argument as one of its own, which cannot be edited."""
    found = [(path, leaf) for path, leaf in leaves(value, name) if _as_array(leaf) is not None]
    if len(found) > PARTS:
        return []
    gradients = dict(leaves(gradient, name)) if wrt else {}
    return [
        {
            **_argument(path, leaf, gradients.get(path), gradients.get(path) is not None),
            "text": None,
        }
        for path, leaf in found
    ]


def _as_array(value: Any) -> np.ndarray[Any, Any] | None:
    """Return a number, a list of numbers or an array as an array; None for other structures."""
    if isinstance(value, (dict, str)) or hasattr(value, "__dict__"):
        return None
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return None
    return array if array.dtype.kind in "fiub" else None


def value_source(value: Any) -> str:
    """Write a number, a list or an array so that it can be edited and read again.

    Examples
    --------
    >>> value_source(np.array([[1.0, -2.5]])), value_source([1.0, 2.0]), value_source(1e-9)
    ('[[1, -2.5]]', '[1, 2]', '1e-09')
    """

    def written(item: Any) -> str:
        if isinstance(item, list):
            return f"[{', '.join(map(written, item))}]"
        if isinstance(item, bool):
            return str(item)
        whole = isinstance(item, int) or (abs(item) < 1e15 and item.is_integer())
        return repr(int(item)) if whole and not _is_minus_zero(item) else repr(item)

    array = np.asarray(value)
    if array.dtype in (np.float16, np.float32):  # as short as they read, and not all digits of 64
        array = np.array([float(str(v)) for v in array.ravel()]).reshape(array.shape)
    return written(array.tolist())


def _is_minus_zero(item: Any) -> bool:
    return item == 0 and str(item).startswith("-")


def _grid(name: str, value: Any) -> list[list[dict[str, str]]] | None:
    """Return rows of cells, each with the name of its number and the number as text."""
    array = _as_array(value)
    if array is None or array.ndim > 2 or not 0 < array.size <= GRID:
        return None
    if array.ndim and array.shape[-1] > WIDEST:
        return None
    nested = isinstance(value, (list, tuple))  # its numbers are leaves, w[0][1], and not w[0, 1]
    cells = [
        {"name": _cell_name(name, index, nested), "text": value_source(array[index])}
        for index in np.ndindex(array.shape)
    ]
    wide = array.shape[-1] if array.ndim else 1
    return [cells[start : start + wide] for start in range(0, len(cells), wide)]


def _cell_name(name: str, index: tuple[int, ...], nested: bool) -> str:
    if nested:
        return name + "".join(f"[{i}]" for i in index)
    return element_name(name, index)


def _gradient(name: str, gradient: Any) -> dict[str, Any]:
    array = _as_array(gradient)
    grid = _grid(name, gradient)
    for row in grid or ():
        for cell in row:
            cell["text"] = scalar_text(float(cell["text"]))
    shown = gradient_text(gradient_name(name))
    return {
        "name": shown,
        "shown": page.value_text(gradient) if array is not None else _nested(shown, gradient),
        "grid": grid,
    }


def _nested(name: str, value: Any) -> str:
    """Write a nested value leaf by leaf."""
    return "\n".join(
        f"{path} = {page.value_text(leaf)}"
        for path, leaf in leaves(value, name)
        if leaf is not None
    )
