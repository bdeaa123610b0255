"""Calls that do not fit: what is public tells what it takes, what came, and what is meant."""

import difflib
import inspect
import pickle
import re
import traceback

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, plots, sklearn, testing
from chainrule.calling import WORDS, misfit, public
from chainrule.errors import ArgumentError, CallError
from chainrule.nn import transformations
from chainrule.nn.configs import MAKERS

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def everything_public():
    """Yield what a user can call: name, what it is, and the arguments before those by name."""
    seen = {}
    for module in (cr, nn, plots, sklearn, transformations):
        for name in module.__all__:
            seen[f"{module.__name__}.{name}"] = getattr(module, name)
    seen["chainrule.testing.assert_backward"] = testing.assert_backward
    for name, maker in MAKERS.items():
        if maker.__module__.startswith("chainrule."):  # schedules among them
            seen.setdefault(f"{maker.__module__}.{name}", maker)
    for name, thing in seen.items():
        if inspect.isfunction(thing):
            yield name, thing, ()
        elif inspect.isclass(thing) and not issubclass(thing, BaseException):
            if not inspect.isabstract(thing) and (thing.__init__, thing.__new__) != (
                object.__init__, object.__new__,
            ):  # fmt: skip
                yield name, thing, ()
            for method in dir(thing):
                own = inspect.getattr_static(thing, method)
                if method[0] != "_" and inspect.isfunction(own) and is_ours(own):
                    yield f"{name}.{method}", own, (None,)


def is_ours(f):
    return f.__module__.startswith("chainrule.")


def takes_any_name(f):
    kinds = {p.kind for p in inspect.signature(f).parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds


PUBLIC = list(everything_public())
#: Those that hand keywords on to a function of the user's, or to another one.
HANDING_ON = [entry for entry in PUBLIC if takes_any_name(entry[1])]
OTHERS = [entry for entry in PUBLIC if not takes_any_name(entry[1])]


def test_the_public_surface_is_found():
    names = {name for name, *_ in PUBLIC}
    assert len(OTHERS) > 150
    assert {
        "chainrule.compile", "chainrule.nn.Adam", "chainrule.nn.Dense", "chainrule.nn.ReLU",
        "chainrule.nn.Context", "chainrule.nn.Sequential.fit", "chainrule.nn.cross_entropy",
        "chainrule.nn.schedules.cosine", "chainrule.Solution.why", "chainrule.plots.history",
        "chainrule.sklearn.MLPClassifier", "chainrule.sklearn.MLPClassifier.fit",
    } <= names  # fmt: skip
    assert {name.rpartition(".")[2] for name, *_ in HANDING_ON} == {
        "Activation", "assert_backward", "at", "check", "explain", "hvp", "jvp", "partial_fit",
        "vjp",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "called", "before"), OTHERS, ids=[n for n, *_ in OTHERS])
def test_a_name_that_there_is_none_of_is_told(name, called, before):
    with pytest.raises(CallError) as caught:
        called(*before, zzz=1)
    error = caught.value
    assert "has no argument 'zzz'" in error.what
    assert name.rpartition(".")[2] in error.what
    assert error.got == "zzz=1"
    assert all(p in error.expected for p in inspect.signature(called).parameters if p != "self")
    assert error.where.source == "called(*before, zzz=1)"
    assert error.instead is None


def test_what_is_public_is_to_others_as_it_was():
    """Signature, annotations, docstring, name: those of what was written."""
    for _, called, before in PUBLIC:
        if inspect.isfunction(called):
            written = inspect.unwrap(called)
            assert written is not called
            assert inspect.signature(called) == inspect.signature(written)
            assert (called.__name__, called.__doc__) == (written.__name__, written.__doc__)
        if not before:
            assert pickle.loads(pickle.dumps(called)) is called


def neuron(x, w):
    return x * w


def backward(dy, x, w):
    return dy * w, dy * x


def fails(**handed):
    """Return the error of each function that hands keywords on."""
    model = nn.Sequential(nn.Dense(2))
    for call in (
        lambda: cr.explain(neuron, 1.0, 2.0, **handed),
        lambda: cr.check(neuron, backward, 1.0, 2.0, **handed),
        lambda: testing.assert_backward(neuron, backward, 1.0, 2.0, **handed),
        lambda: cr.check(nn.ReLU(), X, **handed),
        lambda: cr.hvp(neuron, (1.0, 2.0), (1.0, 1.0), **handed),
        lambda: cr.jvp(neuron, (1.0, 2.0), (1.0, 1.0), **handed),
        lambda: cr.vjp(neuron, 1.0, 2.0, **handed),
        lambda: model.partial_fit(X, Y, **handed),
        lambda: cr.grad(neuron)(1.0, 2.0, **handed),
        lambda: cr.compile(neuron)(1.0, 2.0, **handed),
    ):
        with pytest.raises(CallError) as caught:
            call()
        yield caught.value


def test_what_hands_keywords_on_tells_it_too():
    for error in fails(zzz=1):
        assert "has no argument 'zzz'" in error.what
        assert error.where.file == __file__


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda: cr.explain(neuron, 1.0, 2.0, simplfy=False), "simplify=False"),
        (lambda: cr.explain(neuron, 1.0, ww=2.0), "w=2.0"),
        (lambda: cr.check(neuron, backward, 1.0, 2.0, upsteam=1), "upstream=1"),
        (lambda: cr.check(neuron, gradient={"w": 3}), "gradients={'w': 3}"),
        (lambda: testing.assert_backward(nn.ReLU(), X, ytrue=1), "y_true=1"),
        (lambda: nn.Sequential(nn.Dense(2)).partial_fit(X, Y, batchsize=3), "batch_size=3"),
    ],
)
def test_their_own_names_are_known_beside_those_of_the_function(call, instead):
    with pytest.raises(CallError) as caught:
        call()
    assert caught.value.instead == instead


# -- messages ----------------------------------------------------------------------------


class Mine(nn.Dense):
    def __init__(self, width):
        super().__init__(width, use_bias=False)


class Inherits(nn.Dense):
    pass


@pytest.mark.parametrize(
    ("call", "what", "instead"),
    [
        ("nn.Adam(learning_rate=0.1)", "Adam: it has no argument 'learning_rate'", "lr=0.1"),
        ("nn.Adam(0.1, learning_rate=1)", "Adam: it has no argument 'learning_rate'", None),
        ("nn.Adam(0.1, lr=1)", "Adam: 'lr' came twice, by position and by name", None),
        (
            "nn.SGD(1, 2, 3, 4)", "SGD: it takes 3 by position, and 4 came",
            "by name, such as weight_decay=...",
        ),
        ("nn.ReLU(True)", "ReLU: it takes none by position, and 1 came", None),
        ("nn.Dense()", "Dense: it lacks 'units'", None),
        ("nn.schedules.step(0.1)", "step: it lacks 'every'", None),
        ("nn.Dense(3, use_bias=False)", "Dense: it has no argument 'use_bias'", "bias=False"),
        (
            "nn.Dense(in_features=3, out_features=4)",
            "Dense: it has no argument 'in_features' or 'out_features'",
            "units=4; no in_features: how many inputs there are is seen from the data",
        ),
        (
            "nn.Dense(3, activation='relu')", "Dense: it has no argument 'activation'",
            "a layer of its own, as in nn.Dense(8), nn.ReLU()",
        ),
        ("nn.Dropout(p=0.5)", "Dropout: it has no argument 'p'", "rate=0.5"),
        ("nn.Softmax(dim=1)", "Softmax: it has no argument 'dim'", "axis=1"),
        ("Inherits(3, use_bias=True)", "Inherits: it has no argument 'use_bias'", "bias=True"),
        ("Mine(3)", "Dense: it has no argument 'use_bias'", "bias=False"),
        ("model.fit(X, Y, epoch=3)", "Sequential.fit: it has no argument 'epoch'", "epochs=3"),
        (
            "model.fit(X, Y, lr=0.1)", "Sequential.fit: it has no argument 'lr'",
            "optimizer=nn.Adam(0.1)",
        ),
        (
            "model.fit(X, Y, sample_weight=X, random_state=1)",
            "Sequential.fit: it has no argument 'sample_weight' or 'random_state'",
            "sample_weights=..., seed=1",
        ),
        (
            "model.fit(X, Y, 5)", "Sequential.fit: it takes 2 by position, and 3 came",
            "by name, such as loss=...",
        ),
        ("model.predict(X, batch_size=5)", "Sequential.predict: it has no argument", None),
        ("cr.grad(neuron, argnums=1)", "grad: it has no argument 'argnums'", "wrt=1"),
        ("cr.grad(neuron)(1.0, 2.0, 3.0)", "neuron: it takes 2 by position, and 3 came", None),
        ("cr.compile(neuron)(1.0)", "neuron: it lacks 'w'", None),
        ("sklearn.MLPClassifier(lr=0.1)", "MLPClassifier: it has", "learning_rate_init=0.1"),
    ],
)  # fmt: skip
def test_messages(call, what, instead):
    model = nn.Sequential(nn.Dense(2))
    with pytest.raises(CallError) as caught:
        eval(call, globals() | {"model": model})
    error = caught.value
    assert error.what.startswith(f"The arguments do not fit {what}")
    assert error.instead == instead
    if call == "Mine(3)":
        assert error.where.source == "super().__init__(width, use_bias=False)"
    else:
        assert error.where.line == 1
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_the_whole_message():
    with pytest.raises(CallError) as caught:
        nn.Dropout(p=0.5)
    line = caught.value.where.line
    assert str(caught.value) == (
        "The arguments do not fit Dropout: it has no argument 'p'.\n"
        "  expected: Dropout(rate)\n"
        "  got:      p=0.5\n"
        f"  at:       test_calling.py:{line}, in test_the_whole_message:  nn.Dropout(p=0.5)\n"
        "  instead:  rate=0.5"
    )


def test_long_values_are_not_written_out():
    with pytest.raises(CallError) as caught:
        nn.Sequential(nn.Dense(1)).fit(X, targets=Y, sample_weight=np.ones(12))
    assert caught.value.got == "targets=<ndarray (12,)>, sample_weight=<ndarray (12,)>"


def test_a_long_signature_is_told_without_its_defaults():
    with pytest.raises(CallError) as caught:
        nn.Sequential(nn.Dense(1)).fit(X, Y, epoch=1)
    assert caught.value.expected.startswith("Sequential.fit(x, y, *, loss, optimizer, epochs,")


def test_the_error_is_of_python_s_kind_and_of_chainrule_s():
    """So `except TypeError` around a call goes on to work, and `except ArgumentError` works."""
    for kind in (TypeError, ArgumentError, ValueError, cr.ChainruleError):
        with pytest.raises(kind, match="p"):
            nn.Dropout(p=0.5)


# -- what is not touched ------------------------------------------------------------------


def test_a_type_error_from_within_is_passed_on_as_it_is():
    own = TypeError("of the user's own")

    @public
    def function(x, *, times=1):
        raise own

    with pytest.raises(TypeError) as caught:
        function(1, times=2)
    assert caught.value is own
    assert traceback.extract_tb(own.__traceback__)[-1].line == "raise own"


def test_a_call_within_that_does_not_fit_is_told_of_itself():
    """A keyword that the outer call was not given is not the outer's affair."""

    @public
    def handing_on(*, p=1, rate=2, **others):
        return nn.Dropout(p=0.5)

    @public
    def keeping(*, p=1, rate=2):
        return nn.Dropout(p=0.5)

    for call in (lambda: handing_on(other=3), lambda: handing_on(p=3), lambda: keeping(p=3)):
        with pytest.raises(CallError) as caught:
            call()
        assert caught.value.expected == "Dropout(rate)"


def test_a_call_that_fits_is_no_misfit():
    def function(a, /, b, *rest, c, d=1, **others):
        pass

    signature = inspect.signature(function)
    assert misfit("f", signature, (1, 2), {"c": 3}) is None
    assert misfit("f", signature, (1, 2, 3), {"c": 3, "e": 4}) is None
    assert "lacks 'c'" in str(misfit("f", signature, (1, 2), {}))
    assert "lacks 'a' and 'b'" in str(misfit("f", signature, (), {"c": 3}))
    assert "lacks 'a'" in str(misfit("f", signature, (), {"a": 1, "b": 2, "c": 3}))
    assert "'b' came twice" in str(misfit("f", signature, (1, 2), {"b": 2, "c": 3}))


# -- words of other libraries -------------------------------------------------------------


def parameters_of(called):
    return [name for name in inspect.signature(called).parameters if name != "self"]


def arguments_in(text):
    return re.findall(r"(\w+)=", text)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_another_library_leads_to_an_argument_that_there_is(word):
    for text in WORDS[word]:
        for name in re.findall(r"nn\.(\w+)", text):
            assert hasattr(nn, name)
        if arguments_in(text):
            takers = [
                called
                for _, called, _ in OTHERS
                if set(arguments_in(text)) <= {*(taken := parameters_of(called))}
                and word not in taken
            ]
            assert takers, f"nobody takes {text}"
            # Else the table need not have it.
            assert not all(
                difflib.get_close_matches(word, parameters_of(called), 1) == arguments_in(text)
                for called in takers
            )


def test_warnings_are_at_the_user_s_line():
    model = nn.Sequential(nn.Dense(1))
    with pytest.warns(UserWarning, match="batch_size is 50") as caught:
        model.fit(X, X[:, :1], batch_size=50)
    (warning,) = caught
    assert warning.filename == __file__
    line = (
        inspect.getsource(test_warnings_are_at_the_user_s_line)
        .splitlines()
        .index("        model.fit(X, X[:, :1], batch_size=50)")
    )
    first = inspect.getsourcelines(test_warnings_are_at_the_user_s_line)[1]
    assert warning.lineno == first + line
