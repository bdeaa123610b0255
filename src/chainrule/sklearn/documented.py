"""What the docstrings of the classifier and the regressor have in common, written once."""

from __future__ import annotations

from typing import TypeVar

C = TypeVar("C", bound=type)

_PARAMETERS = """hidden_layer_sizes : int or sequence of int
        Units of each hidden layer; () for none.
    activation : {"relu", "identity", "logistic", "tanh"}
        Of the hidden layers.
    solver : {"adam", "sgd", "lbfgs"}
        "lbfgs" takes all rows at once, and is often the better one for some thousand rows.
    alpha : float
        Of the penalty, 0.5 · alpha · (sum of W²) / n, which is added to the loss of n rows.
    batch_size : "auto" or int
        Rows of a minibatch; "auto" is 200, or all rows where there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}
        For "sgd". "invscaling" divides the rate by t_ ** power_t after each epoch; "adaptive"
        divides it by 5 when training comes no further, and ends when it is 1e-6.
    learning_rate_init : float
    power_t : float
    max_iter : int
        Epochs at most; for "lbfgs", steps.
    shuffle : bool
        Take the rows in another order in each epoch.
    random_state : int, RandomState or None
        Of the first weights, the rows held out, their order, and dropout. The same int gives the
        same numbers on the same machine.
    tol : float
        What the loss, or the score, has to improve by to count.
    verbose : bool or int
        Print the loss of each epoch.
    warm_start : bool
        Let `fit` go on from the weights that there are.
    momentum : float
    nesterovs_momentum : bool
    early_stopping : bool
        Hold rows out, stop when their score gets no better, and keep the best weights.
    validation_fraction : float
        How many of the rows are held out.
    beta_1, beta_2, epsilon : float
        For "adam".
    n_iter_no_change : int
        Epochs without progress that are allowed.
    max_fun : int
        Calls of the loss at most, for "lbfgs".
    executor : {"auto", "numpy", "numba", "jax"}
        What runs the training; see :func:`chainrule.compile`. "auto" takes numba where it is
        installed and the work, by an estimate and never by timing, is worth compiling. What is
        compiled serves all fits with the same layers, whatever their rates and penalties.
    dropout : float
        Share of the hidden units that is 0 in each training step."""

_ATTRIBUTES = """coefs_, intercepts_ : list of array
        Weights of shape (inputs, outputs) and biases of each layer.
    loss_ : float
        Of the last epoch, or of the end for "lbfgs".
    loss_curve_ : list of float
        Loss of each epoch; not for "lbfgs".
    best_loss_ : float or None
        Lowest loss; None with early stopping.
    validation_scores_, best_validation_score_
        Of the rows held out, with early stopping.
    n_iter_ : int
        Epochs of the last call.
    t_ : int
        Rows gone through.
    n_layers_, n_outputs_, out_activation_
        Of the network, with input and output.
    n_features_in_ : int
    feature_names_in_ : array of str
        When X is a data frame with names of columns.
    model_ : Sequential
        The trained layers as a model of :mod:`chainrule.nn`."""


def documented(cls: C) -> C:
    """Fill in the docstring of an estimator what both have in common."""
    if cls.__doc__ is not None:  # which `python -OO` drops
        cls.__doc__ = cls.__doc__.replace("<parameters>", _PARAMETERS).replace(
            "<attributes>", _ATTRIBUTES
        )
    return cls
