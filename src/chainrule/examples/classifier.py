"""Dense, ReLU, dense, softmax and cross-entropy on a batch of three samples.

``classifier`` takes labels as numbers, ``classifier_one_hot`` as one-hot rows.
"""

import numpy as np

X = np.array([[1.0, 2.0], [-1.5, 0.5], [0.3, -0.8]])
W1 = np.array([[0.5, -0.4, 0.1], [-0.2, 0.3, 0.8]])
B1 = np.array([0.0, 0.1, -0.1])
W2 = np.array([[0.7, -0.5, 0.2], [0.1, 0.6, -0.3], [-0.4, 0.2, 0.9]])
B2 = np.array([0.0, 0.0, 0.0])
LABELS = np.array([0, 2, 1])
ONE_HOT = np.eye(3)[LABELS]
WRT = ("W1", "b1", "W2", "b2")


def classifier(X=X, y=LABELS, W1=W1, b1=B1, W2=W2, b2=B2):
    z1 = X @ W1 + b1
    a1 = np.maximum(0, z1)
    z2 = a1 @ W2 + b2
    exp_values = np.exp(z2 - np.max(z2, axis=1, keepdims=True))
    probabilities = exp_values / np.sum(exp_values, axis=1, keepdims=True)
    confidences = probabilities[range(len(X)), y]
    loss = -np.mean(np.log(confidences))
    return loss


def classifier_one_hot(X=X, y=ONE_HOT, W1=W1, b1=B1, W2=W2, b2=B2):
    z1 = X @ W1 + b1
    a1 = np.maximum(0, z1)
    z2 = a1 @ W2 + b2
    exp_values = np.exp(z2 - np.max(z2, axis=1, keepdims=True))
    probabilities = exp_values / np.sum(exp_values, axis=1, keepdims=True)
    confidences = np.sum(probabilities * y, axis=1)
    loss = -np.mean(np.log(confidences))
    return loss
