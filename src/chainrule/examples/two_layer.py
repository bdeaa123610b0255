"""A 2-2-1 network without activations, and half the squared error on one sample."""

import numpy as np

DATA = np.array([[8.0], [12.0]])
TARGET = np.array([4.0])
W0 = np.array([[0.21, 0.19], [0.56, 0.02]])
W1 = np.array([[0.23], [0.16]])
WRT = ("w0", "w1")


def two_layer(input_data=DATA, actual_y=TARGET, w0=W0, w1=W1):
    layer0 = input_data.T
    layer1 = np.dot(layer0, w0)
    layer2 = np.dot(layer1, w1)
    loss = np.mean(np.power(layer2 - actual_y, 2)) * 0.5
    return loss
