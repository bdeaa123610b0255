"""The exceptions of chainrule, and the place in the user's code that they point at.

::

    ChainruleError
    |-- TraceError                   the function cannot be recorded
    |   |-- UnsupportedError         (TypeError)  a NumPy function or keyword without a rule
    |   |   `-- UnsupportedAttributeError  (AttributeError)
    |   |-- ConversionError          (TypeError)  np.array(), float() ... of a traced value
    |   |-- BranchError              (TypeError)  a branch on values where only shapes are known
    |   |-- MutationError            (TypeError)  an assignment that cannot be followed
    |   `-- LeakError                (RuntimeError) a traced value used after its trace ended
    |-- ShapeError                   (ValueError) shapes that do not match
    |-- SingularError                (LinAlgError) a matrix without the inverse asked for
    |-- ArgumentError                (ValueError) a wrong argument to chainrule itself
    |   `-- CallError                (TypeError)  arguments that a function does not have, or lacks
    |-- DtypeError                   (TypeError)  integers or booleans asked for a gradient
    |-- NonFiniteError               (ArithmeticError) a NaN or an infinity arose
    |-- MissingExtraError            (ImportError) an optional dependency that is not installed
    |-- FileError                    (OSError)   a file that cannot be written, or is not a good one
    |   `-- MissingFileError         (FileNotFoundError) a file that is not there
    |-- FormulaError                 (ValueError) a formula or value that does not parse
    |-- GraphError                   (ValueError) a graph that breaks its grammar
    `-- EmitError                    (RuntimeError) emitted code that disagrees with its graph
        `-- NotAloneError            emitted code that needs what only the user's program has

Every message has the same parts, each on its own line: what happened, what was
expected, what came, where in the user's code, and what to write instead.
"""

from __future__ import annotations

import linecache
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.linalg import LinAlgError


def source_lines(file: str) -> list[str]:
    """Return the lines of a file or a notebook's cell; none where no source is at hand.

    All code that is made of text is in one ``<string>``: since Python 3.13 its lines are those of
    ``python -c``, whatever made the function.
    """
    return [] if file == "<string>" else linecache.getlines(file)


@dataclass(frozen=True, slots=True)
class Location:
    """A line of the user's code.

    Parameters
    ----------
    file : str
        Path of the file, or the pseudo-name of a notebook cell or string.
    line : int
        Line number, from 1.
    function : str
        Name of the function that the line belongs to.
    """

    file: str
    line: int
    function: str

    @property
    def source(self) -> str:
        """The line itself without indentation; empty where no source is at hand."""
        lines = source_lines(self.file)
        return lines[self.line - 1].strip() if 0 < self.line <= len(lines) else ""

    @property
    def short(self) -> str:
        """File name and line, as in ``neuron.py:12``."""
        return f"{file_title(self.file)}:{self.line}"

    def __str__(self) -> str:
        source = self.source
        return f"{self.short}, in {self.function}" + (f":  {source}" if source else "")


def file_title(file: str) -> str:
    """Return the name of a file without its folders; ``cell`` for a cell of a notebook.

    Examples
    --------
    >>> file_title("lectures/neuron.py"), file_title("ipykernel_71/622809819.py")
    ('neuron.py', 'cell')
    """
    return "cell" if _CELL.search(file) else os.path.basename(file)


#: What Jupyter and marimo call the files that they compile cells from.
_CELL = re.compile(r"(?:^|[/\\])(?:ipykernel_\d+[/\\]\d+\.py|__marimo__cell_\w+\.py)$")


class ChainruleError(Exception):
    """Base of all errors that chainrule raises on purpose.

    Parameters
    ----------
    what : str
        What happened, in one sentence.
    expected, got, instead : str, optional
        What was expected, what came, and what to write instead.
    where : Location, optional
        The user's line.

    Attributes
    ----------
    place : (int, int) or None
        Line and column, from 1, in the text of a formula.
    """

    place: tuple[int, int] | None = None

    def __init__(
        self,
        what: str,
        *,
        expected: str | None = None,
        got: str | None = None,
        where: Location | None = None,
        instead: str | None = None,
    ) -> None:
        self.what = what
        self.expected = expected
        self.got = got
        self.where = where
        self.instead = instead
        parts = [("expected", expected), ("got", got), ("at", where), ("instead", instead)]
        super().__init__(
            "\n".join([what, *(f"  {label + ':':<9} {text}" for label, text in parts if text)])
        )

    def at(self, where: Location | None) -> ChainruleError:
        """Return the same error with the user's line, where it has none yet."""
        if self.where is not None or where is None:
            return self
        return type(self)(
            self.what, expected=self.expected, got=self.got, where=where, instead=self.instead
        )


class TraceError(ChainruleError):
    """The function cannot be recorded as a graph."""


class UnsupportedError(TraceError, TypeError):
    """A NumPy function, method or keyword that has no rule."""


class UnsupportedAttributeError(UnsupportedError, AttributeError):
    """A method or attribute of arrays that has no rule."""


class ConversionError(TraceError, TypeError):
    """A traced value was about to become a plain number or array, losing its gradient."""


class BranchError(TraceError, TypeError):
    """Python asked for the value of something whose shape alone is known."""


class MutationError(TraceError, TypeError):
    """An assignment into an array that cannot be followed."""


class LeakError(TraceError, RuntimeError):
    """A traced value was used after the trace that made it had ended."""


class ShapeError(ChainruleError, ValueError):
    """Operands whose shapes do not match."""


class SingularError(ChainruleError, LinAlgError):
    """A matrix without the inverse or the decomposition that was asked for."""


class ArgumentError(ChainruleError, ValueError):
    """An argument to chainrule that it cannot use."""


class CallError(ArgumentError, TypeError):
    """Arguments that a function does not have, too many of them, or too few."""

    #: Of names that there are none of: the function, its names, those that came, and what was said.
    refused: tuple[str, Sequence[str], Mapping[str, Any], str, str | None] | None = None


class DtypeError(ChainruleError, TypeError):
    """Something that is not a real floating-point number was asked for a gradient."""


class NonFiniteError(ChainruleError, ArithmeticError):
    """A NaN or an infinity arose."""


class MissingExtraError(ChainruleError, ImportError):
    """An optional dependency that is not installed."""


class FileError(ChainruleError, OSError):
    """A file that cannot be written or read, or that is damaged or not one of chainrule's.

    ``errno`` says what the operating system objected to, and is None where it did not.
    """

    def __str__(self) -> str:
        return str(self.args[0])  # and not "[Errno 28] ...", as of other errors of the system


class MissingFileError(FileError, FileNotFoundError):
    """A file, or the directory that it should be in, that is not there."""


class ExecutorWarning(UserWarning):
    """Another executor runs a function than the one that was asked for."""


class TrainingWarning(UserWarning):
    """Something in training that is likely to be a mistake."""


class FormulaError(ChainruleError, ValueError):
    """A formula or a value that does not parse."""


class GraphError(ChainruleError, ValueError):
    """A graph that breaks the grammar of graphs."""


class EmitError(ChainruleError, RuntimeError):
    """Emitted code that does not give the numbers of its graph: a defect of chainrule."""


class NotAloneError(EmitError):
    """Emitted code that would need what only the user's program has."""
