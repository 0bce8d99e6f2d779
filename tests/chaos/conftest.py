"""One running system for the tests that leave it whole."""

from collections.abc import Iterator

import pytest

from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    with mini_system(postgres) as running:
        yield running
