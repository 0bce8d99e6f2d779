"""A database that a test leaves comes back as a fresh copy, or not at all."""

import psycopg
import pytest
from psycopg import sql

from models.database import Database
from tests.support.desk import Desk
from tests.support.recycling import RecycledDatabases
from tests.support.services import PostgresServer

pytestmark = pytest.mark.services


@pytest.fixture
def databases(postgres: PostgresServer, migrated_template: str) -> RecycledDatabases:
    return RecycledDatabases(postgres, migrated_template)


def connected(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def content(url: str) -> dict[str, object]:
    """Every row and the next number of every sequence."""
    with connected(url) as connection:
        query = "select tablename from pg_tables where schemaname = 'public' order by 1"
        tables = [str(row[0]) for row in connection.execute(query)]
        found: dict[str, object] = {
            table: connection.execute(
                sql.SQL("select * from {}").format(sql.Identifier(table))
            ).fetchall()
            for table in tables
        }
        query = "select sequencename, last_value from pg_sequences order by 1"
        return {**found, "sequences": connection.execute(query).fetchall()}


def test_what_was_traded_in_it_is_gone(databases: RecycledDatabases) -> None:
    first = databases.take()
    fresh = content(first)
    db = Database(first)
    desk = Desk(db)
    desk.approve_twap()
    desk.trading_halt.set_halted("drill", "cli:alice")
    assert content(first) != fresh
    db.dispose()
    databases.give_back(first)
    second = databases.take()
    assert content(second) == fresh
    assert second != first, "who comes late finds no database"
    databases.give_back(second)


def test_a_connection_that_is_left_ends(databases: RecycledDatabases) -> None:
    first = databases.take()
    with connected(first) as left:
        left.execute("begin")
        left.execute("lock table trading_state")
        databases.give_back(first)
        with pytest.raises(psycopg.OperationalError):
            left.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connected(first)
    again = databases.take()
    assert content(again)["trading_state"] != []
    databases.give_back(again)


@pytest.mark.parametrize(
    "change",
    [
        "create table extra (x int)",
        "alter table trading_state add extra int",
        "alter table trading_state alter column state drop not null",
        "alter table audit_entry disable trigger user",
        "create index extra on trading_state (state)",
        "drop index {index}",
        "grant select on trading_state to public",
        "grant create on schema public to test_application",
        "create function extra() returns int language sql as 'select 1'",
        "create view extra as select 1",
        "do $$ begin execute format('grant connect on database %I to public', "
        "current_database()); end $$",
        "do $$ begin execute format('alter database %I set work_mem = 64', "
        "current_database()); end $$",
    ],
)
def test_a_database_with_changed_definitions_is_dropped(
    databases: RecycledDatabases, change: str
) -> None:
    url = databases.take()
    with connected(url) as connection:
        query = (
            "select indexname from pg_indexes where schemaname = 'public' and indexname like 'ix%'"
        )
        row = connection.execute(query).fetchone()
        assert row is not None
        connection.execute(change.replace("{index}", str(row[0])))  # type: ignore[call-overload]
    databases.give_back(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connected(url)
    fresh = databases.take()
    with connected(fresh) as connection:
        query = "select count(*) from pg_class where relname = 'extra'"
        assert connection.execute(query).fetchone() == (0,)
    databases.give_back(fresh)
