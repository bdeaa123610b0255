"""`chainrule train` beside the networks of scikit-learn: `python -m benchmarks.tabular`.

Both get the same rows to train on and the same to score with; scikit-learn's has its defaults but
for `max_iter=1000`, and scaled features.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Table, UnavailableError

SPLITS = 10
#: Data set -> name of the target in its table.
DATA = dict.fromkeys(("iris", "wine", "breast_cancer", "digits", "diabetes"), "target")


def run(splits: int = SPLITS, first: int = 0, names: tuple[str, ...] = tuple(DATA)) -> Table:
    """Return the medians over random splits of 80 and 20 per cent."""
    try:
        import pandas
        import sklearn
    except ImportError as error:
        raise UnavailableError(f"tabular: {error}") from error
    del pandas, sklearn
    rows = [_compared(name, range(first, first + splits)) for name in names]
    return Table("ours at least scikit-learn's, by the median", rows)


def _compared(name: str, seeds: range) -> dict[str, Any]:
    from chainrule.tabular.experiment import Options, train
    from chainrule.tabular.network import Settings
    from chainrule.tabular.reading import read_table

    frame = _frame(name)
    ours, theirs, linear, seconds = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.csv"
        frame.to_csv(path, index=False)
        table = read_table(path)
    for seed in seeds:
        began = time.perf_counter()
        result = train(table, Options(DATA[name], settings=Settings(seed=seed)))
        seconds.append(time.perf_counter() - began)
        score = "accuracy" if result.predictor.target.is_classes else "R²"
        ours.append(result.scores["network"][score])
        linear.append(result.scores["linear model"][score])
        theirs.append(_peer(frame, seed, score == "R²"))
    return {
        "data": name,
        "score": score,
        "chainrule": f"{statistics.median(ours):.4f}",
        "scikit-learn": f"{statistics.median(theirs):.4f}",
        "linear": f"{statistics.median(linear):.4f}",
        "mean": f"{statistics.mean(ours):.4f}",
        "its mean": f"{statistics.mean(theirs):.4f}",
        "reached": "yes" if statistics.median(ours) >= statistics.median(theirs) - 1e-12 else "no",
        "seconds": statistics.median(seconds),
    }


def _frame(name: str) -> Any:
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(as_frame=True).frame


def _peer(frame: Any, seed: int, is_regression: bool) -> float:
    """Return the score of scikit-learn's network on the same split."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from chainrule.tabular.splitting import held_out

    X, y = frame.drop(columns="target").to_numpy(float), frame["target"].to_numpy()
    labels = None if is_regression else np.unique(y, return_inverse=True)[1]
    held = held_out(labels, len(y), 0.2, seed)
    kind = MLPRegressor if is_regression else MLPClassifier
    model = make_pipeline(StandardScaler(), kind(max_iter=1000, random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X[~held], y[~held])
    return float(model.score(X[held], y[held]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tabular")
    parser.add_argument("names", nargs="*", choices=[*DATA, []], help="all unless given")
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first split")
    options = parser.parse_args()
    print(run(options.splits, options.first, tuple(options.names) or tuple(DATA)))


if __name__ == "__main__":
    main()
