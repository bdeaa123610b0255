"""The peers: one module each.

A module imports its library at the top and has ``trainer(case, problem, variant)``, which returns
a `Trainer`, or raises `CannotError` with the reason why it cannot do the same work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class CannotError(Exception):
    """The peer cannot do the same work; the message says why."""


class Trainer(Protocol):
    """Trains, and goes on where it stopped."""

    def run(self, epochs: int) -> np.ndarray:
        """Return the loss of each step, or the mean of each epoch where that is all there is."""
        ...


@dataclass(frozen=True)
class Peer:
    """Where a peer is found.

    Attributes
    ----------
    module : str
        Beside this file.
    package : str
        What has to be installed, by the name of the index.
    variant : str
        What `trainer` is given.
    imports : tuple of str
        Modules that the library imports later by itself: they are no part of what is measured.
    """

    title: str
    module: str
    package: str
    variant: str = ""
    imports: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether chainrule derives the gradient."""
        return self.package == "chainrule"


NUMBA = ("numba", "scipy.linalg")
TORCH = ("torch", "torch._dynamo", "torch._inductor")  # its optimizers import these two

PEERS = {
    "chainrule-numba": Peer("chainrule, numba", "chainrule_epoch", "chainrule", "numba", NUMBA),
    "chainrule-mkl": Peer(
        "chainrule, numba with MKL", "chainrule_epoch", "chainrule", "numba-mkl", NUMBA
    ),
    "chainrule-numpy": Peer("chainrule, NumPy", "chainrule_epoch", "chainrule", "numpy"),
    "chainrule-jax": Peer("chainrule, JAX", "chainrule_epoch", "chainrule", "jax", ("jax.numpy",)),
    "chainrule-eager": Peer("chainrule, not compiled", "chainrule_epoch", "chainrule", "eager"),
    "torch": Peer("PyTorch eager", "torch_step", "torch", "eager", TORCH),
    "torch-compile": Peer("PyTorch, torch.compile", "torch_step", "torch", "compile", TORCH),
    "jax-jit": Peer("JAX, jit a step", "jax_step", "jax", "jit"),
    "jax-scan": Peer("JAX, scan an epoch", "jax_step", "jax", "scan"),
    "sklearn": Peer("scikit-learn", "sklearn_mlp", "scikit-learn"),
    "autograd": Peer("HIPS autograd", "autograd_step", "autograd"),
    "micrograd": Peer("micrograd", "micrograd_demo", "micrograd"),
    "numpy": Peer("NumPy by hand", "numpy_buffers", "numpy"),
    "numba": Peer("numba by hand", "numba_loops", "numba", imports=NUMBA),
}

# What all are compared with: the hand-written pass in double precision. It is not timed.
REFERENCE = Peer("NumPy by hand, float64", "numpy_buffers", "numpy", "float64")
