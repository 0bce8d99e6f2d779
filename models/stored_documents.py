"""Columns of a JSON document: JSONB in Postgres, a typed value in Python."""

from collections.abc import Hashable
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from models.documents.codec import Unreadable
from models.documents.stored_form import UnreadDocument, from_json, to_json


class StoredDocument(TypeDecorator[Any]):
    """Stores a value of a type as its JSON (`models.documents.stored_form`), and reads it back.

    None is JSON's null, as in other JSON columns. A document that can't be read becomes an
    `UnreadDocument`.
    """

    impl = JSONB
    cache_ok = True
    should_evaluate_none = True

    def __init__(self, kind: Hashable) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The value's JSON. Raises TypeError for a value of another type."""
        del dialect
        known = (self.kind, UnreadDocument) if isinstance(self.kind, type) else ()
        if value is not None and known and not isinstance(value, known):
            raise TypeError(f"{value!r} is no {self.kind}")
        return to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The value of a stored JSON; an `UnreadDocument` if it can't be read."""
        del dialect
        if value is None:
            return None
        try:
            return from_json(self.kind, value)
        except Unreadable as error:
            return UnreadDocument(value, error.message)
