"""Random programs: chainrule against JAX, and its second derivatives against differences."""

import warnings
from collections import Counter

import numpy as np
import pytest
from fuzz_programs import FORMS, NUMPY, generate
from numeric import direction_like, moved, slope

import chainrule as cr
from chainrule.backward import differentiate
from chainrule.graphing import record
from chainrule.rules import TABLE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # not ours to mend
    import jax
    import jax.numpy as jnp

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)


class _JaxNumpy:
    """jax.numpy, but for the arrays written out in a program: masks have to be known."""

    array = staticmethod(np.array)

    def __getattr__(self, name):
        return getattr(jnp, name)


JAX = {
    "np": _JaxNumpy(),
    "S": NUMPY["S"],
    "put": lambda a, key, value: a.at[key].set(value),
    "scatter": lambda like, value, key: jnp.zeros_like(like).at[key].add(value),
    "softmax": lambda z, axis: jax.nn.softmax(z, axis=axis),
    "log_softmax": lambda z, axis: jax.nn.log_softmax(z, axis=axis),
}

BATCHES = 10


def pytest_generate_tests(metafunc):
    if "batch" in metafunc.fixturenames:
        metafunc.parametrize("batch", range(BATCHES))


@pytest.fixture
def programs(batch, pytestconfig):
    first, count = pytestconfig.getoption("seed"), pytestconfig.getoption("programs")
    return [generate(seed) for seed in range(first + batch, first + count, BATCHES)]


def assert_close(got, expected, tolerance, what):
    scale = max(1e-3, float(np.max(np.abs(expected), initial=0.0)))
    error = float(np.max(np.abs(np.asarray(got) - np.asarray(expected)), initial=0.0))
    assert error <= tolerance * scale, f"{what}: off by {error:.3g} of {scale:.3g}"


def checked(check, programs):
    """Run a check over programs; say which program it was that failed."""
    for program in programs:
        try:
            check(program)
        except Exception as error:
            raise AssertionError(
                f"{error}\n\nseed {program.seed}: "
                f"pytest tests/test_fuzz.py --seed {program.seed} --programs 1\n{program.text}"
            ) from error


def test_every_rule_has_a_form():
    assert set(FORMS) == {name for name, row in TABLE.items() if row.differentiable}


def test_every_rule_is_drawn():
    drawn = Counter(row for seed in range(300) for row in generate(seed).rows)
    assert set(drawn) == set(FORMS)
    assert min(drawn.values()) >= 5


def test_a_seed_always_gives_the_same_program():
    assert generate(7).text == generate(7).text


def test_value_and_gradients_agree_with_jax(programs):
    def check(program):
        every = tuple(range(len(program.inputs)))
        value, gradients = cr.value_and_grad(program.function(NUMPY), wrt=every)(*program.inputs)
        # Compiling a program takes less than running its operations one by one. It takes
        # less still at XLA's optimization level 0, which gets seeds 23 and 47 wrong (0.10).
        peer = jax.jit(jax.value_and_grad(program.function(JAX), argnums=every))
        expected = peer(*map(jnp.asarray, program.inputs))
        assert_close(value, expected[0], 1e-9, "value")
        for i, (gradient, other) in enumerate(zip(gradients, expected[1], strict=True)):
            assert np.shape(gradient) == np.shape(program.inputs[i])
            assert_close(gradient, other, 1e-9, f"gradient of x{i}")

    checked(check, programs)


def test_second_derivatives_agree_with_differences(programs):
    """The gradient of a random projection of the gradient, along a random direction."""

    def check(program):
        rng = np.random.default_rng(program.seed)
        every = tuple(range(len(program.inputs)))
        gradient = cr.grad(program.function(NUMPY), wrt=every)
        ways = direction_like(rng, program.inputs)
        names = ", ".join(f"x{i}" for i in every)
        projected = eval(
            f"lambda {names}: total({names})",
            {
                "total": lambda *inputs: sum(
                    np.sum(w * g) for w, g in zip(ways, gradient(*inputs), strict=True)
                )
            },
        )
        second = cr.grad(projected, wrt=every)(*program.inputs)
        direction = direction_like(rng, program.inputs)
        derived = sum(float(np.sum(s * d)) for s, d in zip(second, direction, strict=True))
        numeric = slope(lambda h: projected(*moved(program.inputs, direction, h)), 1e-4)
        size = max(1.0, *(float(np.max(np.abs(s))) for s in second))
        assert abs(derived - numeric) <= 1e-6 * size, f"{derived!r}, by differences {numeric!r}"

    checked(check, programs)


def test_graphs_are_valid_and_give_the_same_gradients(programs):
    """The backward pass as a graph, traced with values and with shapes alone."""

    def check(program):
        f = program.function(NUMPY)
        every = tuple(range(len(program.inputs)))
        gradients = cr.grad(f, wrt=every)(*program.inputs)
        recording = record(f, program.inputs, {})
        joint = differentiate(recording.graph.validate(), recording.wrt_inputs())
        joint.graph.validate()
        for node, gradient in zip(joint.wrt, gradients, strict=True):
            assert_close(joint.gradients[node].value, gradient, 1e-10, node.name)
        shapes = record(f, program.inputs, {}, values=False)
        assert len(shapes.graph.validate()) == len(recording.graph)
        differentiate(shapes.graph, shapes.wrt_inputs(), values=False).graph.validate()

    checked(check, programs)
