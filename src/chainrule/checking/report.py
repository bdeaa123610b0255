"""The report that a check returns: what was found, in every form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.calling import public
from chainrule.checking import as_json, views
from chainrule.checking.findings import Findings
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path


#: Suffix of a file -> view.
_SUFFIXES = {".txt": views.text, ".md": views.markdown, ".json": as_json.json}


@public
class Report(Findings):
    """What :func:`chainrule.check` found, as :class:`Findings` says, in every form.

    At the prompt and in a notebook it shows itself.
    """

    def __str__(self) -> str:
        return self.text()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    # -- views -----------------------------------------------------------------------------

    def text(self) -> str:
        """Return the report as plain text."""
        return views.text(self)

    def markdown(self) -> str:
        """Return the report as Markdown."""
        return views.markdown(self)

    def json(self) -> str:
        """Return the report as JSON."""
        return as_json.json(self)

    def save(self, path: str | Path) -> Path:
        """Write the report to a file, by its suffix: .txt, .md or .json.

        Raises
        ------
        ArgumentError
            For any other suffix.
        """
        from pathlib import Path  # a tenth of the time that importing chainrule may take

        path = Path(path)
        if path.suffix not in _SUFFIXES:
            raise ArgumentError(
                f"A report cannot be saved as {path.suffix or 'a file without suffix'!r}.",
                expected=f"a suffix among {', '.join(_SUFFIXES)}",
                got=str(path),
            )
        path.write_text(_SUFFIXES[path.suffix](self), encoding="utf-8")
        return path
