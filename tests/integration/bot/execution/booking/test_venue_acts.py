"""What the exchange does to us stops entries, is booked as what it is, and has a way back."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.exchange.protocol import FUNDING, Execution
from bot.safety.recovery.resetting import Recovery
from models.enums import ScopeKind, TradeSide, TradingState, VenueReason
from models.repositories.safety import states
from models.tables import BreakerRow, FillRow
from tests.support.desk import ACCOUNT, Desk

D = Decimal


def state(desk: Desk) -> TradingState:
    with desk.db.reading() as session:
        rows = states.applicable_states(session, ACCOUNT, "test", "BTCUSDT")
    found = (TradingState(r.state) for r in rows if r.scope_kind == ScopeKind.ACCOUNT)
    return next(found, TradingState.ACTIVE)


def act(desk: Desk, venue_act: VenueReason | None, qty: str = "0.01") -> Execution:
    """An execution that no order of ours has caused."""
    desk.approve("r-in")
    desk.send_due()
    desk.stream()
    made = Execution(
        exec_id="venue-1",
        order_id="venue-order",
        order_link_id="",
        symbol="BTCUSDT",
        side=TradeSide.SELL,
        qty=D(qty),
        price=D(60_000),
        fee=D(1),
        fee_currency="USDT",
        is_maker=False,
        exec_type="its own word",
        executed_at=desk.clock.now(),
        venue_act=venue_act,
    )
    desk.exchange.fills.append(made)
    return made


@pytest.mark.parametrize(
    ("venue_act", "kind"),
    [
        (VenueReason.LIQUIDATION, "liquidation"),
        (VenueReason.DELEVERAGING, "auto_deleveraging"),
        (VenueReason.SETTLEMENT, "symbol_settlement"),
    ],
)
def test_an_act_of_the_exchange_stops_entries_and_is_booked_as_what_it_is(
    desk: Desk, venue_act: VenueReason, kind: str
) -> None:
    made = act(desk, venue_act)
    before = desk.position()
    desk.stream()
    desk.stream()
    assert desk.position() == before - made.qty
    assert state(desk) is TradingState.REDUCING
    with desk.db.reading() as session:
        row = session.get_one(BreakerRow, (ScopeKind.ACCOUNT, ACCOUNT, kind))
        assert session.get_one(FillRow, (ACCOUNT, "venue-1")).exec_type == "its own word"
    assert row.tripped
    assert "BTCUSDT" in row.reason
    kinds = desk.audit_kinds()
    assert (kinds.count(kind), kinds.count("foreign_fill")) == (1, 0)
    assert desk.approve("r-more")["verdict"] == "deny"
    out = desk.approve(
        "r-out", side="sell", signal_data={"position_size": "1000", "reduce_only": True}
    )
    assert out["verdict"] == "allow"
    recovery = Recovery(desk.db, ACCOUNT, desk.limits, desk.clock)
    report = recovery.reset(kind, reason="looked at", actor="test", authorised=True)
    assert (report.state, report.still) == (TradingState.RECOVERING, ())


def test_somebody_elses_trade_and_funding_stop_nothing(desk: Desk) -> None:
    made = act(desk, None, qty="0.001")
    desk.exchange.fills.append(
        replace(made, exec_id="venue-2", exec_type=FUNDING, moves_position=False)
    )
    desk.stream()
    assert state(desk) is TradingState.ACTIVE
    assert desk.audit_kinds().count("foreign_fill") == 1


@pytest.mark.parametrize(
    "reason", [VenueReason.LIQUIDATION, VenueReason.DELEVERAGING, VenueReason.SETTLEMENT]
)
def test_an_order_that_is_cancelled_before_such_an_act_stops_entries(
    desk: Desk, reason: VenueReason
) -> None:
    desk.approve("r-1", signal_data={"algorithm": "passive", "horizon_seconds": 60})
    desk.step("r-1")
    (link,) = desk.exchange.orders
    desk.exchange.end(link, reason=reason)
    desk.stream()
    assert state(desk) is TradingState.REDUCING
    desk.check_balance()
