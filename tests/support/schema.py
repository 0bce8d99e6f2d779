"""A migrated database per test, copied from one migrated once."""

from collections.abc import Iterator

import pytest

from models.database import Database
from models.provisioning import provision
from tests.support.services import PostgresServer

TEMPLATE = "mlrisk_template"


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """Tables of the owner's, with the rights of every role."""
    provision(postgres.logins(postgres.create_database(TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def migrated_url(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """The URL of a fresh database with this version's tables, as the superuser: tests spoil rows
    as no process may."""
    url = postgres.create_database(template=migrated_template)
    yield url
    postgres.drop_database(url)


@pytest.fixture
def application_url(postgres: PostgresServer, migrated_url: str) -> str:
    """The URL of that database as the application's role."""
    return postgres.logins(migrated_url).application


@pytest.fixture
def db(migrated_url: str) -> Iterator[Database]:
    """A fresh migrated database."""
    database = Database(migrated_url, pool_size=10)
    yield database
    database.dispose()
