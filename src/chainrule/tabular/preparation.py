"""What scikit-learn's transformers learned, applied by NumPy alone.

A file can hold it as JSON, and nothing of the file is ever run. The tests compare it with
scikit-learn's own pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.tabular.cleaning import Clean
from chainrule.tabular.telling import counted, listed, short

#: So far from the mean that nothing can be said; beyond, a float32 would soon be infinite.
_FARTHEST = 1e30


@dataclass(frozen=True)
class Number:
    """How a number is prepared: (x - mean) / scale, and whether it was missing.

    Attributes
    ----------
    name : str
    fill : float
        In place of a missing one.
    mean, scale : float
    indicator : bool
        Whether a further feature says that it was missing.
    """

    name: str
    fill: float
    mean: float
    scale: float
    indicator: bool


@dataclass(frozen=True)
class Word:
    """How a word is prepared: a feature for each category, 1 where it is this one.

    Attributes
    ----------
    name : str
    fill : str
        In place of a missing one.
    categories : tuple of str
        Those with a feature of their own.
    rare : tuple of str
        Those that share one; where there is none, words never seen have no feature.
    """

    name: str
    fill: str
    categories: tuple[str, ...]
    rare: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preparation:
    """From clean values to what the network takes.

    Parameters
    ----------
    numbers : tuple of Number
    words : tuple of Word

    Examples
    --------
    >>> p = Preparation((Number("age", 30.0, 40.0, 10.0, True),), (Word("city", "A", ("A", "B")),))
    >>> p.names
    ['age', 'age is missing', 'city: A', 'city: B']
    >>> p.transform(Clean(np.array([[50.0], [np.nan]]), np.array([["B"], ["C"]], object)))
    array([[ 1.,  0.,  0.,  1.],
           [-1.,  1.,  0.,  0.]], dtype=float32)
    """

    numbers: tuple[Number, ...]
    words: tuple[Word, ...]

    @property
    def names(self) -> list[str]:
        """The names of the features."""
        return [
            *(n.name for n in self.numbers),
            *(f"{n.name} is missing" for n in self.numbers if n.indicator),
            *(f"{w.name}: {c}" for w in self.words for c in (*w.categories, *_shared(w))),
        ]

    def transform(self, clean: Clean) -> np.ndarray:
        """Return the features.

        Parameters
        ----------
        clean : Clean

        Returns
        -------
        array of float32, shape (n, features)
        """
        fill, mean, scale = (
            np.array([getattr(n, name) for n in self.numbers], dtype=float)
            for name in ("fill", "mean", "scale")
        )
        missing = np.isnan(clean.numbers)
        scaled = (np.where(missing, fill, clean.numbers) - mean) / scale
        scaled = np.clip(scaled, -_FARTHEST, _FARTHEST)
        indicators = missing[:, [n.indicator for n in self.numbers]]
        hot = [
            _one_hot(word, values) for word, values in zip(self.words, clean.words.T, strict=True)
        ]
        return np.concatenate([scaled, indicators, *hot], axis=1).astype(np.float32)

    def unseen(self, clean: Clean) -> list[str]:
        """Return a note for each column of words that were not there in training.

        Parameters
        ----------
        clean : Clean

        Returns
        -------
        list of str
        """
        notes = []
        for word, values in zip(self.words, clean.words.T, strict=True):
            known = {*word.categories, *word.rare, None}
            unknown = [value for value in values if value not in known]
            if unknown:
                shown = listed(sorted(set(unknown)), 3)
                rows = counted(len(unknown), "row has", "rows have")
                taken = "as a rare one" if word.rare else "as none of those known"
                notes.append(
                    f"{short(word.name)}: {rows} a category that training has not seen "
                    f"({shown}): taken {taken}."
                )
        return notes

    def document(self) -> dict[str, Any]:
        """Return what JSON can hold.

        Returns
        -------
        dict
        """
        return {
            "numbers": [asdict(number) for number in self.numbers],
            "words": [
                {**asdict(w), "categories": list(w.categories), "rare": list(w.rare)}
                for w in self.words
            ],
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Preparation:
        """Return the preparation that a document tells of.

        Raises
        ------
        ArgumentError
            When it tells of none.
        """
        try:
            numbers = tuple(_number(part) for part in document["numbers"])
            words = tuple(_word(part) for part in document["words"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArgumentError(
                "The file does not tell how the columns were prepared.", got=repr(error)[:200]
            ) from error
        return cls(numbers, words)


def _shared(word: Word) -> Sequence[str]:
    return ("rare ones",) if word.rare else ()


def _one_hot(word: Word, values: np.ndarray) -> np.ndarray:
    """Return a column for each category, and one that rare and unseen words share."""
    place = {category: i for i, category in enumerate(word.categories)}
    other = len(place)
    at = np.array([place.get(word.fill if v is None else v, other) for v in values], dtype=int)
    hot: np.ndarray = np.eye(other + 1)[at]
    return hot[:, : other + bool(word.rare)]


def _number(part: Mapping[str, Any]) -> Number:
    made: Any = Number(**part)
    numbers = [made.fill, made.mean, made.scale]
    if (
        not isinstance(made.name, str)
        or not isinstance(made.indicator, bool)
        or not all(type(x) in (int, float) for x in numbers)
        or not np.isfinite(numbers).all()
        or made.scale <= 0
    ):
        raise ValueError(part)
    found: Number = made
    return found


def _word(part: Mapping[str, Any]) -> Word:
    made: Any = Word(
        **{**part, "categories": tuple(part["categories"]), "rare": tuple(part["rare"])}
    )
    if not all(isinstance(t, str) for t in (made.name, made.fill, *made.categories, *made.rare)):
        raise ValueError(part)
    found: Word = made
    return found
