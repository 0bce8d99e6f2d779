"""Makes the servers of `tests/support/services.py` available to every test as fixtures."""

import decimal
from collections.abc import Iterator

import pytest

pytest_plugins = [
    "tests.support.services",
    "tests.support.schema",
    "tests.support.desk",
]


@pytest.fixture(autouse=True)
def _decimal_context() -> Iterator[None]:
    """Each test has the default context: ccxt changes how its thread rounds, and leaves it so."""
    with decimal.localcontext(decimal.DefaultContext):
        yield
