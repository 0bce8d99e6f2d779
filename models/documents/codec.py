"""Canonical JSON of frozen dataclasses, for records that are stored and read back.

Decimals are plain strings, floats are JSON numbers by repr (`nan`, `inf` as strings), times ISO
8601 in UTC, enums their values. Reading refuses missing keys, and unknown ones unless told
otherwise.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from config.errors import Refused
from models.amounts import plain

Encoder = Callable[[Any], Any]
"""Turns a value into plain JSON."""
Decoder = Callable[[Any, str], Any]
"""Reads a value of plain JSON; the text is its place, for errors."""


class Unreadable(Refused, ValueError):
    """The JSON does not have the written form; the text names the place."""


class Codec:
    """Writes and reads records.

    `encoders` and `decoders` have the types with a form of their own. With `ignores_unknown` the
    keys of a later version are left out instead of refused.
    """

    def __init__(
        self,
        encoders: Mapping[type, Encoder] | None = None,
        decoders: Mapping[Hashable, Decoder] | None = None,
        *,
        ignores_unknown: bool = False,
    ) -> None:
        self._encoders = {**_ENCODERS, **(encoders or {})}
        self._decoders: dict[Hashable, Decoder] = {**_DECODERS, **(decoders or {})}
        self._ignores_unknown = ignores_unknown

    def encode(self, value: object) -> Any:
        """The value as plain JSON. Raises TypeError for a type without a form."""
        encode = self._encoders.get(type(value))
        if encode is not None:
            return encode(value)
        if isinstance(value, Enum):
            return value.value
        if is_dataclass(value):
            names = _names(cast(Hashable, type(value)))
            return {name: self.encode(getattr(value, name)) for name in names}
        if isinstance(value, Mapping):
            return {str(key): self.encode(item) for key, item in value.items()}
        if isinstance(value, (set, frozenset)):
            return sorted(map(self.encode, value))
        if isinstance(value, (tuple, list)):
            return [self.encode(item) for item in value]
        raise TypeError(f"no canonical JSON for {type(value).__name__}")

    def decode(self, hint: Hashable, value: Any, at: str) -> Any:
        """Reads what `encode` wrote of a value of the type `hint`; `at` is its place.

        Raises Unreadable for anything else.
        """
        return self._decoder(hint)(value, at)

    def _decoder(self, hint: Hashable) -> Decoder:
        known = self._decoders.get(hint)
        if known is None:
            known = self._decoders[hint] = self._made(hint)
        return known

    def _made(self, hint: Hashable) -> Decoder:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            (inner,) = (self._decoder(each) for each in arguments if each is not NoneType)
            return lambda value, at: None if value is None else inner(value, at)
        if origin is tuple:
            return self._tuple_decoder(arguments)
        if origin is frozenset:
            item = self._decoder(arguments[0])
            return lambda value, at: frozenset(item(each, at) for each in _sequence(value, at))
        if origin in (dict, Mapping):
            item = self._decoder(arguments[1])
            return lambda value, at: {
                key: item(each, f"{at}.{key}") for key, each in mapping(value, at).items()
            }
        if isinstance(hint, type) and issubclass(hint, Enum):
            return lambda value, at: _guard(hint, value, at)
        if isinstance(hint, type) and is_dataclass(hint):
            return self._dataclass_decoder(hint)
        raise TypeError(f"no reader for {hint!r}")

    def _tuple_decoder(self, arguments: tuple[Any, ...]) -> Decoder:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            item = self._decoder(arguments[0])
            return lambda value, at: tuple(
                item(each, f"{at}[{i}]") for i, each in enumerate(_sequence(value, at))
            )
        items = [self._decoder(argument) for argument in arguments]

        def read(value: Any, at: str) -> tuple[Any, ...]:
            values = _sequence(value, at)
            if len(values) != len(items):
                raise Unreadable(f"{at}: {len(items)} values expected, {len(values)} found")
            return tuple(
                item(each, f"{at}[{i}]")
                for i, (item, each) in enumerate(zip(items, values, strict=True))
            )

        return read

    def _dataclass_decoder(self, cls: type) -> Decoder:
        hints = get_type_hints(cls)
        required = {
            f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
        }
        readers = {name: self._decoder(hints[name]) for name in _names(cls)}

        def read(value: Any, at: str) -> Any:
            data = mapping(value, at)
            unknown = data.keys() - readers.keys()
            if unknown and not self._ignores_unknown:
                raise Unreadable(f"{at}: unknown {', '.join(sorted(unknown))}")
            if missing := required - data.keys():
                raise Unreadable(f"{at}: {', '.join(sorted(missing))} missing")
            known = (name for name in data if name in readers)
            return cls(**{name: readers[name](data[name], f"{at}.{name}") for name in known})

        return read


def moment_text(value: datetime) -> str:
    """ISO 8601 in UTC; a naive time keeps its lack of a zone, so that replay refuses it again."""
    return (value if value.utcoffset() is None else value.astimezone(UTC)).isoformat()


def encode_float(value: float) -> float | str:
    """The number, or a word for one that JSON lacks."""
    return value if isfinite(value) else repr(value)


def read_decimal(value: Any, at: str) -> Decimal:
    """A decimal from its digits. Raises Unreadable for anything else."""
    if not isinstance(value, str):
        raise Unreadable(f"{at}: a decimal is written as a string")
    return cast(Decimal, _guard(Decimal, value, at))


def read_float(value: Any, at: str) -> float:
    """A float from a JSON number or its word. Raises Unreadable for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unreadable(f"{at}: {value!r} is not a number")
    return cast(float, _guard(float, value, at))


def mapping(value: Any, at: str) -> Mapping[str, Any]:
    """A JSON object. Raises Unreadable for anything else."""
    if not isinstance(value, Mapping):
        raise Unreadable(f"{at}: an object is expected")
    return value


def _read_moment(value: Any, at: str) -> datetime:
    return cast(datetime, _guard(datetime.fromisoformat, value, at))


def _exactly(kind: type) -> Decoder:
    def read(value: Any, at: str) -> Any:
        if type(value) is not kind:
            raise Unreadable(f"{at}: {value!r} is not {kind.__name__}")
        return value

    return read


def _guard(make: Callable[[Any], Any], value: Any, at: str) -> Any:
    try:
        return make(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise Unreadable(f"{at}: {value!r} is not readable") from error


def _sequence(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"{at}: a list is expected")
    return value


@cache
def _names(cls: Hashable) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cast(Any, cls)))


_ENCODERS: Mapping[type, Encoder] = {
    NoneType: lambda value: value,
    bool: lambda value: value,
    int: lambda value: value,
    str: lambda value: value,
    float: encode_float,
    Decimal: plain,
    datetime: moment_text,
}
_DECODERS: Mapping[Hashable, Decoder] = {
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    float: read_float,
    Decimal: read_decimal,
    datetime: _read_moment,
}
