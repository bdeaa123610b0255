"""Products of matrices, and general sums of products.

The derivatives of ``matmul`` follow M. B. Giles, "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation" (2008), section 2.2; those of
``einsum`` exchange the subscripts of the result with those of the operand.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Op, Sample, UnsupportedArgumentError, shape_of, stand_in
from chainrule.rules.axes import normal_list
from chainrule.rules.infer import dtype_of, ones_for
from chainrule.rules.matrices import swap
from chainrule.rules.operands import flat

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _matmul_left(g: Any, out: Any, a: Any, b: Any) -> Any:
    if np.ndim(b) == 1:
        if np.ndim(a) == 2:
            return np.outer(g, b)
        return g * b if np.ndim(a) == 1 else np.expand_dims(g, -1) * b
    if np.ndim(a) == 1:
        return np.matmul(b, np.expand_dims(g, -1))[..., 0] if np.ndim(b) > 2 else b @ g
    return g @ swap(b)


def _matmul_right(g: Any, out: Any, a: Any, b: Any) -> Any:
    if np.ndim(a) == 1:
        if np.ndim(b) == 2:
            return np.outer(a, g)
        return g * a if np.ndim(b) == 1 else np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if np.ndim(b) == 1:
        return a.T @ g if np.ndim(a) == 2 else np.matmul(swap(a), np.expand_dims(g, -1))[..., 0]
    return swap(a) @ g


def _matmul_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    a, b = (shape_of(o) for o in operands)
    left, right = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
    if not a or not b or left[-1] != right[-2]:
        raise ValueError(f"matmul: shapes {a} and {b} do not match")
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    shape = batch + (left[-2],) * (len(a) > 1) + (right[-1],) * (len(b) > 1)
    ones = [stand_in(o, (1,) * max(len(shape_of(o)), 1)) for o in operands]
    return Abstract(shape, np.asarray(op.forward(*ones)).dtype)


def _matmul_subscripts(shapes: Sequence[tuple[int, ...]]) -> str:
    left, right = (len(shape) for shape in shapes)
    rows, columns = "i" * (left > 1), "j" * (right > 1)
    batch = "abcdefgh"[: max(left, right, 2) - 2]  # axes of length 1 are broadcast
    a, b = (batch[len(batch) - max(n - 2, 0) :] for n in (left, right))
    return f"{a}{rows}k,{b}k{columns}->{batch}{rows}{columns}"


# A subscript that stands in one operand alone is a sum over that operand, whose gradient
# is the same for all elements along it: a vector of ones carries the axis back.


def _einsum_vjp(g: Any, out: Any, *operands: Any, spec: str, optimize: Any = False) -> Any:
    terms, result = _parts(spec)
    return lambda i: _einsum_product(i, g, operands, terms, result, optimize)


def _einsum_product(
    i: int, g: Any, operands: Sequence[Any], terms: list[str], result: str, optimize: Any
) -> Any:
    others = [(t, o) for j, (t, o) in enumerate(zip(terms, operands, strict=True)) if j != i]
    seen = set(result).union(*(t for t, _ in others))
    lonely = [c for c in terms[i] if c not in seen]
    sizes = dict(zip(terms[i], np.shape(operands[i]), strict=True))
    ones = [np.ones(sizes[c], np.asarray(0.0, _dtype(operands[i])).dtype) for c in lonely]
    subscripts = [result, *(t for t, _ in others), *lonely]
    arrays = [g, *(o for _, o in others), *ones]
    # An order of contraction that the user lists is one for the user's operands.
    way = optimize if isinstance(optimize, (bool, str)) else True
    given: dict[str, Any] = {"optimize": way} if way else {}
    return np.einsum(f"{','.join(subscripts)}->{terms[i]}", *arrays, **given)


def _dtype(a: Any) -> Any:
    return a.dtype if hasattr(a, "dtype") else np.dtype(float)


def _parts(spec: str) -> tuple[list[str], str]:
    left, result = spec.split("->")
    return left.split(","), result


def bind_einsum(spec: Any, *operands: Any, optimize: Any = False) -> Any:
    """Bind the arguments of :func:`numpy.einsum`: all subscripts written out, none twice."""
    if not isinstance(spec, str):
        raise UnsupportedArgumentError("subscripts given as lists")
    left, arrow, result = spec.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {len(terms)} subscript terms for {len(operands)} operands")
    terms, result = _without_ellipsis(terms, result if arrow else None, operands)
    arrays = list(operands)
    # 'ii->i' becomes 'ij,ij->i' with an identity matrix: no term repeats a subscript.
    free = (c for c in _LETTERS if c not in left + result)
    for i, (term, operand) in enumerate(zip(list(terms), operands, strict=True)):
        for c in sorted({c for c in term if term.count(c) > 1}):
            while terms[i].count(c) > 1:
                fresh = next(free)
                size = np.shape(operand)[term.index(c)]
                terms[i] = (
                    terms[i][: terms[i].rindex(c)] + fresh + terms[i][terms[i].rindex(c) + 1 :]
                )
                terms.append(c + fresh)
                arrays.append(np.eye(size, dtype=_dtype(operand)))
    params = {"spec": f"{','.join(terms)}->{result}"}
    return tuple(arrays), params | ({"optimize": optimize} if optimize else {})


def _without_ellipsis(
    terms: list[str], result: str | None, operands: Sequence[Any]
) -> tuple[list[str], str]:
    used = "".join(terms)
    letters = [c for c in _LETTERS if c not in used]
    longest = 0
    out = []
    for term, operand in zip(terms, operands, strict=True):
        count = np.ndim(operand) - len(term.replace("...", ""))
        if count and "..." not in term:
            raise ValueError(f"einsum: {term!r} does not fit an array of {np.ndim(operand)} axes")
        longest = max(longest, count)
        out.append(term.replace("...", "".join(letters[:count][::-1])))
    batch = "".join(letters[:longest][::-1])
    if result is None:
        counts = {c: used.count(c) for c in used if c.isalpha()}
        result = batch + "".join(sorted(c for c, n in counts.items() if n == 1))
    return out, result.replace("...", batch)


def _einsum_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    terms, result = _parts(params["spec"])
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        for c, n in zip(term, shape_of(operand), strict=True):
            if n != 1 and sizes.get(c, 1) not in (1, n):
                raise ValueError(f"einsum: subscript {c!r} has sizes {sizes[c]} and {n}")
            sizes[c] = n if n != 1 else sizes.get(c, 1)
    return Abstract(tuple(sizes[c] for c in result), dtype_of(op, operands, params))


# The result of a tensordot has the free axes of a, then those of b. Each derivative is a
# tensordot over the axes of the other operand, brought back into the operand's order.


def _bind_tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    n, m = np.ndim(a), np.ndim(b)
    if isinstance(axes, (int, np.integer)):
        if axes > min(n, m):
            raise IndexError("tensordot: more axes to sum than there are")
        left, right = tuple(range(n - int(axes), n)), tuple(range(int(axes)))
    else:
        left, right = (tuple(normal_list(x, k)) for x, k in zip(axes, (n, m), strict=True))
    return (a, b), {"axes": (left, right)}


def _free(ndim: int, summed: Sequence[int]) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i not in summed)


@lru_cache(maxsize=1024)
def _ways_back(n: int, m: int, axes: Any) -> tuple[Any, Any, Any, Any]:
    """Return, for operands of n and m axes, what each product sums, and its axes' order."""
    left, right = axes
    free_a, free_b = _free(n, left), _free(m, right)
    count = len(free_a) + len(free_b)
    to_a = [*free_a, *(left[right.index(j)] for j in sorted(right))]
    to_b = [*(right[left.index(i)] for i in sorted(left)), *free_b]
    return (
        (tuple(range(len(free_a), count)), free_b),
        tuple(to_a.index(i) for i in range(n)),
        (free_a, tuple(range(len(free_a)))),
        tuple(to_b.index(i) for i in range(m)),
    )


def _tensordot_left(g: Any, out: Any, a: Any, b: Any, axes: Any) -> Any:
    summed, order, _, _ = _ways_back(np.ndim(a), np.ndim(b), axes)
    product = TENSORDOT(g, b, axes=summed)
    return product if order == tuple(range(len(order))) else np.transpose(product, order)


def _tensordot_right(g: Any, out: Any, a: Any, b: Any, axes: Any) -> Any:
    _, _, summed, order = _ways_back(np.ndim(a), np.ndim(b), axes)
    product = _in_parts(a, g, summed)
    return product if order == tuple(range(len(order))) else np.transpose(product, order)


#: Bytes of an array that is laid out anew for a product at a time.
_PART = 1 << 20


def _in_parts(a: Any, g: Any, axes: Any) -> Any:
    """Sum a product over leading axes part by part, where the whole would be a large copy.

    Windows into an array are many times as large as the array once they are copied.
    """
    plain = a.__class__ is np.ndarray and g.__class__ is np.ndarray
    if not plain or a.nbytes <= 2 * _PART or a.flags.forc or axes[0][:1] != (0,):
        return TENSORDOT(a, g, axes=axes)
    count = min(-(-a.nbytes // _PART), len(a))
    parts = zip(np.array_split(a, count), np.array_split(g, count), strict=True)
    return functools.reduce(operator.add, (TENSORDOT(x, y, axes=axes) for x, y in parts))


@lru_cache(maxsize=1024)
def _as_matrices(n: int, m: int, axes: Any) -> tuple[Any, Any, int, int]:
    left, right = axes
    free_a, free_b = _free(n, left), _free(m, right)
    return (*free_a, *left), (*right, *free_b), len(free_a), len(left)


def _tensordot(a: Any, b: Any, axes: Any) -> Any:
    """One product of matrices, as in NumPy, with the arrangement of the axes remembered."""
    if not (a.__class__ is np.ndarray and b.__class__ is np.ndarray and a.ndim and b.ndim):
        return np.tensordot(a, b, axes)
    order_a, order_b, rows, summed = _as_matrices(a.ndim, b.ndim, axes)
    a, b = a.transpose(order_a), b.transpose(order_b)
    inner = math.prod(b.shape[:summed])
    if a.shape[rows:] != b.shape[:summed]:
        raise ValueError("shape-mismatch for sum")
    out = np.dot(
        a.reshape(math.prod(a.shape[:rows]), inner), b.reshape(inner, math.prod(b.shape[summed:]))
    )
    return out.reshape(a.shape[:rows] + b.shape[summed:])[()]


def _tensordot_subscripts(shapes: Sequence[Any], axes: Any) -> str:
    left, right = axes
    a = list(_LETTERS[8 : 8 + len(shapes[0])])
    b = list(_LETTERS[8 + len(a) : 8 + len(a) + len(shapes[1])])
    for i, j in zip(left, right, strict=True):
        b[j] = a[i]
    out = [a[i] for i in _free(len(a), left)] + [b[j] for j in _free(len(b), right)]
    return f"{''.join(a)},{''.join(b)}->{''.join(out)}"


def _tensordot_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    a, b = (shape_of(o) for o in operands)
    left, right = params["axes"]
    if [a[i] for i in left] != [b[j] for j in right]:
        raise ValueError("tensordot: the axes that are summed differ in size")
    shape = tuple(a[i] for i in _free(len(a), left)) + tuple(b[j] for j in _free(len(b), right))
    one, other = (np.asarray(ones_for(o)) for o in operands)
    return Abstract(shape, np.result_type(one.dtype, other.dtype))


_EINSUM = Notation(
    lambda *operands, spec, optimize=None: (
        f"np.einsum({spec!r}, {', '.join(map(str, operands))}{keywords(optimize=optimize)})"
    ),
    lambda *operands, spec, optimize=None: f"einsum({spec}: {', '.join(map(str, operands))})",
    lambda *operands, spec, optimize=None: (
        rf"\operatorname{{einsum}}_{{\text{{{spec.replace('->', ' to ')}}}}}"
        rf"\left({', '.join(map(str, operands))}\right)"
    ),
)

EINSUM = Op(
    name="einsum",
    forward=lambda *operands, spec, optimize=False: np.einsum(spec, *operands, optimize=optimize),
    vjp=_einsum_vjp,
    notation=_EINSUM,
    reason="each product of the index sum changes with one factor by the other factors",
    bind=bind_einsum,
    infer=_einsum_infer,
    subscripts=lambda shapes, spec, optimize=False: spec,
    samples=(
        Sample(((3, 4), (4, 2)), {"spec": "ik,kj->ij"}),
        Sample(((2, 3), (3, 4), (4,)), {"spec": "ij,jk,k->i"}),
        Sample(((3, 4),), {"spec": "ij->j"}),
        Sample(((2, 3, 4), (2, 4)), {"spec": "bij,bj->bi"}),
        Sample(((2, 3), (3, 4), (4,)), {"spec": "ij,jk,k->i", "optimize": True}),
    ),
)

TENSORDOT: Op = Op(
    name="tensordot",
    forward=_tensordot,
    vjp=(_tensordot_left, _tensordot_right),
    notation=Notation(
        lambda a, b, axes: f"np.tensordot({a}, {b}, {axes})",
        lambda a, b, axes: f"tensordot({a}, {b}, axes={axes})",
        lambda a, b, axes: rf"\operatorname{{tensordot}}\left({a}, {b}\right)",
    ),
    reason="each product of the index sum changes with one factor by the other factor",
    numpy=(np.tensordot,),
    bind=_bind_tensordot,
    infer=_tensordot_infer,
    subscripts=_tensordot_subscripts,
    samples=(
        Sample(((3, 4), (4, 2)), {"axes": ((1,), (0,))}),
        Sample(((2, 3, 4), (4, 5, 2)), {"axes": ((2, 0), (0, 2))}),
        Sample(((2, 3), (4,)), {"axes": ((), ())}),
    ),
)

MATMUL: Op = Op(
    name="matmul",
    forward=np.matmul,
    vjp=(_matmul_left, _matmul_right),
    notation=Notation(
        "{0:product} @ {1:unary!}",
        "{0:product} @ {1:unary!}",
        r"{0:product}\, {1:unary!}",
        "product",
    ),
    reason="each product of the index sum changes with one factor by the other factor",
    numpy=(np.matmul,),
    infer=_matmul_infer,
    subscripts=_matmul_subscripts,
    samples=(
        Sample(((3, 4), (4, 2))),
        Sample(((4,), (4,))),
        Sample(((3, 4), (4,))),
        Sample(((4,), (4, 2))),
        Sample(((2, 3, 4), (4, 5))),
        Sample(((2, 1, 3, 4), (5, 4, 2))),
        Sample(((4,), (2, 4, 3))),
        Sample(((2, 3, 4), (4,))),
    ),
)

TABLE = (
    MATMUL,
    Op(
        name="outer",
        forward=lambda a, b: np.outer(a, b),
        vjp=(lambda g, out, a, b: g @ b, lambda g, out, a, b: a @ g),
        notation=Notation(
            "np.outer({0}, {1})",
            "outer({0}, {1})",
            r"{0:power!} \otimes {1:power!}",
            "atom",
            "product",
        ),
        reason="each entry is one product: it changes with one factor by the other factor",
        numpy=(np.outer,),
        bind=lambda a, b: ((flat(a), flat(b)), {}),
        infer=lambda op, operands, params: Abstract(
            shape_of(operands[0]) + shape_of(operands[1]),
            np.result_type(*(stand_in(o) for o in operands)),
        ),
        subscripts=lambda shapes: "i,j->ij",
        samples=(Sample(((3,), (4,))),),
    ),
    TENSORDOT,
    EINSUM,
)
