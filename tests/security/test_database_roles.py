"""What the roles of Postgres may: the application's can't undo what is recorded."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from models import migrate, provisioning
from models.audit import GLOBAL_CHAIN, verify_chain
from models.database import Database
from models.provisioning import provision
from models.roles import MEASURED, WRITTEN_ONCE, DatabaseLogins, RoleError, powers_of
from models.tables import Base
from tests.support.services import PostgresServer

pytestmark = pytest.mark.services

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def logins(postgres: PostgresServer) -> Iterator[DatabaseLogins]:
    """A provisioned database with one audit entry."""
    url = postgres.create_database("roles")
    made = postgres.logins(url)
    provision(made)
    _append(made.application)
    yield made
    postgres.drop_database(url)


def _append(url: str) -> None:
    db = Database(url, pool_size=1)
    try:
        with db.unit_of_work() as uow:
            uow.audit(GLOBAL_CHAIN, "test", "subject", "actor", {"n": 1}, NOW)
            uow.commit()
        with db.reading() as session:
            assert verify_chain(session, GLOBAL_CHAIN).problems == ()
    finally:
        db.dispose()


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement.encode())


_ATTACKS = (
    "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
    "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_immutable",
    "DROP TRIGGER audit_entry_is_immutable ON audit_entry",
    "DROP TABLE audit_entry",
    "ALTER TABLE audit_entry RENAME TO old",
    "ALTER TABLE audit_entry OWNER TO current_user",
    "CREATE RULE quiet AS ON INSERT TO audit_entry DO INSTEAD NOTHING",
    "CREATE TRIGGER mine BEFORE INSERT ON audit_entry EXECUTE FUNCTION refuse_audit_change()",
    "CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN OLD; END'",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE mine (n int)",
    "CREATE TEMPORARY TABLE audit_entry (n int)",
    "SET session_replication_role = replica",
    "COPY audit_entry TO PROGRAM 'cat'",
    "COPY (SELECT 1) TO '/tmp/mlrisk-written'",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT * FROM pg_authid",
    "CREATE EXTENSION plpython3u",
    "CREATE EXTENSION dblink",
    "ALTER SYSTEM SET log_statement = 'all'",
    "SELECT pg_reload_conf()",
    "SET ROLE postgres",
    "SET ROLE test_owner",
    "SET SESSION AUTHORIZATION test_owner",
    "CREATE ROLE mine SUPERUSER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE test_owner PASSWORD 'mine'",
    "GRANT test_owner TO CURRENT_USER",
    "DROP DATABASE roles",
    "ALTER DATABASE roles OWNER TO CURRENT_USER",
    "UPDATE audit_entry SET actor = 'another'",
    "DELETE FROM audit_entry",
    "TRUNCATE audit_entry",
    "SELECT * FROM audit_entry FOR UPDATE",
    "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (chain, seq)"
    " DO UPDATE SET actor = 'another'",
    "MERGE INTO audit_entry a USING audit_entry b ON a.seq = b.seq WHEN MATCHED THEN DELETE",
    "UPDATE audit_leaf SET hash = 'x'",
    "DELETE FROM audit_leaf",
    "TRUNCATE audit_node",
    "UPDATE audit_tree SET note = 'another'",
    "DROP TRIGGER audit_leaf_is_immutable ON audit_leaf",
    "DROP TRIGGER audit_tree_is_immutable ON audit_tree",
    "DELETE FROM trading_state",
    "TRUNCATE trading_state",
    "DELETE FROM fill",
    "UPDATE decision SET verdict = 'approve'",
    "UPDATE alembic_version SET version_num = '0001'",
    "SELECT setval(pg_get_serial_sequence('equity', 'equity_id'), 1)",
    "SELECT pg_promote()",
)


@pytest.mark.parametrize("purpose", ["application", "operator", "audit", "exporter", "viewer"])
def test_no_role_of_a_process_can_undo_or_break_out(logins: DatabaseLogins, purpose: str) -> None:
    url = getattr(logins, purpose).replace("+psycopg", "")
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)
    done = []
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _ATTACKS:
            try:
                connection.execute(statement.encode())
            except refused:
                continue
            done.append(statement)
    assert done == []


@pytest.mark.parametrize("purpose", ["application", "operator", "audit"])
def test_each_of_them_appends_to_the_audit(logins: DatabaseLogins, purpose: str) -> None:
    _append(getattr(logins, purpose))


def test_the_viewers_role_changes_nothing_and_reads_no_secret(logins: DatabaseLogins) -> None:
    url = logins.viewer.replace("+psycopg", "")
    unread = {"api_token", "operator", "override_code", "strategy"}
    with psycopg.connect(url, autocommit=True) as connection:
        for table in sorted(Base.metadata.tables):
            for statement in (
                f"INSERT INTO {table} DEFAULT VALUES",
                f"DELETE FROM {table}",
                *([f"SELECT FROM {table}"] if table in unread else []),
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
        for table in Base.metadata.tables.keys() - unread:
            connection.execute(f"SELECT FROM {table} LIMIT 1".encode())
        assert connection.execute("SELECT count(*) FROM audit_entry").fetchone() is not None


def test_what_is_written_once_is_changed_by_nobody_but_the_owner(logins: DatabaseLogins) -> None:
    rights = _rights(logins.application)
    assert set(rights) == {*Base.metadata.tables, "alembic_version"}
    for kind in WRITTEN_ONCE:
        assert rights[kind.__tablename__] == {"INSERT", "SELECT"}
    assert rights["trading_state"] == {"INSERT", "SELECT", "UPDATE"}
    own = ("api_token", "operator", "override_code", "strategy")
    assert {frozenset(rights[name]) for name in ("alembic_version", *own)} == {
        frozenset({"SELECT"})
    }
    assert _rights(logins.operator) == rights | {
        name: {"INSERT", "SELECT", "UPDATE"} for name in own
    }
    assert rights["audit_chain_head"] == {"SELECT"}
    assert _rights(logins.audit) == {
        "account_binding": {"SELECT"},
        "alert": {"INSERT", "SELECT", "UPDATE"},
        "audit_chain_head": {"SELECT"},
        "audit_entry": {"INSERT", "SELECT"},
        "heartbeat": {"DELETE", "SELECT"},
    }


def test_the_exporter_reads_what_it_measures_and_nothing_else(logins: DatabaseLogins) -> None:
    assert _rights(logins.exporter) == {kind.__tablename__: {"SELECT"} for kind in MEASURED}
    for secret in ("SELECT * FROM operator", "SELECT payload FROM trade_request"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _run(logins.exporter, secret)
    _run(logins.exporter, "SELECT status, received_at FROM trade_request")


def test_nobody_hands_rights_on(logins: DatabaseLogins) -> None:
    """Postgres warns only."""
    _run(logins.application, "GRANT DELETE ON audit_entry TO CURRENT_USER")
    assert _rights(logins.application)["audit_entry"] == {"INSERT", "SELECT"}


def _rights(url: str) -> dict[str, set[str]]:
    """The connected role's rights by table; those of a column count as well."""
    kinds = "VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')"
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute(
            "SELECT tablename, array_agg(kind) FROM pg_tables,"
            f" ({kinds}) AS k (kind) WHERE schemaname = 'public'"
            " AND (has_table_privilege(tablename, kind) OR (kind IN ('INSERT', 'UPDATE')"
            "      AND has_any_column_privilege(tablename, kind))) GROUP BY tablename"
        )
        return {table: set(rights) for table, rights in found}


@pytest.fixture
def old(postgres: PostgresServer) -> Iterator[DatabaseLogins]:
    """A database as earlier versions left it: everything is the superuser's."""
    url = postgres.create_database()
    migrate.upgrade(url)
    _append(url)
    yield postgres.logins(url)
    postgres.drop_database(url)


def test_a_database_of_the_superusers_is_handed_over_with_its_rows(old: DatabaseLogins) -> None:
    for _ in range(2):
        provision(old)
        assert _owners(old) == {"test_owner"}
        _append(old.application)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _run(old.application, "DELETE FROM audit_entry")
    _run(old.owner, "ALTER TABLE audit_entry ADD COLUMN more text")


def test_a_handing_over_that_is_killed_changes_nothing_and_is_done_by_the_next_start(
    old: DatabaseLogins, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _owners(old)

    def killed(server: psycopg.Connection[Any], statements: Iterable[tuple[Any, ...]]) -> None:
        for (statement,) in list(statements)[:5]:
            server.execute(statement)
        pid = server.info.backend_pid
        assert old.bootstrap is not None
        _run(old.bootstrap, f"SELECT pg_terminate_backend({pid}, 5000)")

    with monkeypatch.context() as patch:
        patch.setattr(provisioning, "_run_all", killed)
        with pytest.raises(OperationalError):
            provision(old)
    assert _owners(old) == before
    provision(old)
    assert _owners(old) == {"test_owner"}


def _owners(logins: DatabaseLogins) -> set[str]:
    assert logins.bootstrap is not None
    with psycopg.connect(logins.bootstrap.replace("+psycopg", "")) as connection:
        return {
            owner
            for (owner,) in connection.execute(
                "SELECT pg_get_userbyid(relowner) FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace"
                " UNION SELECT pg_get_userbyid(proowner) FROM pg_proc"
                " WHERE pronamespace = 'public'::regnamespace"
                " UNION SELECT pg_get_userbyid(datdba) FROM pg_database"
                " WHERE datname = current_database()"
            )
        }


def test_a_role_that_changed_its_password_or_settings_works_after_the_next_start(
    old: DatabaseLogins,
) -> None:
    """Postgres lets every role do so with itself."""
    provision(old)
    try:
        _run(old.application, "ALTER ROLE CURRENT_USER PASSWORD 'another'")
        with pytest.raises(OperationalError, match="password"):
            _append(old.application)
        mine = make_url(old.application).set(password="another")
        setting = "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on"
        _run(mine.render_as_string(hide_password=False), setting)
    finally:
        provision(old)
    _append(old.application)


def test_one_role_for_everything_still_works_and_its_power_is_told(old: DatabaseLogins) -> None:
    provision(old)
    assert old.bootstrap is not None
    for url, told in (
        (old.bootstrap, "is a superuser"),
        (old.owner, "owns tables, may change, delete or empty the audit"),
        (old.application, ""),
        (old.operator, ""),
        (old.audit, ""),
    ):
        provision(DatabaseLogins.of(old.application, owner=url if told else old.owner))
        _append(url)
        assert told in ", ".join(powers_of(url))
        assert bool(told) == bool(powers_of(url))


def test_two_passwords_for_one_role_are_refused(old: DatabaseLogins) -> None:
    other = make_url(old.application).set(password="another")
    twice = replace(old, operator=other.render_as_string(hide_password=False))
    with pytest.raises(RoleError, match="test_application two passwords") as refused:
        provision(twice)
    assert "another" not in str(refused.value)
