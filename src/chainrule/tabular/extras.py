"""The libraries that tables need."""

from __future__ import annotations

import importlib

from chainrule.errors import MissingExtraError

#: What is imported -> what it is called.
_NAMES = {
    "pandas": "pandas",
    "sklearn": "scikit-learn",
    "pyarrow": "pyarrow",
    "safetensors": "safetensors",
}


def require(*modules: str) -> None:
    """Import libraries, or say what to install.

    Parameters
    ----------
    *modules : str
        ``"pandas"``, ``"sklearn"``, ``"pyarrow"`` or ``"safetensors"``.

    Raises
    ------
    MissingExtraError

    Examples
    --------
    >>> require("pandas")
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise MissingExtraError(
                f"Tables need {_NAMES[module]}.", got=str(error),
                instead="pip install 'chainrule[train]'",
            ) from error  # fmt: skip
