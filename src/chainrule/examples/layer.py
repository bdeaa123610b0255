"""A layer of three neurons with four inputs each: a matrix product and a bias."""

import numpy as np

INPUTS = np.array([[1.0, 2.0, 3.0, 2.5]])
WEIGHTS = np.array([[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]]).T
BIASES = np.array([[2.0, 3.0, 0.5]])
UPSTREAM = np.array([[1.0, 1.0, 1.0]])


def layer(inputs=INPUTS, weights=WEIGHTS, biases=BIASES):
    output = inputs @ weights + biases
    return output
