"""Limits are read from what decisions recorded: upper ones only, of approved trades only."""

from decimal import Decimal
from typing import Any

from console.views.limit_use import LimitUse, highest, limit_uses


def _check(**changes: Any) -> dict[str, Any]:
    return {
        "name": "position_size",
        "status": "pass",
        "value": "2500",
        "limit": "10000",
        "margin": "7500",
        "unit": "USDT",
        "cap": None,
        **changes,
    }


def _uses(*checks: dict[str, Any], verdict: str = "allow") -> list[LimitUse]:
    return list(limit_uses({"verdict": verdict, "checks": list(checks)}))


def test_an_upper_limit_has_a_use() -> None:
    (use,) = _uses(_check())
    assert (use.name, use.value, use.limit, use.share) == (
        "position_size",
        Decimal(2500),
        Decimal(10000),
        0.25,
    )


def test_a_lower_bound_has_none() -> None:
    confidence = _check(name="confidence", value="0.9", limit="0.6", margin="0.3")
    assert _uses(confidence) == []


def test_denied_trades_use_nothing() -> None:
    assert _uses(_check(), verdict="deny") == []


def test_a_shrunk_trade_uses_at_most_its_cap() -> None:
    capped = _check(status="fail", value="15000", margin="-5000", cap="10000")
    (use,) = _uses(capped, verdict="shrink")
    assert use.share == 1.0


def test_words_missing_numbers_and_the_trade_s_own_size_are_no_limits() -> None:
    assert (
        _uses(
            _check(value="active", limit="active", margin=None),
            _check(value=None),
            _check(limit="0", value="0", margin="0"),
            _check(name="flip", value="5", limit="5", margin="0"),
            _check(status="skipped"),
        )
        == []
    )


def test_the_highest_use_of_each_limit_wins() -> None:
    low, high = _check(value="1", margin="9999"), _check(value="9", margin="9991")
    other = _check(name="gross_exposure")
    found = highest(_uses(low, high, other))
    assert {name: use.value for name, use in found.items()} == {
        "gross_exposure": Decimal(2500),
        "position_size": Decimal(9),
    }
