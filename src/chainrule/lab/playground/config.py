"""All that decides a run: the same configuration gives the same numbers, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from chainrule import nn
from chainrule.lab.playground import table as tables
from chainrule.lab.playground.fields import Fields, FieldsError
from chainrule.lab.playground.points import GENERATORS, Points, generated

#: Layers and units of each, at most.
LAYERS, UNITS = 6, 24
SAMPLES, SEEDS = 2_000, 2**31 - 1

#: What an activation is called -> its layer.
ACTIVATIONS: dict[str, Callable[[], nn.Layer] | None] = {
    "tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "leakyrelu": nn.LeakyReLU,
    "elu": nn.ELU, "gelu": nn.GELU, "silu": nn.SiLU, "softplus": nn.Softplus, "none": None,
}  # fmt: skip

#: Those for whose signals Glorot's variance keeps their size; He's is for the others.
_LEVEL = ("tanh", "sigmoid", "none")

OPTIMIZERS: dict[str, Callable[[float], nn.Optimizer]] = {
    "sgd": nn.SGD, "momentum": lambda rate: nn.SGD(rate, momentum=0.9), "adam": nn.Adam,
    "rmsprop": nn.RMSProp, "adagrad": nn.AdaGrad, "lion": nn.Lion,
}  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """A table and the columns chosen of it."""

    text: str
    x: str
    y: str
    target: str


@dataclass(frozen=True)
class Config:
    """What decides a run.

    Attributes
    ----------
    data : str
        A generator's name, or ``"table"``.
    samples : int
    noise : float
    validation : float
        Share of samples that are not trained on.
    layers : tuple of int
        Width of each hidden layer.
    activation, optimizer : str
    rate : float
        The learning rate.
    batch : int
        Samples in a step.
    l2 : float
        The penalty is this times the sum of the squares of the weights.
    dropout : float
    seed : int
        Of samples, initial weights, their order and dropout.
    table : Chosen or None
    """

    data: str = "spiral"
    samples: int = 400
    noise: float = 0.1
    validation: float = 0.25
    layers: tuple[int, ...] = (8, 8)
    activation: str = "tanh"
    optimizer: str = "sgd"
    rate: float = 0.03
    batch: int = 16
    l2: float = 0.0
    dropout: float = 0.0
    seed: int = 1
    table: Chosen | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it; :func:`checked` makes it again."""
        found = asdict(self) | {"layers": list(self.layers)}
        if self.table is None:
            del found["table"]
        return found

    def points(self) -> Points:
        """Return the samples.

        Raises
        ------
        FieldsError
            When the table does not serve.
        """
        if self.table is not None:
            chosen = self.table
            return tables.points(
                tables.read(chosen.text), chosen.x, chosen.y, chosen.target, self.validation,
                self.seed,
            )  # fmt: skip
        return generated(self.data, self.samples, self.noise, self.validation, self.seed)

    def model(self, classes: int) -> nn.Sequential:
        """Return the network, without parameters yet."""
        layers: list[nn.Layer] = []
        activation = ACTIVATIONS[self.activation]
        init = "glorot" if self.activation in _LEVEL else "he"
        for width in self.layers:
            layers.append(nn.Dense(width, init=init))
            if activation is not None:
                layers.append(activation())
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
        return nn.Sequential(*layers, nn.Dense(classes, init="glorot"))


def checked(given: Any) -> Config:
    """Return the configuration that JSON tells; what it leaves out is as in `Config`.

    Parameters
    ----------
    given : object
        Whatever was sent.

    Returns
    -------
    Config

    Raises
    ------
    FieldsError
        Names every wrong field.

    Examples
    --------
    >>> checked({"data": "xor", "layers": [4]}).layers
    (4,)
    >>> checked({"rate": "f"})
    Traceback (most recent call last):
    ...
    chainrule.lab.playground.fields.FieldsError: rate: A number from 0 to 1000 is needed, not 'f'.
    """
    standard = Config()
    fields = Fields(given, Config.__dataclass_fields__)
    data = fields.choice("data", standard.data, [*GENERATORS, "table"])
    config = Config(
        data,
        fields.whole("samples", standard.samples, 10, SAMPLES),
        fields.number("noise", standard.noise, 0, 1),
        fields.number("validation", standard.validation, 0, 0.9),
        fields.widths("layers", standard.layers, LAYERS, UNITS),
        fields.choice("activation", standard.activation, ACTIVATIONS),
        fields.choice("optimizer", standard.optimizer, OPTIMIZERS),
        fields.number("rate", standard.rate, 0, 1000),
        fields.whole("batch", standard.batch, 1, SAMPLES),
        fields.number("l2", standard.l2, 0, 10),
        fields.number("dropout", standard.dropout, 0, 0.9),
        fields.whole("seed", standard.seed, 0, SEEDS),
        _table(fields) if data == "table" else None,
    )
    fields.finish()
    if config.table is not None:
        config.points()  # refused here, with the name of the field, rather than in a run
    return config


def _table(fields: Fields) -> Chosen | None:
    try:
        inner = Fields(fields.given.get("table"), Chosen.__dataclass_fields__)
    except FieldsError:
        fields.wrong("table", "A table is needed: paste one, or choose a file.")
        return None
    found = Chosen(
        inner.text("text", tables.CHARACTERS), inner.text("x", tables.NAME),
        inner.text("y", tables.NAME), inner.text("target", tables.NAME),
    )  # fmt: skip
    fields.errors += [(f"table.{field}", message) for field, message in inner.errors]
    return found
