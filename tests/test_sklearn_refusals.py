"""What the estimators refuse, and what they say: places, names, what to write instead."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from chainrule.errors import ArgumentError
from chainrule.sklearn import MLPRegressor
from tests.estimators import small

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("one_thread"),
]


def test_places_of_what_is_not_finite(iris):
    X, y = iris
    bad = X.copy()
    bad[7, 2] = np.nan
    with pytest.raises(ArgumentError, match=r"NaN(.|\n)*row 7, column 2"):
        small().fit(bad, y)
    with pytest.raises(ArgumentError, match=r"NaN(.|\n)*row 7, column 'c'"):
        small().fit(pd.DataFrame(bad, columns=list("abcd")), y)
    with pytest.raises(ArgumentError, match=r"NaN(.|\n)*row 7, column 2"):
        small().fit(scipy.sparse.csr_array(bad), y)
    with pytest.raises(ArgumentError, match=r"infinity(.|\n)*inf in y, row 3"):
        MLPRegressor().fit(X, np.where(np.arange(150) == 3, np.inf, 0))
    net = small(max_iter=2).fit(X, y)
    for method in (net.predict, net.predict_proba):
        with pytest.raises(ArgumentError, match="row 7, column 2"):
            method(bad)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(150), "one class only"),
        (np.full(150, "a"), "got: *'a'"),
        (np.linspace(0, 1, 150), "Unknown label type"),
        (np.arange(300).reshape(150, 2) % 3, "MultiOutputClassifier"),
        (np.zeros(149), "inconsistent numbers of samples"),
    ],
)
def test_labels_that_are_none(y, message, iris):
    with pytest.raises(ValueError, match=message):
        small().fit(iris[0], y)


def test_weights_that_leave_one_class(iris):
    X, y = iris
    with pytest.raises(ArgumentError, match="one class only"):
        small().fit(X, y, sample_weight=y == 1)
    with pytest.raises(ValueError, match="non-zero"):
        small().fit(X, y, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match="Negative"):
        small().fit(X, y, sample_weight=np.linspace(-1, 1, 150))
    with pytest.raises(ArgumentError, match=r"not in y(.|\n)*7"):
        small(class_weight={7: 2.0}).fit(X, y)


def test_classes_of_parts(iris):
    X, y = iris
    with pytest.raises(ArgumentError, match="classes must be passed"):
        small().partial_fit(X, y)
    net = small().partial_fit(X[:50], y[:50], classes=[0, 1])
    with pytest.raises(ArgumentError, match=r"got: *2, first in row 10"):
        net.partial_fit(X[90:], y[90:])
    with pytest.raises(ArgumentError, match="not the same"):
        net.partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    with pytest.raises(ArgumentError, match="hold rows out"):
        small(early_stopping=True).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ArgumentError, match="compute_class_weight"):
        small(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    assert not hasattr(small(solver="lbfgs"), "partial_fit")


def test_going_on_with_something_else(iris):
    X, y = iris
    for solver in ("adam", "sgd"):
        net = small(solver=solver).partial_fit(X, y, classes=[0, 1, 2])
        assert net.partial_fit(X.astype(np.float32), y).coefs_[0].dtype == np.float32
        assert net.partial_fit(X, y).coefs_[0].dtype == np.float64
        net.set_params(solver={"adam": "sgd", "sgd": "adam"}[solver]).partial_fit(X, y)
        assert len(net.loss_curve_) == 4
    net = small(warm_start=True, max_iter=2).fit(X, y)
    with pytest.raises(ArgumentError, match=r"\(4, 8, 3\)(.|\n)*\(4, 5, 3\)"):
        net.set_params(hidden_layer_sizes=(5,)).fit(X, y)
    with pytest.raises(ArgumentError, match="same classes"):
        small(warm_start=True, max_iter=2).fit(X, y).fit(X[:100], y[:100])


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": -1.0}, {"alpha": np.nan}, {"hidden_layer_sizes": (8, 0)}, {"activation": "selu"},
        {"hidden_layer_sizes": 2.5}, {"solver": "lion"}, {"batch_size": 0}, {"batch_size": "all"},
        {"learning_rate_init": 0.0}, {"max_iter": 0}, {"shuffle": 1}, {"momentum": 1.5},
        {"beta_1": 1.0}, {"executor": "gpu"}, {"dropout": 1.0}, {"class_weight": "even"},
        {"validation_fraction": 1.0}, {"n_iter_no_change": 0}, {"verbose": -1}, {"tol": "small"},
    ],
)  # fmt: skip
def test_parameters_that_cannot_be(options, iris):
    ((name, _),) = options.items()
    with pytest.raises(ArgumentError, match=f"this {name}(.|\n)*expected:(.|\n)*got: *{name}="):
        small(**options).fit(*iris)


def test_too_few_rows_to_hold_out(iris):
    X, y = iris
    with pytest.raises(ArgumentError, match=r"too small(.|\n)*of 10 rows"):
        small(early_stopping=True).fit(X[::15], y[::15])


def test_training_that_diverges_tells_epoch_and_place(iris):
    X, y = iris
    net = MLPRegressor(
        hidden_layer_sizes=(8,), loss="poisson", solver="sgd", random_state=0, batch_size=75
    )
    with pytest.raises(ArgumentError, match=r"epoch \d+(.|\n)*exp(.|\n)*StandardScaler") as caught:
        net.fit(1e3 * X, y)
    assert caught.value.where is not None
    assert all(np.isfinite(W).all() for W in net.coefs_)
    with pytest.raises(ArgumentError, match="counts"):
        net.fit(X, y - 1)
    # L-BFGS goes back from there by itself.
    found = MLPRegressor(
        hidden_layer_sizes=(8,), loss="poisson", solver="lbfgs", random_state=0
    ).fit(300 * X, y)
    assert np.isfinite(found.loss_)


def test_interrupted_training_keeps_what_there_is(iris, monkeypatch):
    from chainrule.compiling.epochs import Epoch

    calls = []

    def interrupted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return run(self, *args, **kwargs)

    run = Epoch.__call__
    monkeypatch.setattr(Epoch, "__call__", interrupted)
    net = small(early_stopping=True)
    with pytest.warns(UserWarning, match="interrupted"):
        net.fit(*iris)
    assert net.n_iter_ == len(net.loss_curve_) == 3
    assert net.predict(iris[0]).shape == (150,)


def test_questions_before_training():
    net = small()
    for ask in (net.predict, net.predict_proba, net.decision_function):
        with pytest.raises(NotFittedError):
            ask([[0.0]])
    with pytest.raises(NotFittedError):
        net.explain([[0.0]], [0])
    with pytest.raises(NotFittedError):
        _ = net.model_
