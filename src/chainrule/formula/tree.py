"""What a formula is made of once it is parsed: a small closed set of nodes.

The interpreter knows these and nothing else, so what the parser does not translate cannot run.

::

    node  = Number | Name | Unary(node) | Chain(node, (symbol, node)...) | Call(node...)
          | Transpose(node) | Index(node, entry...) | Array(node...)
    entry = Number | Name | Slice(bound, bound, bound)
    bound = Number | Name | None

A run of operators is one `Chain`, worked out from left to right: a sum of a thousand terms is
then no deeper than a sum of two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Plain = int | float
Literal = int | bool | tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes.

    Parameters
    ----------
    at : int
        Position in the text, for messages.
    constant : int or float, optional
        The value, where numbers alone decide it.
    """

    at: int
    constant: Plain | None


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A written number; its value is `constant`."""


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable, or a constant such as pi unless a value is given for it."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """A sign before an operand."""

    symbol: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Operators applied from left to right: each with its position, symbol and right operand."""

    first: Node
    rest: tuple[tuple[int, str, Node], ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A known function, bound when the formula was parsed."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Node, ...]
    keywords: tuple[tuple[str, Literal], ...]


@dataclass(frozen=True, slots=True)
class Transpose(Node):
    """``.T``."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Slice:
    """``lower:upper:step`` inside an index."""

    lower: Number | Name | None
    upper: Number | Name | None
    step: Number | Name | None


Entry = Number | Name | Slice


@dataclass(frozen=True, slots=True)
class Index(Node):
    """``operand[entries]``; `several` tells ``x[0,]`` from ``x[0]``."""

    operand: Node
    entries: tuple[Entry, ...]
    several: bool


@dataclass(frozen=True, slots=True)
class Array(Node):
    """A list of numbers, or of lists of one shape."""

    items: tuple[Node, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """``name = value``, or a value alone at the end."""

    at: int
    name: str | None
    value: Node
