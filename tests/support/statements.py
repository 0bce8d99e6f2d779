"""What is said to Postgres while a test runs something."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from models.database import Database


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """The text of every statement on this database's connections, as it is sent."""
    said: list[str] = []

    def note(*arguments: object) -> None:
        said.append(str(arguments[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@contextmanager
def rows_fetched(db: Database) -> Iterator[list[int]]:
    """How many rows each query gives back to the program."""
    fetched: list[int] = []

    def note(*arguments: object) -> None:
        cursor = arguments[1]
        assert hasattr(cursor, "rowcount")
        fetched.append(cursor.rowcount)

    event.listen(db.engine, "after_cursor_execute", note)
    try:
        yield fetched
    finally:
        event.remove(db.engine, "after_cursor_execute", note)
