"""New ticks, lots and minimums are read at the refusal that names them, and the next try fits."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.errors import DependencyDown, ExchangeRefused
from bot.execution.sending.sender import SendResult
from bot.safety.halting.halt import HaltWaits, TradingHalt
from models.enums import ChildState, VenueReason
from models.locks import sending_holders
from models.tables import InstrumentRow
from tests.support.desk import Desk
from tests.support.fakes import INSTRUMENT

D = Decimal
PRICE_REFUSED = (ExchangeRefused(110003, "price out of range", reason=VenueReason.PRICE), False)
QTY_REFUSED = (ExchangeRefused(10001, "Qty invalid"), False)


def rules(desk: Desk) -> InstrumentRow:
    with desk.db.reading() as session:
        return session.get_one(InstrumentRow, "BTCUSDT")


def hold(desk: Desk) -> None:
    desk.approve("r-in")
    desk.send_due()
    desk.stream()


def leave(desk: Desk) -> None:
    desk.approve("r-out", side="sell", signal_data={"reduce_only": True})


def send_all(desk: Desk, request_id: str) -> list[SendResult]:
    """Every attempt in turn, each when it is due."""
    results = []
    for _ in range(10):
        planned = [c for c in desk.children(request_id) if c.state == ChildState.PLANNED]
        if not planned:
            break
        desk.clock.move_to(max(desk.clock.now(), planned[0].due_at))
        results.append(desk.send(planned[0].child_id))
    return results


def test_an_exit_meets_a_new_tick_once(desk: Desk) -> None:
    hold(desk)
    leave(desk)
    desk.exchange.instrument = replace(INSTRUMENT, tick_size=D(5))
    desk.exchange.faults = [PRICE_REFUSED]
    assert send_all(desk, "r-out") == [SendResult.REFUSED, SendResult.SENT]
    assert rules(desk).tick_size == 5
    assert D(str(desk.exchange.accepted[-1]["price"])) % 5 == 0


def test_an_exit_meets_a_new_lot_once_and_the_rest_is_given_back(desk: Desk) -> None:
    hold(desk)
    leave(desk)
    (child,) = desk.children("r-out")
    assert child.qty % D("0.02") != 0
    desk.exchange.instrument = replace(INSTRUMENT, qty_step=D("0.02"), min_qty=D("0.02"))
    desk.exchange.faults = [QTY_REFUSED]
    assert send_all(desk, "r-out") == [SendResult.REFUSED, SendResult.SENT]
    assert D(str(desk.exchange.accepted[-1]["qty"])) == D("0.02")
    desk.stream()
    desk.check_balance()


def test_a_child_below_the_new_lot_ends_and_is_given_back(desk: Desk) -> None:
    desk.approve()
    desk.exchange.instrument = replace(INSTRUMENT, qty_step=D(1), min_qty=D(1))
    desk.reconciler.refresh_instruments()
    assert desk.send(desk.child().child_id) is SendResult.STOPPED
    assert desk.exchange.posts == 0
    assert desk.child().note == "less than a lot of the new rules"
    desk.check_balance()


def test_rules_are_read_once_for_a_storm_of_refusals_and_not_for_other_reasons(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    monkeypatch.setattr(desk.exchange, "instruments", lambda: read.append(1) or [INSTRUMENT])
    desk.approve("r-1")
    desk.exchange.faults = [
        (ExchangeRefused(110007, "ab not enough", reason=VenueReason.MARGIN), False)
    ]
    desk.send(desk.children("r-1")[0].child_id)
    assert read == []
    for number in (2, 3):
        desk.approve(f"r-{number}")
        desk.exchange.faults = [PRICE_REFUSED]
        desk.send(desk.children(f"r-{number}")[0].child_id)
    assert read == [1]


def test_rules_that_cannot_be_read_change_nothing(desk: Desk) -> None:
    def away() -> list[object]:
        raise DependencyDown("no instruments")

    desk.exchange.instruments = away  # type: ignore[method-assign,assignment]
    desk.approve()
    desk.exchange.faults = [PRICE_REFUSED]
    assert desk.send(desk.child().child_id) is SendResult.REFUSED
    desk.check_balance()


def test_a_halt_never_waits_for_rules_that_are_being_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange has refused the order: whoever only reads rules has nothing on its way."""
    desk.approve()
    (child,) = desk.children()
    trading_halt = TradingHalt(desk.db, desk.clock, waits=HaltWaits(seal_seconds=0))
    during: list[object] = []

    def slow() -> list[object]:
        with desk.db.autocommit_connection() as connection:
            during.append(sending_holders(connection))
        report = trading_halt.halt(reason="the exchange is slow", actor="me")
        during.append(report.sealed_at is not None)
        return [INSTRUMENT]

    monkeypatch.setattr(desk.exchange, "instruments", slow)
    desk.exchange.faults = [PRICE_REFUSED]
    assert desk.send(child.child_id) is SendResult.REFUSED
    assert during == [{}, True]
    assert desk.child().state == ChildState.REJECTED
    desk.check_balance()


def test_rules_are_read_before_the_refusal_is_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what is tried next is planned under them, whoever sends it."""
    desk.approve()
    seen: list[str] = []

    def read() -> list[object]:
        seen.extend(child.state for child in desk.children())
        return [INSTRUMENT]

    monkeypatch.setattr(desk.exchange, "instruments", read)
    desk.exchange.faults = [PRICE_REFUSED]
    assert desk.send(desk.child().child_id) is SendResult.REFUSED
    assert seen == [ChildState.SENDING]


def test_a_refusal_that_comes_after_the_childs_lease_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading took so long that the child was looked up, not found, and planned again."""
    signal = {"algorithm": "twap", "horizon_seconds": 600, "interval_seconds": 300}
    desk.approve(signal_data=signal)
    child = desk.children()[0]

    def slow() -> list[object]:
        desk.pass_time(20)
        desk.reconciler.resolve_all(older_than=timedelta(seconds=1))
        return [INSTRUMENT]

    monkeypatch.setattr(desk.exchange, "instruments", slow)
    desk.exchange.faults = [PRICE_REFUSED]
    assert desk.send(child.child_id) is SendResult.REFUSED
    assert {c.state for c in desk.children()} == {ChildState.PLANNED}
    assert desk.send(child.child_id) is SendResult.SENT
    desk.check_balance()
