"""The estimators among scikit-learn's tools, and what they have besides."""

import os
import pickle
import subprocess
import sys
import textwrap

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainrule import nn
from chainrule.sklearn import MLPClassifier, MLPRegressor, compiled
from chainrule.sklearn.network import Network
from tests.estimators import small

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("one_thread"),
]


# -- scikit-learn's tools ----------------------------------------------------------------


def test_pipeline_with_frames(iris):
    frame, y = load_iris(return_X_y=True, as_frame=True)
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, small()).fit(frame, y)
    assert list(pipeline[-1].feature_names_in_) == list(frame.columns)
    assert pipeline[-1].n_features_in_ == 4
    np.testing.assert_allclose(pipeline.predict_proba(frame), small().fit(*iris).predict_proba(
        iris[0]), rtol=1e-10)  # fmt: skip
    assert "MLPClassifier" in pipeline._repr_html_()
    assert repr(small(dropout=0.1)) == (
        "MLPClassifier(dropout=0.1, hidden_layer_sizes=(8,), max_iter=60, random_state=0)"
    )


def test_searches_in_processes_find_the_same(iris):
    grid = {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-3, 1e-2]}
    alone = GridSearchCV(small(), grid, cv=3).fit(*iris)
    beside = GridSearchCV(small(), grid, cv=3, n_jobs=2).fit(*iris)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(alone.cv_results_[key], beside.cv_results_[key])
    np.testing.assert_array_equal(alone.predict_proba(iris[0]), beside.predict_proba(iris[0]))
    with joblib.parallel_backend("threading", n_jobs=3):
        threads = GridSearchCV(small(), grid, cv=3).fit(*iris)
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], threads.cv_results_["mean_test_score"]
    )


def test_a_search_compiles_once(iris):
    compiled.epoch_of.cache_clear()
    grid = {"alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 1e-2], "beta_1": [0.8, 0.9]}
    GridSearchCV(small(max_iter=5), grid, cv=2).fit(*iris)
    assert compiled.epoch_of.cache_info().misses == 1
    network = Network((4, 8, 3), "relu", "softmax")
    epoch = compiled.epoch_of(network, "adam", False, "numpy")
    assert compiled.epoch_of.cache_info().misses == 1
    assert epoch.report().executor == "numpy"
    kernels = {id(entry.plan.kernel) for entry in epoch._entries.values()}
    assert len(kernels) == 1  # for the rows of both halves, and of all at the end


def test_others_that_take_an_estimator(iris):
    X, y = iris
    net = small(learning_rate_init=0.02)
    assert CalibratedClassifierCV(net, cv=3).fit(X, y).score(X, y) > 0.9
    assert (
        CalibratedClassifierCV(net, cv=3, method="isotonic").fit(X, y == 1).score(X, y == 1) > 0.9
    )
    assert BaggingClassifier(net, n_estimators=3, random_state=0).fit(X, y).score(X, y) > 0.9
    assert (
        VotingClassifier([("a", net), ("b", clone(net))], voting="soft").fit(X, y).score(X, y) > 0.9
    )
    assert StackingClassifier([("net", net)], cv=3).fit(X, y).score(X, y) > 0.9
    regressor = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0)
    assert MultiOutputRegressor(regressor).fit(X, X[:, :2]).score(X, X[:, :2]) > 0.99
    assert cross_val_score(net, X, y, scoring="roc_auc_ovr", cv=3).min() > 0.95


def test_copies(iris):
    X, y = iris
    net = small().partial_fit(X, y, classes=[0, 1, 2])
    other = pickle.loads(pickle.dumps(net))
    assert joblib.hash(net) == joblib.hash(other)
    for one in (net, other):
        one.partial_fit(X, y)
    np.testing.assert_array_equal(net.coefs_[0], other.coefs_[0])
    assert net.coefs_[0].base is None  # not a view of memory that compiled code works in
    assert not hasattr(clone(net), "coefs_")
    assert len(pickle.dumps(net)) < 10_000


# -- what is ours -----------------------------------------------------------------------


@pytest.mark.parametrize("executor", ["numba", "jax"])
def test_executors_give_the_same(executor, iris):
    pytest.importorskip(executor)
    X, y = iris
    options = {"dropout": 0.3, "batch_size": 40, "early_stopping": True}
    plain, other = (small(executor=e, **options).fit(X, y) for e in ("numpy", executor))
    np.testing.assert_allclose(plain.loss_curve_, other.loss_curve_, rtol=1e-9)
    np.testing.assert_array_equal(plain.predict(X), other.predict(X))


def test_auto_goes_by_the_work_alone():
    network = Network((64, 100, 10), "relu", "softmax")
    assert compiled.chosen("auto", 150, 200, 200, network) == "numpy"
    assert compiled.chosen("auto", 1797, 200, 1800, network) == "numba"
    assert compiled.chosen("numpy", 10**9, 200, 10**7, network) == "numpy"


def test_parts_that_add_up_to_much_are_compiled(iris, monkeypatch):
    asked = []
    monkeypatch.setattr(compiled, "_WORTH", 1e-3)
    monkeypatch.setattr(
        "chainrule.sklearn.stochastic.epoch_of", lambda *key: asked.append(key[-1]) or STILL
    )
    net = small()
    for _ in range(3):
        net.partial_fit(*iris, classes=[0, 1, 2])
        net.t_ += 10_000
    assert asked == ["numpy", "numba", "numba"]


def STILL(carry, data, order, batch_size):  # noqa: N802
    return carry, np.zeros(-(-len(order) // batch_size))


def test_the_same_seed_gives_the_same_numbers(iris):
    X, y = iris
    for options in ({}, {"dropout": 0.5}, {"solver": "sgd", "early_stopping": True}):
        one, two = (small(**options).fit(X, y) for _ in range(2))
        np.testing.assert_array_equal(one.coefs_[0], two.coefs_[0])
        assert not np.array_equal(
            one.coefs_[0], small(**options | {"random_state": 1}).fit(X, y).coefs_[0]
        )


def test_dropout_is_for_training_alone(iris):
    X, y = iris
    plain, dropped = small().fit(X, y), small(dropout=0.5).fit(X, y)
    assert not np.isclose(plain.loss_curve_[1], dropped.loss_curve_[1], rtol=1e-3)
    np.testing.assert_array_equal(dropped.predict_proba(X), dropped.predict_proba(X))
    hidden = np.maximum(X @ dropped.coefs_[0] + dropped.intercepts_[0], 0)
    np.testing.assert_allclose(
        dropped.decision_function(X), hidden @ dropped.coefs_[1] + dropped.intercepts_[1]
    )
    # Parts go on with other masks.
    net = small(dropout=0.5)
    steps = [net.partial_fit(X, y, classes=[0, 1, 2])._kept["step"] for _ in range(3)]
    assert steps == [1, 2, 3]


def test_weights_of_classes(iris):
    X, y = iris
    rows = np.r_[0:50, 50:60, 100:105]
    each = {0: 1.0, 1: 5.0, 2: 10.0}
    weighted = small(class_weight=each).fit(X[rows], y[rows])
    by_rows = small().fit(X[rows], y[rows], sample_weight=[each[c] for c in y[rows]])
    np.testing.assert_allclose(weighted.coefs_[0], by_rows.coefs_[0], rtol=1e-10)
    balanced = small(class_weight="balanced").fit(X[rows], y[rows])
    as_balanced = {c: 65 / (3 * n) for c, n in zip(range(3), (50, 10, 5), strict=True)}
    same = small(class_weight=as_balanced).fit(X[rows], y[rows])
    np.testing.assert_allclose(balanced.coefs_[0], same.coefs_[0], rtol=1e-10)
    # A class of weight 0 is not learned; the others are.
    without = small(class_weight={2: 0.0}, learning_rate_init=0.02).fit(X, y)
    assert 2 not in without.predict(X)
    assert (without.predict(X[:100]) == y[:100]).mean() > 0.9


def test_rows_of_weight_0_are_not_there(iris):
    X, y = iris
    counts = np.arange(len(X)) % 3 > 0
    options = {"batch_size": 20, "early_stopping": True, "max_iter": 10}
    weighted = small(**options).fit(X, y, sample_weight=counts)
    fewer = small(**options).fit(X[counts], y[counts])
    np.testing.assert_allclose(weighted.coefs_[0], fewer.coefs_[0], rtol=1e-12)


def test_explains_the_loss_that_it_trains(iris):
    X, y = iris
    net = small(alpha=0.5, dropout=0.2).fit(X, y)
    rows = [0, 60, 120]
    solution = net.explain(X[rows], y[rows], sample_weight=[1, 2, 3])

    def loss(W):
        hidden = np.maximum(X[rows] @ W + net.intercepts_[0], 0)
        z = hidden @ net.coefs_[1] + net.intercepts_[1]
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        terms = -np.log(p[np.arange(3), y[rows]])
        penalty = 0.25 * ((W**2).sum() + (net.coefs_[1] ** 2).sum())
        return (np.array([1, 2, 3]) @ terms + penalty) / 6

    W = net.coefs_[0]
    assert solution.value == pytest.approx(loss(W))
    step = np.zeros_like(W)
    step[1, 2] = 1e-6
    slope = (loss(W + step) - loss(W - step)) / 2e-6
    assert solution.grads["dense1_W"][1, 2] == pytest.approx(slope, rel=1e-6)
    assert "dense1_W[1, 2]" in str(solution.why("dense1_W[1, 2]"))


@pytest.mark.parametrize(
    "net",
    [
        MLPRegressor(hidden_layer_sizes=(3,)),
        MLPRegressor(hidden_layer_sizes=(3,), loss="poisson"),
        MLPClassifier((3,)),
    ],
)
def test_explains_others(net, iris):
    X, _ = iris
    y = (X[:, 0] > 0).astype(int)
    net.set_params(max_iter=3, random_state=0).fit(X, y)
    rows = scipy.sparse.csr_array(X[:2])
    assert "dense2_b" in net.explain(rows, y[:2]).text()


def test_is_a_model_of_nn(iris, tmp_path):
    X, y = iris
    net = small().fit(X, y)
    model = net.model_
    assert isinstance(model, nn.Sequential)
    assert list(model.layers) == ["dense1", "relu1", "dense2"]
    np.testing.assert_allclose(model.predict(X), net.decision_function(X))
    assert model.evaluate(X, y, metrics="accuracy")["accuracy"] == pytest.approx(net.score(X, y))
    assert model.health(X, y).ok is not None
    model.save(tmp_path / "net.safetensors")
    loaded = nn.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), net.decision_function(X))
    before = net.coefs_[0].copy()
    model.fit(X, y, loss="cross_entropy", epochs=1, verbose=0)
    np.testing.assert_array_equal(net.coefs_[0], before)


def test_log_probabilities_are_exact(iris):
    X, y = iris
    net = small().fit(X, y == 0)
    factor = 100 / net.decision_function(X).max()
    net.coefs_[-1] *= factor
    net.intercepts_[-1] *= factor
    z = net.decision_function(X)
    np.testing.assert_allclose(net.predict_log_proba(X)[:, 1], -np.logaddexp(0, -z), rtol=1e-12)
    sure = z > 40
    assert sure.any()
    assert net.predict_proba(X)[sure, 0].min() > 0  # 1 - p would be 0


def test_is_fast_to_start():
    # What a search over little data pays for each fit, besides the steps.
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3
    net = small(max_iter=1).fit(X, y)
    compiled.epoch_of.cache_clear()
    for _ in range(20):
        net.fit(X, y)
    assert compiled.epoch_of.cache_info() == (19, 1, 64, 1)


def test_without_scikit_learn_it_says_what_to_install():
    code = """
        import sys
        sys.modules["sklearn"] = None
        try:
            import chainrule.sklearn
        except ImportError as error:
            assert "chainrule[train]" in str(error), error
        else:
            raise SystemExit("imported")
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, check=True)
