"""Operations as loops over single numbers: by Python, and by numba, against what NumPy gives."""

from importlib.util import find_spec

import numpy as np
import pytest
from kernels import AsPython, close, given_for, kernel_of, leaves_of
from loop_networks import NETWORKS

import chainrule as cr
from chainrule.emit.loops.statement import NoLoopsError
from chainrule.evaluate import evaluate
from chainrule.rules import TABLE, special
from fuzz.program import quietly

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

F = {"float32": np.float32, "float64": np.float64}
SPECIAL = special.rows() if find_spec("scipy") else {}
ROWS = {**TABLE, **{row.name: row for row in SPECIAL.values()}}

#: Rows that NumPy, or SciPy, runs.
WITHOUT = frozenset(
    """
    argpartition argsort digitize lexsort median quantile searchsorted sort unwrap
    nanargmax nanargmin running_maximum_place running_minimum_place
    cholesky cofactors det eig_values eig_vectors eigenvalues eigenvectors inv logabsdet
    lstsq matrix_rank pinv qr_q qr_r signdet solve svd_u svd_vh svdvals convolve
    fft ifft irfft rfft
    binary_exponent bitwise_count i0
    """.split()  # noqa: SIM905  # fifty names in quotes are no easier to read
)


def filled(row, sample, kind):
    """The operands of a sample, random numbers where it gives a shape."""
    rng = np.random.default_rng(3)
    operands = []
    for operand in sample.operands:
        if isinstance(operand, tuple):
            operand = rng.uniform(row.low, row.high, operand)
        if np.asarray(operand).dtype.kind == "f" and not np.isscalar(operand):
            operand = np.asarray(operand).astype(kind)
        operands.append(operand)
    return operands


def applied(row, operands, params):
    """A row as a function of those of its operands that are arrays."""
    is_array = [isinstance(o, (np.ndarray, np.generic)) for o in operands]

    def f(*arrays):
        given = iter(arrays)
        return row(
            *(next(given) if a else o for a, o in zip(is_array, operands, strict=True)), **params
        )

    return f


def _parameters():
    for name, row in ROWS.items():
        for k, sample in enumerate(row.samples):
            yield pytest.param(row, sample, id=f"{name}-{k}")


@pytest.mark.parametrize(("row", "sample"), [*_parameters()])
def test_every_row_that_has_loops_computes_what_it_says(row, sample):
    for kind in (np.float32, np.float64):
        operands = filled(row, sample, kind)
        arrays = [o for o in operands if isinstance(o, (np.ndarray, np.generic))]

        try:
            kernel = kernel_of(applied(row, operands, sample.params), tuple(arrays))
            got = AsPython(kernel)(arrays, kernel.values)[0]
        except NoLoopsError:
            is_complex = any(np.iscomplexobj(o) for o in operands)
            assert row.name in WITHOUT or row.name.startswith("special.") or is_complex
            return
        assert row.name not in WITHOUT
        with np.errstate(all="ignore"):
            want = row.forward(*operands, **sample.params)
        assert close(got, want, kind), (got, want)


def test_the_special_functions_of_machine_learning_have_loops():
    pytest.importorskip("scipy")
    names = "erf erfc expit log_expit logit gammaln xlogy xlog1py entr rel_entr kl_div ndtr huber"
    for name in names.split():
        row = SPECIAL[name]
        arrays = filled(row, row.samples[0], np.float64)
        kernel = kernel_of(row, tuple(arrays))
        assert AsPython(kernel).source


# -- elementwise operations under numba ----------------------------------------------------

#: Where functions have kinks, poles and ends.
POINTS = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -2.5, 3, 1e-3, 40, 0.3])
ELEMENTWISE = [r for r in ROWS.values() if r.elementwise and r.name not in WITHOUT]


def operands_of(row, kind, shapes):
    rng = np.random.default_rng(1)
    for k, shape in enumerate(shapes):
        if kind.kind == "f":
            size = int(np.prod(shape))
            drawn = rng.uniform(row.low, row.high, max(size, 13))
            drawn[:13] = POINTS if k == 0 else rng.permutation(POINTS)
            yield drawn[:size].reshape(shape).astype(kind)[()]
        elif kind.kind == "b":
            yield rng.integers(0, 2, shape).astype(bool)[()]
        else:
            low = 1 if row.name == "reciprocal" else -5  # NumPy's 1 / 0 is no certain number
            yield rng.integers(low, 6, shape).astype(kind)[()]


#: Shapes of operands: alike, broadcast, numbers.
LAYOUTS = {"float64": [(5, 4), (5, 4), (5, 4)], "bool": [(), (), ()]}
BROADCAST = [(5, 4), (4,), ()]


def calls_of(kind):
    """Rows with operands of a kind that NumPy takes."""
    for row in ELEMENTWISE:
        params = row.samples[0].params
        arity = len(row.samples[0].operands)
        for shapes in (LAYOUTS.get(kind.name, BROADCAST)[:arity],):
            operands = list(operands_of(row, kind, shapes))
            try:
                with quietly():
                    want = row.forward(*operands, **params)
            except (TypeError, ValueError):
                continue
            if np.asarray(want).dtype.kind in "biuf" and np.asarray(want).dtype != np.float16:
                yield row, operands, params, want


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "bool"])
def test_every_elementwise_row_compiles(kind):
    pytest.importorskip("numba")
    from chainrule.execute.numba_executor import NumbaRunnable

    kind = np.dtype(kind)
    calls, without = [], set()
    for call in calls_of(kind):
        row, operands, params, _ = call
        try:
            kernel_of(lambda *a, row=row, params=params: row(*a, **params), tuple(operands))
        except NoLoopsError:
            without.add(row.name)
        else:
            calls.append(call)
    if kind.kind == "f":
        known = {f"special.{name}" for name in SPECIAL} - {"special.erf", "special.expit"}
        assert without <= known, without - known
    for start in range(0, len(calls), 75):
        some = calls[start : start + 75]

        def together(*leaves, some=some):
            given = iter(leaves)
            return tuple(
                row(*(next(given) for _ in operands), **params) for row, operands, params, _ in some
            )

        leaves = [o for _, operands, _, _ in some for o in operands]
        kernel = kernel_of(together, tuple(leaves))
        results = NumbaRunnable(kernel)(leaves, kernel.values)
        for (row, operands, _, want), got in zip(some, results, strict=True):
            assert close(got, want, kind), (row.name, operands, got, want)


# -- whole networks, forward and backward ----------------------------------------------------


def compared(f, arguments, axes, run, kind):
    """Run one kernel at three sizes, each against the reference."""
    kernel = kernel_of(f, arguments(6), axes)
    runs = run(kernel)
    assert kernel.given, "nothing varies with the sizes"
    for n in (6, 3, 17):
        args = arguments(n)
        found = leaves_of(args)
        got = runs(found, given_for(kernel, f, args))
        fresh = kernel_of(f, args)
        named = dict(zip((i.name for i in fresh.graph.inputs), found, strict=True))
        with np.errstate(all="ignore"):
            want = evaluate(fresh.graph, named)
        assert len(got) == len(want) > 1
        for mine, theirs in zip(got, want, strict=True):
            assert close(mine, theirs, kind), (n, mine, theirs)


@pytest.mark.parametrize("kind", F)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_its_gradients(name, kind):
    trained(name, F[kind], AsPython)


@pytest.mark.parametrize("name", ["convolution", "large_attention", "overwritten"])
def test_a_network_under_numba(name):
    pytest.importorskip("numba")
    from chainrule.execute.numba_executor import NumbaRunnable

    trained(name, np.float32, NumbaRunnable)


def trained(name, kind, run):
    loss, arguments = NETWORKS[name]
    args = arguments(6, kind)
    axes = [(k, 0) for k, a in enumerate(leaves_of(args)) if np.shape(a)[:1] == (6,)]
    wrt = tuple(range(len(args) - 1)) if len(args) > 2 else 0
    compared(cr.value_and_grad(loss, wrt=wrt), lambda n: arguments(n, kind), axes, run, kind)


def test_large_products_are_left_to_a_library_one_matrix_at_a_time():
    loss, arguments = NETWORKS["large_attention"]
    args = arguments(6, np.float32)
    source = AsPython(kernel_of(cr.value_and_grad(loss), args, [(3, 0), (4, 0)])).source
    assert source.count("product(gemm, ") == 12
    assert ", scores[i], 0, scores[i].shape[0])" in source


# -- numbers written into arrays --------------------------------------------------------------


def one_place(v, w):
    made = v * w
    made[2] = -0.25
    return np.sum(np.sin(made))


def the_only_place(v, w):
    made = np.sum(v * w, keepdims=True)
    made[...] = 0.5
    return np.sum(made * v[0])


def a_place_of_a_row(v, w):
    made = np.stack([v, w])
    made[1, 0] = 3.0
    made[0, 1] += made[1, 0]
    return np.sum(made * made)


def some_places(v, w):
    made = v[np.array([0, 2, 1])]
    made[:2] = 0.75
    made[1] = w[0]
    made[0] = 2.0
    return np.sum(np.cos(made))


@pytest.mark.parametrize("f", [one_place, the_only_place, a_place_of_a_row, some_places])
def test_a_number_is_written_after_what_it_replaces(f):
    v, w = np.random.default_rng(0).standard_normal((2, 4))
    for g in (f, cr.value_and_grad(f, wrt=("v", "w"))):
        kernel = kernel_of(g, (v, w))
        want = g(v.copy(), w.copy())
        got = AsPython(kernel)([v, w], kernel.values)
        for mine, theirs in zip(got, leaves_of((want,)), strict=True):
            np.testing.assert_allclose(np.ravel(mine), np.ravel(theirs), rtol=1e-12)
