"""Scenes drawn at random: every kind of box, groups in groups, long names, odd letters."""

import random

from chainrule.picture.scene import Box, Edge, Group, Known, Scene

TITLES = (
    "+", "×", "exp(·)", "max(·, 0)", "sum(·, axis=1)", "layer 12", "W", "@", "log_softmax(·)",
    "WWWWWWWW", "a_rather_long_name_of_a_function(·, ·, keepdims=True)", "Δθ", "損失関数", "naïve",
    "loss 🙂", "<b>&", "مرحبا", "x\u0301\u0302\u0303\u0304", "‮abc", "Ж∂∇", "·.T",
)  # fmt: skip
NUMBERS = (
    "0", "-3", "0.5", "1.6875", "-1.234e-05", "1e+300", "nan", "-inf", "[[1, 2], [3, 4]]",
    "128 × 256", "3 numbers", "[0.1, -0.25, 12.5, 3, …] of 4096 numbers in a row", "z1 > 0",
    "X.T @ ·", "2 · (a − b)", "mmmmmmmm", "@@@@@@@@", "\x00\x1b", "値",
)  # fmt: skip


def random_scene(seed, most=14):
    """Return a scene that keeps the grammar."""
    chance = random.Random(seed)
    groups = [
        Group(f"g{i}", chance.choice(TITLES), chance.choice(["", *(f"g{j}" for j in range(i))]))
        for i in range(chance.choice([0, 0, 1, 3]))
    ]
    homes = ["", "", *(group.id for group in groups)]

    def number():
        text = chance.choice(NUMBERS)
        return chance.choice([None, Known(text, chance.randrange(9), text * 2), Known(text, 0)])

    boxes, edges = [], []
    for i in range(chance.randint(1, most)):
        reads = chance.choice([0, 1, 1, 2, 2, 3, 7]) if i else 0
        kind = chance.choice(("operation", "operation", "group", "output"))
        if not reads:
            kind = chance.choice(("input", "constant"))
        boxes.append(
            Box(
                f"n{i}", kind, chance.choice(TITLES), chance.choice(["", "z", *TITLES]), number(),
                number(), chance.choice(["", "3 × 4", "12 operations"]),
                parent=chance.choice(homes), steps=(i,), aside=chance.random() < 0.1,
            )
        )  # fmt: skip
        for position in range(reads):
            source = f"n{chance.randrange(i)}"
            edges.append(
                Edge(
                    f"{source}->n{i}:{position}", source, f"n{i}", number(), number(), number(),
                    steps=(i,), aside=chance.random() < 0.1,
                )
            )  # fmt: skip
    return Scene("tensors", tuple(boxes), tuple(edges), tuple(groups), chance.choice(TITLES))


def chain(length, levels="operation"):
    """Return a scene of operations one after the other, each with a parameter of its own."""
    boxes, edges = [Box("x", "input", "x")], []
    before = "x"
    for i in range(length):
        boxes.append(Box(f"w{i}", "input", f"W{i}"))
        boxes.append(Box(f"n{i}", levels, f"layer {i}", f"a{i}", detail="64 × 64"))
        for position, source in enumerate((before, f"w{i}")):
            edges.append(
                Edge(
                    f"{source}->n{i}:{position}", source, f"n{i}", Known("64 × 64", i),
                    Known("64 × 64", 2 * length - i), Known("1", 2 * length - i),
                )
            )  # fmt: skip
        before = f"n{i}"
    return Scene("layers", tuple(boxes), tuple(edges), title="a chain")


def wide(count):
    """Return a scene in which one value goes to many operations, whose results are added."""
    boxes = [Box("x", "input", "x", gradient=Known("7", 9))]
    boxes += [Box(f"n{i}", "operation", "×", f"y{i}") for i in range(count)]
    boxes.append(Box("s", "output", "+", "s", Known("12.5", 3), Known("1", 4)))
    edges = [
        Edge(f"x->n{i}:0", "x", f"n{i}", Known("2", 0), Known("3", 5), Known("0.5", 5))
        for i in range(count)
    ]
    edges += [
        Edge(f"n{i}->s:{i}", f"n{i}", "s", Known("4", 2), Known("1", 4), Known("1", 4))
        for i in range(count)
    ]
    return Scene("scalars", tuple(boxes), tuple(edges))
