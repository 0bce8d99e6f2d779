"""Bars become ticks that lose nothing: volume to the step, and every price of the bar."""

import gzip
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.market.bars import TICKS_PER_BAR, BarMarket, expand
from paper_exchange.market.factory import open_source
from paper_exchange.types import Bar, BookUpdate, MarketTrade, MarkUpdate
from tests.unit.paper_exchange.market.books import replay

prices = st.integers(1, 2_000_000)


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    low, high = sorted((draw(prices), draw(prices)))
    inside = st.integers(low, high)
    volume = draw(st.one_of(st.integers(0, 200), st.integers(0, 10**13)))
    return Bar(0, draw(inside), high, low, draw(inside), volume, low * volume)


@given(bar=bars(), seed=st.integers(0, 2**32))
def test_volumes_add_up_exactly_and_none_is_negative(bar: Bar, seed: int) -> None:
    ticks = expand(bar, np.random.default_rng(seed))
    assert sum(ticks.volumes) == bar.volume
    assert min(ticks.volumes) >= 0
    assert len(ticks.volumes) == len(ticks.prices) == TICKS_PER_BAR


@given(bar=bars(), seed=st.integers(0, 2**32))
def test_the_path_stays_in_the_bar_and_touches_all_of_its_prices(bar: Bar, seed: int) -> None:
    ticks = expand(bar, np.random.default_rng(seed))
    assert (ticks.prices[0], ticks.prices[-1]) == (bar.open, bar.close)
    assert (min(ticks.prices), max(ticks.prices)) == (bar.low, bar.high)
    if bar.volume >= 4:
        traded = [p for p, v in zip(ticks.prices, ticks.volumes, strict=True) if v]
        assert (traded[0], traded[-1]) == (bar.open, bar.close)
        assert (min(traded), max(traded)) == (bar.low, bar.high)


@pytest.mark.parametrize(
    "wrong", [(5, 4, 3, 4, 1), (3, 5, 4, 5, 1), (4, 5, 3, 6, 1), (4, 5, 0, 4, 1), (4, 5, 3, 4, -1)]
)
def test_what_is_not_a_bar_is_refused(wrong: tuple[int, int, int, int, int]) -> None:
    opened, high, low, close, volume = wrong
    with pytest.raises(ValueError, match=r"bar|volume"):
        Bar(0, opened, high, low, close, volume, low * volume)


def write_bars(folder: Path, symbol: str, first_minute: int, rows: list[str]) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["timestamp,open,high,low,close,volume"]
    for i, row in enumerate(rows):
        lines.append(f"{start + timedelta(minutes=first_minute + i)},{row}")
    text = "\n".join(lines) + "\n"
    (folder / f"{symbol}_1m.csv.gz").write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "bybit_linear_1m_20260101"
    place.mkdir()
    btc = ["100000.0,100010.5,99990.0,100005.0,12.345", "100005.0,100005.0,99900.1,99950.0,0.003"]
    doge = ["0.10000,0.10010,0.09990,0.10001,70000", "0.10001,0.10001,0.10001,0.10001,0"]
    write_bars(place, "BTCUSDT", 0, [*btc, "99950.0,99950.0,99950.0,99950.0,1.000"])
    write_bars(place, "DOGEUSDT", 1, [*doge, "0.10001,0.10002,0.10000,0.10002,5"])
    return place


def one_pass(folder: Path) -> list[object]:
    """Minutes 1 and 2 are what both symbols have."""
    market = BarMarket(folder, seed=1)
    return list(market._one_pass())


def test_a_pass_covers_the_minutes_that_all_symbols_have(folder: Path) -> None:
    events = one_pass(folder)
    traded = {"BTCUSDT": 0, "DOGEUSDT": 0}
    for event in events:
        if isinstance(event, MarketTrade):
            traded[event.symbol] += event.qty
    assert traded == {"BTCUSDT": 3 + 1000, "DOGEUSDT": 70000}


def test_trades_take_what_the_book_displays_and_books_never_cross(folder: Path) -> None:
    last = 0
    for event, bids, asks in replay(islice(BarMarket(folder, seed=1).events(), 4000)):
        assert event.ts_ms >= last
        last = event.ts_ms
        if isinstance(event, BookUpdate) and bids and asks:
            assert max(bids) < min(asks)
        if isinstance(event, MarketTrade):
            side = asks if event.side == "Buy" else bids
            assert event.price == (min(asks) if event.side == "Buy" else max(bids))
            assert event.qty <= side[event.price]


def test_after_a_pass_time_goes_on_and_books_begin_anew(folder: Path) -> None:
    passing = one_pass(folder)
    events = list(islice(BarMarket(folder, seed=1).events(), 2 * len(passing)))
    assert events[: len(passing)] == passing
    again = events[len(passing) :]
    assert again[0].ts_ms > events[len(passing) - 1].ts_ms
    firsts: dict[str, object] = {}
    for event in again:
        firsts.setdefault(event.symbol, event)
    assert all(isinstance(e, BookUpdate) and e.snapshot for e in firsts.values())


def test_marks_follow_the_path(folder: Path) -> None:
    marks = [e for e in one_pass(folder) if isinstance(e, MarkUpdate) and e.symbol == "BTCUSDT"]
    assert marks
    assert all(99900 <= (m.mark_price or 0) <= 100005 for m in marks)


def test_symbols_without_bars_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(ValueError, match="ETHUSDT"):
        BarMarket(folder, symbols=["ETHUSDT"])


def test_a_bar_off_the_tick_is_refused(tmp_path: Path) -> None:
    write_bars(tmp_path, "BTCUSDT", 0, ["100000.05,100010,99990,100005,1"])
    with pytest.raises(ValueError, match="multiple"):
        next(BarMarket(tmp_path).events())


def test_recorded_bars_keep_their_volume(recordings: Path) -> None:
    source = open_source("bars", seed=3, symbols=["BTCUSDT", "ADAUSDT"], recordings=recordings)
    minutes = 5
    traded: dict[str, int] = {}
    for event in source.events():
        if event.ts_ms >= minutes * 60_000:
            break
        if isinstance(event, MarketTrade):
            traded[event.symbol] = traded.get(event.symbol, 0) + event.qty
    # Sums of the files' rows from 2025-05-31 16:40, a day after the first minute that both
    # have, are not copied here; they are read again, by other means.
    (place,) = recordings.glob("bybit_linear_1m_*")
    for symbol, unit in (("BTCUSDT", 1000), ("ADAUSDT", 1)):
        with gzip.open(place / f"{symbol}_1m.csv.gz", "rt") as lines:
            rows = [line.split(",") for line in lines if line.startswith("2025-05-31 16:4")]
        volumes = [round(float(r[5]) * unit) for r in rows if r[0] >= "2025-05-31 16:40"]
        assert traded[symbol] == sum(volumes[:minutes])
