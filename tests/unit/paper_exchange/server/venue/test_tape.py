from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.server.venue.bars import MINUTE_MS, bucket
from paper_exchange.server.venue.tape import Tape
from paper_exchange.types import Bar, Past
from tests.unit.paper_exchange.server.market_script import SPEC, mark, trade

MONDAY = 1_699_833_600_000  # 2023-11-13 00:00 UTC


@given(
    st.lists(st.tuples(st.integers(0, 90_000), st.integers(900, 1100), st.integers(1, 50))),
    st.sampled_from(["1", "3", "5", "15", "60", "D"]),
)
def test_bars_hold_exactly_what_was_traded(
    steps: list[tuple[int, int, int]], interval: str
) -> None:
    tape, now = Tape(SPEC), MONDAY
    trades = []
    for gap, price, qty in steps:
        now += gap
        trades.append((now, price, qty))
        tape.on_trade(trade(now, price, qty), 1)
    bars = [bar for _, bar in tape.klines(interval, 0, now)]
    assert sum(bar.volume for bar in bars) == sum(qty for _, _, qty in trades)
    assert sum(bar.turnover for bar in bars) == sum(p * q for _, p, q in trades)
    for bar in bars:
        inside = [p for t, p, _ in trades if bucket(t, interval)[0] == bar.start]
        if inside:
            assert (bar.high, bar.low, bar.close) == (max(inside), min(inside), inside[-1])
    starts = [bar.start for bar in bars]
    length = bucket(MONDAY, interval)[1] - MONDAY + 1
    assert starts == list(range(starts[0], starts[-1] + 1, length)) if starts else True


def test_tick_directions_tell_zero_moves_by_the_last_real_one() -> None:
    tape = Tape(SPEC)
    told = [tape.on_trade(trade(MONDAY + i, p), i).tick for i, p in enumerate((5, 6, 6, 5, 5))]
    assert told == ["PlusTick", "PlusTick", "ZeroPlusTick", "MinusTick", "ZeroMinusTick"]


def test_funding_is_noted_when_its_time_has_passed() -> None:
    tape = Tape(SPEC)
    tape.on_mark(mark(MONDAY + 1, "100"))
    assert not tape.fundings
    tape.on_mark(mark(MONDAY + 8 * 3_600_000 + 1, "100"))
    assert [(t, str(rate)) for t, rate in tape.fundings] == [(MONDAY + 8 * 3_600_000, "0.0001")]


def test_the_past_of_the_source_ends_where_its_first_minute_begins() -> None:
    tape = Tape(SPEC)
    bars = [Bar(m, 1000, 1010, 990, 1005, 7, 7000) for m in (-3, -2, -1)]
    start = MONDAY + 8 * 3_600_000 + 30_000
    tape.load_past(Past(bars, [Decimal("0.0001"), Decimal("0.0002")]), start)
    tape.on_trade(trade(start + 10, 1004), 1)
    told = [(bar.start - start + 30_000, bar.volume) for _, bar in tape.klines("1", 0, start)]
    assert told == [(-180_000, 7), (-120_000, 7), (-60_000, 7), (0, 10)]
    assert [(t - MONDAY, str(r)) for t, r in tape.fundings] == [
        (0, "0.0001"),
        (8 * 3_600_000, "0.0002"),
    ]


def test_the_day_is_the_last_1440_finished_minutes_and_the_running_one() -> None:
    tape = Tape(SPEC)
    bars = [Bar(m, 1000 - m, 3000, 900 + m % 7, 999 - m, 2, 4000) for m in range(-1500, 0)]
    tape.load_past(Past(bars), MONDAY + 30_000)
    assert tape.last_price == 1000
    unit = SPEC.tick_size * SPEC.qty_step
    day = tape.day(MONDAY + 30_000)
    assert Decimal(day["turnover24h"]) == 1440 * 4000 * unit
    assert Decimal(day["volume24h"]) == 1440 * 2 * SPEC.qty_step
    assert Decimal(day["prevPrice24h"]) == SPEC.price(1000 + 1440)
    assert Decimal(day["prevPrice1h"]) == SPEC.price(1000 + 60)
    tape.on_trade(trade(MONDAY + 31_000, 3100, 5), 1)
    day = tape.day(MONDAY + 31_000)
    assert Decimal(day["turnover24h"]) == (1440 * 4000 + 5 * 3100) * unit
    assert Decimal(day["highPrice24h"]) == SPEC.price(3100)
    assert Decimal(day["lowPrice24h"]) == SPEC.price(900)
    assert day["price24hPcnt"] == "0.270492"  # 3100 / 2440 - 1
    day = tape.day(MONDAY + MINUTE_MS)
    assert Decimal(day["turnover24h"]) == (1439 * 4000 + 5 * 3100) * unit


def test_marks_move_an_hour_whose_earlier_minutes_have_traded() -> None:
    tape = Tape(SPEC)
    start = MONDAY + 8 * 3_600_000 + 30 * MINUTE_MS
    tape.load_past(Past([Bar(-1, 1000, 1010, 990, 1005, 7, 7000)]), start)
    tape.on_mark(mark(start + 1, "110"))
    [hour] = tape.mark_bars.klines("60", start - 3_600_000 + 1, start)
    assert (hour.open, hour.high, hour.low, hour.close) == (1000, 1100, 990, 1100)
    [minute] = [bar for _, bar in tape.klines("1", 0, start) if bar.volume]
    assert (minute.high, minute.close) == (1010, 1005)
    assert tape.mark_bars.bars[0] is tape.bars[0]  # shared, not copied
