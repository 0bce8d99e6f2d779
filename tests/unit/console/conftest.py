"""A migrated database for each test, and the scene that stands in it."""

from collections.abc import Iterator

import pytest

from models import migrate
from tests.support.services import PostgresServer
from tests.unit.console.scene import Scene


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> Iterator[str]:
    """The name of a migrated database that is copied for each test."""
    url = postgres.create_database("console_template")
    migrate.upgrade(url)
    yield url.rpartition("/")[2]
    postgres.drop_database(url)


@pytest.fixture
def console_database(postgres: PostgresServer, migrated: str) -> Iterator[str]:
    url = postgres.create_database(template=migrated)
    yield url
    postgres.drop_database(url)


@pytest.fixture
def scene(console_database: str) -> Iterator[Scene]:
    """A system that has traded nothing yet."""
    made = Scene(console_database)
    yield made
    made.close()
