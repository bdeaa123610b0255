"""A graph to source code."""

from chainrule.emit.numpy_code import numpy_code
from chainrule.emit.program import Program, verified


def numpy_source(program: Program) -> str:
    """Write a program as NumPy code that has been run and compared.

    Raises
    ------
    EmitError
        When it does not give the graph's numbers.
    """
    return verified(program, *numpy_code(program))


__all__ = ["Program", "numpy_source"]
