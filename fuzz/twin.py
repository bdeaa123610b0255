"""A program for JAX: no array is written to, a new one takes its place."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

from chainrule.structure import map_leaves
from fuzz.program import Program, compiled, is_real
from fuzz.rewritten import functional
from fuzz.templates import Template

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # not ours to mend
    import jax
    import jax.numpy as jnp

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)


class _Key:
    def __getitem__(self, key: Any) -> Any:
        return key


class _JaxNumpy:
    """jax.numpy, but for the arrays written out in a program: masks have to be known."""

    array = staticmethod(np.array)
    arange = staticmethod(np.arange)

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


def _put(array: Any, key: Any, value: Any) -> Any:
    out = np.copy(array)
    out[key] = value
    return out


def _put_in_jax(array: Any, key: Any, value: Any) -> Any:
    if isinstance(key, list):
        key = np.array(key)
    if isinstance(key, tuple):
        key = tuple(np.array(k) if isinstance(k, list) else k for k in key)
    if isinstance(value, list):
        value = jnp.stack(value)
    return jnp.asarray(array).at[key].set(value)


_NUMPY = {"np": np, "S": _Key(), "put": _put}
_JAX = {"np": _JaxNumpy(), "S": _Key(), "put": _put_in_jax}


class IncomparableError(Exception):
    """JAX cannot run the program as NumPy does."""


def by_jax(program: Program) -> tuple[Any, list[Any]]:
    """Return the value, and the gradient of each argument that has one, as JAX has them."""
    source = functional(program.source)
    try:
        twin = float(compiled(source, "<twin>", _NUMPY)(*program.values()))
    except Exception as error:
        raise IncomparableError(repr(error)) from None
    mine = float(program.function()(*program.values()))
    if not np.isclose(twin, mine, rtol=1e-12 if "single" not in program.traits else 1e-4):
        raise IncomparableError("the program reads what shares its memory with what it wrote")
    peer = jax.value_and_grad(compiled(source, "<twin>", _JAX), argnums=program.wrt)
    arguments = [
        map_leaves(lambda leaf, path: jnp.asarray(leaf) if is_real(leaf) else leaf, value, "")
        for value in program.values()
    ]
    value, gradients = peer(*arguments)
    return value, list(gradients)


@cache
def known_to_jax(template: Template) -> bool:
    """Whether JAX has an operation, and its derivative, and agrees on its shape and type."""
    names = [f"x{i}" for i in range(len(template.slots))]
    source = f"def program({', '.join(names)}):\n    return {template.filled(names)}\n"
    operands = [np.full(s.shape, (s.low + s.high) / 2 + 0.1) for s in template.slots]
    if "TABLE" in template.text or any(name in template.text for name in UNLIKE):
        return False
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            expected = compiled(source, "<template>", _NUMPY)(*operands)
            f = compiled(source, "<template>", _JAX)
            got = jax.eval_shape(f, *operands)
            if np.shape(expected) != got.shape or np.asarray(expected).dtype != got.dtype:
                return False
            if got.dtype.kind == "f":
                every = tuple(range(len(names)))
                jax.eval_shape(jax.grad(lambda *xs: jnp.sum(f(*xs)), argnums=every), *operands)
    except Exception:  # JAX lacks it, whatever it says
        return False
    return True


#: What JAX defines otherwise: of a matrix that is not symmetric it reads both halves; how the
#: parts of a partition are ordered within themselves is nobody's promise.
UNLIKE = ("linalg.eigh", "linalg.eigvalsh", "linalg.cholesky", "partition", "argpartition")
