"""``MLPRegressor``: numbers from features."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from chainrule.errors import ArgumentError
from chainrule.sklearn.base import BaseMLP
from chainrule.sklearn.stochastic import goes_by_parts


class MLPRegressor(RegressorMixin, BaseMLP):
    """DOC"""

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
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.executor = executor
        self.dropout = dropout

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
        return y.shape[1]

    def _score_of(self, predicted: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
        return float(r2_score(y, predicted, sample_weight=weights))
