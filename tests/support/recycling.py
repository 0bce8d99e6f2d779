"""Copies of a template that are set back after a test and given to the next one.

A copy of the template costs some 300 ms of a processor, because it has 600 files. Few of its tables
change in a test, and those alone are set back.
"""

import secrets
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.support.services import PostgresServer

_USES = 100
"""So often a database is used: its catalog grows a little each time."""

_TABLES = (
    "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
)

_SEQUENCES = "select sequencename, start_value, last_value from pg_sequences"

_OURS = 16384
"""From here on Postgres numbers what it did not make itself."""

# A changed definition is a row written anew; truncating a table writes its row in pg_class alone.
_DEFINITIONS = sql.SQL(
    "select array[{}]::text[] || array["
    " (select sum(hashtext(concat_ws(' ', oid, relname, relacl, relowner, reloptions,"
    "   relrowsecurity))) from pg_class where oid >= {ours} and relpersistence = 'p')::text,"
    " (select concat_ws(' ', datacl, datdba, datconnlimit, datallowconn) from pg_database"
    "   where datname = current_database()),"
    " (select count(*) from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase"
    "   where datname = current_database())::text]"
).format(
    sql.SQL(", ").join(
        sql.SQL("(select concat_ws(' ', count(*), max(xmin::text::bigint)) from {})").format(
            sql.SQL(catalog)
        )
        for catalog in (
            f"pg_attribute where attrelid >= {_OURS}",
            f"pg_type where oid >= {_OURS} and typtype not in ('c', 'b')",
            *("pg_proc", "pg_trigger", "pg_constraint", "pg_policy", "pg_namespace"),
            *("pg_default_acl", "pg_event_trigger", "pg_extension", "pg_rewrite"),
        )
    ),
    ours=sql.Literal(_OURS),
)


@dataclass
class _Fresh:
    """What an unused copy of the template has."""

    definitions: list[str]
    tables: list[str]
    rows: dict[str, bytes]
    sequences: list[tuple[str, int, int | None]]


@dataclass
class RecycledDatabases:
    """The copies of one template, which is the name of a database of the server."""

    server: PostgresServer
    template: str
    _spare: list[str] = field(default_factory=list)
    _uses: dict[str, int] = field(default_factory=dict)
    _fresh: _Fresh | None = None

    def take(self) -> str:
        """The `postgresql+psycopg://` URL of a database that is like the template."""
        if self._spare:
            return self.server.embedded.url(self._spare.pop())
        name = _new_name()
        url = self.server.create_database(name, template=self.template)
        self._uses[name] = 0
        if self._fresh is None:
            self._fresh = self._look(name)
        return url

    def give_back(self, url: str) -> None:
        """End every connection to a database and keep it for the next test.

        A database whose definitions a test has changed is dropped.
        """
        before = self.server.name_of(url)
        uses = self._uses.pop(before) + 1
        # Who comes late finds no database, as if it had been dropped.
        name = _new_name()
        if uses < _USES and self._renamed(before, name) and self._emptied(name):
            self._uses[name] = uses
            self._spare.append(name)
            return
        for each in (before, name):
            self.server.drop_database(each)

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        address = make_url(self.server.embedded.url(database)).set(drivername="postgresql")
        return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)

    def _renamed(self, before: str, name: str) -> bool:
        with self._connect("postgres") as connection:
            connection.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = %s",
                (before,),
            )
            rename = sql.SQL("alter database {} rename to {}")
            try:
                connection.execute(rename.format(sql.Identifier(before), sql.Identifier(name)))
            except (psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName):
                return False
        return True

    def _look(self, name: str) -> _Fresh:
        with self._connect(name) as connection:
            tables = [str(row[0]) for row in connection.execute(_TABLES)]
            rows = {}
            for table in _filled(connection, tables):
                statement = sql.SQL("copy {} to stdout").format(sql.Identifier(table))
                with connection.cursor().copy(statement) as copy:
                    rows[table] = b"".join(bytes(block) for block in copy)
            sequences = connection.execute(_SEQUENCES).fetchall()
            return _Fresh(_definitions(connection), tables, rows, sequences)  # type: ignore[arg-type]

    def _emptied(self, name: str) -> bool:
        """Make a database as it was; false when only a new copy of the template is so."""
        fresh = self._fresh
        assert fresh is not None
        with self._connect(name) as connection:
            if _definitions(connection) != fresh.definitions:
                return False
            with connection.transaction():
                # No trigger of ours or of a foreign key acts.
                connection.execute("set local session_replication_role = replica")
                filled = _filled(connection, fresh.tables)
                connection.execute(
                    sql.SQL("truncate {} cascade").format(
                        sql.SQL(", ").join(map(sql.Identifier, filled))
                    )
                )
                for table, rows in fresh.rows.items():
                    statement = sql.SQL("copy {} from stdin").format(sql.Identifier(table))
                    with connection.cursor().copy(statement) as copy:
                        copy.write(rows)
                _set_back(connection, fresh.sequences)
        return True


def _new_name() -> str:
    return f"recycled_{secrets.token_hex(6)}"


def _definitions(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    row = connection.execute(_DEFINITIONS).fetchone()
    assert row is not None
    assert isinstance(row[0], list)
    return row[0]


def _filled(connection: psycopg.Connection[tuple[object, ...]], tables: list[str]) -> list[str]:
    """The tables that have a row."""
    looks = sql.SQL(" union all ").join(
        sql.SQL("(select {} from {} limit 1)").format(sql.Literal(table), sql.Identifier(table))
        for table in tables
    )
    return [str(row[0]) for row in connection.execute(looks)]


def _set_back(
    connection: psycopg.Connection[tuple[object, ...]],
    sequences: list[tuple[str, int, int | None]],
) -> None:
    calls = [
        sql.SQL("setval({}::regclass, {}, {})").format(
            sql.Literal(f'"{name}"'), last or start, last is not None
        )
        for name, start, last in sequences
    ]
    connection.execute(sql.SQL("select {}").format(sql.SQL(", ").join(calls)))
