"""``fit`` of the estimators beside scikit-learn's: ``python -m benchmarks.estimators``.

Both have the same parameters, data and seed, and are held to the same losses first. Times are of
whole fits, with all checks of the data, once compiled; in turn, in one process.
The accuracy is that on the rows trained on.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.measure import Table, UnavailableError, assert_same, compared

GOAL = "at least 3 times as fast as scikit-learn, with the same losses and accuracy"

#: Rounds that are measured, each of one fit by either; the ratio is the median over them.
ROUNDS = 9


@dataclass(frozen=True)
class Case:
    """Data, and how to train on them."""

    name: str
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    dtype: str
    options: dict[str, Any]


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, y


def _synthetic() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import make_classification

    return make_classification(
        20_000, 30, n_informative=15, n_redundant=5, n_classes=5, random_state=0
    )


#: As many epochs for both, so that none stops early because of a digit that is rounded.
_EPOCHS = {"tol": 0.0, "n_iter_no_change": 1000, "random_state": 0}

CASES = [
    Case(f"{name}, {dtype}", data, dtype, {"max_iter": epochs, **_EPOCHS})
    for name, data, epochs in (
        ("digits 1,797 × 64, 60 epochs", _digits, 60),
        ("synthetic 20,000 × 30, 10 epochs", _synthetic, 10),
    )
    for dtype in ("float64", "float32")
]


def run(rounds: int = ROUNDS, executor: str = "numba") -> Table:
    """Measure all cases."""
    try:
        import numba  # noqa: F401
        import sklearn.neural_network as theirs
        from sklearn.exceptions import ConvergenceWarning
    except ImportError as error:
        raise UnavailableError(
            f"estimators: needs {error.name}, as chainrule[train,fast] brings it"
        ) from None
    from chainrule import sklearn as ours

    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for case in CASES:
            X, y = case.data()
            X = X.astype(case.dtype)
            own = ours.MLPClassifier(**case.options, executor=executor)
            other = theirs.MLPClassifier(**case.options)
            began = time.perf_counter()
            own.fit(X, y)
            first = time.perf_counter() - began
            other.fit(X, y)
            rtol = 1e-10 if case.dtype == "float64" else 1e-3
            assert_same(case.name, own.loss_curve_, other.loss_curve_, rtol)
            found = compared(
                lambda own=own, X=X, y=y: own.fit(X, y),
                lambda other=other, X=X, y=y: other.fit(X, y),
                rounds,
                seconds=0.0,
            )
            rows.append({
                "case": case.name,
                "first fit s": first,
                "fit s": found.ours,
                "scikit-learn s": found.theirs,
                "times as fast": found.ratio,
                "from": found.low,
                "to": found.high,
                "accuracy %": 100 * own.score(X, y),
                "scikit-learn %": 100 * other.score(X, y),
            })  # fmt: skip
    return Table(GOAL, rows)


def _threads(most: int | None) -> AbstractContextManager[Any]:
    """Limit the threads of both: beside other processes, threads that wait for each other lose."""
    if most is None:
        return nullcontext()
    import scipy.linalg  # noqa: F401  which brings a BLAS of its own: only what is loaded is limited
    from threadpoolctl import threadpool_limits

    return threadpool_limits(most)


def main() -> int:
    """Return the exit status: 1 where something is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--threads", type=int, help="threads of BLAS for both; all unless given")
    parser.add_argument("--executor", default="numba", choices=["auto", "numpy", "numba"])
    options = parser.parse_args()
    try:
        with _threads(options.threads):
            print(run(options.rounds, options.executor))
    except UnavailableError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
