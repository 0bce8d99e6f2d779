"""Reads the fields of a notebook's dictionaries, and collects their errors."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import Any, TypeVar, cast

from bot.errors import BadMessage, FieldError
from bot.risk.manager.fields import all_refused
from models.messages import parse_plain_decimal

Choice = TypeVar("Choice", bound=StrEnum)


class FieldReader:
    """Reads fields and collects their errors."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def take_sections(self, **sections: object) -> None:
        """Notes unknown fields. Raises at once when a section can't be read at all."""
        self.errors += all_refused(sections.items())
        if not all(isinstance(each, Mapping) for each in sections.values()):
            raise BadMessage(tuple(self.errors))

    def flag(self, where: str, source: Mapping[str, Any], key: str) -> bool:
        """The boolean under `key`.

        False when it is absent or, with an error noted, not a boolean.
        """
        value = unwrapped(source.get(key))
        if value is None or isinstance(value, bool):
            return value is True
        self.wrong(f"{where}.{key}", "must be true or false")
        return False

    def money(self, where: str, source: Mapping[str, Any], key: str) -> Decimal | None:
        """The plain decimal under `key`.

        None when it is absent or, with an error noted, unreadable.
        """
        value = source.get(key)
        if value is None:
            return None
        try:
            return parse_plain_decimal(as_plain(value))
        except ValueError as error:
            self.errors.append(FieldError(f"{where}.{key}", str(error)))
            return None

    def score(self, where: str, source: Mapping[str, Any], key: str) -> float | None:
        """The finite number under `key`.

        None when it is absent or, with an error noted, unreadable.
        """
        plain = unwrapped(source.get(key))
        if isinstance(plain, float):
            # A model's score may have any float form; the rule of plain digits is for money.
            if not isfinite(plain):
                self.wrong(f"{where}.{key}", "must be a finite number")
                return None
            return plain
        number = self.money(where, source, key)
        return None if number is None else float(number)

    def moment(self, where: str, source: Mapping[str, Any], key: str) -> datetime | None:
        """A naive time is local time, in this interface only."""
        value = source.get(key)
        if value is None:
            return None
        try:
            parsed = datetime.fromisoformat(value) if isinstance(value, str) else value
            return cast(datetime, parsed).astimezone(UTC)
        except (ValueError, AttributeError, TypeError):
            self.errors.append(FieldError(f"{where}.{key}", "must be a time"))
            return None

    def choice(
        self, where: str, source: Mapping[str, Any], key: str, kind: type[Choice]
    ) -> Choice | None:
        """The member of `kind` under `key`.

        None when it is absent or, with an error noted, unknown.
        """
        value = source.get(key)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(member.value for member in kind)
            self.errors.append(FieldError(f"{where}.{key}", f"must be one of {known}"))
            return None

    def wrong(self, field_name: str, message: str) -> None:
        """Notes an error of a field, named by its path."""
        self.errors.append(FieldError(field_name, message))


def unwrapped(value: Any) -> Any:
    """numpy scalars as plain numbers."""
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value


def as_plain(value: Any) -> Any:
    """A plain number, floats by their shortest text, without exponent."""
    plain = unwrapped(value)
    if isinstance(plain, float) and isfinite(plain):
        return format(Decimal(repr(plain)), "f")
    return plain
