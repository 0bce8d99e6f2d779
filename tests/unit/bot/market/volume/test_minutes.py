"""From an exchange's minutes to bars: gaps are filled, outages cut off, nothing made up."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.market.bars import Bar
from bot.market.volume.minutes import LONGEST_GAP_MINUTES, row_of, since_last_outage
from bot.market.volume.panel import minute_of

ROW = (12.0, 9.0, 11.0, 5.0)


def test_a_minute_of_the_exchange_is_high_low_close_and_volume() -> None:
    start = datetime(2026, 8, 9, 12, tzinfo=UTC)
    prices = [Decimal(p) for p in ("10", "12", "9", "11")]
    assert row_of(Bar(start, *prices, Decimal("5"), Decimal("55"))) == (minute_of(start), ROW)


def test_a_minute_without_a_row_had_no_trade() -> None:
    bars = since_last_outage("AAAUSDT", [(7, ROW), (9, ROW)])
    assert (bars.first_minute, bars.end_minute) == (7, 10)
    assert bars.volume.tolist() == [5.0, 0.0, 5.0]
    assert bars.high.tolist() == [12.0, 11.0, 12.0]


def test_bars_begin_after_the_last_outage() -> None:
    later = 8 + LONGEST_GAP_MINUTES + 1
    assert since_last_outage("AAAUSDT", [(7, ROW), (8, ROW), (later - 1, ROW)]).first_minute == 7
    rows = [(7, ROW), (8, ROW), (later, ROW), (later + 1, ROW)]
    assert since_last_outage("AAAUSDT", rows).first_minute == later


@pytest.mark.parametrize("rows", [[], [(7, ROW), (7, ROW)], [(7, (12.0, 9.0, 11.0, -1.0))]])
def test_what_makes_no_bars_is_refused(
    rows: list[tuple[int, tuple[float, float, float, float]]],
) -> None:
    with pytest.raises(ValueError, match=r"no minutes|time order|volume"):
        since_last_outage("AAAUSDT", rows)
