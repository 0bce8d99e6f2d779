"""A market's past is deterministic, gapless, and ends where the live market begins."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.factory import open_source
from paper_exchange.market.past import (
    DAY_MINUTES,
    FUNDINGS,
    MINUTES,
    DayStatistics,
    PastGenerator,
    first_prices,
    fundings,
)
from paper_exchange.market.synthetic import SyntheticMarket, specification
from paper_exchange.types import Bar, MarketEvent, MarketSource, MarketTrade, Past
from tests.support.properties import examples

BTC = next(i for i in P.INSTRUMENTS if i.symbol == "BTCUSDT" and i.category == "linear")
SOURCES = ("synthetic", "bybit", "binance", "bars")


@cache
def generator(seed: int) -> PastGenerator:
    return PastGenerator(seed, P.COINS)


def check(bars: list[Bar], first_minute: int) -> None:
    assert [bar.minute for bar in bars] == list(range(first_minute, 0))
    for bar in bars:  # the rest of what a bar must be is checked when one is made
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high


def test_the_same_seed_gives_the_same_past_and_symbols_do_not_matter() -> None:
    everything = SyntheticMarket(seed=7).history()
    assert everything == SyntheticMarket(seed=7).history()
    alone = SyntheticMarket(seed=7, symbols=["SOLUSDT"]).history()
    assert alone == {("linear", "SOLUSDT"): everything["linear", "SOLUSDT"]}
    assert everything["linear", "SOLUSDT"] != SyntheticMarket(seed=8).history()["linear", "SOLUSDT"]


def test_asking_for_the_past_changes_nothing_of_the_market() -> None:
    market = SyntheticMarket(seed=3)
    market.history()
    assert list(islice(market.events(), 500)) == list(islice(SyntheticMarket(3).events(), 500))


@settings(max_examples=examples(10))
@given(seed=st.integers(0, 2**32))
def test_a_drawn_past_has_no_gaps_and_ends_at_the_first_price(seed: int) -> None:
    market = SyntheticMarket(seed)
    prices = first_prices(market.events(), market.instruments())
    for key, past in market.history().items():
        check(list(past.bars), -MINUTES)
        assert past.bars[-1].close == prices[key]
        assert all(earlier.close == later.open for earlier, later in pairwise(past.bars))
        assert len(past.funding_rates) == (FUNDINGS if key[0] == "linear" else 0)


def test_volume_and_volatility_are_those_of_the_live_market() -> None:
    squares: dict[str, list[float]] = {}
    for seed in range(8):
        market = SyntheticMarket(seed)
        specs = {spec.key: spec for spec in market.instruments()}
        for key, past in market.history().items():
            closes = np.log([bar.close for bar in past.bars])
            squares.setdefault(key[1], []).append(float(np.mean(np.diff(closes) ** 2)))
            listed = next(i for i in P.INSTRUMENTS if (i.category, i.symbol) == key)
            unit = specs[key].tick_size * specs[key].qty_step
            usd = float(sum(bar.turnover for bar in past.bars) * unit) * DAY_MINUTES / MINUTES
            assert 0.7 < usd / listed.daily_volume_usd < 1.4
    for coin in P.COINS:
        sigma = np.sqrt(np.mean(squares[f"{coin.coin}USDT"]) * DAY_MINUTES) * 1e4
        assert 0.75 < sigma / coin.daily_sigma_bps < 1.25


def test_coins_moved_together() -> None:
    history = SyntheticMarket(seed=2).history()
    closes = [[b.close for b in past.bars] for key, past in history.items() if key[0] == "linear"]
    correlation = np.corrcoef(np.diff(np.log(closes), axis=1))
    assert np.all(correlation[np.triu_indices(4, 1)] > 0.6)


moves = st.floats(-0.05, 0.05)


@settings(max_examples=examples(25))
@given(
    seed=st.integers(0, 3),
    day=moves,
    hour=st.floats(-0.01, 0.01),
    above=st.floats(0, 0.05),
    below=st.floats(0, 0.05),
    turnover=st.floats(1e6, 1e11),
)
def test_a_recorded_day_is_met_exactly(
    seed: int, day: float, hour: float, above: float, below: float, turnover: float
) -> None:
    spec = specification(BTC)
    last = Decimal("65000.0")

    def price(factor: float) -> Decimal:
        return (last * Decimal(factor)).quantize(spec.tick_size)

    pins = [last, price(1 + day), price(1 + hour)]
    told = DayStatistics(
        last,
        day_ago=pins[1],
        hour_ago=pins[2],
        high=(max(pins) * Decimal(1 + above)).quantize(spec.tick_size),
        low=(min(pins) * Decimal(1 - below)).quantize(spec.tick_size),
        turnover=Decimal(round(turnover)),
    )
    bars = list(generator(seed).past(spec, BTC, told).bars)
    check(bars, -MINUTES)
    recent = bars[-DAY_MINUTES:]
    assert spec.price(recent[-1].close) == told.last
    assert spec.price(recent[0].open) == told.day_ago
    assert spec.price(recent[-60].open) == told.hour_ago
    assert spec.price(max(bar.high for bar in recent)) == told.high
    assert spec.price(min(bar.low for bar in recent)) == told.low
    sold = float(sum(bar.turnover for bar in recent) * spec.tick_size * spec.qty_step)
    # Each minute's volume is rounded to whole steps of about 65 USD.
    assert sold == pytest.approx(turnover, rel=1e-3, abs=65 * DAY_MINUTES / 10)


def test_what_a_ticker_did_not_tell_is_drawn() -> None:
    spec = specification(BTC)
    bars = generator(1).past(spec, BTC, DayStatistics(Decimal(65000), Decimal(64000))).bars
    assert spec.price(bars[-DAY_MINUTES].open) == 64000
    assert spec.price(bars[-1].close) == 65000


def test_funding_rates_are_mostly_the_interest_and_wander_as_measured() -> None:
    rng = np.random.default_rng(1)
    rates = np.array([[float(rate) for rate in fundings(rng)] for _ in range(20)])
    assert 0.4 < np.mean(np.isclose(rates, 1e-4, atol=1e-9)) < 0.6
    assert np.all(np.abs(rates) < 0.005)
    assert 0.6 < np.corrcoef(rates[:, :-1].ravel(), rates[:, 1:].ravel())[0, 1] < 0.95


def first_trades(source: MarketSource) -> Iterator[tuple[MarketEvent, Past]]:
    history = source.history()
    missing = set(history)
    for event in islice(source.events(), 20_000):
        key = (event.category, event.symbol)
        if isinstance(event, MarketTrade) and key in missing:
            missing.remove(key)
            yield event, history[key]


@pytest.mark.parametrize("name", SOURCES)
def test_the_live_market_goes_on_where_the_past_ends(name: str, recordings: Path) -> None:
    source = open_source(name, recordings=recordings)
    assert set(source.history()) == {spec.key for spec in source.instruments()}
    for event, past in first_trades(source):
        assert isinstance(event, MarketTrade)
        assert abs(event.price / past.bars[-1].close - 1) < 0.002
        assert len(past.bars) >= DAY_MINUTES


def test_the_recorded_tickers_day_is_what_the_past_adds_up_to(recordings: Path) -> None:
    source = open_source("bybit", recordings=recordings)
    spec = next(s for s in source.instruments() if s.key == ("linear", "BTCUSDT"))
    past = source.history()[spec.key]
    recent = past.bars[-DAY_MINUTES:]
    assert spec.price(max(bar.high for bar in recent)) == Decimal("65282.3")
    assert spec.price(min(bar.low for bar in recent)) == Decimal("64694.4")
    assert spec.price(recent[0].open) == Decimal("65008.7")
    turnover = sum(bar.turnover for bar in recent) * spec.tick_size * spec.qty_step
    assert float(turnover) == pytest.approx(1.14226e9, rel=1e-4)


def test_the_past_of_bars_is_the_recorded_one(recordings: Path) -> None:
    past = open_source("bars", recordings=recordings, symbols=["BTCUSDT"]).history()
    bars = list(past["linear", "BTCUSDT"].bars)
    check(bars, -DAY_MINUTES)
    assert bars[0].close == 1_043_378  # 104337.8 in the file
