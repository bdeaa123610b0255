"""What the classifier and the regressor have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from chainrule import nn
from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.sklearn.data import features, features_and_targets, weights_of
from chainrule.sklearn.lbfgs import LBFGS
from chainrule.sklearn.network import Network
from chainrule.sklearn.parameters import check_parameters
from chainrule.sklearn.questions import explained
from chainrule.sklearn.stochastic import Stochastic
from chainrule.solution import Solution


@public
class BaseMLP(BaseEstimator, ABC):
    """Parameters, fitting and questions; use :class:`MLPClassifier` or :class:`MLPRegressor`."""

    # What scikit-learn has these for is told in the docstrings of the subclasses.
    hidden_layer_sizes: Any
    activation: str
    solver: str
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: Any
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    executor: str
    dropout: float

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    loss_: float
    best_loss_: Any
    loss_curve_: list[float]
    validation_scores_: Any
    best_validation_score_: Any
    t_: int
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_features_in_: int
    _no_improvement_count: int
    #: Of the solver, for the next call of partial_fit.
    _kept: dict[str, Any]

    def _keep(self, given: dict[str, Any]) -> None:
        """Store the arguments of an `__init__`, as they are."""
        for name in given.keys() - {"self"}:
            setattr(self, name, given[name])

    # -- fitting -------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on all rows until the loss, or the score of held-out rows, gets no better.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)
        y : array-like, shape (n,) or (n, outputs)
        sample_weight : array-like, shape (n,), optional
            From 0; a row of weight 0 is as if it were not there.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used, or training diverges; says what and where.
        """
        return self._train(X, y, sample_weight, incremental=False)

    def _train(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        check_parameters(type(self).__name__, self.get_params(deep=False))
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._data(X, y, incremental, first)
        weights = weights_of(X, sample_weight)
        y, weights = self._targets(y, weights, X.dtype)
        if weights is not None and not weights.all():  # a row that does not count is not there
            counts = weights != 0
            X, y, weights = X[counts], y[counts], weights[counts]
        if not incremental:
            self._check_rows(y)
        rng = check_random_state(self.random_state)
        outputs = self._outputs(y)
        network = self._network((X.shape[1], *self._hidden(), outputs))
        if first:
            self._begin(network, rng, X.dtype)
        else:
            self._check_alike(network)
            self.coefs_ = [np.asarray(W, X.dtype) for W in self.coefs_]
            self.intercepts_ = [np.asarray(b, X.dtype) for b in self.intercepts_]
        if self.solver == "lbfgs":
            LBFGS(self, network, X, y, weights).run()
        else:
            self._begin_curve(first)
            Stochastic(self, network, rng, X, y, weights, incremental).run()
        return self

    def _begin(self, network: Network, rng: np.random.RandomState, dtype: Any) -> None:
        """Draw the parameters, and set what tells of the network."""
        self.n_iter_ = self.t_ = 0
        self.n_outputs_ = network.units[-1]
        self.n_layers_ = len(network.units)
        self.coefs_, self.intercepts_ = network.lists(network.initial(rng, dtype))

    def _begin_curve(self, first: bool) -> None:
        """Set what stopping depends on, where there was no such training before."""
        if not first and hasattr(self, "loss_curve_"):
            if self.early_stopping == (self.validation_scores_ is not None):
                return
        else:
            self.loss_curve_ = []
        self._no_improvement_count = 0
        held_out = bool(self.early_stopping)
        self.validation_scores_ = [] if held_out else None
        self.best_validation_score_ = -np.inf if held_out else None
        self.best_loss_ = None if held_out else np.inf

    def _hidden(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        return tuple(int(u) for u in (sizes if np.iterable(sizes) else [sizes]))

    def _network(self, units: tuple[int, ...]) -> Network:
        return Network(units, self.activation, self.out_activation_, float(self.dropout))

    def _check_alike(self, network: Network) -> None:
        """Refuse to go on with other layers than there were."""
        before = (*(len(W) for W in self.coefs_), self.n_outputs_)
        if before != network.units:
            raise ArgumentError(
                f"{type(self).__name__} goes on with the weights that it has, and these are of "
                "other layers.",
                expected=f"units {before}", got=f"units {network.units}",
                instead="warm_start=False and fit, which starts anew",
            )  # fmt: skip

    # -- what classifier and regressor do in their own ways --------------------------------

    _numeric: ClassVar[bool]

    def _data(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Any, Any]:
        X, y = features_and_targets(self, X, y, reset=first, numeric=self._numeric)
        return X, y

    @abstractmethod
    def _targets(
        self, y: Any, weights: np.ndarray | None, dtype: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return y as the network takes it, and the weights; sets `out_activation_`."""

    def _check_rows(self, y: np.ndarray) -> None:
        """Refuse rows that nothing can be learned from."""

    @abstractmethod
    def _outputs(self, y: np.ndarray) -> int:
        """Return how many outputs the network has."""

    @abstractmethod
    def _score_of(self, predicted: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
        """Return the score of held-out rows."""

    # -- predictions and questions ---------------------------------------------------------

    def _fitted(self) -> Network:
        check_is_fitted(self)
        return self._network((*(len(W) for W in self.coefs_), self.n_outputs_))

    def _raw(self, X: Any) -> tuple[Network, np.ndarray]:
        """Return the network and the numbers of its last layer."""
        network = self._fitted()
        X = features(self, X)
        params = network.params(self.coefs_, self.intercepts_)
        with np.errstate(over="ignore"):
            return network, network.outputs(params, X)

    @property
    def model_(self) -> nn.Sequential:
        """The layers with their parameters, as a model of :mod:`chainrule.nn`.

        So its health can be asked about, and it can be saved without pickle. Its predictions are
        logits, or the logarithms of rates for the Poisson loss; its targets are positions in
        `classes_`.
        """
        network = self._fitted()
        model = network.layers()
        model.params, model.state = network.params(self.coefs_, self.intercepts_), {}
        model.input_shape = (self.n_features_in_,)
        model.loss = network.name_of_loss
        return model

    def explain(self, X: Any, y: Any, sample_weight: Any = None) -> Solution:
        """Show how the loss of some rows, and its gradient, come about.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, features)
            A few rows are best read.
        y : array-like, shape (n,) or (n, outputs)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        Solution
            Of the loss that training makes smaller, for these rows: with the penalty, and without
            dropout. The parameters are called ``dense1_W``, ``dense1_b``, ...

        Raises
        ------
        ValueError
            When the data cannot be used; says what and where.
        """
        network = self._fitted()
        X, y = self._data(X, y, incremental=True, first=False)
        y, weights = self._targets(y, weights_of(X, sample_weight), X.dtype)
        X = X.toarray() if hasattr(X, "toarray") else X
        params = network.params(self.coefs_, self.intercepts_)
        return explained(network, params, X, y, weights, float(self.alpha))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
