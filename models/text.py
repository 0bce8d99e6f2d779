"""Foreign text for any column: an unstorable character is kept as its visible code.

A reason that a person typed, a name, a message of the exchange: a NUL or half of a character pair
in it must never undo the halt, the outcome or the record that it belongs to.
"""

import re
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from models.characters import code_of

_INTEGERS = 1e16
"""From here on Python writes a float with an exponent, and Postgres all of its digits."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text itself, or with each character that no column holds as its code."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub(lambda found: code_of(found.group()), text)


def storable_json(value: Any) -> Any:
    """The same for every text and name inside a JSON value, and for numbers.

    Postgres keeps a number's digits: a large float comes back as an integer, and zero without its
    sign. The hash of the read value would differ from that of the written one.
    """
    if isinstance(value, float) and (value == 0 or abs(value) >= _INTEGERS):
        return int(value) if value else 0.0
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable_json(key): storable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(item) for item in value]
    return value


class StorableText(TypeDecorator[str]):
    """A text column that takes any text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The value for Postgres, stored or compared."""
        del dialect
        return None if value is None else storable(value)
