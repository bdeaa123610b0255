"""Formulas and values written as text: parsed with ``ast``, never run as Python.

::

    limits        how large a formula may be
    source        the text, and the pointer into it
    scanner       what is refused from the characters alone; then Python's parser
    tree          the closed set of nodes that a formula is made of
    functions     what a formula may call
    calls         which function a call means
    translator    Python's syntax tree -> nodes, by an allow-list
    interpreter   nodes + values -> result: `Formula`
    parser        text -> `Formula`
    values        what stands after ``--at``

No text becomes code: there is no ``eval``, ``exec`` or ``compile`` here. Functions come from a
mapping that the caller gives, and the one attribute that is ever read is ``.T``. How large a
text, a number or a nesting may be is bounded by the ``MAX_`` constants of `limits`.
"""

from chainrule.formula.functions import FUNCTIONS
from chainrule.formula.interpreter import CONSTANTS, Formula
from chainrule.formula.parser import parse
from chainrule.formula.values import like, parse_assignment, parse_value

__all__ = ["CONSTANTS", "FUNCTIONS", "Formula", "like", "parse", "parse_assignment", "parse_value"]
