"""What comes from a browser, checked field by field: each wrong one gets a message of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from chainrule.errors import ArgumentError

T = TypeVar("T")

#: Characters of a wrong value that its message repeats.
_SHOWN = 40


class FieldsError(ArgumentError):
    """Values that cannot be used.

    Attributes
    ----------
    errors : list of dict
        ``{"field": name, "message": text}``, one for each wrong field.
    """

    errors: list[dict[str, str]]


def refusal(errors: Iterable[tuple[str, str]]) -> FieldsError:
    """Return the error for wrong fields, given as pairs of field and message.

    Examples
    --------
    >>> refusal([("rate", "A number is needed.")]).errors
    [{'field': 'rate', 'message': 'A number is needed.'}]
    """
    listed = [{"field": field, "message": message} for field, message in errors]
    error = FieldsError("; ".join(f"{e['field']}: {e['message']}" for e in listed))
    error.errors = listed
    return error


def shown(value: Any) -> str:
    """Return a value as a message repeats it: short, whatever was sent.

    Examples
    --------
    >>> shown("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    """
    if isinstance(value, (str, bytes)):
        value = value[: 2 * _SHOWN]
    elif isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'group'} of {len(value)}"
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**20:
        return "a number of more than twenty digits"
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


class Fields:
    """Reads the fields of a mapping, and remembers what was wrong.

    Parameters
    ----------
    given : object
        What was sent; anything but a mapping is refused.
    names : iterable of str
        The fields that there are; others are refused.

    Examples
    --------
    >>> fields = Fields({"batch": 2.5}, ["batch"])
    >>> fields.whole("batch", 32, 1, 64)
    32
    >>> fields.errors
    [('batch', 'A whole number from 1 to 64 is needed, not 2.5.')]
    """

    def __init__(self, given: Any, names: Iterable[str]) -> None:
        self.errors: list[tuple[str, str]] = []
        if not isinstance(given, Mapping):
            raise refusal([("config", f"A group of settings is needed, not {shown(given)}.")])
        self.given = given
        known = set(names)
        for name in given:
            if name not in known:
                self.wrong(str(name)[:_SHOWN], "There is no such setting.")

    def wrong(self, field: str, message: str) -> None:
        """Take note of a wrong field."""
        self.errors.append((field, message))

    def _taken(self, field: str, default: T, check: Callable[[Any], Any], needed: str) -> Any:
        if field not in self.given:
            return default
        value = self.given[field]
        found = check(value)
        if found is None:
            got = "" if value == "" else f", not {shown(value)}"
            self.wrong(field, f"{needed} is needed{got}.")
            return default
        return found

    def whole(self, field: str, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds."""

        def check(value: Any) -> int | None:
            fits = type(value) is int and least <= value <= most
            return value if fits else None

        needed = f"A whole number from {least:,} to {most:,}"
        taken: int = self._taken(field, default, check, needed)
        return taken

    def number(self, field: str, default: float, least: float, most: float) -> float:
        """Return a number within bounds."""

        def check(value: Any) -> float | None:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return None
            fits = least <= value <= most and math.isfinite(value)
            return float(value) if fits else None

        taken: float = self._taken(field, default, check, f"A number from {least:g} to {most:g}")
        return taken

    def choice(self, field: str, default: str, options: Iterable[str]) -> str:
        """Return one of some words."""
        words = list(options)

        def check(value: Any) -> str | None:
            return value if isinstance(value, str) and value in words else None

        taken: str = self._taken(field, default, check, f"One of {', '.join(words)}")
        return taken

    def text(self, field: str, most: int) -> str:
        """Return a text of limited length; it has to be there."""
        value = self.given.get(field)
        if not isinstance(value, str):
            self.wrong(field, f"Text is needed, not {shown(value)}.")
            return ""
        if len(value) > most:
            self.wrong(field, f"At most {most:,} characters are taken; these are {len(value):,}.")
            return ""
        return value

    def widths(self, field: str, default: tuple[int, ...], layers: int, most: int) -> Any:
        """Return the widths of layers: a list of whole numbers, each with a message of its own."""

        def check(value: Any) -> tuple[Any, ...] | None:
            is_list = isinstance(value, (list, tuple)) and len(value) <= layers
            return tuple(value) if is_list else None

        found = self._taken(field, default, check, f"A list of at most {layers} widths")
        for at, width in enumerate(found):
            if type(width) is not int or not 1 <= width <= most:
                got = "" if width == "" else f", not {shown(width)}"
                message = f"A width from 1 to {most} is needed for layer {at + 1}{got}."
                self.wrong(f"{field}.{at}", message)
        return found

    def finish(self) -> None:
        """Refuse it all if anything was wrong.

        Raises
        ------
        FieldsError
        """
        if self.errors:
            raise refusal(self.errors)
