"""What a network has to be better than: the commonest class or the mean, and a linear model."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from chainrule.tabular import scoring


def of_classes(
    x: np.ndarray,
    y: np.ndarray,
    x_held: np.ndarray,
    y_held: np.ndarray,
    classes: int,
    balanced: bool = False,
) -> dict[str, dict[str, float]]:
    """Return the scores of the shares of the classes, and of logistic regression.

    Parameters
    ----------
    x, y : array
        To train on.
    x_held, y_held : array
        To score with.
    classes : int
    balanced : bool
        Let each class weigh as much as any other in logistic regression.

    Returns
    -------
    dict of str to dict
        Name of the baseline -> scores.
    """
    shares = np.bincount(y, minlength=classes) / len(y)
    every = np.tile(shares, (len(y_held), 1))
    model = LogisticRegression(max_iter=1000, class_weight="balanced" if balanced else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        model.fit(x.astype(float), y)
    probabilities = np.zeros((len(y_held), classes))
    probabilities[:, model.classes_] = model.predict_proba(x_held.astype(float))
    return {
        "linear model": scoring.of_classes(y_held, probabilities),
        "commonest class": scoring.of_classes(y_held, every),
    }


def of_values(
    x: np.ndarray, y: np.ndarray, x_held: np.ndarray, y_held: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return the scores of the mean, and of ridge regression.

    Parameters
    ----------
    x, y, x_held, y_held : array

    Returns
    -------
    dict of str to dict
    """
    model = Ridge().fit(x.astype(float), y)
    return {
        "linear model": scoring.of_values(y_held, model.predict(x_held.astype(float))),
        "mean": scoring.of_values(y_held, np.full(len(y_held), y.mean())),
    }
