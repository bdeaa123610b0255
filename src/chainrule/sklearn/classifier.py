"""``MLPClassifier``: classes from features."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.sklearn import labels
from chainrule.sklearn.base import BaseMLP
from chainrule.sklearn.documented import documented
from chainrule.sklearn.stochastic import goes_by_parts


@public
@documented
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Tells classes apart with layers of units, as scikit-learn's estimator of the same name.

    It has the same parameters, defaults and attributes, and the same `random_state` gives the same
    weights up to rounding. The network, its loss and its gradient are chainrule's: whole epochs
    run as compiled code, and :meth:`explain` shows how the gradient of any weight comes about.

    The loss is the cross-entropy: of a softmax with three classes or more, of a sigmoid for each
    output otherwise.

    Parameters
    ----------
    <parameters>
    class_weight : None, "balanced" or dict
        Class -> what its rows weigh; "balanced" lets all classes weigh the same. A list of dicts
        for several labels a row.

    Attributes
    ----------
    classes_ : array
    <attributes>

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010. D. Kingma and J. Ba, arXiv:1412.6980.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(X, y)
    >>> net.predict(X[:2]), net.score(X, y) > 0.95
    (array([0, 0]), True)
    >>> net.explain(X[:2], y[:2]).grads["dense2_W"].shape
    (8, 3)
    """

    _numeric = False

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        executor: str = "auto",
        dropout: float = 0.0,
        class_weight: Any = None,
    ) -> None:
        self._keep(locals())

    @available_if(goes_by_parts)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Go through some rows once, on from where the last call stopped.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)
        y : array-like, shape (n,) or (n, labels)
        sample_weight : array-like, shape (n,), optional
        classes : array-like, optional
            All classes that will come; needed at the first call, and the same later on.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As :meth:`fit`, and for a class that is not among those of the first call.
        """
        if isinstance(self.class_weight, str):
            raise ArgumentError(
                "partial_fit sees one part of the data at a time, and cannot balance classes.",
                expected="class_weight=None or a dict", got=f"class_weight={self.class_weight!r}",
                instead="sklearn.utils.class_weight.compute_class_weight on all labels",
            )  # fmt: skip
        self._set_classes(classes)
        trained: MLPClassifier = self._train(X, y, sample_weight, incremental=True)
        return trained

    def _set_classes(self, classes: Any) -> None:
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ArgumentError(
                    "classes must be passed on the first call to partial_fit.",
                    instead="partial_fit(X, y, classes=np.unique(all labels))",
                )
            return
        classes = unique_labels(classes)
        if known is None:
            labels.check_several(classes, "classes")
            self.classes_ = classes
        elif not np.array_equal(known, classes):
            raise ArgumentError(
                f"`classes={classes.tolist()}` is not the same as on last call to partial_fit.",
                expected=f"{known.tolist()}, or leave it out",
            )

    def _data(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Any, Any]:
        X, y = super()._data(X, y, incremental, first)
        y, is_multilabel = labels.checked_labels(y)
        if hasattr(self, "classes_") and (self.warm_start or incremental):
            labels.check_known(y, self.classes_, is_multilabel)
            if self.warm_start and not incremental and not is_multilabel:
                self._check_same_classes(y)
        else:
            self.classes_ = labels.classes_of(y, is_multilabel)
        return X, y

    def _check_same_classes(self, y: np.ndarray) -> None:
        found = unique_labels(y)
        if not np.array_equal(found, self.classes_):
            raise ArgumentError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                "call to fit.",
                expected=str(self.classes_.tolist()), got=str(found.tolist()),
                instead="partial_fit, which takes some of the classes",
            )  # fmt: skip

    def _targets(
        self, y: Any, weights: np.ndarray | None, dtype: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        y, is_multilabel = labels.checked_labels(y)
        labels.check_known(y, self.classes_, is_multilabel)
        several = not is_multilabel and len(self.classes_) > 2
        self.out_activation_ = "softmax" if several else "logistic"
        weights = labels.class_weights(self.class_weight, y, self.classes_, weights, dtype)
        return labels.encoded(y, self.classes_, self.out_activation_, dtype), weights

    def _check_rows(self, y: np.ndarray) -> None:
        if y.ndim == 1 or y.shape[1] == 1:
            found = self.classes_[np.unique(y).astype(int)]
            labels.check_several(found, "y, apart from rows of weight 0,")

    def _outputs(self, y: np.ndarray) -> int:
        return y.shape[1] if self.out_activation_ == "logistic" else len(self.classes_)

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of each row, or 0 and 1 for each label.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)

        Returns
        -------
        array, shape (n,) or (n, labels)
        """
        network, outputs = self._raw(X)
        return labels.decoded(network.predicted(outputs), self.classes_, network.output)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits, of which the probabilities are made.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)

        Returns
        -------
        array, shape (n,), (n, classes) or (n, labels)
            With two classes one number a row, above 0 for the second.
        """
        _, outputs = self._raw(X)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)

        Returns
        -------
        array, shape (n, classes) or (n, labels)
            In the order of `classes_`.
        """
        network, outputs = self._raw(X)
        predicted: np.ndarray = network.predicted(outputs)
        if self.n_outputs_ == 1:  # 1 - predicted would be 0 too soon
            return np.hstack([network.predicted(-outputs), predicted])
        return predicted

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of the probabilities, exact also where these are nearly 0 or 1.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)

        Returns
        -------
        array, shape (n, classes) or (n, labels)
        """
        network, outputs = self._raw(X)
        if self.n_outputs_ == 1:
            outputs = np.hstack([-outputs, outputs])
        logarithms: np.ndarray = network.log_probabilities(outputs)
        logarithms[network.predicted(outputs) == 0] = -np.inf
        return logarithms

    def _score_of(self, predicted: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
        if self.out_activation_ == "softmax":
            right = np.argmax(predicted, axis=1) == y
        else:
            right = ((predicted > 0.5) == (y > 0.5)).all(axis=1)
        return float(np.average(right, weights=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
