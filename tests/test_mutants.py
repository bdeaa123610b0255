"""The mutants are what they are called: one known mistake each, and a real one."""

import ast
import functools
import inspect
from collections import Counter

import driver
import passes
import pytest
from mutants import KINDS, MOST, is_equivalent, load, mutants, unload

CASES = list(passes.cases())
#: Every so many mutants one is looked at more closely.
SAMPLE = 25


@functools.cache
def every_mutant():
    return [mutant for module, case in CASES for mutant in mutants(module.__name__, case)]


@functools.cache
def source_of(module_name):
    return next(inspect.getsource(m) for m, _ in CASES if m.__name__ == module_name)


@functools.cache
def tree_of(module_name):
    return ast.dump(ast.parse(source_of(module_name)))


def sample():
    """Return every so many mutants of each kind, so that no kind is left out."""
    by_kind = {kind: [m for m in every_mutant() if m.kind == kind] for kind in KINDS}
    return [mutant for found in by_kind.values() for mutant in found[::SAMPLE]]


def changed_lines(mutant):
    before, after = source_of(mutant.module).splitlines(), mutant.source.splitlines()
    assert len(before) == len(after), "lines must keep their numbers"
    pairs = enumerate(zip(before, after, strict=True), start=1)
    return [number for number, (old, new) in pairs if old != new]


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=lambda case: case.name)
def test_the_right_passes_run(case):
    for seed in range(3):
        found = driver.gradients(case, seed)
        assert not isinstance(found, Exception)
        assert found
        assert driver.same(found, driver.gradients(case, seed))


def test_every_kind_occurs_and_no_case_has_too_many_of_one():
    kinds = Counter(mutant.kind for mutant in every_mutant())
    assert set(kinds) == set(KINDS)
    assert max(Counter((m.case, m.kind) for m in every_mutant()).values()) <= MOST
    assert len(every_mutant()) >= 700


def test_a_mutant_changes_one_statement():
    for mutant in every_mutant():
        first, *others = changed_lines(mutant)
        lines = mutant.source.splitlines()
        assert mutant.after in lines[first - 1]
        assert all(not lines[number - 1].strip() for number in others)
        assert mutant.line == first or (mutant.after == "pass" and mutant.line < first)


def test_a_statement_left_out_shows_where_its_target_was_set_before():
    left_out = [mutant for mutant in every_mutant() if mutant.after == "pass"]
    assert left_out
    for mutant in left_out:
        target = mutant.before.split("[")[0].split("=")[0].strip(" +-*/")
        assert target in mutant.source.splitlines()[mutant.line - 1]


def test_no_two_mutants_are_the_same():
    sources = Counter((m.case, m.kind, m.source) for m in every_mutant())
    assert max(sources.values()) == 1


def test_mutants_parse():
    for mutant in sample():
        assert ast.dump(ast.parse(mutant.source)) != tree_of(mutant.module)


def test_mutants_give_other_gradients():
    # An edge shows only where a draw lies on it: many such mutants are equivalent.
    tried = [mutant for mutant in sample() if mutant.kind != "mask-edge"]
    assert [mutant for mutant in tried if is_equivalent(mutant)] == []


def test_mutants_are_the_same_each_time():
    for module, case in CASES[::10]:
        again = list(mutants(module.__name__, case))
        assert again == [mutant for mutant in every_mutant() if mutant.case == case.name]


def test_making_mutants_leaves_the_right_pass_as_it_was():
    module, case = CASES[0]
    code = case.backward.__code__
    assert list(mutants(module.__name__, case))
    assert case.backward.__code__ is code


def test_a_loaded_mutant_shows_its_mistake():
    for mutant in sample():
        case = load(mutant)
        (line,) = changed_lines(mutant)[:1]
        function = case.backward
        if mutant.kind == "stale-cache":
            owner = inspect.getmodule(function), function.__qualname__.partition(".")[0]
            function = getattr(*owner).forward
        text, start = inspect.getsourcelines(function)
        assert case.name == mutant.case
        assert mutant.after in text[line - start]
        unload(case)
