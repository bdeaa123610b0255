"""What was measured on: processor, cores, memory, versions, date."""

from __future__ import annotations

import os
import platform
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "jax",
    "torch",
    "scikit-learn",
    "autograd",
    "micrograd",
    "threadpoolctl",
)


def described() -> list[tuple[str, str]]:
    """Return pairs of what and which."""
    return [
        ("date", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
        ("processor", _processor()),
        ("cores", str(_cores())),
        ("load at the start", ", ".join(f"{load:.1f}" for load in os.getloadavg())),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Python", platform.python_version()),
        *((package, _version(package)) for package in ("chainrule", *PACKAGES)),
    ]


def _cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    names = Path("/proc/cpuinfo")
    if names.exists():
        for line in names.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        if package == "chainrule":  # run from its sources
            import chainrule

            return chainrule.__version__
        return "not installed"
