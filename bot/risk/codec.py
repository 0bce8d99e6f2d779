"""Canonical JSON of the gate's inputs and answers, so that a decision is replayed bit for bit.

`models.documents.codec` has the form. A check's result and a size factor keep their texts, so that
a record is shown as it was written even after a text has changed.
"""

import json
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar, cast

from bot.risk.decision import CheckResult, SizeFactor
from bot.risk.rule import RecordedRule, number_text
from models.amounts import plain
from models.documents.codec import (
    Codec,
    Unreadable,
    encode_float,
    mapping,
    moment_text,
    read_decimal,
    read_float,
)
from models.enums import CheckStatus, TradeBlockReason

T = TypeVar("T")
Json = dict[str, Any]

__all__ = ["Json", "Unreadable", "canonical_bytes", "from_json", "moment_text", "to_json"]


def to_json(obj: object) -> Json:
    """One of the gate's dataclasses as a plain dictionary.

    Raises TypeError for any other object.
    """
    encoded = _CODEC.encode(obj)
    if not isinstance(encoded, dict):
        raise TypeError(f"{type(obj).__name__} is not one of the gate's records")
    return encoded


def from_json(cls: type[T], data: Mapping[str, Any]) -> T:
    """Read back what `to_json` wrote; raises Unreadable."""
    return cast(T, _CODEC.decode(cast(Hashable, cls), data, cls.__name__))


def canonical_bytes(data: Mapping[str, Any]) -> bytes:
    """The one byte string of this JSON: sorted keys, no blanks, UTF-8."""
    return json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


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
        "data_age_seconds": (
            None if result.data_age_seconds is None else encode_float(result.data_age_seconds)
        ),
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


def _read_check(value: Any, at: str) -> CheckResult:
    """A stored result keeps its recorded texts; its numbers are restored as far as they are
    numbers."""
    data = mapping(value, at)
    texts = {key: data.get(key) for key in ("value", "limit", "margin", "needed", "sentence")}
    rule = RecordedRule(data["name"], TradeBlockReason(data["reason"]), data["unit"], texts)
    return CheckResult(
        rule,
        CheckStatus(data["status"]),
        texts["value"],
        texts["limit"],
        None if data["cap"] is None else read_decimal(data["cap"], f"{at}.cap"),
        None if data["data_age_seconds"] is None else read_float(data["data_age_seconds"], at),
    )


def _read_factor(value: Any, at: str) -> SizeFactor:
    data = mapping(value, at)
    return SizeFactor(
        data["name"],
        read_decimal(data["value"], f"{at}.value"),
        data["measured"],
        data["full_size"],
        data["sentence"],
    )


_CODEC = Codec(
    encoders={CheckResult: _encode_check, SizeFactor: _encode_factor},
    decoders={CheckResult: _read_check, SizeFactor: _read_factor},
)
