"""Where products of matrices are computed: Intel's MKL where it is installed, else SciPy's BLAS.

Both are called by the address of their function for single or double precision, which has the
interface of the reference BLAS.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

_FUNCTIONS = ("sgemm", "dgemm")
_MKL = "mkl_rt"
#: MKL's number for computing in the thread that calls, and no other.
_SEQUENTIAL = 1


@dataclass(frozen=True)
class Blas:
    """A library that multiplies matrices.

    Attributes
    ----------
    title : str
    addresses : array of int64
        Of the products in single and in double precision.
    library : ctypes.CDLL or None
        Of MKL that others use, too, so that its threads are not ours to set.
    """

    title: str
    addresses: np.ndarray
    library: Any = None

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Let the products of this thread be computed by it alone."""
        if self.library is None:
            yield
            return
        before = self.library.MKL_Set_Num_Threads_Local(1)
        try:
            yield
        finally:
            self.library.MKL_Set_Num_Threads_Local(before)


@lru_cache(maxsize=1)
def blas() -> Blas:
    """Return the library to use: the one that ``CHAINRULE_BLAS`` names, or the faster one.

    Raises
    ------
    ArgumentError
        When ``CHAINRULE_BLAS`` names none, or one that is not there.
    """
    wish = os.environ.get("CHAINRULE_BLAS", "")
    if wish not in ("", "mkl", "scipy"):
        raise ArgumentError(
            "CHAINRULE_BLAS names the library for products of matrices.",
            expected="mkl or scipy", got=repr(wish),
        )  # fmt: skip
    found = None if wish == "scipy" else _mkl()
    if found is None and wish == "mkl":
        raise ArgumentError(
            "CHAINRULE_BLAS asks for MKL, which is not installed, or cannot be loaded.",
            instead="pip install 'chainrule[mkl]'",
        )
    return found or _scipy()


def _scipy() -> Blas:
    from numba.extending import get_cython_function_address

    found = [get_cython_function_address("scipy.linalg.cython_blas", name) for name in _FUNCTIONS]
    return Blas("the BLAS of SciPy", np.array(found, np.int64))


def _mkl() -> Blas | None:
    """Load MKL, if there is one; whatever is wrong with it costs only its speed."""
    for path in mkl_paths():
        try:
            is_others = _is_loaded(path)
            library = ctypes.CDLL(str(path))
            if not is_others:  # then nobody counts on its threads, and those here are ours
                library.MKL_Set_Threading_Layer(_SEQUENTIAL)
            found = [
                ctypes.cast(getattr(library, f"{name}_"), ctypes.c_void_p).value
                for name in _FUNCTIONS
            ]
            library.MKL_Set_Num_Threads_Local.argtypes = [ctypes.c_int]
        except (OSError, AttributeError):
            continue
        return Blas("MKL", np.array(found, np.int64), library if is_others else None)
    return None


def _is_loaded(path: Path) -> bool:
    """Whether a library is in use, as by a NumPy that is built on it."""
    if sys.platform == "win32":
        return bool(ctypes.windll.kernel32.GetModuleHandleW(path.name))
    try:
        ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_LOCAL)
    except OSError:
        return False
    return True


def mkl_paths() -> list[Path]:
    """Return where MKL may lie: in its own package, or where conda puts libraries."""
    try:
        files = metadata.files("mkl") or []
    except metadata.PackageNotFoundError:
        files = []
    found = [Path(str(f.locate())) for f in files if _MKL in f.name]
    for folder in ("lib", "Library/bin"):
        found += sorted((Path(sys.prefix) / folder).glob(f"*{_MKL}*"))
    return [path for path in dict.fromkeys(found) if path.suffix != ".lib" and path.is_file()]
