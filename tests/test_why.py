import math

import numpy as np
import pytest
from corpus import CASES, IDS

import chainrule as cr
from chainrule.examples.classifier import classifier
from chainrule.examples.neuron import neuron
from chainrule.explaining.elements import Locals, jacobian_block

EVERY = pytest.mark.parametrize("case", CASES, ids=IDS)


def solution(case, **options):
    return cr.explain(
        case.function, wrt=case.wrt, upstream=case.upstream, **case.arguments, **options
    )


def some_elements(s, most=6):
    """A few numbers of the arguments, by name, with their gradients."""
    rng = np.random.default_rng(0)
    joint = s._derivation.joint
    found = []
    for node in joint.wrt:
        every = list(np.ndindex(node.shape))
        for index in [every[i] for i in rng.permutation(len(every))[:2]]:
            name = f"{node.name}[{', '.join(map(str, index))}]" if index else node.name
            found.append((name, float(np.asarray(joint.gradients[node].value)[index])))
    return found[:most]


@EVERY
def test_all_paths_add_up_to_the_gradient(case):
    s = solution(case)
    for name, gradient in some_elements(s):
        why = s.why(name, k=100_000)
        assert why.gradient == gradient
        total = math.fsum(path.product for path in why.shown)
        assert len(why.shown) == why.count
        assert total == pytest.approx(gradient, rel=2e-4, abs=2e-6)
        assert total + why.rest == pytest.approx(gradient, rel=1e-12, abs=1e-15)


@EVERY
def test_paths_come_largest_first(case):
    s = solution(case)
    for name, _ in some_elements(s, 3):
        sizes = [abs(path.product) for path in s.why(name, k=50).shown]
        assert sizes == sorted(sizes, reverse=True)
        shorter = s.why(name, k=3)
        assert [abs(p.product) for p in shorter.shown] == pytest.approx(sizes[:3])
        products = [p.product for p in shorter.shown]
        together = math.fsum([*products, shorter.rest])
        assert together == pytest.approx(
            shorter.gradient, rel=1e-15, abs=1e-15 * max(sizes, default=1)
        )


@EVERY
def test_a_product_is_the_product_of_its_links(case):
    s = solution(case)
    for name, _ in some_elements(s, 3):
        for path in s.why(name, k=20).shown:
            product = math.prod(link.derivative for link in path.links) * path.upstream
            assert product == pytest.approx(path.product, rel=1e-12)
            assert path.links[-1].node is s._derivation.joint.forward.output


@EVERY
def test_scalar_terms_add_up_to_the_gradient(case):
    s = solution(case)
    for name, gradient in some_elements(s):
        terms = s.open(name)
        total = math.fsum(term.product for term in terms)
        assert total == pytest.approx(gradient, rel=2e-4, abs=2e-6)


@EVERY
def test_columns_are_the_columns_of_the_jacobian(case):
    """The transposed vjp against one-hot rows, for every small operation of the corpus."""
    s = solution(case)
    checked = 0
    for contribution in s._derivation.joint.contributions:
        consumer, position = contribution.consumer, contribution.position
        operand = consumer.inputs[position]
        if math.prod(consumer.shape) * math.prod(operand.shape) > 300:
            continue
        block = jacobian_block(consumer, position)
        for element in list(np.ndindex(operand.shape))[:4]:
            column = Locals().column(consumer, position, element)
            dense = np.zeros(consumer.shape)
            for j, derivative in column.items():
                dense[j] = derivative
            want = block[(..., *element)] if element else block
            np.testing.assert_allclose(dense, want, rtol=1e-5, atol=1e-7)
            checked += 1
    assert checked or case.name == "of_nothing"


def test_neuron_has_one_path_a_weight():
    why = cr.explain(neuron).why("w[2]")
    assert [link.node.name for link in why.shown[0].links] == ["xw2", "z", "y"]
    assert [link.derivative for link in why.shown[0].links] == [3.0, 1.0, 1.0]
    assert (why.count, why.rest, why.gradient) == (1, 0.0, 3.0)
    assert "3 · 1 · 1" in why.text()
    assert "w[2] -> xw2 -> z -> y" in why.text()


@pytest.mark.timeout(60)  # enumeration would take days
def test_a_trillion_paths_are_counted_and_not_listed():
    def diamonds(x, a, b):
        for _ in range(40):
            x = x * a + x * b
        return x

    s = cr.explain(diamonds, 1.0, 0.6, 0.5)
    why = s.why("x", k=5)
    assert why.count == 2**40
    assert why.gradient == pytest.approx(1.1**40)
    assert why.shown[0].product == pytest.approx(0.6**40)
    assert all(p.product == pytest.approx(0.6**39 * 0.5) for p in why.shown[1:])
    assert sum(p.product for p in why.shown) + why.rest == pytest.approx(why.gradient, rel=1e-15)
    assert "1,099,511,627,771 other paths" in why.text()


@pytest.mark.parametrize(("a", "b"), [(0.7, 0.7), (-0.7, 0.7), (1 / 3, 1 / 3)])
def test_ties_cost_nothing(a, b):
    def diamonds(x, a, b):
        for _ in range(40):
            x = x * a + x * b
        return x

    why = cr.explain(diamonds, 1.0, a, b).why("x", k=20)
    assert why.count == 2**40
    assert len(why.shown) == 20
    assert all(abs(p.product) == pytest.approx(abs(a) ** 40) for p in why.shown)


def test_a_value_read_twice_is_two_paths():
    why = cr.explain(lambda x: x * x, 3.0).why("x")
    assert why.count == 2
    assert [p.product for p in why.shown] == [3.0, 3.0]


def test_cancelling_paths():
    why = cr.explain(lambda x: x * 2 - x * 2, 3.0).why("x")
    assert why.gradient == 0.0
    assert sorted(p.product for p in why.shown) == [-2.0, 2.0]


def test_paths_from_a_value_in_between():
    s = cr.explain(classifier, wrt=("W1", "b1", "W2", "b2"))
    why = s.why("z2[0, 1]")
    assert why.gradient == s._derivation.joint.gradients[why.node].value[0, 1]
    assert s.why("dz2[0, 1]").gradient == why.gradient


@pytest.mark.parametrize(
    ("name", "word"),
    [("W9", "no gradient of"), ("W1", "not a single number"), ("W1[0]", "not a single number"),
     ("W1[5, 0]", "lies outside"), ("", "no gradient of"), ("y[0]", "no gradient of")],
)  # fmt: skip
def test_names_that_are_no_number(name, word):
    s = cr.explain(classifier, wrt=("W1", "b1", "W2", "b2"))
    with pytest.raises(cr.ChainruleError, match=word):
        s.why(name)
