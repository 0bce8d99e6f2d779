"""Makes the servers of `tests/support/services.py` available to every test as fixtures."""

import decimal
import os
import signal
from collections.abc import Iterator

import pytest

pytest_plugins = [
    "tests.support.services",
    "tests.support.schema",
    "tests.support.desk",
    "tests.support.operators",
]


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
