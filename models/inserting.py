"""Inserts without a flush, for rows that are written under a contended lock.

A flush determines changes and their order, a third of a millisecond for every table. For new rows
both are known.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Table, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session, make_transient_to_detached

from models.tables import Base


def insert_rows(session: Session, rows: Sequence[Base]) -> None:
    """Inserts rows of one table; they are the session's afterwards, as after a flush.

    Every row must have the same columns set; the others are read when they are asked for. A
    generated key is read back into its row.
    """
    if not rows:
        return
    table = _table(type(rows[0]))
    values = [_values(row) for row in rows]
    if any(each.keys() != values[0].keys() for each in values):
        raise ValueError(f"rows of {table.name} with different columns set")
    statement, generated = _insert(type(rows[0]))
    found = session.execute(statement, values)
    if generated is not None:
        for row, key in zip(rows, found.scalars(), strict=True):
            setattr(row, generated, key)
    _adopt(session, rows)


def write_rows(session: Session, rows: Sequence[Base]) -> None:
    """Inserts rows of one table that are never changed; the session does not track them."""
    if rows:
        session.execute(_write(type(rows[0])), [_values(row) for row in rows])


def insert_unless_known(session: Session, row: Base) -> bool:
    """Inserts a row unless its key is taken; returns whether it did. It waits for a transaction
    that is writing the same key."""
    found = session.execute(_insert_unless_known(type(row)), _values(row)).first()
    if found is None:
        return False
    _adopt(session, [row])
    return True


def _values(row: Base) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if name != "_sa_instance_state"}


def _adopt(session: Session, rows: Sequence[Base]) -> None:
    for row in rows:
        make_transient_to_detached(row)
    session.add_all(rows)


def _table(kind: type[Base]) -> Table:
    return Base.metadata.tables[kind.__tablename__]


def _generated_key(table: Table) -> Column[Any] | None:
    return table.autoincrement_column


@cache
def _insert(kind: type[Base]) -> tuple[Any, str | None]:
    """The statement, made once, and the name of the key that it returns."""
    table = _table(kind)
    key = _generated_key(table)
    if key is None:
        return insert(table), None
    return insert(table).returning(key, sort_by_parameter_order=True), key.name


@cache
def _write(kind: type[Base]) -> Any:
    return insert(_table(kind))


@cache
def _insert_unless_known(kind: type[Base]) -> Any:
    table = _table(kind)
    return postgresql.insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)
