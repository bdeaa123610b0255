"""Shipped examples: plain NumPy functions whose defaults are the numbers to explain.

A module may say ``WRT``, the arguments to differentiate with respect to, and
``UPSTREAM``, the upstream gradient of an output that is an array.
"""

#: Name of a shipped example -> its module and function.
EXAMPLES = {
    "neuron": ("neuron", "neuron"),
    "layer": ("layer", "layer"),
    "two-layer": ("two_layer", "two_layer"),
    "classifier": ("classifier", "classifier"),
    "classifier-one-hot": ("classifier", "classifier_one_hot"),
    "softmax": ("softmax", "softmax"),
}
