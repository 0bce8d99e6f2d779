"""A migrated database per test, like one that is migrated once."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from models.database import Database
from tests.support.recycling import RecycledDatabases
from tests.support.services import PostgresServer


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """Tables of the owner's, with the rights of every role."""
    return postgres.migrated_template()


@pytest.fixture(scope="session")
def migrated_databases(postgres: PostgresServer, migrated_template: str) -> RecycledDatabases:
    """This version's databases, which tests use one after the other."""
    return RecycledDatabases(postgres, migrated_template)


@pytest.fixture
def migrated_url(migrated_databases: RecycledDatabases) -> Iterator[str]:
    """The URL of a fresh database with this version's tables, as the superuser: tests spoil rows
    as no process may."""
    url = migrated_databases.take()
    yield url
    migrated_databases.give_back(url)


@pytest.fixture
def application_url(postgres: PostgresServer, migrated_url: str) -> str:
    """The URL of that database as the application's role."""
    return postgres.logins(migrated_url).application


@pytest.fixture
def db(migrated_url: str) -> Iterator[Database]:
    """A fresh migrated database. Its sessions bear a test that stands still for a while: machines
    were seen to stop everything for more than five seconds."""
    database = Database(migrated_url, pool_size=10)
    event.listen(database.engine, "do_connect", _be_patient)
    yield database
    database.dispose()


def _be_patient(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
    """The last setting of a name counts."""
    options["options"] += " -c idle_in_transaction_session_timeout=60000"
