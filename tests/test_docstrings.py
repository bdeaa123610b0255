"""Examples in docstrings run, and the public ones have what a reader needs."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import chainrule

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(chainrule.__path__, "chainrule.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", ["chainrule", *MODULES])
def test_examples_in_docstrings_run(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_examples_are_there():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = sum(len(finder.find(importlib.import_module(name))) for name in MODULES)
    assert found >= 12


@pytest.mark.parametrize("name", [n for n in chainrule.__all__ if n not in ("ChainruleError",)])
def test_public_functions_say_what_they_take_and_give(name):
    public = getattr(chainrule, name)
    text = inspect.getdoc(public)
    assert text
    if inspect.isfunction(public):
        assert "Examples\n--------" in text
        assert "Parameters\n" in text or "See :func:" in text
