"""What loops call that NumPy has no name for."""

from chainrule.execute.native.numbers import IS_X86, as_before, placed, tiny_to_zero
from chainrule.execute.native.products import product
from chainrule.execute.native.tables import array_at, squares, table_of
from chainrule.execute.native.threads import meet, part

__all__ = [
    "IS_X86",
    "array_at",
    "as_before",
    "meet",
    "part",
    "placed",
    "product",
    "squares",
    "table_of",
    "tiny_to_zero",
]
