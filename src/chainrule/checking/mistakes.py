"""The mistakes that people make, by name: one row each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake with a name.

    Attributes
    ----------
    kind : str
        Its short name, as in JSON.
    title : str
        Its name in words.
    remedy : str
        What to do, in general; the repair says what to write.
    """

    kind: str
    title: str
    remedy: str


_ROWS = (
    # What a derivation gets wrong.
    Mistake("scale", "scaled by a constant", "count the factors N, 1/N, 2 and 1/2"),
    Mistake("wrong-size", "another size belongs here", "count what forward counts"),
    Mistake(
        "exponent",
        "the exponent is wrong, or in the wrong place",
        "x**n has the derivative n * x**(n - 1)",
    ),
    Mistake("rounded", "a type rounds it", "keep the type of what backward is given"),
    Mistake("sign", "the sign is wrong", "follow the minus signs of the forward pass"),
    Mistake(
        "transposed",
        "transposed, or a transpose is missing",
        "x.T @ dz has the shape of w, and dz @ w.T that of x",
    ),
    Mistake(
        "upstream-ignored",
        "the upstream gradient is ignored",
        "multiply the local derivative by the gradient that comes from what follows",
    ),
    Mistake(
        "derivative-missing",
        "a local derivative is missing",
        "multiply by the derivative of each function on the way",
    ),
    Mistake(
        "derivative-at-output",
        "the derivative is taken at the output instead of the input",
        "hand it what the function was given",
    ),
    Mistake(
        "derivative-at-input",
        "the derivative is taken at the input instead of the output",
        "hand it what the function returned",
    ),
    Mistake("wrong-mask", "the mask is made from the wrong array", "compare what forward compared"),
    Mistake("mask-side", "the mask keeps the wrong side", "compare as forward compared"),
    Mistake("mask-edge", "the mask takes the edge the other way", "> and >= differ at the edge"),
    Mistake(
        "not-accumulated",
        "one path of several is missing",
        "add up the gradients of all ways out: += for =",
    ),
    Mistake(
        "not-summed",
        "not summed over the axes along which it was broadcast",
        "sum over the axis that forward repeated it along, for a bias that of the batch",
    ),
    Mistake(
        "sum-for-product",
        "a sum where a product belongs",
        "the gradients of a path are multiplied, those of several paths are added",
    ),
    Mistake(
        "missing-axis",
        "an axis is missing, along which it is to be repeated",
        "index with None where the axis belongs",
    ),
    Mistake("wrong-axis", "summed over the wrong axis", "the batch is the axis to sum over"),
    Mistake("sum-for-mean", "a sum where a mean belongs, or the reverse", "as in forward"),
    Mistake(
        "off-diagonal",
        "the off-diagonal of the Jacobian is forgotten",
        "every output of softmax depends on every input: s * (g - sum(g * s))",
    ),
    Mistake(
        "updated-weights",
        "the weights are used after they were updated",
        "compute all gradients first, then update",
    ),
    Mistake("extra-factor", "a factor too many", "multiply by local derivatives alone"),
    Mistake("wrong-operand", "another value belongs here", "compare with the forward pass"),
    Mistake("stale-cache", "what forward kept is from an earlier batch", "keep it on each call"),
    Mistake("label-off-by-one", "an index is off by one", "labels count from 0"),
    Mistake(
        "clip-forgotten",
        "clip passes no gradient where it clipped",
        "multiply by a mask of what lay inside the limits",
    ),
    # What no pass may do, whatever it derives.
    Mistake("raises", "it raises an error", "mend the error first"),
    Mistake("returns-none", "it gives no gradient", "return the gradients"),
    Mistake("count", "it returns another number of gradients", "one for each input"),
    Mistake("unknown-gradient", "it is the gradient of nothing that there is", "name it d<input>"),
    Mistake("shape", "the shape is wrong", "a gradient has the shape of its value"),
    Mistake("not-a-number", "it is not a number or an array", "return numbers"),
    Mistake("not-finite", "it is NaN or infinite", "find the 0 / 0 or 0 · ∞"),
    Mistake("mutates-input", "it changes what forward was given", "work on a copy"),
    Mistake("mutates-upstream", "it changes the upstream gradient", "work on a copy"),
    Mistake("random", "it differs from call to call", "draw in forward, and keep it"),
    Mistake("hidden-state", "it depends on an earlier call", "start from nothing on each call"),
)  # fmt: skip

#: By kind.
MISTAKES = {row.kind: row for row in _ROWS}
#: Those of one gradient or line, as opposed to the whole pass, which have a cause of their own.
LOCAL = ("raises", "shape", "not-finite")
