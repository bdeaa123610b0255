import builtins
import threading
import time

import pytest
from hypothesis import settings

# The same examples every time: what fails here fails for whoever looks into it.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")

#: Where the run of the fuzzer keeps its first seed, and what it has done.
SEED = pytest.StashKey()
FUZZED = pytest.StashKey()

ORIGINALS = (builtins.max, builtins.min)


def pytest_addoption(parser):
    group = parser.getgroup("fuzzing")
    group.addoption("--programs", type=int, default=1000, help="random programs (default: 1000)")
    group.addoption(
        "--seed", type=int, help="seed of the first of them; another each time unless given"
    )
    group = parser.getgroup("checking")
    group.addoption("--draws", type=int, default=10, help="draws of each right pass (default: 10)")
    group.addoption("--mutants", type=int, default=10, help="every so manieth mutant (default: 10)")
    parser.getgroup("training").addoption(
        "--kills", type=int, default=10, help="runs of training that are killed (default: 10)"
    )
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/golden anew instead of comparing"
    )


def pytest_configure(config):
    seed = config.getoption("seed")
    handed = getattr(config, "workerinput", {}).get("seed")  # by the process that others work for
    config.stash[SEED] = (
        handed if handed is not None else time.time_ns() % 10**9 if seed is None else seed
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["seed"] = node.config.stash[SEED]


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["fuzzed"] = session.config.stash.get(FUZZED, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    fuzzed = getattr(node, "workeroutput", {}).get("fuzzed")
    if fuzzed:
        node.config.stash[FUZZED] = fuzzed


def pytest_terminal_summary(terminalreporter, config):
    if FUZZED in config.stash:
        terminalreporter.write_line(
            f"fuzzing: {config.stash[FUZZED]}; again with --seed {config.stash[SEED]}"
        )


@pytest.fixture
def double_precision():
    """JAX computes in double precision for a test, and as before after it."""
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(autouse=True)
def _builtins_are_restored():
    yield
    left = (builtins.max, builtins.min)
    builtins.max, builtins.min = ORIGINALS
    assert left == ORIGINALS, "a trace left Python's max and min replaced"


@pytest.fixture(scope="module")
def one_thread():
    """Keep small products from waiting for other processes."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture
def iris():
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


@pytest.fixture(scope="session")
def browser():
    """Chromium, started once."""
    from browsing import FLAGS, PATIENCE, chromium

    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium; `make test` installs it where it can")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def tab(browser):
    """A tab of the browser, watched for errors and for requests to other hosts."""
    from browsing import tab

    with tab(browser) as page:
        yield page


@pytest.fixture(scope="module")
def lab():
    """The lab, listening."""
    from chainrule.lab.server import Lab, listening

    with Lab(listening()) as running:
        yield running
    end_runs()


@pytest.fixture
def no_run_is_left():
    """End the runs of the playground after a test; what it gives ends them before."""
    yield end_runs
    end_runs()


def end_runs():
    """End all runs, and wait for what listens to them."""
    from chainrule.lab.playground import api

    api.runs.close()
    for thread in threading.enumerate():
        if getattr(thread, "_target", None) is not None and "_listen" in repr(thread._target):
            thread.join(10)
