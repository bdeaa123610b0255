"""How large a formula may be: what the ``MAX_`` constants bound is refused beyond them."""

#: Length of a formula or value.
MAX_CHARACTERS = 10_000
#: Numbers, names, operations and calls in one formula.
MAX_NODES = 2_000
#: Brackets within brackets, powers of powers, calls of calls.
MAX_DEPTH = 100
#: Digits of one written number.
MAX_DIGITS = 100
#: Whole numbers stay below this, as NumPy's do.
MAX_INTEGER = 2**63
#: Magnitude of an exponent that is known before any value is given.
MAX_EXPONENT = 100
#: Magnitude of arithmetic on numbers alone.
MAX_MAGNITUDE = 1e300
#: Entries of one list.
MAX_LIST = 1_000
#: Lists within lists.
MAX_AXES = 32
