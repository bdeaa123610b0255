"""Random programs, held against JAX and against differences: ``python -m fuzz``.

What is drawn comes from the rules table and from the calls in tests/calls*.py, so that a function
that gets a rule and a call is fuzzed from then on without another line here.
"""

from fuzz.pasted import assert_right

__all__ = ["assert_right"]
