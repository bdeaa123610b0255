"""Graphs rewritten node by node: sums of many terms, what is looked at again and what is not."""

import corpus
import numpy as np
import pytest

import chainrule as cr
from chainrule import rewriting
from chainrule import simplify as simplify_module
from chainrule.compiling.tracing import kinds_of, outlined
from chainrule.graph import Graph
from chainrule.graphing import record
from chainrule.rules import TABLE
from chainrule.simplify import simplify, tidied
from chainrule.trace import Recorder
from chainrule.writing import symbol, write

X = np.array([0.5, -1.0, 2.0])


def terms(f, *args):
    """How many terms each sum has that is left in the tidied graph of a function."""
    graph = tidied(record(f, args, {}).graph)
    return [len(node.inputs) for node in graph.nodes if node.op is TABLE["add"]]


def named(a, b):
    s = a + b + a
    return s + b + a


def read_twice(a, b):
    return (lambda s: s * s)(a + b + a) + a


def in_second_place(a, b):
    return a + (b + a + b)


def in_second_and_first_place(a, b):
    return (a + (b + a)) + b + a


SUMS = [
    (lambda a, b: a + b + a + b + a, [5]),
    (lambda a, b: (a + b) * (b + a + b) + a, [2, 3, 2]),
    (named, [3, 3]),
    (read_twice, [3, 2]),
    (in_second_place, [3, 2]),
    (in_second_and_first_place, [2, 4]),
    (lambda a, b: sum([a, b] * 40), [80]),
]


@pytest.mark.parametrize(("f", "expected"), SUMS, ids=range(len(SUMS)))
def test_a_chain_of_sums_is_one_sum_up_to_where_it_has_a_name_or_is_read_again(f, expected):
    assert terms(f, 2.0, 3.0) == expected


def test_the_terms_stay_in_the_order_in_which_python_adds_them():
    def f(a, b, c):
        return a + b + c + a * b + c * c

    graph = tidied(record(f, (1.0, 2.0, 3.0), {}).graph)
    text = write(graph.output, "text", lambda n: symbol(n.name, "text") if n.is_input else None)
    assert text.string == "a + b + c + a · b + c · c"
    assert graph.output.value == 17.0
    assert graph.output.where is not None


def test_a_term_of_zero_within_a_chain_is_left_out():
    def f(a, b):
        return a + b + 0 + a + 0 + b

    graph, _ = simplify(record(f, (2.0, 3.0), {}).graph)
    assert [n.name for n in graph.nodes] == ["a", "b", "output"]
    assert [n.name for n in graph.output.inputs] == ["a", "b", "a", "b"]


def structure(graph):
    place = {node: i for i, node in enumerate(graph.nodes)}
    return [
        (n.op, [place[i] for i in n.inputs], dict(n.params), n.abstract, n.name, n.where)
        for n in graph.nodes
    ]


def simplified():
    """The simplified graphs of the corpus."""
    for case in corpus.CASES:
        s = cr.explain(case.function, wrt=case.wrt, upstream=case.upstream, **case.arguments)
        yield structure(s._derivation.simplified[0])


def test_what_is_settled_would_not_have_changed(monkeypatch):
    expected = list(simplified())

    class Forgetful(dict):
        def setdefault(self, rewrites, settled):
            return set()

    class Sweeping(rewriting.Rewriter):
        def __init__(self, loose=False):
            super().__init__(loose)
            self._settled = Forgetful()

    monkeypatch.setattr(simplify_module, "Rewriter", Sweeping)
    assert list(simplified()) == expected


def zeros_among(a, b):
    first = a + b + a * 0.0 + b + 0.0
    return (first + a + 0 * b) * (a + b + a + 0) + a


def signs_among(a, b):
    x = -a + b + -(b / 2) + a
    return np.tanh(x - (a - b) + (-b) + 0) + x + x + -b


@pytest.mark.parametrize("f", [*(f for f, _ in SUMS), zeros_among, signs_among])
def test_a_chain_taken_as_a_whole_is_the_chain_taken_sum_by_sum(f, monkeypatch):
    def found():
        s = cr.explain(f, 0.5, 2.0)
        return structure(s._derivation.graph), structure(s._derivation.simplified[0])

    expected = found()
    monkeypatch.setattr(rewriting.Rewriter, "may_defer", lambda self, node: False)
    assert found() == expected


def test_a_sum_left_to_a_reader_that_does_something_else_is_taken_as_a_whole_at_once(monkeypatch):
    recorder = Recorder()
    a, n, z = (
        recorder.input(name, value) for name, value in zip("anz", (2.0, 3.0, 5.0), strict=True)
    )
    # The second term turns into -(z / n) in the second run: were it then still in a sum of two
    # terms, that would become a difference.
    total = a + (1.0 / n) * -z + a
    graph = recorder.graph([np.tanh(total + 0.0)])
    found, _ = simplify(graph)
    (sum_,) = [node for node in found.nodes if node.op is TABLE["add"]]
    assert [node.name or node.op.name for node in sum_.inputs] == ["a", "negative", "a"]
    monkeypatch.setattr(rewriting.Rewriter, "may_defer", lambda self, node: False)
    assert structure(simplify(graph)[0]) == structure(found)


def test_a_settled_node_is_not_looked_at_again(monkeypatch):
    looked = []
    real = rewriting.Rewrites.possible
    monkeypatch.setattr(
        rewriting.Rewrites, "possible", lambda s, n, i: looked.append(n) or real(s, n, i)
    )

    def f(x):
        for _ in range(50):
            x = np.tanh(x) * 0.5
        return x

    graph = record(f, (0.3,), {}).graph
    simplify(graph)
    looked.clear()
    simplify(graph)
    # Once as they are merged, once with the rewrites, and once for what is done in the end.
    assert len(looked) <= 3 * len(graph)


def test_tidying_within_simplify_is_tidying_before_it():
    for f, _ in SUMS:
        graph = record(f, (2.0, 3.0), {}).graph
        together, _ = simplify(graph, tidy=True)
        assert structure(together) == structure(simplify(tidied(graph))[0])


# -- results that are remembered while a function is traced for shapes ---------------------


def many_kinds(x, w):
    a = np.sum(x, axis=0) + np.sum(x, axis=1)
    b = np.sum(x, axis=0, keepdims=True) @ w + np.sum(x, axis=1, keepdims=True)
    c = np.transpose(x) @ w + x @ np.transpose(w)
    d = x.astype(np.float32) @ w.astype(np.float32)
    e = np.reshape(x, (9,)).reshape(3, 3) + np.reshape(x, (1, 9))[0, 2:5]
    return np.sum(a) + np.sum(b) + np.sum(c @ c) + np.sum(d @ d) + np.sum(e) + 2 * np.mean(x * 2.0)


def test_a_result_that_is_remembered_is_that_of_the_same_question():
    x, w = np.ones((3, 3)), np.eye(3)
    outline = outlined(cr.value_and_grad(many_kinds, (0, 1)), (x, w), {}, kinds_of([x, w]))
    outline.graph.validate()


def test_a_parameter_of_another_type_is_another_question():
    @cr.custom(vjp=lambda g, out, x, like: None)
    def in_kind(x, like):
        return x.astype(type(like))

    outline = outlined(
        lambda x: [in_kind(x, like=like) for like in (1, 1.0, True)], (X,), {}, kinds_of([X])
    )
    assert [o.abstract.dtype for o in outline.graph.outputs] == [int, float, bool]


# -- what a node is computed from ----------------------------------------------------------


def test_behind_a_node_is_what_it_needs_and_nothing_else():
    def f(a, b):
        unused = a * b
        kept = np.sin(a) + np.sin(a) * 2.0
        return kept * a + 0 * unused

    graph = record(f, (0.5, 2.0), {}).graph
    kept = next(n for n in graph.nodes if n.name == "kept")
    part = Graph.behind([kept]).validate()
    assert part.output is kept
    assert {n.name for n in part.inputs} == {"a"}
    assert set(part.nodes) == set(graph.reachable([kept]).nodes) - {graph.inputs[1]}


def test_behind_a_node_of_a_long_chain():
    def f(x):
        for _ in range(3000):
            x = x * 1.001
        return x

    graph = record(f, (1.0,), {}).graph
    assert len(Graph.behind([graph.output])) == len(graph)
