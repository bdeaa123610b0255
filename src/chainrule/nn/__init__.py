"""Neural networks: layers, in plain NumPy that chainrule traces like any other."""

from chainrule.nn.activations import ELU as ELU
from chainrule.nn.activations import GELU as GELU
from chainrule.nn.activations import LeakyReLU as LeakyReLU
from chainrule.nn.activations import ReLU as ReLU
from chainrule.nn.activations import Sigmoid as Sigmoid
from chainrule.nn.activations import SiLU as SiLU
from chainrule.nn.activations import Softmax as Softmax
from chainrule.nn.activations import Softplus as Softplus
from chainrule.nn.activations import Tanh as Tanh
from chainrule.nn.base import Context as Context
from chainrule.nn.base import Layer as Layer
from chainrule.nn.layers import BatchNorm as BatchNorm
from chainrule.nn.layers import Dense as Dense
from chainrule.nn.layers import Dropout as Dropout
from chainrule.nn.layers import Flatten as Flatten
from chainrule.nn.layers import LayerNorm as LayerNorm
from chainrule.nn.sequential import Sequential as Sequential
