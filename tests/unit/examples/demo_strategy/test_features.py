"""Features come from the stream alone, are scaled, and survive what streams do."""

import itertools

import numpy as np
import pytest

from examples.demo_strategy.features import FEATURES, SAMPLE_MS, BookGapError, Sample, SymbolMarket
from paper_exchange.market.factory import open_source
from tests.unit.examples.demo_strategy.market_frames import Frame, public_frames


def btc_frames(seconds: int, seed: int = 1) -> list[Frame]:
    source = open_source("synthetic", seed=seed, symbols=["BTCUSDT"])
    return list(public_frames(source, until_ms=seconds * 1000))


def run(frames: list[Frame]) -> list[Sample]:
    market, samples = SymbolMarket("BTCUSDT"), []
    for frame in frames:
        if frame["topic"].startswith("publicTrade"):
            market.on_trades(frame)
        elif (sample := market.on_book(frame)) is not None:
            samples.append(sample)
    return samples


def book(u: int, ts: int, bid: str, ask: str, kind: str = "snapshot", size: str = "1") -> Frame:
    data = {"s": "BTCUSDT", "b": [[bid, size]], "a": [[ask, "1"]], "u": u}
    return {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": ts, "data": data}


def test_samples_come_at_a_steady_pace_with_finite_scaled_features() -> None:
    samples = run(btc_frames(60))
    times = [s.ts_ms for s in samples]
    assert len(samples) > 200
    assert min(b - a for a, b in itertools.pairwise(times)) >= SAMPLE_MS
    matrix = np.array([s.features for s in samples])
    assert matrix.shape[1] == len(FEATURES)
    assert np.isfinite(matrix).all()
    assert np.abs(matrix).max() <= 4
    assert 0.2 < matrix[:, :5].std() < 2.5


def test_a_sample_depends_on_nothing_that_comes_after_it() -> None:
    frames = btc_frames(30)
    cut = len(frames) // 2
    early, everything = run(frames[:cut]), run(frames)
    assert len(early) > 20
    for a, b in zip(early, everything, strict=False):
        assert a.ts_ms == b.ts_ms
        assert (a.features == b.features).all()


def test_more_bid_than_offered_is_a_positive_imbalance() -> None:
    market = SymbolMarket("BTCUSDT")
    samples = [market.on_book(book(i, i * SAMPLE_MS, "99", "101", size="5")) for i in range(1, 10)]
    last = samples[-1]
    assert last is not None
    assert last.features[FEATURES.index("imbalance_1")] > 0
    assert last.mid == 100
    assert last.spread_bps == pytest.approx(200)


def test_a_missing_book_update_is_noticed() -> None:
    market = SymbolMarket("BTCUSDT")
    market.on_book(book(10, 0, "99", "101"))
    market.on_book(book(11, 100, "99", "101", kind="delta"))
    with pytest.raises(BookGapError, match="update 13 after 11"):
        market.on_book(book(13, 200, "99", "101", kind="delta"))
    market.on_book(book(1, 300, "99", "101"))  # a snapshot heals it


def test_returns_are_not_measured_across_a_hole_in_the_stream() -> None:
    market = SymbolMarket("BTCUSDT")
    for i in range(1, 40):
        market.on_book(book(i, i * SAMPLE_MS, f"{99 + i % 2}", f"{101 + i % 2}"))
    after = [
        market.on_book(book(40 + i, 3_600_000 + i * SAMPLE_MS, f"{999 + i % 2}", f"{1001 + i % 2}"))
        for i in range(10)
    ]
    last = after[-1]
    assert last is not None
    at = FEATURES.index("return_20s")
    assert abs(last.features[at]) < 2.5


def test_price_history_gives_a_volatility_before_the_first_trade() -> None:
    market = SymbolMarket("BTCUSDT")
    closes = [100 * (1.001 if i % 2 else 1.0) for i in range(60)]
    market.warm_up(closes)
    samples = [market.on_book(book(i, i * SAMPLE_MS, "99", "101")) for i in range(1, 10)]
    last = samples[-1]
    assert last is not None
    assert 0.01 < last.daily_volatility < 0.06  # 10 bps a minute are about 3.8 % a day
