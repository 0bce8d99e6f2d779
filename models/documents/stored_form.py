"""The stored form of the documents, as JSON columns hold them."""

from collections.abc import Hashable, Iterator
from dataclasses import fields
from typing import Any, NoReturn

from models.documents.codec import Codec, Unreadable
from models.documents.orders import FallbackProgress


class UnreadDocument:
    """A stored document that can't be read. Every use of it raises Unreadable.

    A row with one is loaded nevertheless: it spoils no other row of a query, and its other columns
    can be used.
    """

    def __init__(self, stored: Any, why: str) -> None:
        self._stored = stored
        self._why = why

    @property
    def stored(self) -> Any:
        """The JSON as it is stored."""
        return self._stored

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unreadable(self._why)

    def __iter__(self) -> Iterator[Any]:
        raise Unreadable(self._why)

    def __contains__(self, item: object) -> bool:
        raise Unreadable(self._why)

    def __bool__(self) -> bool:
        raise Unreadable(self._why)


def to_json(value: object) -> Any:
    """A document as the plain JSON that is stored. Raises TypeError for what is none."""
    return _CODEC.encode(value)


def from_json(kind: Hashable, stored: Any) -> Any:
    """Reads back what `to_json` wrote of a value of the type `kind`.

    Raises Unreadable for anything else.
    """
    return _CODEC.decode(kind, stored, kind.__name__ if isinstance(kind, type) else str(kind))


def _without_unset(progress: FallbackProgress) -> dict[str, Any]:
    found = {each.name: getattr(progress, each.name) for each in fields(progress)}
    return {name: to_json(value) for name, value in found.items() if value is not None}


_CODEC = Codec(
    encoders={FallbackProgress: _without_unset, UnreadDocument: lambda document: document.stored},
    decoders={Any: lambda value, _: value},
    ignores_unknown=True,
)
