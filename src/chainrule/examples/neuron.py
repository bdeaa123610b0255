"""One neuron: three inputs, three weights, a bias and ReLU, on plain Python numbers."""


def neuron(x=[1.0, -2.0, 3.0], w=[-3.0, -1.0, 2.0], b=1.0):
    xw0 = x[0] * w[0]
    xw1 = x[1] * w[1]
    xw2 = x[2] * w[2]
    z = xw0 + xw1 + xw2 + b
    y = max(z, 0)
    return y
