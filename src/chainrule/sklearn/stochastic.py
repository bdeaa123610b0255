"""Training by minibatches, with scikit-learn's rules for when to stop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from chainrule.errors import ArgumentError, NonFiniteError
from chainrule.nn.trees import mapped
from chainrule.sklearn.compiled import TURN, chosen, epoch_of
from chainrule.sklearn.network import Network, Params
from chainrule.sklearn.rows import Rows
from chainrule.sklearn.updates import in_type, numbers_of, optimizer, with_numbers
from chainrule.trace import warn

if TYPE_CHECKING:
    from chainrule.sklearn.base import BaseMLP

#: An adaptive rate that is no larger is not lowered any more, and training stops.
_LOWEST_RATE = 1e-6

#: Steps that several epochs may have together in one call.
_BLOCK = 256

#: The share of rows of weight 0 that is not too much work for nothing.
_FILLED = 1 / 8


class Stochastic:
    """One call of `fit` or `partial_fit` with a solver that goes through minibatches.

    Parameters
    ----------
    estimator : BaseMLP
        Validated, with parameters to start from; gets what training gives.
    network : Network
    rng : RandomState
    X, y, weights
        All rows, y as the network has it.
    incremental : bool
        One epoch, which goes on where the one before it stopped.
    """

    def __init__(
        self,
        estimator: BaseMLP,
        network: Network,
        rng: np.random.RandomState,
        X: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
        incremental: bool,
    ) -> None:
        self._estimator = estimator
        self._network = network
        self._rng = rng
        self._incremental = incremental
        self._held_out: tuple[Any, np.ndarray, np.ndarray | None] | None = None
        self._order = np.arange(X.shape[0])
        if estimator.early_stopping:
            self._hold_out(X, y, weights)
        self._batch = self._batch_size(len(self._order))
        missing = -len(self._order) % self._batch
        self._rows = Rows(X, y, weights, more=0 < missing <= _FILLED * len(self._order))
        #: Filled up with a row of weight 0, minibatches all have the same size, and epochs can
        #: follow one another in one call.
        self._filling = np.full(missing if self._rows.has_more else 0, X.shape[0])
        self._carry = self._start()
        self._epoch = epoch_of(
            network,
            estimator.solver,
            bool(estimator.nesterovs_momentum) and estimator.solver == "sgd",
            self._executor(),
        )
        self._best: Params = self._carry["params"]

    # -- before training -----------------------------------------------------------------

    def _hold_out(self, X: Any, y: np.ndarray, weights: np.ndarray | None) -> None:
        """Set rows aside, the same ones as scikit-learn does."""
        estimator = self._estimator
        if self._incremental:
            raise ArgumentError(
                "partial_fit sees one part of the data at a time, and cannot hold rows out.",
                expected="early_stopping=False", got="early_stopping=True",
            )  # fmt: skip
        rows, part = len(self._order), estimator.validation_fraction
        if math.ceil(rows * part) < 2:
            raise ArgumentError(
                "The validation set is too small.", expected="2 rows or more held out",
                got=f"validation_fraction={part!r} of {rows} rows",
                instead="a larger validation_fraction, or early_stopping=False",
            )  # fmt: skip
        binary = self._network.output == "logistic" and self._network.units[-1] == 1
        self._order, out = train_test_split(
            self._order, random_state=self._rng, test_size=part, stratify=y if binary else None
        )
        self._held_out = X[out], y[out], None if weights is None else weights[out]

    def _batch_size(self, rows: int) -> int:
        size = self._estimator.batch_size
        if isinstance(size, str):
            return min(200, rows)
        if size > rows:
            warn(
                f"Got `batch_size` larger than sample size: {size} of {rows} rows. It is going to "
                "be clipped.",
                UserWarning,
            )
        return int(min(size, rows))

    def _executor(self) -> str:
        estimator, rows = self._estimator, len(self._order)
        passes: float = estimator.max_iter
        if self._incremental:  # what has been seen tells what is to come
            passes = max(1, estimator.t_ / rows)
        steps = passes * math.ceil(rows / self._batch)
        return chosen(estimator.executor, rows, passes, steps, self._network)

    def _start(self) -> dict[str, Any]:
        """Return what goes from step to step, taken up from the last call where that is meant."""
        estimator = self._estimator
        params = self._network.params(estimator.coefs_, estimator.intercepts_)
        dtype = estimator.coefs_[0].dtype
        kept = getattr(estimator, "_kept", None) if self._incremental else None
        rate = float(estimator.learning_rate_init)
        if kept is None or kept["solver"] != estimator.solver:
            kept = {"step": 0, "state": optimizer(estimator.solver, False).init(params)}
        elif estimator.solver == "sgd" and estimator.learning_rate != "constant":
            rate = numbers_of(kept["state"])[0]
        if estimator.solver == "adam":
            numbers = [rate, estimator.beta_1, estimator.beta_2, estimator.epsilon]
        else:
            numbers = [rate, estimator.momentum]
        carry = {
            "params": params,
            "optimizer": with_numbers(in_type(kept["state"], dtype), numbers),
            "alpha": np.array(estimator.alpha, dtype),
        }
        if self._network.dropout:
            seed = kept.get("seed")
            if seed is None:  # drawn only here: without dropout all is as scikit-learn draws it
                seed = self._rng.randint(2**31)
            carry |= {"seed": np.array(seed, np.int64), "step": np.array(kept["step"], np.int64)}
        return carry

    # -- training ------------------------------------------------------------------------

    def run(self) -> None:
        """Train until the rules say stop."""
        estimator = self._estimator
        most = 1 if self._incremental else estimator.max_iter
        estimator.n_iter_ = 0
        stops = False
        try:
            while estimator.n_iter_ < most and not stops:
                for loss in self._passes(self._block(most - estimator.n_iter_)):
                    self._note(loss)
                    stops = self._is_enough()
            if not (stops or self._incremental):
                warn(
                    f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and "
                    "the optimization hasn't converged yet.",
                    ConvergenceWarning,
                )
        except KeyboardInterrupt:
            warn("Training interrupted by user.", UserWarning)
        finally:
            self._finish()

    def _block(self, most: int) -> int:
        """Return how many epochs there can be before anything has to be decided.

        One after the other they are one call of compiled code. So many epochs without progress
        are still to come before the first that can be one too many.
        """
        estimator, rows = self._estimator, len(self._order)
        decides = self._held_out is not None or estimator.learning_rate == "invscaling"
        uneven = (rows + len(self._filling)) % self._batch
        if decides or estimator.verbose or self._rows.is_sparse or uneven:
            return 1
        patience = estimator.n_iter_no_change + 1 - estimator._no_improvement_count
        return int(max(1, min(most, patience, _BLOCK // -(-rows // self._batch))))

    def _passes(self, count: int) -> list[float]:
        """Go through all rows some times; return the loss of each time."""
        rows, orders = len(self._order), list[np.ndarray]()
        for _ in range(count):
            if self._estimator.shuffle:
                self._order = self._order[self._rng.permutation(rows)]
            orders += [self._order, self._filling]
        order = np.concatenate(orders)
        found = []
        for data, places in self._rows.parts(order, self._batch):
            try:
                with TURN, np.errstate(all="ignore"):
                    self._carry, losses = self._epoch(
                        self._carry, data, order=places, batch_size=self._batch
                    )
            except NonFiniteError as error:
                raise self._diverged(error) from error
            found.append(losses)
        losses = np.concatenate(found).astype(float).reshape(count, -1)
        sizes = np.full(losses.shape[1], self._batch)
        sizes[-1] = rows - self._batch * (len(sizes) - 1)
        return [float(total) / rows for total in losses @ sizes]

    def _note(self, loss: float) -> None:
        """Take note of an epoch."""
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.t_ += len(self._order)
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")

    def _is_enough(self) -> bool:
        """Say whether training has come no further for too many epochs."""
        estimator = self._estimator
        if self._held_out is not None:
            score = self._score()
            estimator.validation_scores_.append(score)
            if estimator.verbose:
                print(f"Validation score: {score:f}")
            improved = score >= estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                self._best = self._carry["params"]  # which nothing writes to
        else:
            loss = estimator.loss_
            improved = loss <= estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(loss, estimator.best_loss_)
        estimator._no_improvement_count = 0 if improved else estimator._no_improvement_count + 1
        if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
            rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
            self._set_rate(rate)
        return estimator._no_improvement_count > estimator.n_iter_no_change and self._stops()

    def _stops(self) -> bool:
        """Stop, or lower an adaptive rate."""
        estimator = self._estimator
        what = "Training loss" if self._held_out is None else "Validation score"
        said = (
            f"{what} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        stops, then = True, "Stopping."
        if estimator.solver == "sgd" and estimator.learning_rate == "adaptive":
            rate = numbers_of(self._carry["optimizer"])[0]
            if rate <= _LOWEST_RATE:
                then = "Learning rate too small. Stopping."
            else:
                stops, then = False, f"Setting learning rate to {rate / 5:f}"
                self._set_rate(rate / 5)
                estimator._no_improvement_count = 0
        if estimator.verbose:
            print(said, then)
        return stops

    def _score(self) -> float:
        assert self._held_out is not None
        X, y, weights = self._held_out
        network = self._network
        predicted = network.predicted(network.outputs(self._carry["params"], X))
        return self._estimator._score_of(predicted, y, weights)

    def _set_rate(self, rate: float) -> None:
        state = self._carry["optimizer"]
        state = with_numbers(state, [rate, *numbers_of(state)[1:]])
        self._carry = {**self._carry, "optimizer": state}

    def _diverged(self, error: NonFiniteError) -> ArgumentError:
        """Return the error for a step that failed, and go back to what was good before it."""
        step = getattr(error, "step", 0)
        epoch = self._estimator.n_iter_ + 1 + step // -(-len(self._order) // self._batch)
        self._carry = getattr(error, "carry", self._carry)
        return ArgumentError(
            f"Training failed in epoch {epoch}. {error.what}",
            got=error.got, where=error.where,
            instead="scaled data, as of make_pipeline(StandardScaler(), ...), or a smaller "
            "learning_rate_init; coefs_ has the last weights that were good",
        )  # fmt: skip

    def _finish(self) -> None:
        """Give the estimator what was trained, as plain arrays of its own."""
        estimator, carry = self._estimator, self._carry
        params = carry["params"] if self._held_out is None else self._best
        coefs, intercepts = self._network.lists(params)
        estimator.coefs_ = [np.array(W) for W in coefs]
        estimator.intercepts_ = [np.array(b) for b in intercepts]
        estimator._kept = {
            "solver": estimator.solver,
            "state": mapped(np.array, carry["optimizer"]),
            "step": int(carry.get("step", 0)),
            "seed": int(carry["seed"]) if "seed" in carry else None,
        }


def goes_by_parts(estimator: Any) -> bool:
    """Say whether there is a `partial_fit`.

    Raises
    ------
    AttributeError
        When the solver wants all data at once.
    """
    if estimator.solver not in ("sgd", "adam"):
        raise AttributeError(
            f"partial_fit goes through minibatches, which solver={estimator.solver!r} does not; "
            "solver='adam' does."
        )
    return True
