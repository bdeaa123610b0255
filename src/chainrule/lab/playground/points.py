"""Samples in the plane, each with a class: generators, and what all of them give.

A generator is a function of the number of samples, the noise and a random generator. Its
coordinates lie within about ±1; noise 1 hides the pattern. A network is given `SCALE` times these,
so that its first layer does not have to grow before it bends anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SCALE = 3.0

#: ``generator(samples, noise, rng) -> (x, labels)``
Generator = Callable[[int, float, np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Points:
    """Samples with their classes, split into those to train on and those to validate with.

    Attributes
    ----------
    x : array of float32, shape (n, 2)
        As the network is given them.
    labels : array of int64, shape (n,)
        From 0.
    trained : int
        How many rows, the first ones, are trained on; the others validate.
    classes : tuple of str
    axes : tuple of str
        What the two coordinates are called.
    centre, spread : tuple of float
        A coordinate c of `x` stands for ``centre + spread · c`` in the data.
    """

    x: np.ndarray
    labels: np.ndarray
    trained: int
    classes: tuple[str, ...]
    axes: tuple[str, str] = ("x₁", "x₂")
    centre: tuple[float, float] = (0.0, 0.0)
    spread: tuple[float, float] = (1.0, 1.0)

    @property
    def reach(self) -> float:
        """How far from 0 a plot has to go to show all samples."""
        return max(1.1, 1.08 * float(np.max(np.abs(self.x), initial=0.0)))


def spiral(samples: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two arms that wind around each other one and a half times.

    Examples
    --------
    >>> x, labels = spiral(4, 0.0, np.random.default_rng(0))
    >>> x.round(2).tolist(), labels.tolist()
    ([[0.0, 0.05], [0.0, -0.05], [0.0, -1.0], [-0.0, 1.0]], [0, 1, 0, 1])
    """
    labels = _alternating(samples, 2)
    along = _along(samples, 2)
    radius = 0.05 + 0.95 * along
    angle = 3 * np.pi * along + np.pi * labels
    x = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    return x + 0.25 * noise * rng.normal(size=x.shape), labels


def moons(samples: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles, each reaching into the other.

    Examples
    --------
    >>> moons(4, 0.0, np.random.default_rng(0))[0].round(2).tolist()
    [[0.3, -0.22], [-0.3, 0.22], [-0.9, -0.22], [0.9, 0.22]]
    """
    labels = _alternating(samples, 2)
    angle = np.pi * _along(samples, 2)
    side = 1 - 2 * labels
    x = np.stack([side * (0.6 * np.cos(angle) - 0.3), side * (0.7 * np.sin(angle) - 0.22)], axis=1)
    return x + 0.35 * noise * rng.normal(size=x.shape), labels


def circles(samples: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a disc within a ring.

    Examples
    --------
    >>> x, labels = circles(100, 0.0, np.random.default_rng(0))
    >>> bool(np.all((np.hypot(*x.T) > 0.5) == labels))
    True
    """
    labels = _alternating(samples, 2)
    inner, outer = 0.45 * np.sqrt(rng.random(samples)), 0.7 + 0.25 * rng.random(samples)
    radius = np.where(labels == 0, inner, outer)
    angle = 2 * np.pi * rng.random(samples)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return x + 0.35 * noise * rng.normal(size=x.shape), labels


def blobs(samples: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of points.

    Examples
    --------
    >>> blobs(3, 0.0, np.random.default_rng(0))[1].tolist()
    [0, 1, 2]
    """
    labels = _alternating(samples, 3)
    angle = 2 * np.pi * (labels / 3 + 1 / 12)
    x = 0.6 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + (0.1 + 0.4 * noise) * rng.normal(size=x.shape), labels


def xor(samples: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four squares; those across from each other belong together.

    Examples
    --------
    >>> x, labels = xor(100, 0.0, np.random.default_rng(0))
    >>> bool(np.all((x[:, 0] * x[:, 1] > 0) == labels))
    True
    """
    x = rng.uniform(0.06, 0.95, size=(samples, 2)) * rng.choice([-1.0, 1.0], size=(samples, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    return x + 0.35 * noise * rng.normal(size=x.shape), labels


#: What each data set is called -> what makes it, and its number of classes.
GENERATORS: dict[str, tuple[Generator, int]] = {
    "spiral": (spiral, 2), "moons": (moons, 2), "circles": (circles, 2), "blobs": (blobs, 3),
    "xor": (xor, 2),
}  # fmt: skip


def generated(name: str, samples: int, noise: float, validation: float, seed: int) -> Points:
    """Return the samples of one of the generators: the same for the same arguments.

    Parameters
    ----------
    name : str
        A key of `GENERATORS`.
    samples : int
    noise : float
    validation : float
        The share that is not trained on.
    seed : int

    Returns
    -------
    Points

    Examples
    --------
    >>> points = generated("blobs", 50, 0.1, 0.2, seed=3)
    >>> points.x.shape, points.trained, points.classes
    ((50, 2), 40, ('1', '2', '3'))
    """
    generator, classes = GENERATORS[name]
    rng = np.random.default_rng([seed, 1])
    x, labels = generator(samples, noise, rng)
    return split(SCALE * x, labels, validation, rng, tuple(str(i + 1) for i in range(classes)))


def split(
    x: np.ndarray,
    labels: np.ndarray,
    validation: float,
    rng: np.random.Generator,
    classes: tuple[str, ...],
    **more: Any,
) -> Points:
    """Return samples in random order, the last of them for validation.

    `more` are the other fields of `Points`.
    At least one sample is left to train on.
    """
    order = rng.permutation(len(x))
    held = min(round(validation * len(x)), len(x) - 1)
    x = np.ascontiguousarray(x[order], np.float32)
    labels = labels[order].astype(np.int64)
    return Points(x, labels, len(x) - held, classes, **more)


def _alternating(samples: int, classes: int) -> np.ndarray:
    return np.arange(samples) % classes


def _along(samples: int, classes: int) -> np.ndarray:
    """Return how far along its curve each sample is, from 0 to 1."""
    each = -(-samples // classes)
    return np.linspace(0, 1, each)[np.arange(samples) // classes]
