"""Puts known mistakes into the right backward passes of `passes`."""

import ast
import functools
import inspect
import itertools
import linecache
import sys
import textwrap
import types
from dataclasses import dataclass

import driver
import passes
from mutating import masks, products, states, sums
from mutating.place import Edit
from mutating.reading import layer_of, read

KINDS = {
    "scale": products.scale,
    "sign": products.sign,
    "transposed": products.transposed,
    "upstream-ignored": products.upstream_ignored,
    "derivative-missing": products.derivative_missing,
    "derivative-at-output": states.derivative_at_output,
    "derivative-at-input": states.derivative_at_input,
    "wrong-mask": masks.wrong_mask,
    "mask-edge": masks.mask_edge,
    "not-accumulated": sums.not_accumulated,
    "not-summed": sums.not_summed,
    "wrong-axis": sums.wrong_axis,
    "sum-for-mean": sums.sum_for_mean,
    "off-diagonal": sums.off_diagonal,
    "updated-weights": states.updated_weights,
    "wrong-operand": products.wrong_operand,
    "stale-cache": None,  # of the forward pass, see `_of_forward`
    "label-off-by-one": masks.label_off_by_one,
    "clip-forgotten": masks.clip_forgotten,
}
#: Mutants of one kind in one case, and how many of them may end in an error about shapes.
MOST = 4
MOST_ERRORS = 2
#: Draws on which a mutant is tried while mutants are made. A few suffice once it differs, but
#: not one: two sizes may be the same there by chance.
TRIED = range(8)
FEW = 3
#: An edge can be told from another only where a draw lies on it, so it need not show when tried.
MAY_HIDE = {"mask-edge"}

_numbers = itertools.count()


@dataclass(frozen=True)
class Mutant:
    """A module with one mistake in the backward pass of a case."""

    case: str
    module: str
    kind: str
    #: Where the mistake shows. A statement left out shows where its target was set before.
    line: int
    before: str
    after: str
    source: str


def mutants(module_name, case):
    """Yield the mutants of a case: of each kind a few, spread over the lines."""
    reading = read(case)
    for number, kind in enumerate(KINDS):
        found, errors = 0, 0
        for mutant in _candidates(reading, module_name, case, kind, number):
            outcome = _tried(mutant, case, reading)
            if outcome == "same" or (outcome == "error" and errors == MOST_ERRORS):
                continue
            found, errors = found + 1, errors + (outcome == "error")
            yield mutant
            if found == MOST:
                break


def load(mutant):
    """Return the case of a mutant, from its source run as a module of its own."""
    name = f"mutant_{next(_numbers)}"
    filename = f"<{name} of {mutant.module}>"
    module = types.ModuleType(name)
    module.__file__ = filename
    lines = mutant.source.splitlines(keepends=True)
    linecache.cache[filename] = (len(mutant.source), None, lines, filename)
    sys.modules[name] = module
    exec(compile(mutant.source, filename, "exec"), vars(module))
    return next(case for case in module.CASES if case.name == mutant.case)


def unload(case):
    """Forget the module that `load` made for a case."""
    module = sys.modules.pop(case.backward.__module__)
    del linecache.cache[module.__file__]


def is_equivalent(mutant, seeds=range(12)):
    """Whether the mutant gives the gradients of the original on every draw."""
    return telling_seed(mutant, seeds) is None


def telling_seed(mutant, seeds=range(12)):
    """Return the first seed on whose draw the mistake shows, or None.

    A dead ReLU hides nearly every mistake, so a checker can be asked for it only on such a draw.
    """
    case = load(mutant)
    original = _original(mutant)
    calls = _calls(mutant.kind)
    try:
        for seed in seeds:
            right = _right(original, seed, calls)
            if not driver.same(driver.gradients(case, seed, calls), right):
                return seed
        return None
    finally:
        unload(case)


def _original(mutant):
    return next(case for _, case in passes.cases() if case.name == mutant.case)


@functools.cache
def _right(case, seed, calls):
    return driver.gradients(case, seed, calls)


def _calls(kind):
    """Return how often the pass runs: what is kept too long shows in the second run."""
    return 2 if kind == "stale-cache" else 1


def _candidates(reading, module_name, case, kind, number):
    """Yield possible mutants, each statement's first, then each one's second, and so on."""
    if kind == "stale-cache":
        found = [[edit] for edit in _of_forward(reading, case)]
    else:
        found = [[(place, edit) for edit in KINDS[kind](place)] for place in reading.places]
    found = [_turned(edits, number) for number, edits in enumerate(_spread(found, number))]
    seen = set()
    for edits in itertools.zip_longest(*found):
        for place, edit in filter(None, edits):
            mutant = _mutant(reading, module_name, case.name, kind, place, edit)
            if mutant.source not in seen and mutant.after != mutant.before:
                seen.add(mutant.source)
                yield mutant


def _spread(items, start):
    """Return the items in an order whose beginning comes from all parts of a list."""
    golden = 0.6180339887
    order = sorted(range(len(items)), key=lambda index: (index + start) * golden % 1)
    return [items[index] for index in order if items[index]]


def _turned(items, start):
    """Return the items from another beginning, so that statements differ in their mistakes."""
    start %= len(items)
    return items[start:] + items[:start]


def _of_forward(reading, case):
    if "." not in case.backward.__qualname__:
        return
    layer = layer_of(case)
    yield from states.stale_cache(reading.forward, lambda name: hasattr(layer, name))


def _mutant(reading, module_name, case_name, kind, place, edit: Edit):
    node = getattr(place, "root", place)
    lines = reading.source.encode().splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno - 1
    head = lines[first][: node.col_offset]
    tail = lines[last][node.end_col_offset :]
    # Lines below must keep their numbers, however many lines the statement had.
    empty = [b"\n"] * (last - first)
    changed = [*lines[:first], head + edit.text.encode() + tail, *empty, *lines[last + 1 :]]
    return Mutant(
        case=case_name,
        module=module_name,
        kind=kind,
        line=edit.line or node.lineno,
        before=ast.unparse(node),
        after=edit.text,
        source=b"".join(changed).decode(),
    )


def _tried(mutant, case, reading):
    """Run a mutant in the place of the original; return "differs", "same" or "error"."""
    of_forward = mutant.kind == "stale-cache"
    function = reading.forward_function if of_forward else case.backward
    definition = reading.forward if of_forward else reading.backward
    calls = _calls(mutant.kind)
    try:
        code = _code(mutant, definition)
    except SyntaxError:
        return "same"
    right = [_right(case, seed, calls) for seed in TRIED]
    before, function.__code__ = function.__code__, code
    differs = mutant.kind in MAY_HIDE
    try:
        for seed in TRIED:
            answer = driver.gradients(case, seed, calls)
            if isinstance(answer, Exception):
                shapes = isinstance(answer, ValueError) and mutant.kind == "transposed"
                return "error" if shapes else "same"
            differs = differs or not driver.same(answer, right[seed])
            if differs and seed >= FEW - 1:
                return "differs"
    finally:
        function.__code__ = before
    return "same"


def _code(mutant, definition):
    """Compile the function alone: quicker than the module by far."""
    lines = mutant.source.splitlines(keepends=True)
    start = min([definition.lineno, *(d.lineno for d in definition.decorator_list)]) - 1
    text = textwrap.dedent("".join(lines[start : definition.end_lineno]))
    module = compile(text, "<mutant>", "exec")
    return next(
        constant
        for constant in module.co_consts
        if inspect.iscode(constant) and constant.co_name == definition.name
    )
