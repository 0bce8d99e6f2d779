"""A migrated database per test, like one that is migrated once."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import URL, Dialect, event, make_url

from models.database import Database
from tests.support.recycling import RecycledDatabases
from tests.support.services import PostgresServer

_NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/none"


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


class OneTestsDatabase(Database):
    """A test's database by the engine of all tests: SQLAlchemy compiles each statement once per
    engine, and a test uses hundreds."""

    def __init__(self, shared: Database) -> None:
        self.engine = shared.engine.execution_options()
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def end(self) -> None:
        """Close the connections. A thread that is late finds no database, instead of the next
        test's."""
        self.dispose()
        nowhere = Database(_NOWHERE)
        self.engine, self._reading = nowhere.engine, nowhere._reading


class _Shared(Database):
    """The engine of all tests, and the URL of the test that runs."""

    url: URL | None = None

    def __init__(self) -> None:
        super().__init__(_NOWHERE, pool_size=10)
        event.listen(self.engine, "do_connect", self._lead)

    def _lead(self, dialect: Dialect, _record: Any, _arguments: Any, options: Any) -> None:
        """Connect to the database of the test that runs, and bear one that stands still for a
        while: machines were seen to stop everything for more than five seconds. The last setting
        of a name counts."""
        assert self.url is not None, "no test uses this engine now"
        options.update(dialect.create_connect_args(self.url)[1])
        options["options"] += " -c idle_in_transaction_session_timeout=60000"


@pytest.fixture(scope="session")
def _shared() -> _Shared:
    return _Shared()


@pytest.fixture
def db(_shared: _Shared, migrated_url: str) -> Iterator[Database]:
    """A fresh migrated database."""
    _shared.url = make_url(migrated_url)
    database = OneTestsDatabase(_shared)
    yield database
    database.end()
    _shared.url = None
