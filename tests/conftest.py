import builtins

import pytest
from hypothesis import settings

# The same examples every time: what fails here fails for whoever looks into it.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")

ORIGINALS = (builtins.max, builtins.min)


def pytest_addoption(parser):
    group = parser.getgroup("fuzzing")
    group.addoption("--programs", type=int, default=60, help="random programs to run (default: 60)")
    group.addoption("--seed", type=int, default=0, help="seed of the first random program")
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/golden anew instead of comparing"
    )


@pytest.fixture(autouse=True)
def _builtins_are_restored():
    yield
    left = (builtins.max, builtins.min)
    builtins.max, builtins.min = ORIGINALS
    assert left == ORIGINALS, "a trace left Python's max and min replaced"
