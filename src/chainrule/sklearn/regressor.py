"""``MLPRegressor``: numbers from features."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.sklearn.base import BaseMLP
from chainrule.sklearn.documented import documented
from chainrule.sklearn.stochastic import goes_by_parts


@public
@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Predicts numbers with layers of units, as scikit-learn's estimator of the same name.

    It has the same parameters, defaults and attributes, and the same `random_state` gives the same
    weights up to rounding. The network, its loss and its gradient are chainrule's: whole epochs
    run as compiled code, and :meth:`explain` shows how the gradient of any weight comes about.

    One thing differs. With several outputs, scikit-learn trains with a gradient that is as many
    times larger than that of its squared error (its issue 8349); here the gradient is the loss's.
    `learning_rate_init` times the number of outputs and `alpha` divided by it make "sgd" take the
    same steps.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}
        Half the mean squared error; or half the Poisson deviance, for counts, where the network
        gives the logarithm of a rate.
    <parameters>

    Attributes
    ----------
    <attributes>

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010. D. Kingma and J. Ba, arXiv:1412.6980.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> net = MLPRegressor(activation="tanh", solver="lbfgs", random_state=0).fit(X, X[:, 0] ** 2)
    >>> net.predict([[0.5]]).round(2), net.score(X, X[:, 0] ** 2) > 0.99
    (array([0.26]), True)
    """

    _numeric = True

    def __init__(
        self,
        loss: str = "squared_error",
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
    ) -> None:
        self._keep(locals())

    @available_if(goes_by_parts)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Go through some rows once, on from where the last call stopped.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)
        y : array-like, shape (n,) or (n, outputs)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        self
        """
        trained: MLPRegressor = self._train(X, y, sample_weight, incremental=True)
        return trained

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted numbers.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)

        Returns
        -------
        array, shape (n,) or (n, outputs)
        """
        network, outputs = self._raw(X)
        with np.errstate(over="ignore"):
            predicted: np.ndarray = network.predicted(outputs)
        return predicted[:, 0] if self.n_outputs_ == 1 else predicted

    def _targets(
        self, y: Any, weights: np.ndarray | None, dtype: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = np.asarray(y, dtype)
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        if self.loss == "poisson" and (y < 0).any():
            row = int(np.argwhere(y < 0)[0][0])
            raise ArgumentError(
                "The Poisson loss is of counts.", expected="y from 0",
                got=f"{float(y[row].min())} in row {row}", instead="loss='squared_error'",
            )  # fmt: skip
        return y[:, None] if y.ndim == 1 else y, weights

    def _outputs(self, y: np.ndarray) -> int:
        return int(y.shape[1])

    def _score_of(self, predicted: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
        return float(r2_score(y, predicted, sample_weight=weights))
