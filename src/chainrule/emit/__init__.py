"""A graph to source code."""

from chainrule.emit.numpy_code import numpy_code
from chainrule.emit.program import Program, verified

__all__ = ["Program", "numpy_code", "verified"]
