"""Whatever is wrong with a pass is a finding with its line, and whatever form it has is read."""

import gc
import random
from contextlib import suppress

import bad_passes as bad
import numpy as np
import odd_passes as odd
import pytest
from bad_passes import LABELS, PROBABILITIES, W, X
from odd_passes import FORMS

from chainrule.checking.api import check
from chainrule.errors import ChainruleError


def cases(table):
    """Return the rows of a table."""
    return [pytest.param(*row, id=name) for name, row in table.items()]


def wrong(report):
    """Return the first finding that is wrong, having shown the report in each way."""
    assert all((report.text(), report.markdown(), report.json()))
    assert not report.ok
    return next(f for f in report.findings if f.verdict == "wrong")


def product(backward):
    return bad.product, backward, X, W


# What is checked, and the mistake that is named.
MISTAKES = {
    "raises": (product(bad.raises), "raises"),
    "raises in NumPy": (product(bad.raises_in_numpy), "raises"),
    "raises in a helper": (product(bad.raises_in_a_helper), "raises"),
    "a warning that is an error": ((bad.tanh, bad.warns, X), "raises"),
    "forward raises": ((bad.forward_raises, bad.product_back, X, W), "raises"),
    "forward raises in a helper": (
        (bad.forward_raises_in_a_helper, bad.product_back, X, W),
        "raises",
    ),
    "forward without end": ((bad.forward_without_end, bad.product_back, X, W), "raises"),
    "None": (product(bad.returns_none), "returns-none"),
    "None for each": (product(bad.returns_none_for_each), "returns-none"),
    "an empty dict": (product(bad.returns_an_empty_dict), "returns-none"),
    "one too many": (product(bad.returns_three), "count"),
    "wrong shape": (product(bad.wrong_shape), "shape"),
    "a string": (product(bad.a_string), "not-a-number"),
    "unequal lists": (product(bad.unequal_lists), "not-a-number"),
    "objects": (product(bad.objects), "not-a-number"),
    "a generator": ((bad.tanh, bad.yields, X), "not-a-number"),
    "over zero": (product(bad.over_zero), "not-finite"),
    "one NaN": (product(bad.one_nan), "not-finite"),
    "over what cancels": ((bad.tanh, bad.over_what_cancels, X), "not-finite"),
    "writes into an input": (product(bad.writes_into_an_input), "mutates-input"),
    "writes into the upstream": (
        (bad.relu, bad.writes_into_the_upstream, X),
        "mutates-upstream",
    ),
    "a mask in place": ((bad.MaskInPlace(), X), "mutates-upstream"),
    "another mask": ((bad.dropped, bad.other_mask, X), "random"),
    "noise of its own": ((bad.tanh, bad.noise_of_its_own(), X), "random"),
    "another mask of an object": ((bad.DropoutWithAnotherMask(), X), "random"),
    "accumulating": ((bad.Accumulating(), X), "hidden-state"),
    "a global": (product(bad.adds_to_a_global), "hidden-state"),
    "a nonlocal": ((bad.tanh, bad.adds_to_a_nonlocal(), X), "hidden-state"),
    "updates in place, too early": ((bad.UpdatesTooEarly(), X), "updated-weights"),
    "keeps the first batch": ((bad.KeepsTheFirstBatch(), X), "stale-cache"),
    "an object's forward raises": ((bad.ForwardRaises(), X), "raises"),
    "an object's backward raises": ((bad.BackwardRaises(), X), "raises"),
    "a stack raises": (([bad.Dropout(), bad.BackwardRaises()], X), "raises"),
    "leaves nothing": ((bad.LeavesNothing(), X), "returns-none"),
    "an object's wrong shape": ((bad.WrongShape(), X), "shape"),
}


@pytest.mark.parametrize(("args", "kind"), cases(MISTAKES))
def test_the_mistake_has_a_name(args, kind):
    found = wrong(check(*args))
    assert kind in [m.kind for m in found.mistakes]
    assert found.mistakes[-1].evidence


@pytest.mark.parametrize(("args", "kind"), cases(MISTAKES))
def test_the_mistake_has_a_line(args, kind):
    found = wrong(check(*args))
    assert found.where is not None
    assert "# here" in found.where.source


def test_a_line_that_divides_by_zero_has_no_other_mistake():
    found = wrong(check(bad.tanh, bad.over_what_cancels, X))
    assert [m.kind for m in found.mistakes] == ["not-finite"]


def test_a_gradient_of_nothing_is_noted():
    report = check(*product(bad.returns_another_key))
    assert report.ok
    assert any("dv" in note for note in report.notes)


@pytest.mark.parametrize("x", [np.arange(4), 3, np.arange(4)[:, None]], ids=str)
def test_whole_numbers_are_taken_for_floats(x):
    report = check(bad.tanh, bad.tanh_back, x)
    assert [f.verdict for f in report.findings] == ["right"]


@pytest.mark.parametrize(
    "x", [np.array([True]), np.array([0.1, 0.2], object)], ids=["bool", "object"]
)
def test_what_has_no_gradient_is_not_called_right(x):
    assert not check(bad.tanh, bad.tanh_back, x).ok


def test_fewer_gradients_than_inputs_claim_less():
    report = check(bad.product, lambda dy, x, w: dy @ w.T, X, W)
    assert report.ok
    assert [f.of for f in report.findings] == ["x"]


def test_the_mask_of_an_object_is_drawn_again():
    assert check(bad.Dropout(), X).ok


def test_the_mask_of_a_function_is_drawn_again():
    assert check(bad.dropped, lambda dy, x, mask: dy * mask, X).ok


# -- forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "_", "of"), cases(FORMS))
def test_each_form_when_it_is_right(right, _, of):
    report = check(*right)
    assert report.ok, report.text()
    assert {f.of for f in report.findings if f.verdict == "right"} == set(of.split())


def assert_derived_wrongly(finding):
    """Hold that a number is wrong, as opposed to the form of the pass."""
    assert finding.mistake not in ("raises", "returns-none", "count", "shape")


@pytest.mark.parametrize(("_", "args", "of"), cases(FORMS))
def test_each_form_when_it_is_wrong(_, args, of):
    assert_derived_wrongly(wrong(check(*args)))


@pytest.mark.parametrize(("_", "args", "of"), cases(FORMS))
def test_each_form_has_its_line(_, args, of):
    found = wrong(check(*args))
    assert_derived_wrongly(found)
    assert found.where is not None
    assert "# here" in found.where.source


def test_labels_of_a_function_by_name():
    assert check(odd.log_loss, odd.log_loss_back, PROBABILITIES, y_true=LABELS).ok


def test_labels_of_a_loss_by_name():
    assert check(odd.LogLoss(), PROBABILITIES, y_true=LABELS).ok
    assert not check(odd.WrongLogLoss(), PROBABILITIES, y_true=LABELS).ok


def test_without_source_there_is_a_verdict():
    assert check(odd.exec_forward, odd.exec_back, X).ok
    found = wrong(check(odd.exec_forward, odd.exec_wrong, X))
    assert (found.name, found.of, found.line) == ("dx", "x", "")


READ_ONLY = X.copy()
READ_ONLY.flags.writeable = False
INPUTS = {
    "float32": X.astype(np.float32),
    "float16": X.astype(np.float16),
    "long double": X.astype(np.longdouble),
    "read-only": READ_ONLY,
    "Fortran order": np.asfortranarray(X),
    "with steps": np.linspace(-1, 1, 24).reshape(4, 6)[::2, ::-1],
    "broadcast": np.broadcast_to(X[0], (3, 4)),
    "0-d": np.array(0.3),
    "one element": np.array([0.3]),
    "a float": 0.3,
    "a number of NumPy": np.float64(0.3),
    "a number of float32": np.float32(0.3),
    "a list": [0.1, -0.2, 0.3],
    "nested lists": X.tolist(),
    "masked": np.ma.array(X),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name):
    x = INPUTS[name]
    report = check(bad.tanh, bad.tanh_back, x)
    assert report.ok, report.text()
    assert [f.verdict for f in report.findings] == ["right"]
    found = wrong(check(bad.tanh, odd.tanh_wrong, x))
    assert "# here" in found.where.source


def test_an_empty_batch_has_nothing_that_could_be_wrong():
    none = np.zeros((0, 4))
    assert check(bad.tanh, bad.tanh_back, none).ok
    assert check(bad.product, bad.product_back, none, W).ok
    assert check(bad.Dense(), none).ok


def test_integers_beside_floats_are_no_inputs_with_a_gradient():
    report = check(lambda x, n: x**n, lambda dy, x, n: dy * n * x ** (n - 1), X, 3)
    assert report.ok
    assert [f.of for f in report.findings] == ["x"]


# -- what is refused ---------------------------------------------------------------------------


REFUSED = {
    "slots": (lambda: check(odd.WithSlots(), X), "lie in __slots__"),
    "linked": (lambda: check(odd.linked(bad.Dense()), X), "part of itself"),
    "complex numbers": (lambda: check(bad.tanh, bad.tanh_back, X + 1j), "float|real"),
    "a generator": (lambda: check(bad.yields, bad.tanh_back, X, X), "generator"),
    "forward returns None": (lambda: check(lambda x: None, bad.tanh_back, X), "None"),
    "forward returns a string": (lambda: check(lambda x: "x", bad.tanh_back, X), "str"),
    "a class": (lambda: check(bad.Dense, X), "is a class"),
    "a class in a stack": (lambda: check([bad.Dense(), bad.Dense], X), "is a class"),
    "no backward": (lambda: check(bad.NoBackward(), X), "no backward method"),
    "no backward in a stack": (lambda: check([bad.NoBackward()], X), "no backward method"),
    "no labels": (lambda: check(odd.LogLoss(), PROBABILITIES), "needs y_true"),
    "unknown argument": (lambda: check(bad.tanh, bad.tanh_back, X, banana=1), "banana"),
    "unknown argument of a layer": (lambda: check(bad.Dense(), X, banana=1), "banana"),
    "unknown parameters": (
        lambda: check(bad.tanh, odd.decorated_without_a_trace(bad.tanh_back), X),
        "parameters",
    ),
    "an argument too few": (lambda: check(bad.product, bad.product_back, X), "'w'"),
    "an input too many": (lambda: check(bad.Dense(), X, X), "takes 1 argument"),
    "nothing": (lambda: check(None, X), "nothing to check"),
    "no second function": (lambda: check(bad.tanh, X), "no backward pass"),
    "an empty stack": (lambda: check([], X), "stack is empty"),
    "an upstream of another shape": (
        lambda: check(bad.tanh, bad.tanh_back, X, upstream=np.ones(7)),
        "shape of the output",
    ),
    "an upstream of letters": (
        lambda: check(bad.tanh, bad.tanh_back, X, upstream="x"),
        "upstream",
    ),
}


@pytest.mark.parametrize(("call", "says"), cases(REFUSED))
def test_refused(call, says):
    with pytest.raises(ChainruleError, match=says):
        call()


async def asynchronous(x):
    return np.tanh(x)


async def asynchronous_back(dy, x):
    return bad.tanh_back(dy, x)


def said_of(*args):
    """Return what a check says, and throw coroutines away while their warning is ignored."""
    try:
        said = check(*args).text()
    except ChainruleError as error:
        said = str(error)
    except Exception:  # no way to end
        said = ""
    gc.collect()
    return said


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_an_asynchronous_forward():
    assert "coroutine" in said_of(asynchronous, bad.tanh_back, X)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_an_asynchronous_backward():
    said = said_of(bad.tanh, asynchronous_back, X)
    assert "wrong" in said
    assert "dx is coroutine" in said


# -- afterwards all is as before ---------------------------------------------------------------


@pytest.mark.parametrize("args", [row[0] for row in MISTAKES.values()], ids=list(MISTAKES))
def test_the_inputs_are_as_before(args):
    before = [np.copy(a) for a in args if isinstance(a, np.ndarray)]
    with suppress(Exception):  # what is raised is looked at above
        check(*args)
    after = [a for a in args if isinstance(a, np.ndarray)]
    assert all(map(np.array_equal, before, after))


@pytest.mark.parametrize("kind", [bad.Dense, bad.Accumulating, odd.WrongDense, bad.Dropout])
def test_the_object_is_as_before(kind):
    layer = kind()
    before = dict(vars(layer))
    copies = {n: np.copy(v) for n, v in before.items() if isinstance(v, np.ndarray)}
    state = layer.rng.bit_generator.state if hasattr(layer, "rng") else None
    check(layer, X)
    assert list(vars(layer)) == list(before)
    assert all(np.array_equal(getattr(layer, n), v) for n, v in copies.items())
    assert state is None or layer.rng.bit_generator.state == state


def test_random_states_are_as_before():
    np.random.seed(3)
    random.seed(3)
    numpy_state, state = np.random.get_state(), random.getstate()
    check(bad.dropped, bad.other_mask, X)
    after = np.random.get_state()
    assert np.array_equal(after[1], numpy_state[1])
    assert after[2:] == numpy_state[2:]
    assert random.getstate() == state


def test_functions_and_their_modules_are_as_before():
    code, names = odd.tanh_wrong.__code__, set(vars(odd))
    settings = np.geterr()
    check(bad.tanh, odd.tanh_wrong, X)
    check(bad.product, bad.raises, X, W)
    assert odd.tanh_wrong.__code__ is code
    assert set(vars(odd)) == names
    assert np.geterr() == settings


def test_what_a_pass_prints_is_not_printed_each_time_that_it_runs(capsys):
    check(odd.printing, odd.printing_wrong, X)
    assert capsys.readouterr().out == ""
