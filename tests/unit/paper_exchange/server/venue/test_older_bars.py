from itertools import pairwise

import pytest

from paper_exchange.server.venue.bars import DAY_MINUTES, INTERVAL_MINUTES, MINUTE_MS, MONTH
from paper_exchange.server.venue.tape import Tape
from paper_exchange.types import Bar, Past
from tests.unit.paper_exchange.server.market_script import SPEC

NOON = 1_700_006_400_000 - 1_700_006_400_000 % (DAY_MINUTES * MINUTE_MS) + 12 * 3_600_000
DAY_MS = DAY_MINUTES * MINUTE_MS


@pytest.fixture(scope="module")
def tape() -> Tape:
    """Two days of minutes; the first known one is at noon."""
    tape = Tape(SPEC)
    known = [Bar(m, 1000, 1010, 990, 1000, 7, 7000) for m in range(-2 * DAY_MINUTES, 0)]
    tape.load_past(Past(known), NOON)
    tape.draw_older()
    return tape


@pytest.mark.parametrize("interval", [name for name in INTERVAL_MINUTES if name != "W"])
def test_a_thousand_bars_of_every_interval_follow_each_other(tape: Tape, interval: str) -> None:
    length = INTERVAL_MINUTES[interval] * MINUTE_MS
    bars = tape.klines(interval, NOON - 1000 * length, NOON - 1)
    assert len(bars) >= 1000
    for (end, earlier), (_, later) in pairwise(bars):
        assert later.start == end + 1 == earlier.start + length
        assert later.open == earlier.close
        assert earlier.low <= min(earlier.open, earlier.close)
        assert earlier.volume > 0


@pytest.mark.parametrize("interval", ["60", "D", "W", MONTH])
def test_longer_bars_hold_exactly_their_minutes(tape: Tape, interval: str) -> None:
    [*_, (end, bar)] = tape.klines(interval, 0, NOON - 4 * DAY_MS)
    minutes = [minute for _, minute in tape.klines("1", bar.start, end)]
    assert bar.open == minutes[0].open
    assert bar.close == minutes[-1].close
    assert bar.high == max(minute.high for minute in minutes)
    assert bar.low == min(minute.low for minute in minutes)
    assert bar.volume == sum(minute.volume for minute in minutes)
    assert bar.turnover == sum(minute.turnover for minute in minutes)


def test_the_bar_of_the_first_known_minute_holds_the_drawn_ones_too(tape: Tape) -> None:
    first = NOON - 2 * DAY_MS
    [(_, day)] = tape.klines("D", first - 12 * 3_600_000, first)
    assert day.volume > 12 * 60 * 7
    assert day.close == 1000


def test_weeks_and_months_reach_a_thousand_days_back(tape: Tape) -> None:
    assert len(tape.klines("W", 0, NOON)) >= 143
    assert len(tape.klines(MONTH, 0, NOON)) >= 33


def test_marks_have_the_trades_past_and_the_premium_none(tape: Tape) -> None:
    start = NOON - 30 * DAY_MS
    marks = tape.mark_bars.klines("D", start, NOON)
    assert [bar.close for bar in marks] == [bar.close for _, bar in tape.klines("D", start, NOON)]
    premium = tape.premium_bars.klines("D", start, NOON)
    assert {(bar.open, bar.high, bar.low, bar.close) for bar in premium} == {(0, 0, 0, 0)}
