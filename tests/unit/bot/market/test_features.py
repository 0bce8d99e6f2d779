"""From frames to the MarketView that the gate decides on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.market.features import MarketTracker
from bot.market.frames import BookFrame, PublicTrade, TickerFrame, TradeFrame
from bot.risk.snapshot import MarketView
from models.enums import TradeSide

AT = datetime(2026, 11, 23, tzinfo=UTC)
D = Decimal


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def snapshot(seconds: float = 0, update_id: int = 1, bid: str = "100") -> BookFrame:
    bids = ((D(bid), D("2")), (D(bid) - 1, D("5")))
    asks = ((D(bid) + D("0.1"), D("1")), (D(bid) + 1, D("4")))
    return BookFrame("BTCUSDT", at(seconds), True, bids, asks, update_id)


def ticker(seconds: float, **fields: Decimal) -> TickerFrame:
    return replace(TickerFrame("BTCUSDT", at(seconds), False), **fields)


def trade(seconds: float, price: str) -> TradeFrame:
    one = PublicTrade(at(seconds), D(price), D(1), TradeSide.BUY, "t")
    return TradeFrame("BTCUSDT", (one,))


def view(tracker: MarketTracker) -> MarketView:
    found = tracker.view()
    assert found is not None
    return found


def test_there_is_no_view_before_the_first_frame() -> None:
    assert MarketTracker("BTCUSDT").view() is None


def test_the_view_holds_book_ticker_and_trades() -> None:
    tracker = MarketTracker("BTCUSDT")
    assert tracker.feed(snapshot())
    tracker.feed(
        ticker(
            0.5,
            mark=D("100.05"),
            index=D("100.02"),
            last=D("100"),
            turnover_24h=D("123456.78"),
            funding_rate=D("0.0001"),
        )
    )
    tracker.feed(trade(0.7, "100.1"))
    seen = view(tracker)
    assert (seen.bid, seen.ask, seen.last) == (D("100"), D("100.1"), D("100.1"))
    assert (seen.mark, seen.index) == (D("100.05"), D("100.02"))
    assert (seen.volume_24h, seen.funding_rate) == (D("123456.78"), 0.0001)
    assert (seen.bid_depth, seen.ask_depth) == (D("200"), D("100.1"))
    assert seen.bids[0] == (D("100"), D("2"))
    assert seen.as_of == at(0.7)
    assert seen.volatility is None


def test_a_ticker_change_keeps_what_it_does_not_mention() -> None:
    tracker = MarketTracker("BTCUSDT")
    tracker.feed(ticker(0, mark=D("100"), turnover_24h=D("5")))
    tracker.feed(ticker(1, mark=D("101")))
    seen = view(tracker)
    assert (seen.mark, seen.volume_24h, seen.as_of) == (D("101"), D("5"), at(1))


def test_a_broken_book_leaves_the_view_without_prices_and_asks_for_a_snapshot() -> None:
    tracker = MarketTracker("BTCUSDT")
    tracker.feed(snapshot())
    assert not tracker.feed(replace(snapshot(1, update_id=9), is_snapshot=False))
    seen = view(tracker)
    assert (seen.bid, seen.ask, seen.bid_depth, seen.bids) == (None, None, None, ())
    assert tracker.feed(snapshot(2, update_id=20))
    assert view(tracker).bid == D("100")


def test_after_a_gap_of_the_stream_the_book_counts_only_with_a_new_snapshot() -> None:
    tracker = MarketTracker("BTCUSDT")
    tracker.feed(snapshot())
    tracker.gap()
    assert view(tracker).bid is None
    assert not tracker.feed(replace(snapshot(1, update_id=2), is_snapshot=False))


def test_a_book_that_stands_still_does_not_borrow_the_tickers_freshness() -> None:
    tracker = MarketTracker("BTCUSDT")
    tracker.feed(snapshot())
    tracker.feed(ticker(9, mark=D("100")))
    assert view(tracker).bid == D("100")
    tracker.feed(ticker(11, mark=D("100")))
    assert view(tracker).bid is None


def test_an_old_trade_does_not_turn_back_last_or_time() -> None:
    tracker = MarketTracker("BTCUSDT")
    tracker.feed(trade(5, "105"))
    tracker.feed(trade(4, "104"))
    assert (view(tracker).last, view(tracker).as_of) == (D("105"), at(5))


def test_volatility_appears_after_its_warm_up_and_starts_from_a_seed() -> None:
    tracker, seeded = MarketTracker("BTCUSDT"), MarketTracker("BTCUSDT")
    seeded.seed_volatility(0.02)
    for second in range(30):
        frame = snapshot(second, update_id=second + 1, bid=str(100 + second % 2))
        tracker.feed(frame)
        seeded.feed(frame)
    assert view(tracker).volatility == pytest.approx(view(tracker).volatility_baseline, rel=0.05)
    short, baseline = view(seeded).volatility, view(seeded).volatility_baseline
    assert short is not None
    assert baseline is not None
    assert short > 5 * baseline


def test_a_frame_of_another_symbol_is_a_defect() -> None:
    with pytest.raises(ValueError, match="ETHUSDT"):
        MarketTracker("ETHUSDT").feed(trade(0, "1"))
