"""Columns of a closed vocabulary: text in Postgres, a member of its enum in Python."""

from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from config.errors import MlriskError

E = TypeVar("E", bound=StrEnum)


class UnknownValue(MlriskError, ValueError):
    """A column holds an unknown word."""


class StoredEnum(TypeDecorator[E]):
    """Stores a member as its value and reads the value back as the member.

    The column stays plain text, so that a new member needs no migration. A word that nobody knows
    (a row that was written by hand or by a later version) is read as `unknown`. Without one it
    raises UnknownValue when it is read.
    """

    impl = Text
    cache_ok = True

    def __init__(self, vocabulary: type[E], unknown: E | None = None) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.unknown = unknown
        self._members = {member.value: member for member in vocabulary}

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        """The word for Postgres, stored or compared. A plain word is taken too."""
        del dialect
        return None if value is None else self.vocabulary(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        """The member of a stored word. Raises UnknownValue where there is none."""
        del dialect
        if value is None:
            return None
        found = self._members.get(value, self.unknown)
        if found is None:
            raise UnknownValue(f"{value!r} is no {self.vocabulary.__name__}")
        return found
