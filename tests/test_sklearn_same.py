"""The estimators give scikit-learn's numbers: curves, weights, rows held out, what is printed."""

import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network as theirs
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning

from chainrule import sklearn as ours

#: Sums are added up in another order; a curve of a hundred epochs is off by less.
ROUNDING = 1e-12


pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("one_thread"),
]


def digits(rows=250):
    X, y = load_digits(return_X_y=True)
    return X[:rows] / 16, y[:rows]


def both(kind, options, *data, method="fit", **more):
    """Train the two estimators with the same options on the same data."""
    made = []
    for library in (ours, theirs):
        own = more.pop("executor", None) if library is ours else None
        net = getattr(library, kind)(**options, **({"executor": own} if own else {}))
        made.append(getattr(net, method)(*data, **more))
    return made


def assert_alike(mine, other, rtol=ROUNDING):
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=rtol)
    for a, b in zip(mine.coefs_ + mine.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(mine, name) == getattr(other, name), name
    for name in ("best_loss_", "loss_", "best_validation_score_", "validation_scores_"):
        a, b = getattr(mine, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=rtol, err_msg=name)


CLASSIFIERS = {
    "adam": {},
    "one batch": {"batch_size": 250, "max_iter": 80, "tol": 1e-3},
    "small batches": {"batch_size": 64, "activation": "tanh"},
    "filled up": {"batch_size": 84, "max_iter": 60, "tol": 0.02, "n_iter_no_change": 4},
    "two layers": {"hidden_layer_sizes": (20, 10), "activation": "logistic", "alpha": 1.0},
    "no hidden layer": {"hidden_layer_sizes": (), "learning_rate_init": 0.01},
    "identity": {"activation": "identity", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "plain sgd": {"solver": "sgd", "momentum": 0.0, "shuffle": False},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.05},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
    "adaptive": {
        "solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 0.05,
        "max_iter": 40, "learning_rate_init": 0.1,
    },
    "adaptive, one batch": {
        "solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 3, "tol": 0.05,
        "batch_size": 250, "max_iter": 80, "learning_rate_init": 0.5,
    },
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 30},
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_has_scikit_learns_curve(name):
    options = {"max_iter": 12, "random_state": 3, **CLASSIFIERS[name]}
    X, y = digits()
    mine, other = both("MLPClassifier", options, X, y)
    assert_alike(mine, other)
    np.testing.assert_array_equal(mine.predict(X), other.predict(X))
    np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), rtol=1e-8)
    assert mine.score(X, y) == other.score(X, y)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_two_classes_and_labels(solver, early_stopping):
    X, y = digits()
    options = {"solver": solver, "early_stopping": early_stopping, "max_iter": 8, "random_state": 0}
    names = np.where(y > 4, "large", "small")
    mine, other = both("MLPClassifier", options, X, names)
    assert_alike(mine, other)
    np.testing.assert_array_equal(mine.predict(X), other.predict(X))
    np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), rtol=1e-9)
    several = np.stack([y > 4, y % 2 == 0, y == 3], axis=1).astype(int)
    mine, other = both("MLPClassifier", options, X, several)
    assert_alike(mine, other)
    np.testing.assert_array_equal(mine.predict(X), other.predict(X))
    np.testing.assert_array_equal(mine.classes_, other.classes_)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_regressor_has_scikit_learns_curve(solver, loss):
    X, y = digits()
    options = {"solver": solver, "loss": loss, "max_iter": 12, "random_state": 0}
    mine, other = both("MLPRegressor", {**options, "early_stopping": True}, X, y / 3)
    assert_alike(mine, other)
    np.testing.assert_allclose(mine.predict(X), other.predict(X), rtol=1e-9)


def test_several_outputs_have_the_gradient_of_their_loss():
    # scikit-learn's is as many times larger as there are outputs (its issue 8349).
    X, _ = digits()
    Y = X[:, 20:23]
    options = {"solver": "sgd", "max_iter": 10, "random_state": 0, "alpha": 0.0}
    mine = ours.MLPRegressor(**options, learning_rate_init=0.03).fit(X, Y)
    other = theirs.MLPRegressor(**options, learning_rate_init=0.01).fit(X, Y)
    assert_alike(mine, other)
    assert mine.predict(X).shape == (250, 3)
    # All outputs of the Poisson loss are added up, in both.
    mine, other = both("MLPRegressor", {**options, "loss": "poisson"}, X, Y)
    assert_alike(mine, other)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_weights_of_samples(solver):
    X, y = digits()
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    options = {"solver": solver, "max_iter": 8, "random_state": 0, "early_stopping": True}
    assert_alike(*both("MLPClassifier", options, X, y, sample_weight=weights))
    filled = {**options, "early_stopping": False, "batch_size": 84}
    assert_alike(*both("MLPClassifier", filled, X, y > 4, sample_weight=weights))
    assert_alike(*both("MLPRegressor", options, X, y, sample_weight=weights))


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_lbfgs_reaches_the_same_loss(kind):
    X, y = load_iris(return_X_y=True)
    options = {"solver": "lbfgs", "random_state": 0, "alpha": 1.0, "hidden_layer_sizes": (8,)}
    for weights in (None, np.linspace(0.5, 2, len(X))):
        mine, other = both(
            kind, {**options, "activation": "tanh", "max_iter": 12}, X, y, sample_weight=weights
        )
        assert mine.n_iter_ == other.n_iter_ == 12
        assert mine.loss_ == pytest.approx(other.loss_, rel=1e-9)
    # Many steps later the last digits, which depend on the processor, have led each its own way.
    mine, other = both(kind, {**options, "max_iter": 300}, X, y)
    assert mine.loss_ == pytest.approx(other.loss_, rel=0.02)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_goes_on(solver):
    X, y = digits()
    options = {"solver": solver, "random_state": 0, "learning_rate": "invscaling"}
    pair = [library.MLPClassifier(**options) for library in (ours, theirs)]
    for first in (0, 80, 160):
        rows = slice(first, first + 80)
        for net in pair:
            net.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert_alike(*pair)


def test_warm_start_goes_on():
    X, y = digits()
    for options in ({}, {"early_stopping": True}):
        pair = [
            library.MLPClassifier(warm_start=True, max_iter=4, random_state=1, **options)
            for library in (ours, theirs)
        ]
        for _ in range(3):
            for net in pair:
                net.fit(X, y)
        assert len(pair[0].loss_curve_) == 12
        assert_alike(*pair)


@pytest.mark.parametrize("container", ["csr_matrix", "csc_matrix", "csr_array", "coo_array"])
def test_sparse_rows(container, monkeypatch):
    X, y = digits()
    made = getattr(scipy.sparse, container)(X)
    options = {"max_iter": 6, "random_state": 0, "early_stopping": True}
    mine, other = both("MLPClassifier", options, made, y)
    assert_alike(mine, other)
    np.testing.assert_allclose(mine.predict_proba(made), mine.predict_proba(X), rtol=1e-12)
    # With room for two minibatches at a time.
    monkeypatch.setattr("chainrule.sklearn.rows.BLOCK", 2 * 100 * 64 * 8)
    for solver in ("adam", "lbfgs"):
        options = {"max_iter": 6, "random_state": 0, "batch_size": 100, "solver": solver}
        parts = ours.MLPClassifier(**options).fit(made, y)
        whole = ours.MLPClassifier(**options).fit(X, y)
        assert parts.loss_ == pytest.approx(whole.loss_, rel=1e-12)


def test_single_precision_stays_single():
    X, y = digits()
    options = {"max_iter": 10, "random_state": 0}
    for kind in ("MLPClassifier", "MLPRegressor"):
        for solver in ("adam", "sgd", "lbfgs"):
            mine, other = both(kind, {**options, "solver": solver}, X.astype(np.float32), y)
            assert mine.coefs_[0].dtype == mine.intercepts_[0].dtype == np.float32
            assert mine.loss_ == pytest.approx(other.loss_, rel=2e-3)
    assert mine.predict(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": True, "n_iter_no_change": 1, "tol": 0.5},
        {"n_iter_no_change": 1, "tol": 10.0},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1},
    ],
)
def test_verbose_prints_what_scikit_learn_prints(options, capsys):
    X, y = digits(150)
    printed = []
    for library in (ours, theirs):
        options = {**options, "max_iter": 60, "random_state": 0, "verbose": True}
        library.MLPClassifier(**options).fit(X, y)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "Stopping." in printed[0]


def test_a_generator_is_left_where_scikit_learn_leaves_it():
    X, y = digits(150)
    after = []
    for library in (ours, theirs):
        rng = np.random.RandomState(5)
        library.MLPClassifier(random_state=rng, tol=0.1, n_iter_no_change=3).fit(X, y)
        after.append(rng.randint(2**31))
    assert after[0] == after[1]


def test_the_same_parameters_and_defaults():
    for kind, more in (
        ("MLPClassifier", {"executor": "auto", "dropout": 0.0, "class_weight": None}),
        ("MLPRegressor", {"executor": "auto", "dropout": 0.0}),
    ):
        assert getattr(ours, kind)().get_params() == getattr(theirs, kind)().get_params() | more


def test_warnings_are_scikit_learns():
    X, y = digits(150)
    for library in (ours, theirs):
        with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
            library.MLPClassifier(max_iter=2).fit(X, y)
        with pytest.warns(UserWarning, match="batch_size.*clipped"):
            library.MLPClassifier(batch_size=1000, max_iter=2).fit(X, y)
        with pytest.warns(ConvergenceWarning, match=r"lbfgs failed to converge"):
            library.MLPClassifier(solver="lbfgs", max_iter=2).fit(X, y)
    for options in ({"batch_size": 1000}, {}, {"solver": "lbfgs"}):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            ours.MLPClassifier(max_iter=2, **options).fit(X, y)
        assert found
        assert {each.filename for each in found} == {__file__}  # the user's line
