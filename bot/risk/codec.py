"""Canonical JSON of the gate's inputs and answers, so that a decision is replayed bit for bit.

Decimals are plain strings, floats are JSON numbers by repr (`nan`, `inf` as strings), times ISO
8601 in UTC, enums their values. Reading refuses unknown and missing keys.
"""

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from bot.errors import Refused
from bot.risk.decision import CheckResult, SizeFactor
from bot.risk.rule import RecordedRule, number_text
from models.amounts import plain
from models.enums import CheckStatus, TradeBlockReason

T = TypeVar("T")
Json = dict[str, Any]


class Unreadable(Refused, ValueError):
    """The JSON does not have the written form; the text names the place."""


def to_json(obj: object) -> Json:
    """One of the gate's dataclasses as a plain dictionary.

    Raises TypeError for any other object.
    """
    encoded = _encode(obj)
    if not isinstance(encoded, dict):
        raise TypeError(f"{type(obj).__name__} is not one of the gate's records")
    return encoded


def from_json(cls: type[T], data: Mapping[str, Any]) -> T:
    """Read back what `to_json` wrote; raises Unreadable."""
    return cast(T, _decoder(cast(Hashable, cls))(data, cls.__name__))


def canonical_bytes(data: Mapping[str, Any]) -> bytes:
    """The one byte string of this JSON: sorted keys, no blanks, UTF-8."""
    return json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def moment_text(value: datetime) -> str:
    """ISO 8601 in UTC; a naive time keeps its lack of a zone, so that replay refuses it again."""
    return (value if value.utcoffset() is None else value.astimezone(UTC)).isoformat()


def _encode(value: object) -> Any:
    encode = _ENCODERS.get(type(value))
    if encode is not None:
        return encode(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {name: _encode(getattr(value, name)) for name in _names(cast(Hashable, type(value)))}
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(_encode, value))
    if isinstance(value, (tuple, list)):
        return [_encode(item) for item in value]
    raise TypeError(f"no canonical JSON for {type(value).__name__}")


def _encode_check(result: CheckResult) -> Json:
    return {
        "name": result.name,
        "status": result.status.value,
        "reason": result.reason.value,
        "value": result.value,
        "limit": result.limit,
        "margin": result.margin,
        "unit": result.unit,
        "needed": result.needed,
        "sentence": result.sentence,
        "data_age_seconds": _encode(result.data_age_seconds),
        "cap": None if result.cap is None else plain(result.cap),
    }


def _encode_factor(factor: SizeFactor) -> Json:
    return {
        "name": factor.name,
        "value": plain(factor.value),
        "measured": number_text(factor.measured),
        "full_size": number_text(factor.full_size),
        "sentence": factor.sentence,
    }


def _encode_float(value: float) -> float | str:
    return value if isfinite(value) else repr(value)


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    NoneType: lambda value: value,
    bool: lambda value: value,
    int: lambda value: value,
    str: lambda value: value,
    float: _encode_float,
    Decimal: plain,
    datetime: moment_text,
    CheckResult: _encode_check,
    SizeFactor: _encode_factor,
}

Decoder = Callable[[Any, str], Any]


@cache
def _names(cls: Hashable) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cast(Any, cls)))


@cache
def _decoder(hint: Hashable) -> Decoder:
    if hint in _DECODERS:
        return _DECODERS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (inner,) = (_decoder(argument) for argument in arguments if argument is not NoneType)
        return lambda value, at: None if value is None else inner(value, at)
    if origin is tuple:
        return _tuple_decoder(arguments)
    if origin is frozenset:
        item = _decoder(arguments[0])
        return lambda value, at: frozenset(item(each, at) for each in _sequence(value, at))
    if origin in (dict, Mapping):
        item = _decoder(arguments[1])
        return lambda value, at: {k: item(v, f"{at}.{k}") for k, v in _mapping(value, at).items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value, at: _guard(hint, value, at)
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass_decoder(hint)
    raise TypeError(f"no reader for {hint!r}")


def _tuple_decoder(arguments: tuple[Any, ...]) -> Decoder:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item = _decoder(arguments[0])
        return lambda value, at: tuple(
            item(each, f"{at}[{i}]") for i, each in enumerate(_sequence(value, at))
        )
    items = [_decoder(argument) for argument in arguments]

    def read(value: Any, at: str) -> tuple[Any, ...]:
        values = _sequence(value, at)
        if len(values) != len(items):
            raise Unreadable(f"{at}: {len(items)} values expected, {len(values)} found")
        return tuple(
            item(each, f"{at}[{i}]")
            for i, (item, each) in enumerate(zip(items, values, strict=True))
        )

    return read


def _dataclass_decoder(cls: type) -> Decoder:
    hints = get_type_hints(cls)
    required = {
        f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
    }
    readers = {name: _decoder(hints[name]) for name in _names(cls)}

    def read(value: Any, at: str) -> Any:
        data = _mapping(value, at)
        if unknown := data.keys() - readers.keys():
            raise Unreadable(f"{at}: unknown {', '.join(sorted(unknown))}")
        if missing := required - data.keys():
            raise Unreadable(f"{at}: {', '.join(sorted(missing))} missing")
        return cls(**{name: readers[name](item, f"{at}.{name}") for name, item in data.items()})

    return read


def _read_check(value: Any, at: str) -> CheckResult:
    """A stored result keeps its recorded texts; its numbers are restored as far as they are
    numbers."""
    data = _mapping(value, at)
    texts = {key: data.get(key) for key in ("value", "limit", "margin", "needed", "sentence")}
    rule = RecordedRule(data["name"], TradeBlockReason(data["reason"]), data["unit"], texts)
    return CheckResult(
        rule,
        CheckStatus(data["status"]),
        texts["value"],
        texts["limit"],
        None if data["cap"] is None else _read_decimal(data["cap"], f"{at}.cap"),
        None if data["data_age_seconds"] is None else _read_float(data["data_age_seconds"], at),
    )


def _read_factor(value: Any, at: str) -> SizeFactor:
    data = _mapping(value, at)
    return SizeFactor(
        data["name"],
        _read_decimal(data["value"], f"{at}.value"),
        data["measured"],
        data["full_size"],
        data["sentence"],
    )


def _read_decimal(value: Any, at: str) -> Decimal:
    if not isinstance(value, str):
        raise Unreadable(f"{at}: a decimal is written as a string")
    return cast(Decimal, _guard(Decimal, value, at))


def _read_float(value: Any, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unreadable(f"{at}: {value!r} is not a number")
    return cast(float, _guard(float, value, at))


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


def _mapping(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Unreadable(f"{at}: an object is expected")
    return value


def _sequence(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"{at}: a list is expected")
    return value


_DECODERS: dict[Any, Decoder] = {
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    float: _read_float,
    Decimal: _read_decimal,
    datetime: _read_moment,
    CheckResult: _read_check,
    SizeFactor: _read_factor,
}
