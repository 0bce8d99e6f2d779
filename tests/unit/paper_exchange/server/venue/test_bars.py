"""Bars of an interval are made of minutes."""

from paper_exchange.server.venue.bars import MINUTE_MS, bucket
from paper_exchange.server.venue.tape import Tape
from tests.unit.paper_exchange.server.market_script import SPEC, trade

MONDAY = 1_699_833_600_000  # 2023-11-13 00:00 UTC


def test_minutes_without_a_trade_are_flat() -> None:
    tape = Tape(SPEC)
    tape.on_trade(trade(MONDAY, 1000), 1)
    tape.roll(MONDAY + 3 * MINUTE_MS)
    bars = [bar for _, bar in tape.klines("1", 0, MONDAY + 3 * MINUTE_MS)]
    assert [(bar.close, bar.volume) for bar in bars] == [(1000, 10)] + [(1000, 0)] * 3


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    day = 86_400_000
    assert bucket(MONDAY + 3 * day, "W") == (MONDAY, MONDAY + 7 * day - 1)
    first, last = bucket(MONDAY, "M")
    assert (first, last + 1) == (1_698_796_800_000, 1_701_388_800_000)
