"""How arrays lie in memory, how many elements they have and how many axes: it does not matter.

Every row of the table with a derivative, on each of its samples.
"""

import numpy as np
import pytest
from test_rules import DERIVED, applied, drawn, gradients_of, is_floating, rows, weighted

import chainrule as cr
from chainrule.backward import differentiate
from chainrule.graphing import record

LAYOUTS = {
    "fortran": lambda a: np.array(a, order="F"),
    "every second": lambda a: np.repeat(np.repeat(a, 2, axis=0)[::2], 2, axis=-1)[..., ::2],
    "backwards": lambda a: np.flip(np.flip(a).copy()),
    "transposed": lambda a: a.T.copy().T,
    "read-only broadcast": lambda a: np.broadcast_to(a, (2, *a.shape))[1],
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
}


def assert_close(got, expected):
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("row", "sample"), DERIVED)
def test_layout_of_memory_does_not_matter(row, sample, layout):
    operands = drawn(row, sample)
    laid = [
        LAYOUTS[layout](o) if isinstance(o, np.ndarray) and o.ndim and o.size else o
        for o in operands
    ]
    before = [np.array(o) for o in laid]
    value, gradients = gradients_of(row, sample, operands)
    laid_value, laid_gradients = gradients_of(row, sample, laid)
    assert_close(laid_value, value)
    for laid_gradient, gradient in zip(laid_gradients, gradients, strict=True):
        assert_close(laid_gradient, gradient)
    for operand, was in zip(laid, before, strict=True):
        np.testing.assert_array_equal(operand, was)  # nobody writes into what was given


def test_a_broadcast_argument_with_one_number_in_memory():
    x = np.broadcast_to(np.float64(2.0), (3, 4))
    gradient = cr.grad(lambda x: np.sum(x**2 * np.arange(4.0)))(x)
    np.testing.assert_array_equal(gradient, np.tile([0.0, 4.0, 8.0, 12.0], (3, 1)))
    gradient[0, 0] = 7.0  # in memory of its own
    assert gradient[1, 0] == 0.0


# -- no elements -----------------------------------------------------------------------


def emptied(operands, size):
    """Operands with every axis of a size shortened to nothing."""
    return [
        o[tuple(slice(0) if n == size else slice(None) for n in o.shape)]
        if isinstance(o, np.ndarray)
        else o
        for o in operands
    ]


def variants(row, operands):
    """Operands without elements: all axes of one size at once, then each axis alone."""
    arrays = [(i, o) for i, o in enumerate(operands) if isinstance(o, np.ndarray)]
    for size in {n for _, o in arrays for n in o.shape}:
        yield emptied(operands, size)
    if not row.numpy:
        return  # the row is no function of NumPy's, which would say whether the shapes fit
    for i, operand in arrays:
        for axis in range(operand.ndim):
            yield [*operands[:i], np.take(operand, [], axis=axis), *operands[i + 1 :]]


#: How NumPy refuses operands, a warning included; anything else is our fault, and must show.
NUMPYS_REFUSALS = (ArithmeticError, IndexError, RuntimeWarning, TypeError, ValueError)


def accepted(row, sample, operands):
    """Whether NumPy takes these operands, without a warning or a NaN."""
    try:
        with np.errstate(all="raise"):
            return bool(np.all(np.isfinite(row(*operands, **sample.params))))
    except NUMPYS_REFUSALS:
        return False


NONE = [
    pytest.param(row, sample, operands, id=f"{p.id}-{k}")
    for p in DERIVED
    for row, sample in [p.values]
    for k, operands in enumerate(variants(row, drawn(row, sample)))
    if row.name not in ("qr_q", "qr_r") and accepted(row, sample, operands)
]


def moving(row, sample, operands):
    varied = [i for i, o in enumerate(operands) if is_floating(o)]
    f, weights = weighted(row, sample, operands, varied)
    return f, (weights, *(operands[i] for i in varied))


@pytest.mark.parametrize(("row", "sample", "operands"), NONE)
def test_no_elements_on_the_tape(row, sample, operands):
    f, values = moving(row, sample, operands)
    gradients = cr.grad(f, wrt=tuple(range(len(values))))(*values)
    for gradient, value in zip(gradients, values, strict=True):
        assert np.shape(gradient) == np.shape(value)
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("values", [True, False], ids=["eager", "abstract"])
@pytest.mark.parametrize(("row", "sample", "operands"), NONE)
def test_no_elements_in_a_graph(row, sample, operands, values):
    f, given = moving(row, sample, operands)
    recording = record(f, given, {}, values=values)
    recording.graph.validate()
    joint = differentiate(recording.graph, recording.wrt_inputs(), values=values)
    joint.graph.validate()
    for node in joint.wrt:
        assert joint.gradients[node].shape == node.shape


# -- no axes ---------------------------------------------------------------------------

NUMBERS = [p for p in DERIVED if any(np.ndim(o) == 0 for o in drawn(*p.values))]


@pytest.mark.parametrize(("row", "sample"), NUMBERS)
def test_numbers_of_any_kind(row, sample):
    """Python floats, NumPy scalars and arrays without axes have the same derivative."""
    operands = drawn(row, sample)
    found = []
    for kind in (float, np.float64, np.array):
        given = [
            kind(o) if np.ndim(o) == 0 and np.asarray(o).dtype.kind == "f" else o for o in operands
        ]
        value, gradients = gradients_of(row, sample, given)
        assert all(
            np.shape(g) == np.shape(o)
            for g, o in zip(gradients, filter(is_floating, given), strict=True)
        )
        found.append([value, *gradients])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("row", rows(lambda row: row.elementwise and row.differentiable))
def test_zero_axes_elementwise(row):
    (sample, *_) = row.samples
    flat = [np.asarray(o).flat[0] if np.ndim(o) else o for o in drawn(row, sample)]
    varied = [i for i, o in enumerate(flat) if is_floating(o)]
    found = []
    for kind in (float, np.float64, np.array):
        operands = [kind(o) if is_floating(o) else o for o in flat]
        f = applied(row, sample, operands, varied)
        gradients = cr.grad(f, wrt=tuple(range(len(varied))))(*(operands[i] for i in varied))
        assert all(np.shape(g) == () for g in gradients)
        found.append([float(g) for g in gradients])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-15)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-15)


# -- batches ---------------------------------------------------------------------------


@pytest.mark.parametrize("row", rows(lambda row: row.elementwise and row.differentiable))
def test_a_smaller_operand_gets_the_sum_over_the_batch(row):
    for sample in row.samples:
        operands = drawn(row, sample)
        f, (weights, *values) = moving(row, sample, operands)
        tripled = np.stack([np.asarray(weights)] * 3)
        wrt = tuple(range(1, len(values) + 1))
        once = cr.grad(f, wrt=wrt)(weights, *values)
        thrice = cr.grad(f, wrt=wrt)(tripled, *values)
        for a, b in zip(once, thrice, strict=True):
            np.testing.assert_allclose(b, 3 * np.asarray(a), rtol=1e-12, atol=1e-14)


def batch(operand, k):
    """Another operand of the same kind: a little changed, and as well-behaved."""
    value = np.asarray(operand)
    return value * (1.0 + 0.05 * k) if value.dtype.kind in "fc" else value


def stacked_forward(row, sample, operands):
    """The operation on operands with a batch axis in front, where NumPy means it so."""
    singles = [[batch(o, k) for o in operands] for k in range(3)]
    try:
        outs = [row(*single, **sample.params) for single in singles]
        together = [np.stack(parts) for parts in zip(*singles, strict=True)]
        out = row(*together, **sample.params)
    except NUMPYS_REFUSALS:
        return None
    same = np.shape(out) == (3, *np.shape(outs[0])) and np.allclose(out, np.stack(outs))
    return (singles, together) if same else None


BATCHED = [
    pytest.param(row, sample, *found, id=p.id)
    for p in DERIVED
    for row, sample in [p.values]
    if all(is_floating(o) for o in drawn(row, sample))
    for found in [stacked_forward(row, sample, drawn(row, sample))]
    if found is not None
]


@pytest.mark.parametrize(("row", "sample", "singles", "together"), BATCHED)
def test_a_batch_gives_the_gradients_of_its_members(row, sample, singles, together):
    every = tuple(range(len(together)))
    f = applied(row, sample, together, every)
    out, pullback = cr.vjp(f, *together)
    rng = np.random.default_rng(1)
    upstream = rng.uniform(0.5, 1.5, np.shape(out)).astype(np.asarray(out).dtype)
    gradients = pullback(upstream)
    for k, single in enumerate(singles):
        _, pull = cr.vjp(f, *single)
        for gradient, alone in zip(gradients, pull(upstream[k]), strict=True):
            np.testing.assert_allclose(gradient[k], alone, rtol=1e-9, atol=1e-11)


def test_there_are_batches_of_matrices():
    found = {p.values[0].name for p in BATCHED}
    assert {"inv", "det", "matmul", "cholesky", "solve", "sort"} <= found
