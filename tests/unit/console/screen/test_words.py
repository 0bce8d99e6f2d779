"""Sparklines, durations and money on the screen."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from console.screen import words

NOW = datetime(2025, 6, 1, 12, 0, 10, tzinfo=UTC)


def test_sparklines_and_bars_have_their_width() -> None:
    assert words.sparkline([Decimal(i) for i in range(100)], 10)[-1] == "█"
    assert len(words.sparkline([Decimal(i) for i in range(100)], 10)) == 10
    assert words.sparkline([Decimal(5)] * 3, 10) == "▄▄▄"
    assert words.sparkline([], 10) == ""
    assert words.bar(0.5, 8) == "████░░░░"
    assert words.bar(7.0, 8) == "█" * 8


def test_durations_and_money_read_well() -> None:
    assert [words.seconds(s) for s in (0.04, 59, 900, 90_000, None)] == [
        "0.0 s",
        "59 s",
        "15 min",
        "25 h",
        "–",
    ]
    assert words.money(Decimal("-1234567.895")) == "-1,234,567.90"
    assert words.money(None) == "–"
    assert words.price(Decimal("0.070512345")) == "0.0705123"
    assert words.price(Decimal("65123.45")) == "65123.4"
    assert words.short_id("demo-123456789", 6) == "…56789"
    assert words.clock(NOW + timedelta(hours=1)) == "13:00:10"
