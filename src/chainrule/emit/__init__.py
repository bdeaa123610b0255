"""A graph to source code."""

from chainrule.emit.loops.shown import loops_source
from chainrule.emit.numpy_code import numpy_code
from chainrule.emit.program import Program, verified
from chainrule.errors import NotAloneError


def numpy_source(program: Program) -> str:
    """Write a program as NumPy code that has been run and compared.

    Raises
    ------
    EmitError
        When it does not give the graph's numbers.
    """
    return verified(program, numpy_code(program))


def numpy_source_or_why_not(program: Program) -> str:
    """Write a program as NumPy code, or the reason why it cannot stand alone as a comment."""
    try:
        return numpy_source(program)
    except NotAloneError as error:
        return "".join(f"# {line}\n" for line in str(error).splitlines())


__all__ = ["Program", "loops_source", "numpy_source", "numpy_source_or_why_not"]
