"""What holds for every test: the fixtures of `tests/support/`, signals, profiles and groups."""

import decimal
import os
import signal
from collections.abc import Iterator

import pytest

from tests.support import properties

pytest_plugins = [
    "tests.support.services",
    "tests.support.schema",
    "tests.support.desk",
    "tests.support.accounts.paper_desk",
    "tests.support.operators",
    "tests.support.scene",
    "tests.support.proofs",
]

properties.register()


# Matrices are small here: numpy's threads would only wait for each other, busily. What tests start
# inherits it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure() -> None:
    """What tests start hears Ctrl-C, although the tests may run in the background of a shell,
    whose children ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


SERVERS = frozenset({"postgres", "_session_redis", "paper_exchange"})


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests need no server. One worker runs all tests of a module that share one: it starts
    once."""
    for item in items:
        fixtures = getattr(item, "_fixtureinfo", None)
        if fixtures is None:
            continue
        module = item.nodeid.partition("::")[0]
        if module.startswith("tests/unit/") and SERVERS & set(fixtures.names_closure):
            raise pytest.UsageError(f"{item.nodeid} needs a server: move it to tests/integration/")
        if item.get_closest_marker("xdist_group") is not None:
            continue
        if any(each[-1].scope == "module" for each in fixtures.name2fixturedefs.values()):
            item.add_marker(pytest.mark.xdist_group(module))


@pytest.fixture(autouse=True)
def _decimal_context() -> Iterator[None]:
    """Each test has the default context: ccxt changes how its thread rounds, and leaves it so."""
    with decimal.localcontext(decimal.DefaultContext):
        yield


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """A command that runs in the tests' process names its home there, and no test hears of it."""
    before = os.environ.get("MLRISK_HOME")
    yield
    if before is None:
        os.environ.pop("MLRISK_HOME", None)
    else:
        os.environ["MLRISK_HOME"] = before


@pytest.fixture
def hangup() -> Iterator[None]:
    """A closed terminal is heard, by what a test starts as well, although the tests themselves may
    run under `nohup`, whose children ignore it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
