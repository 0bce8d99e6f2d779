"""JSON envelopes and number formats of the wire: no exponents, no floats for money."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode

SHORTEST = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?\Z")
"""A number in its shortest form: `0.031`, neither `0.0310` nor `00.031`."""
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
"""A number that Bybit accepts in a string; `1e-05`, `.5`, `+1` and ` 1` are not."""


def dumps(value: object) -> str:
    """The value as compact JSON."""
    return _encode(value)


def plain(value: Decimal) -> str:
    """The number in plain digits, without an exponent."""
    return format(value, "f")


def trimmed(value: Decimal) -> str:
    """The number without trailing zeros, as Bybit shows ratios and totals."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def envelope(result: Mapping[str, Any], now_ms: int, ret_ext: Mapping[str, Any]) -> str:
    """Bybit's envelope of a successful answer; time in milliseconds."""
    return _encode(
        {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": ret_ext, "time": now_ms}
    )


def error(ret_code: int, ret_msg: str, now_ms: int) -> str:
    """Bybit's envelope of a refused request; time in milliseconds."""
    return _encode(
        {"retCode": ret_code, "retMsg": ret_msg, "result": {}, "retExtInfo": {}, "time": now_ms}
    )


class UnitFormat:
    """Writes integer multiples of a tick or step as fixed-point text, without Decimal's cost."""

    __slots__ = ("_decimals", "_multiplier", "_scale")

    def __init__(self, unit: Decimal) -> None:
        exponent = unit.as_tuple().exponent
        if not isinstance(exponent, int):
            raise ValueError(f"unit must be finite: {unit}")
        self._decimals = max(0, -exponent)
        self._scale = 10**self._decimals
        self._multiplier = int(unit * self._scale)

    def __call__(self, units: int) -> str:
        number = units * self._multiplier
        if not self._decimals:
            return str(number)
        sign = "-" if number < 0 else ""
        whole, part = divmod(abs(number), self._scale)
        return f"{sign}{whole}.{part:0{self._decimals}d}"
