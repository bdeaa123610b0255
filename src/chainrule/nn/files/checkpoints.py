"""Checkpoints: all that a run needs to go on as if it had not been stopped."""

from __future__ import annotations

from typing import Any

from chainrule.nn.files import container
from chainrule.nn.files.packing import packed, unpacked
from chainrule.nn.files.refusals import damaged

KIND = "checkpoint"


def save_checkpoint(path: Any, tree: Any, document: Any = None) -> None:
    """Write a nested container of arrays and numbers to a file.

    The file is replaced as a whole or not at all, whatever happens meanwhile. Where several
    processes train together, one of them calls this.

    Parameters
    ----------
    path : str or os.PathLike
    tree : nested dict, list, tuple of arrays, numbers, strings, None
        Such as parameters and an optimizer's state. Keys of dicts are strings or whole numbers.
    document : the same, optional
        What is to be kept beside it, such as the position in the data.

    Raises
    ------
    ArgumentError
        For what no file can hold, with its place.
    FileError
        When the file cannot be written; one that was there is as it was.
    MissingExtraError
        When safetensors is not installed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = os.path.join(directory, "run.safetensors")
    ...     save_checkpoint(path, ({"w": np.ones(2)}, 7), {"epoch": 3})
    ...     load_checkpoint(path)
    (({'w': array([1., 1.])}, 7), {'epoch': 3})
    """
    arrays, node = packed({"tree": tree, "document": document}, "checkpoint")
    container.write(path, arrays, node, kind=KIND)


def load_checkpoint(path: Any) -> tuple[Any, Any]:
    """Read what :func:`save_checkpoint` wrote.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    tree, document
        The same containers, types and bits. Arrays are new and writable.

    Raises
    ------
    FileError
        When the file is not there, is damaged, or is not a checkpoint.
    """
    content = container.read(path, kinds=[KIND])
    name = container.path_of(path)
    found = unpacked(name, content.arrays, content.document)
    if not isinstance(found, dict) or found.keys() != {"tree", "document"}:
        raise damaged(name, "is a checkpoint without a tree or a document.")
    return found["tree"], found["document"]
