"""Recorded and hand-written frames of Bybit become typed events."""

import io
import json
import os
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bot.exchange.bybit.frames import Control, ControlKind, StreamEvent, control, events
from bot.exchange.bybit.parse import UnreadableRow, instrument
from bot.exchange.protocol import ExchangePosition
from bot.market.codec import from_dict, to_dict
from bot.market.features import MarketTracker
from bot.market.frames import BookFrame, TickerFrame, TradeFrame
from models.enums import TradeSide

D = Decimal


def typed(frame: dict[str, Any]) -> list[StreamEvent]:
    return list(events(frame, category="linear", settle_coin="USDT"))


@lru_cache(maxsize=1)
def recorded() -> list[dict[str, Any]]:
    folder = os.environ.get("MLRISK_RECORDINGS")
    path = Path(folder or "") / "bybit_v5_ws_20260809.jsonl.zst"
    if not folder or not path.is_file():
        pytest.skip("MLRISK_RECORDINGS has no recorded Bybit session")
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        return [json.loads(line) for line in io.TextIOWrapper(stream, "utf-8")]


def test_a_recorded_linear_session_gives_whole_views_and_no_book_breaks() -> None:
    trackers: dict[str, MarketTracker] = {}
    kinds: Counter[str] = Counter()
    linear = next(r["conn"] for r in recorded() if str(r.get("addr", "")).endswith("linear"))
    for row in recorded():
        if row["t"] != "recv" or row["conn"] != linear:
            continue
        frame = json.loads(row["data"])
        if control(frame) is not None:
            continue
        for event in typed(frame):
            kinds[type(event).__name__] += 1
            assert isinstance(event, BookFrame | TradeFrame | TickerFrame)
            tracker = trackers.setdefault(event.symbol, MarketTracker(event.symbol))
            assert tracker.feed(event)
    assert set(kinds) == {"BookFrame", "TradeFrame", "TickerFrame"}
    assert set(trackers) == {"BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"}
    for tracker in trackers.values():
        view = tracker.view()
        assert view is not None
        assert tracker.book.gaps == 0
        assert view.bid is not None
        assert view.ask is not None
        assert view.mark is not None
        assert view.bid < view.ask
        assert abs(view.mark / view.bid - 1) < D("0.005")
        assert view.volatility is not None
        assert 0 < view.volatility < 1
        assert (view.volume_24h or 0) > 10_000_000
        assert from_dict(to_dict(view)) == view


def test_every_recorded_linear_instrument_is_readable() -> None:
    reply = next(r for r in recorded() if r["t"] == "http" and "category=linear" in r["url"])
    rows = json.loads(reply["data"])["result"]["list"]
    found = {row["symbol"]: instrument(row, category="linear") for row in rows}
    assert len(found) == len(rows) == 800
    assert found["BTCUSDT"].tick_size == D("0.10")
    assert found["BTCUSDT"].min_notional == D("5")


def test_a_book_frame_takes_the_matching_engines_time() -> None:
    (event,) = typed(
        {
            "topic": "orderbook.50.BTCUSDT",
            "type": "delta",
            "ts": 1700000000200,
            "cts": 1700000000150,
            "data": {"s": "BTCUSDT", "b": [["60000.10", "0"]], "a": [], "u": 8, "seq": 1},
        }
    )
    at = datetime(2023, 11, 14, 22, 13, 20, 150_000, tzinfo=UTC)
    assert event == BookFrame("BTCUSDT", at, False, ((D("60000.10"), D(0)),), (), 8)


def test_update_id_one_is_a_snapshot_of_a_restarted_service() -> None:
    data = {"s": "BTCUSDT", "b": [], "a": [], "u": 1, "seq": 1}
    frame = {"topic": "orderbook.50.BTCUSDT", "type": "delta", "ts": 1700000000200, "data": data}
    (event,) = typed(frame)
    assert isinstance(event, BookFrame)
    assert event.is_snapshot


def test_a_ticker_change_leaves_untold_fields_none() -> None:
    frame = {"topic": "tickers.BTCUSDT", "type": "delta", "ts": 1700000000200, "cs": 5}
    (event,) = typed(frame | {"data": {"symbol": "BTCUSDT", "fundingRate": "-0.0001"}})
    assert isinstance(event, TickerFrame)
    assert (event.funding_rate, event.mark, event.turnover_24h) == (D("-0.0001"), None, None)


def test_a_position_of_the_stream_uses_entry_price_and_a_sign() -> None:
    row = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "positionIdx": 0,
        "side": "Sell",
        "size": "0.5",
        "entryPrice": "60000",
        "markPrice": "60100",
        "unrealisedPnl": "-50",
        "liqPrice": "",
        "leverage": "10",
    }
    (event,) = typed({"topic": "position", "data": [row]})
    assert event == ExchangePosition(
        "BTCUSDT", D("-0.5"), D("60000"), D("60100"), D("-50"), None, D("10")
    )
    (flat,) = typed({"topic": "position", "data": [row | {"side": "", "size": "0"}]})
    assert isinstance(flat, ExchangePosition)
    assert (flat.qty, flat.entry_price) == (D(0), None)
    with pytest.raises(UnreadableRow):
        typed({"topic": "position", "data": [row | {"positionIdx": 2}]})


@pytest.mark.parametrize(
    "frame",
    [
        {"topic": "order", "data": None},
        {"topic": "order", "data": ["x"]},
        {"topic": "orderbook.50.BTCUSDT", "ts": 1, "data": {"s": "BTCUSDT", "u": "1"}},
        {"topic": "orderbook.50.BTCUSDT", "ts": 1, "data": {"s": "B", "u": 1, "b": [["1"]]}},
        {"topic": "publicTrade.BTCUSDT", "data": [{"T": 1, "p": "NaN", "v": "1", "S": "Buy"}]},
        {"topic": "tickers.BTCUSDT", "ts": "soon", "data": {"symbol": "BTCUSDT"}},
        {"topic": "tickers.BTCUSDT", "ts": 10**30, "data": {"symbol": "BTCUSDT"}},
    ],
    ids=str,
)
def test_a_frame_without_what_decides_is_unreadable(frame: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRow):
        typed(frame)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (
            {"success": True, "ret_msg": "", "op": "auth", "conn_id": "c"},
            Control(ControlKind.AUTH, True, "", ""),
        ),
        (
            {"success": False, "ret_msg": "error:handler not found", "op": "subscribe"},
            Control(ControlKind.SUBSCRIBE, False, "", "error:handler not found"),
        ),
        (
            {"success": True, "ret_msg": "subscribe", "op": "subscribe", "req_id": "7"},
            Control(ControlKind.SUBSCRIBE, True, "7", "subscribe"),
        ),
        ({"op": "other-news"}, Control(ControlKind.OTHER, False, "", "")),
        ({"topic": "order", "data": []}, None),
    ],
)
def test_control_frames_are_told_from_data(frame: dict[str, Any], expected: Control | None) -> None:
    assert control(frame) == expected


def test_public_trades_keep_their_order_and_the_takers_side() -> None:
    one = {"T": 1700000000100, "s": "BTCUSDT", "S": "Sell", "v": "0.1", "p": "60000", "i": "a"}
    two = one | {"T": 1700000000200, "S": "Buy", "i": "b", "BT": False, "RPI": False}
    (event,) = typed({"topic": "publicTrade.BTCUSDT", "type": "snapshot", "data": [one, two]})
    assert isinstance(event, TradeFrame)
    assert [(t.trade_id, t.side) for t in event.trades] == [
        ("a", TradeSide.SELL),
        ("b", TradeSide.BUY),
    ]
