from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from paper_exchange.engine.settings import EngineSettings, ImpactSettings
from paper_exchange.journal import JournalWriter, read_journal
from paper_exchange.types import BookUpdate, MarketEvent, PrivateEvent
from tests.unit.paper_exchange.server.market_script import (
    KEY,
    UID,
    book,
    make_venue,
    mark,
    trade,
)

BUY = {
    "category": "linear",
    "symbol": "XUSDT",
    "side": "Buy",
    "orderType": "Market",
    "qty": "1",
}


def test_events_are_applied_when_the_clock_reaches_them_and_not_before() -> None:
    venue, _, clock = make_venue(trade(100, 1001), trade(200, 1002))
    clock.now += 100
    assert venue.catch_up() == clock.now
    assert venue.tapes[KEY].last_price == 1001
    clock.now += 100
    venue.catch_up()
    assert venue.tapes[KEY].last_price == 1002


def test_time_never_goes_back() -> None:
    venue, _, clock = make_venue()
    before = venue.catch_up()
    clock.now -= 500
    assert venue.catch_up() == before


def test_our_taker_fill_is_a_public_trade_and_a_journal_line(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "j") as journal:
        venue, engine, clock = make_venue(journal=journal)
        heard: list[Any] = []
        told: list[PrivateEvent] = []

        def listen(events: Sequence[PrivateEvent]) -> None:
            told.extend(events)

        venue.on_trades = heard.extend
        venue.on_private = listen
        engine.create_order(UID, BUY, venue.catch_up())
        venue.touched()
        clock.now += 10
        venue.catch_up()
    assert [(t.price, t.qty, t.side) for _, t in heard] == [(1001, 100, "Buy")]
    assert [event.topic for event in told][:2] == ["execution", "order"]
    kinds = [record["kind"] for record in read_journal(tmp_path / "j")]
    assert kinds == ["fill", "final"]


def test_a_mark_factor_bends_the_mark_until_it_is_taken_back() -> None:
    venue, engine, clock = make_venue(mark(100, "100"), mark(200, "100"), mark(300, "100"))
    venue.mark_factor[KEY] = Decimal("0.5")
    clock.now += 100
    venue.catch_up()
    assert engine.world.market(*KEY).mark() == 50
    assert venue.source_mark[KEY] == 100
    del venue.mark_factor[KEY]
    clock.now += 100
    venue.catch_up()
    assert engine.world.market(*KEY).mark() == 100


def test_own_consumption_shows_in_the_book_until_the_next_update() -> None:
    venue, engine, clock = make_venue(book(5000))
    engine.create_order(UID, BUY, venue.catch_up())
    clock.now += 10
    venue.catch_up()
    assert engine.book(*KEY, 1)[1] == [(1001, 400)]


def test_a_maker_that_a_quote_fills_is_a_public_trade_and_one_that_a_trade_fills_is_not() -> None:
    through = BookUpdate(*KEY, 20, [(999, 0)], [(999, 30), (1001, 0)])
    venue, engine, clock = make_venue(through, trade(40, 998, 80, "Sell"))
    heard: list[Any] = []
    venue.on_trades = heard.extend
    order = {**BUY, "orderType": "Limit", "price": "99.9"}
    engine.create_order(UID, order, venue.catch_up())
    clock.now += 50
    venue.catch_up()
    rows = engine.executions(UID, {"category": "linear"}, venue.now_ms)
    assert [(row["execQty"], row["isMaker"]) for row in rows] == [("0.70", True), ("0.30", True)]
    assert [(t.price, t.qty, t.side) for _, t in heard] == [(999, 30, "Sell"), (998, 80, "Sell")]
    assert heard[0][1].id == rows[1]["execId"]
    assert venue.tapes[KEY].last_price == 998


def test_own_impact_is_in_the_trades_and_reference_prices_that_the_public_sees() -> None:
    later: list[MarketEvent] = [book(100), trade(110, 1001), mark(120, "100")]
    settings = EngineSettings(
        impact=ImpactSettings(enabled=True, daily_volume={"XUSDT": Decimal(100)})
    )
    venue, engine, clock = make_venue(*later, settings=settings)
    engine.create_order(UID, BUY, venue.catch_up())
    clock.now += 200
    venue.catch_up()
    shift, tape = engine.shift(*KEY), venue.tapes[KEY]
    assert shift > 0
    assert tape.last_price == 1001 + shift
    assert tape.mark_price == tape.index_price == 100 + shift * Decimal("0.1")
