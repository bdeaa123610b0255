"""Layers, turns of loops and the loss: nested groups of the nodes of a graph.

A layer begins where data meet a parameter in a sum of products and goes on to the next one;
after the last, what is not elementwise, or takes in other data, is the loss. What has no layers
is grouped by the turns of its loops. Groups are stretches of the order of computation, so that
no way leads out of one and back in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from chainrule.explaining.update import moved_names
from chainrule.graph import Node
from chainrule.picture.scenes.layers import layer_starts, layer_title, loss_start
from chainrule.picture.scenes.reads import is_move
from chainrule.picture.scenes.shown import Shown

#: More than this at one level is put into groups.
LIMIT = 40
#: A turn of a loop has at most so many stretches that begin alike.
_STRETCHES = 32


@dataclass(eq=False, slots=True)
class Part:
    """A group: nodes and groups, in the order of computation."""

    title: str
    members: list[Member] = field(default_factory=list)
    id: str = ""
    parent: Part | None = None
    #: For runs of equal groups: ``("layers", 1, 10)``.
    run: tuple[str, int, int] | None = None

    def nodes(self) -> Iterator[Node]:
        """Return all nodes inside, at any depth."""
        stack: list[Member] = [self]
        while stack:
            member = stack.pop()
            if isinstance(member, Part):
                stack.extend(reversed(member.members))
            else:
                yield member


Member = Node | Part


class Grouping:
    """The groups of a graph.

    Attributes
    ----------
    members : list of Node or Part
        At the top.
    parts : dict of str to Part
        By id.
    owner : dict of Node to Part
        The innermost group of each node that lies in one.
    """

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.owner: dict[Node, Part] = {}
        self.parts: dict[str, Part] = {}
        operations = [n for n in shown.nodes if not n.is_leaf]
        self.parameters = parameters(shown)
        self.loss: Part | None = None
        root = Part("", self._top(operations))
        _settle(root, self.owner)
        self._place_leaves(root)
        _crowded(root)
        self.owner.clear()
        _settle(root, self.owner)
        self.members = root.members
        for part in root.members:
            if isinstance(part, Part):
                part.parent = None
        self.owner = {n: p for n, p in self.owner.items() if p is not root}
        for number, part in enumerate(_preorder(root), 1):
            part.id = f"g{number}"
            self.parts[part.id] = part

    def _top(self, operations: list[Node]) -> list[Member]:
        starts = layer_starts(operations, self.parameters)
        if not starts:
            return structured(operations)
        end = loss_start(operations, starts[-1], self.parameters)
        bounds = [*starts, end]
        layers: list[Part] = []
        for number, (a, b) in enumerate(itertools.pairwise(bounds), 1):
            part = Part(layer_title(operations[a:b], self.parameters) or f"layer {number}")
            part.members, part.run = structured(operations[a:b]), ("layers", number, number)
            layers.append(part)
        members = [*structured(operations[: starts[0]]), *chunked(layers, _run_title)]
        if end < len(operations):
            self.loss = Part(self.shown.label(self.shown.output), structured(operations[end:]))
            members.append(self.loss)
        return members

    def _place_leaves(self, root: Part) -> None:
        leaves = [n for n in self.shown.drawn() if n.is_leaf]
        data = sum(n.is_input and n not in self.parameters for n in leaves)
        homes: dict[Part, list[Member]] = {}
        for node in leaves:
            outside = node.is_input and node not in self.parameters and data <= LIMIT // 2
            home = root if outside else self._home(node, root)
            homes.setdefault(home, []).append(node)
        for part, found in homes.items():
            part.members[:0] = found

    def _home(self, node: Node, root: Part) -> Part:
        """Return the innermost group that all readers lie in; the loss may read from outside."""
        owners = [self.owner[line.target] for line in self.shown.readers[node]]
        inside = [o for o in owners if self.loss not in _lineage(o)] or owners
        if not inside:
            return root
        common = _lineage(inside[0])
        for owner in inside[1:]:
            if owner is not inside[0]:
                others = set(_lineage(owner))
                common = [p for p in common if p in others]
        return common[0]


def parameters(shown: Shown) -> set[Node]:
    """Return the arguments that training would move, and what only moves their numbers."""
    recording = shown.derivation.recording
    inputs = {n for name in moved_names(recording.wrt, None) for n in recording.inputs_of(name)}
    found = {n for n in inputs if n.carries_gradient}
    for node in shown.nodes:
        if not node.is_leaf and is_move(node) and node.inputs[0] in found:
            found.add(node)
    return found


def structured(nodes: Sequence[Node]) -> list[Member]:
    """Group a stretch of nodes by the turns of its loops, where there are too many."""
    if len(nodes) <= LIMIT:
        return list(nodes)
    for key in (_line, _line_and_operation):
        split = _turns(nodes, key)
        if split is not None:
            head, turns, tail = split
            lines = _lines([n for turn in turns for n in turn], turns[0][0])
            parts = []
            for number, turn in enumerate(turns, 1):
                title = f"{lines}, turn {number}" if lines else f"turn {number}"
                run = (f"{lines}, turns" if lines else "turns", number, number)
                parts.append(Part(title, structured(turn), run=run))
            return [*structured(head), *chunked(parts, _run_title), *structured(tail)]
    return chunked(nodes, _stretch_title)


def chunked(
    members: Sequence[Member], title: Callable[[Sequence[Member], int], str], first: int = 1
) -> list[Member]:
    """Put members into groups of ten, a hundred, ..., until there are few enough."""
    if len(members) <= LIMIT:
        return list(members)
    size = 10
    while len(members) > LIMIT * size:
        size *= 10
    parts: list[Member] = []
    for start in range(0, len(members), size):
        chunk = members[start : start + size]
        inside = chunked(chunk, title, first + start)
        parts.append(Part(title(chunk, first + start), inside, run=_joined(chunk)))
    return parts


def _joined(chunk: Sequence[Member]) -> tuple[str, int, int] | None:
    ends = [p.run if isinstance(p, Part) else None for p in (chunk[0], chunk[-1])]
    return None if ends[0] is None or ends[1] is None else (ends[0][0], ends[0][1], ends[1][2])


def _run_title(chunk: Sequence[Member], first: int) -> str:
    titles = [part.title for part in chunk if isinstance(part, Part)]
    run = _joined(chunk)
    plain = run is not None and (titles[0].endswith(f"turn {run[1]}") or titles[0] == "layer "
                                 f"{run[1]}")  # fmt: skip
    return f"{run[0]} {run[1]} to {run[2]}" if plain and run else _span(titles[0], titles[-1])


def _span(first: str, last: str) -> str:
    """Write two names as one span: ``params[0] to [9]`` where they differ by their index alone."""
    head = first.rpartition("[")[0]
    return f"{first} to {last.removeprefix(head) if head and last.startswith(f'{head}[') else last}"


def _stretch_title(chunk: Sequence[Member], first: int) -> str:
    nodes = [n for n in chunk if isinstance(n, Node)]
    lines = _lines(nodes, nodes[0])
    what = f"operations {first} to {first + len(chunk) - 1}"
    return f"{lines}, {what}" if lines else what


# -- turns of loops ------------------------------------------------------------------------


def _line(node: Node) -> tuple[object, ...]:
    return (node.where.file, node.where.line) if node.where is not None else (node.op.name,)


def _line_and_operation(node: Node) -> tuple[object, ...]:
    return (*_line(node), node.op.name)


def _turns(
    nodes: Sequence[Node], key: Callable[[Node], tuple[object, ...]]
) -> tuple[Sequence[Node], list[Sequence[Node]], Sequence[Node]] | None:
    """Split where the first line that comes again comes again."""
    keys = [key(n) for n in nodes]
    begins = [i for i, k in enumerate(keys) if i == 0 or keys[i - 1] != k]
    seen: dict[tuple[object, ...], int] = {}
    for i in begins:
        seen[keys[i]] = seen.get(keys[i], 0) + 1
    anchor = next((k for k, count in seen.items() if count > 1), None)
    if anchor is None:
        return None
    cuts = [i for i in begins if keys[i] == anchor]
    cuts = cuts[:: _period([tuple(keys[a:b]) for a, b in itertools.pairwise(cuts)])]
    inside = set(keys[cuts[0] : cuts[-1]])
    end = len(nodes)
    for i in range(cuts[-1], len(nodes)):
        if keys[i] not in inside:
            end = i
            break
    turns = [nodes[a:b] for a, b in zip(cuts, [*cuts[1:], end], strict=True)]
    return nodes[: cuts[0]], turns, nodes[end:]


def _period(stretches: Sequence[tuple[tuple[object, ...], ...]]) -> int:
    """Return how many stretches a turn has: what it begins with may come again within it."""
    for period in range(1, min(len(stretches) // 2, _STRETCHES) + 1):
        if stretches[period:] == stretches[:-period]:
            return period
    return 1


def _lines(nodes: Sequence[Node], anchor: Node) -> str:
    """Return the lines of a stretch, in the function that it begins in."""
    if anchor.where is None:
        return ""
    here = anchor.where
    lines = [
        n.where.line for n in nodes
        if n.where is not None and (n.where.file, n.where.function) == (here.file, here.function)
    ]  # fmt: skip
    low, high = min(lines), max(lines)
    return f"line {low}" if low == high else f"lines {low} to {high}"


# -- the tree ------------------------------------------------------------------------------


def _settle(root: Part, owner: dict[Node, Part]) -> None:
    """Tell each member what it lies in."""
    stack = [root]
    while stack:
        part = stack.pop()
        for member in part.members:
            if isinstance(member, Part):
                member.parent = part
                stack.append(member)
            else:
                owner[member] = part


def _lineage(part: Part) -> list[Part]:
    """Return a group and those around it, the innermost first."""
    found: list[Part] = []
    here: Part | None = part
    while here is not None:
        found.append(here)
        here = here.parent
    return found


def _preorder(root: Part) -> Iterator[Part]:
    stack = [m for m in reversed(root.members) if isinstance(m, Part)]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(m for m in reversed(part.members) if isinstance(m, Part))


def _crowded(root: Part) -> None:
    """Put the arguments of a crowded group into groups of their own."""
    for part in (root, *_preorder(root)):
        if len(part.members) <= LIMIT:
            continue
        by_name: dict[str, list[Member]] = {}
        for member in part.members:
            if isinstance(member, Node) and member.is_leaf:
                by_name.setdefault(_head(member), []).append(member)
        members: list[Member] = []
        for name, found in by_name.items():
            few = len(found) <= 4
            members += found if few else [Part(name, chunked(found, _leaf_title))]
        members += [m for m in part.members if isinstance(m, Part) or not m.is_leaf]
        part.members = members


def _head(node: Node) -> str:
    name = node.name or "constants"
    return name.partition("[")[0].partition(".")[0] if node.is_input else "constants"


def _leaf_title(chunk: Sequence[Member], first: int) -> str:
    names = [n.name or "" for n in (chunk[0], chunk[-1]) if isinstance(n, Node)]
    return _span(*names) if all(names) else f"constants {first} to {first + len(chunk) - 1}"
