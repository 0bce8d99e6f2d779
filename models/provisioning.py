"""Prepares a database for this version: roles, the owner's tables, and rights.

Every step can be run again; a step that is killed half-way changes nothing.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from models import migrate, roles
from models.connecting import migration_engine
from models.roles import DatabaseLogins, RoleError

_RESERVED = "pg_use_reserved_connections"
_OF_OTHERS = 12
"""Connections that the application leaves to migrations, beat and the rest."""
_ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"


def provision(logins: DatabaseLogins) -> None:
    """Makes the roles where a bootstrap login is given, migrates as the owner, grants rights."""
    if logins.bootstrap is not None:
        make_roles(logins.bootstrap, logins)
    migrate.upgrade(logins.owner)
    roles.grant(logins)


def make_roles(bootstrap: str, logins: DatabaseLogins) -> None:
    """Makes the roles that the addresses name, with their passwords, and gives database and tables
    to the owner, in one transaction.

    Rights and settings of a role are set anew each time, because a role may change its own password
    and settings and must not lock itself out beyond the next start.
    """
    engine = migration_engine(bootstrap)
    try:
        with engine.begin() as connection:
            server = connection.connection.driver_connection
            assert isinstance(server, psycopg.Connection)
            itself = make_url(bootstrap).username
            for role, password in _passwords(logins).items():
                if role != itself:
                    _make(server, role, password)
            _bound(server, logins, itself)
            _hand_over(server, _name(logins.owner))
    finally:
        engine.dispose()


def _passwords(logins: DatabaseLogins) -> dict[str, str]:
    addresses = (
        *(logins.owner, logins.application, logins.operator, logins.audit, logins.exporter),
        logins.of_viewer,
    )
    found: dict[str, str] = {}
    for url in map(make_url, addresses):
        if not url.username or not url.password:
            raise RoleError("a role that is to be made needs a name and a password in its address")
        if found.setdefault(url.username, str(url.password)) != url.password:
            raise RoleError(f"the addresses give the role {url.username} two passwords")
    return found


def _name(address: str) -> str:
    return str(make_url(address).username)


def _make(server: psycopg.Connection[Any], role: str, password: str) -> None:
    name = sql.Identifier(role)
    if server.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
        server.execute(sql.SQL("CREATE ROLE {}").format(name))
    # The server gets no password in clear, which could stand in its log.
    verifier = server.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    server.execute(
        sql.SQL("ALTER ROLE {} {} PASSWORD {}").format(
            name, sql.SQL(_ATTRIBUTES), sql.Literal(verifier.decode())
        )
    )
    server.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(name))


def _bound(server: psycopg.Connection[Any], logins: DatabaseLogins, itself: str | None) -> None:
    """Sets the allowed roles and their numbers of connections, so that the application leaves some
    to the operator."""
    application, operator = _name(logins.application), _name(logins.operator)
    if application != itself:
        limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
        server.execute(limit.format(sql.Identifier(application), sql.Literal(_limit(server))))
    if operator not in (application, itself):
        # It may end the application's sessions, which a halt does to those that hang.
        _run(server, "GRANT {} TO {}", application, operator)
        known = server.execute("SELECT FROM pg_roles WHERE rolname = %s", (_RESERVED,))
        if known.fetchone() is not None:  # since Postgres 16
            _run(server, "GRANT {} TO {}", _RESERVED, operator)
    row = server.execute("SELECT current_database()").fetchone()
    assert row is not None
    database = str(row[0])
    _run(server, "ALTER DATABASE {} OWNER TO {}", database, _name(logins.owner))
    _run(server, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
    for role in _passwords(logins):
        _run(server, "GRANT CONNECT ON DATABASE {} TO {}", database, role)


def _limit(server: psycopg.Connection[Any]) -> int:
    row = server.execute(
        "SELECT sum(setting::int) FILTER (WHERE name = 'max_connections')"
        "     - sum(setting::int) FILTER (WHERE name <> 'max_connections')"
        "  FROM pg_settings WHERE name IN"
        " ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
    ).fetchone()
    assert row is not None
    return max(1, int(row[0]) - _OF_OTHERS)


def _hand_over(server: psycopg.Connection[Any], owner: str) -> None:
    """Gives the schema's tables, sequences, views and routines to the owner.

    `REASSIGN OWNED` takes nothing from a superuser made by initdb, which owned them before there
    were roles.
    """
    _run_all(server, server.execute(_FOREIGN, {"owner": owner}).fetchall())


def _run_all(server: psycopg.Connection[Any], statements: Iterable[tuple[Any, ...]]) -> None:
    for (statement,) in statements:
        server.execute(str(statement).encode())


def _run(server: psycopg.Connection[Any], statement: str, *names: str) -> None:
    server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


# An identity column's sequence goes with its table.
_FOREIGN = """
    SELECT format('ALTER %%s %%I.%%I OWNER TO %%I',
                  CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW'
                                 WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
                  'public', c.relname, %(owner)s::text)
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
       AND pg_get_userbyid(c.relowner) <> %(owner)s
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                        AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
    UNION ALL
    SELECT format('ALTER ROUTINE %%s OWNER TO %%I', p.oid::regprocedure, %(owner)s::text)
      FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace
       AND pg_get_userbyid(p.proowner) <> %(owner)s
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                        AND d.objid = p.oid AND d.deptype = 'e')
    ORDER BY 1
"""
