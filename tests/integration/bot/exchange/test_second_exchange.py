"""A second exchange is one package and one line in the factory: a trade goes its whole way there.

The exchange is CONTRIBUTING.md's worked example, as it stands in the document.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

import bot.exchange
from bot.clock import FixedClock
from bot.exchange import factory
from bot.exchange.streams import StreamState
from bot.state import binding
from config.settings import Settings
from models.database import Database
from models.enums import ChildState, ParentState, ScopeKind, TradingState, VenueReason
from models.repositories.safety import states
from models.tables import FillRow
from tests.support import kiosk_client
from tests.support.desk import ACCOUNT, Desk
from tests.support.documents.worked_examples import example
from tests.support.fakes import T0, D
from tests.support.kiosk_client import Board, Kiosk
from workers.celery.refusals import beat_of
from workers.feeds.account import AccountFeed
from workers.feeds.market import MarketFeed

pytestmark = pytest.mark.services

RESTING = {"position_size": "3000", "algorithm": "passive", "horizon_seconds": 120}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Of an account at the kiosk, whose package is read from the document."""
    for path, text in example("An exchange").new.items():
        if path.startswith("bot/exchange/"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    beside = [*bot.exchange.__path__, str(tmp_path / "bot/exchange")]
    monkeypatch.setattr(bot.exchange, "__path__", beside)
    monkeypatch.setitem(sys.modules, "kiosk_client", kiosk_client)
    monkeypatch.setitem(factory.ADAPTERS, "kiosk", "bot.exchange.kiosk.adapter")
    yield Settings(
        exchange="kiosk",
        account=ACCOUNT,
        symbols="BTCUSDT",
        paper_url="http://127.0.0.1:1",
        _env_file=None,  # type: ignore[call-arg]
    )
    kiosk_client.close_all()
    for name in [name for name in sys.modules if name.startswith("bot.exchange.kiosk")]:
        del sys.modules[name]


@pytest.fixture
def kiosk(settings: Settings) -> Kiosk:
    return kiosk_client.account(settings.account)


@pytest.fixture
def desk(db: Database, settings: Settings, kiosk: Kiosk) -> Desk:
    clock = FixedClock(T0)
    exchange: Any = factory.make_exchange(settings, clock)
    desk = Desk(db, clock=clock, exchange=exchange)
    binding.prove(db, exchange, settings, clock.now())
    return desk


@pytest.fixture
def private(desk: Desk, settings: Settings) -> Any:
    context: Any = SimpleNamespace(
        clock=desk.clock,
        fills=desk.fill_book,
        reconciler=desk.reconciler,
        rebuild_reservations=lambda: None,
        monitor=SimpleNamespace(heartbeat=lambda *_: None),
    )
    feed = AccountFeed(context)
    stream = factory.make_streams(settings).private(on_event=feed.on_event, on_gap=feed.on_gap)
    stream.start()
    return stream


def trading_state(desk: Desk) -> TradingState:
    with desk.db.reading() as session:
        rows = states.all_states(session)
    found = (TradingState(r.state) for r in rows if r.scope_kind == ScopeKind.ACCOUNT)
    return next(found, TradingState.ACTIVE)


def fills(desk: Desk) -> list[str]:
    with desk.db.reading() as session:
        return list(session.scalars(select(FillRow.source)))


@pytest.mark.parametrize("heard_by", ["stream", "reconcile"])
def test_a_trade_is_decided_sent_filled_and_reconciled(
    desk: Desk, kiosk: Kiosk, private: Any, heard_by: str
) -> None:
    assert desk.approve()["verdict"] == "allow"
    desk.send_due()
    child = desk.child()
    assert child.state == ChildState.ACKED
    assert (child.body, child.exchange_order_id) == (kiosk.asked[0], "slip-1")
    assert kiosk.asked[0]["direction"] == "up"
    kiosk.sell(child.order_link_id, at=desk.clock.now(), heard=heard_by == "stream")
    if heard_by == "reconcile":
        report = desk.reconciler.reconcile_account()
        assert report.new_fills == 1
    assert fills(desk) == [heard_by]
    assert desk.child().state == ChildState.FILLED
    assert desk.parent().state == ParentState.COMPLETED
    assert desk.position() == child.qty
    assert desk.reconciler.reconcile_account().new_fills == 0
    assert desk.at_rest()
    desk.check_balance()


def test_an_answer_that_was_lost_is_looked_up_and_adopted(desk: Desk, kiosk: Kiosk) -> None:
    kiosk.answers = False
    desk.approve()
    desk.send_due()
    assert desk.child().state == ChildState.UNKNOWN
    kiosk.sell(desk.child().order_link_id, at=desk.clock.now(), heard=False)
    assert desk.reconciler.resolve_child(desk.child().child_id) is ChildState.FILLED
    assert len(kiosk.asked) == 1
    desk.check_balance()


@pytest.mark.parametrize(
    ("words", "reason", "state", "kind"),
    [
        ("we seize it", VenueReason.LIQUIDATION, TradingState.REDUCING, "breaker_tripped"),
        ("you asked", VenueReason.REQUESTED, TradingState.REDUCING, "cancelled_at_exchange"),
        ("it rains", VenueReason.OTHER, TradingState.ACTIVE, "child_ended"),
    ],
)
def test_an_end_in_its_words_means_what_it_means_anywhere(
    desk: Desk,
    kiosk: Kiosk,
    private: Any,
    words: str,
    reason: VenueReason,
    state: TradingState,
    kind: str,
) -> None:
    desk.approve(signal_data=RESTING)
    desk.step()
    kiosk.take_back(desk.child().order_link_id, words)
    child = desk.children()[0]
    assert (child.state, child.note) == (ChildState.CANCELLED, words)
    assert child.venue_reason is reason
    assert kind in desk.audit_kinds()
    assert trading_state(desk) is state
    desk.check_balance()


def test_a_refusal_without_a_code_is_classed_by_its_reason(desk: Desk, kiosk: Kiosk) -> None:
    """The price is cured by another attempt; a closed account stops what adds."""
    kiosk.no = ["too dear", "go away"]
    desk.approve()
    desk.send_due()
    first = desk.children()[0]
    assert (first.state, first.ret_code) == (ChildState.REJECTED, None)
    assert len(desk.children()) == 2
    desk.pass_time(5)
    desk.send_due()
    assert desk.approve("r-2")["verdict"] == "deny"
    desk.check_balance()


def test_a_halt_calls_its_orders_back_and_is_sealed(desk: Desk, kiosk: Kiosk) -> None:
    desk.approve(signal_data=RESTING)
    desk.step()
    assert len(desk.exchange.open_orders()) == 1
    report = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
    assert (report.orders_cancelled, report.problems) == (1, ())
    assert report.sealed_at == desk.clock.now()
    assert [slip.why for slip in kiosk.slips.values()] == ["you asked"]
    assert desk.approve("r-2")["verdict"] == "deny"


def test_its_market_is_seeded_published_and_renewed_after_a_gap(
    desk: Desk, kiosk: Kiosk, settings: Settings
) -> None:
    bids: list[Any] = []
    market = SimpleNamespace(
        put=lambda views: bids.extend(view.bid for view in views),
        put_correlations=lambda known: None,
    )
    feed = MarketFeed(
        SimpleNamespace(settings=settings, exchange=desk.exchange, market=market)  # type: ignore[arg-type]
    )
    feed.seed()
    public: Any = factory.make_streams(settings).public(
        settings.symbol_list, on_event=feed.on_event, on_gap=feed.on_gap
    )
    feed.renew_book = public.renew_book
    public.start()
    for number, snapshot in ((1, True), (2, False), (9, False)):
        bids_of, asks_of = (((D(price), D(number)),) for price in (64_999, 65_001))
        kiosk.tell(Board("BTCUSDT", number, snapshot, bids_of, asks_of, desk.clock.now()))
        feed.publish()
    assert bids == [D(64_999), D(64_999), None]
    assert public.renewed == ["BTCUSDT"]
    public.stop()
    assert beat_of([public.health()])["public"] == StreamState.STOPPED
