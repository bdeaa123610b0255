"""A user's file: loaded by its path, its errors told without our own frames."""

from __future__ import annotations

import difflib
import importlib.util
import linecache
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from chainrule.errors import ArgumentError, ChainruleError, Location

_OWN = str(Path(__file__).resolve().parents[1])
_EXAMPLES = str(Path(_OWN) / "examples")
_LIBRARIES = tuple({sysconfig.get_path(p) for p in ("stdlib", "platstdlib", "purelib", "platlib")})


@contextmanager
def loaded(path: Path) -> Iterator[ModuleType]:
    """Load a file as a module; while it is in use, it finds its neighbours as a script would.

    Raises
    ------
    ArgumentError
        When there is no such file, or it raises.
    """
    check_exists(path)
    # A module of that name may be in use: the user's random.py is not Python's.
    name = path.stem if path.stem not in sys.modules else f"{path.stem} of the user"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder, writes = str(path.resolve().parent), sys.dont_write_bytecode
    linecache.checkcache(str(path))
    sys.path.insert(0, folder)
    sys.modules[name] = module  # dataclasses look their module up
    sys.dont_write_bytecode = True  # nothing is left beside the user's file
    try:
        try:
            spec.loader.exec_module(module)
        except (ChainruleError, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit too: the file may end in sys.exit(main())
            raise told(error) from error
        yield module
    finally:
        sys.dont_write_bytecode = writes
        sys.modules.pop(name, None)
        if folder in sys.path:
            sys.path.remove(folder)


def check_exists(path: Path) -> None:
    """Refuse a file that is not there, with one of nearly the same name that is.

    Raises
    ------
    ArgumentError
    """
    if path.is_file():
        return
    near = [str(p) for p in path.parent.glob(f"*{path.suffix}")] if path.parent.is_dir() else []
    close = difflib.get_close_matches(str(path), near, 1)
    raise ArgumentError(
        "There is no such file.", got=str(path), instead=close[0] if close else None
    )


def written(save: Callable[[str], Path], file: str) -> Path:
    """Write a file, and tell a folder that is not there or may not be written to.

    Raises
    ------
    ArgumentError
    """
    try:
        return save(file)
    except OSError as error:
        raise ArgumentError(
            f"The file cannot be written: {error.strerror or error}.", got=file
        ) from error


def told(error: BaseException) -> ChainruleError:
    """Return an error of the user's code, with the user's line and nothing of ours."""
    theirs = [f for f in traceback.extract_tb(error.__traceback__) if _is_theirs(f.filename)]
    where = None
    if isinstance(error, SyntaxError) and error.filename:
        where = Location(error.filename, error.lineno or 1, "the file")
    elif theirs:
        where = Location(theirs[-1].filename, theirs[-1].lineno or 1, theirs[-1].name)
    else:  # a defect of ours must not look like one of theirs
        return ChainruleError(
            f"chainrule itself failed: {type(error).__name__}: {error}",
            instead="this is a defect of chainrule, not of your code: please report it",
        )
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    first = message.splitlines()[0] if message else ""
    kind = type(error).__name__
    return ArgumentError(
        f"The code raised {kind}: {first}" if first else f"The code raised {kind}.",
        where=where,
        instead="give an index a default of whole numbers in the file, such as y=np.array([0, 1])"
        if isinstance(error, (IndexError, TypeError)) and "integer" in first
        else None,
    )


def _is_theirs(file: str) -> bool:
    if file.startswith(_EXAMPLES):
        return True
    return not file.startswith(("<frozen", _OWN, *_LIBRARIES))
