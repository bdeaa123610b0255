"""Every public function of NumPy stands in exactly one list, and the page says which."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.rules.refused import PLAIN, REFUSED

_path = Path(__file__).parents[1] / "docs" / "operations.py"
_spec = importlib.util.spec_from_file_location("operations", _path)
operations = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(operations)

FUNCTIONS = operations.functions()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_stands_in_one_place(name):
    assert len(operations.place(name, FUNCTIONS[name])) == 1


def test_reasons_name_functions_that_are_there():
    # A release of NumPy may drop some: the page is written for the pinned one.
    named = {n for entry in (*PLAIN, *REFUSED) for n in entry.names.split()}
    pytest.importorskip("scipy")
    if _pinned():
        assert named - set(FUNCTIONS) == set()


def _pinned():
    version = ".".join(np.__version__.split(".")[:2])
    return f"NumPy {version}," in operations.TARGET.read_text(encoding="utf-8")


def test_the_page_is_up_to_date():
    pytest.importorskip("scipy")
    if _pinned():
        assert operations.TARGET.read_text(encoding="utf-8") == operations.page()
    else:
        pytest.skip("the page is written for another release of NumPy")


@pytest.mark.parametrize("entry", REFUSED, ids=lambda entry: entry.names.split()[0])
def test_refusals_say_what_to_write_instead(entry):
    """Those that NumPy lets us hear of; the others convert, which is refused as well."""
    for name in entry.names.split():
        if name not in FUNCTIONS:  # another release of NumPy has it
            continue
        function = FUNCTIONS[name]
        with pytest.raises((errors.TraceError, errors.ArgumentError, TypeError, Warning)) as caught:
            cr.grad(lambda x, f=function: np.sum(f(x)))(np.array([1.0, 2.0, 3.0]))
        if isinstance(caught.value, errors.UnsupportedError):
            assert entry.why in str(caught.value)
