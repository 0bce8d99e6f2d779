"""A position that our fills don't explain can be closed, and adopted by an operator."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from bot.account.adoption import Adopter
from bot.errors import NotAuthorised, Refused
from bot.exchange.protocol import ExchangePosition
from bot.execution.sending.sender import SendResult
from bot.safety.monitor import Monitor
from console.invariants import quantities
from console.invariants.shares import shares_add_up
from models.enums import OperatorRole
from models.repositories.safety import disagreements
from models.tables import FillRow, PositionAdoptionRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import INSTRUMENT
from tests.support.operators import operator

D = Decimal
OLD = D("0.05")


def hold(desk: Desk, qty: Decimal = OLD) -> None:
    """A position from before the executions that can still be read."""
    reported = desk.exchange.positions

    def positions() -> Sequence[ExchangePosition]:
        found = {p.symbol: p for p in reported()}
        known = found.get("BTCUSDT")
        net = qty + (D(0) if known is None else known.qty)
        blank = ExchangePosition("BTCUSDT", D(0), D(60_000), D(65_000), D(0), D(30_000), None)
        return [replace(known or blank, qty=net)] if net else []

    desk.exchange.positions = positions  # type: ignore[method-assign]


def reconcile(desk: Desk) -> None:
    monitor = Monitor(db=desk.db, account=ACCOUNT, limits=desk.limits, clock=desk.clock)
    monitor.judge_reconciliation(desk.reconciler.reconcile_account())


def adopter(desk: Desk, *, free: bool = True) -> Adopter:
    return Adopter(desk.deps, free=free)


def emergency_exit(desk: Desk, request_id: str, size: str) -> dict[str, object]:
    return desk.approve(
        request_id,
        side="sell",
        priority="emergency",
        signal_data={"position_size": size, "reduce_only": True},
    )


def test_an_exit_of_a_position_that_only_the_exchange_knows_goes_out(desk: Desk) -> None:
    hold(desk)
    assert emergency_exit(desk, "early", "3250")["verdict"] == "deny"
    for _ in range(3):
        reconcile(desk)
    outcome = emergency_exit(desk, "r-out", "99999")
    assert outcome["verdict"] in ("allow", "shrink")
    assert desk.parent("r-out").approved_qty == OLD
    assert desk.send(desk.children("r-out")[0].child_id) is SendResult.SENT
    assert desk.exchange.accepted[-1]["reduceOnly"] is True


def test_a_small_one_that_only_the_exchange_knows_is_closed_as_a_whole(desk: Desk) -> None:
    hold(desk)
    for _ in range(3):
        reconcile(desk)
    desk.exchange.instrument = replace(INSTRUMENT, min_qty=D("0.06"))
    desk.reconciler.refresh_instruments()
    emergency_exit(desk, "r-out", "99999")
    assert desk.parent("r-out").approved_qty == OLD
    assert desk.send(desk.children("r-out")[0].child_id) is SendResult.SENT
    assert desk.exchange.accepted[-1]["qty"] == "0"


def test_a_reading_that_shows_less_keeps_no_exit_back(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    desk.exchange.positions = list  # type: ignore[method-assign]
    reconcile(desk)
    assert emergency_exit(desk, "r-out", "2000")["verdict"] in ("allow", "shrink")


def test_an_adopted_position_agrees_and_is_a_row_of_its_own(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    hold(desk)
    reconcile(desk)
    seen = adopter(desk).look("BTCUSDT")
    before = desk.position()
    assert (seen.before, seen.after) == (before, before + OLD)
    assert adopter(desk).adopt(seen, reason="older than our start", actor="cli:me")
    assert desk.position() == before + OLD
    assert desk.reconciler.position_differences() == {}
    with desk.db.reading() as session:
        (row,) = session.scalars(select(PositionAdoptionRow))
        assert (row.qty_before, row.qty_after, row.actor) == (before, before + OLD, "cli:me")
        assert len(session.scalars(select(FillRow)).all()) == 1
        assert disagreements.of_account(session, ACCOUNT) == []
        assert quantities._positions_add_up(session) == []
        assert shares_add_up(session) == []
    assert "position_adopted" in desk.audit_kinds()
    assert not adopter(desk).adopt(adopter(desk).look("BTCUSDT"), reason="again", actor="cli:me")
    emergency_exit(desk, "r-out", "99999")
    assert desk.parent("r-out").approved_qty == before + OLD


def test_what_was_adopted_for_a_strategy_is_its_own_to_close(desk: Desk) -> None:
    hold(desk)
    found = adopter(desk)
    found.adopt(found.look("BTCUSDT"), reason="its own", actor="cli:me", strategy="test")
    outcome = desk.approve(
        "r-out", side="sell", signal_data={"position_size": "3250", "reduce_only": True}
    )
    assert outcome["verdict"] in ("allow", "shrink")


def test_an_adoption_needs_a_reason_and_a_quiet_market(desk: Desk) -> None:
    hold(desk)
    found = adopter(desk)
    seen = found.look("BTCUSDT")
    with pytest.raises(Refused, match="reason"):
        found.adopt(seen, reason=" ", actor="cli:me")
    desk.approve()
    desk.send_due()
    desk.stream()
    with pytest.raises(Refused, match="traded since"):
        found.adopt(seen, reason="late", actor="cli:me")


def test_where_it_takes_a_login_only_an_operator_adopts(desk: Desk) -> None:
    hold(desk)
    found = adopter(desk, free=False)
    seen = found.look("BTCUSDT")
    for actor in ("cli:boss", operator("eve", OperatorRole.VIEWER)):
        with pytest.raises(NotAuthorised, match="adopting BTCUSDT"):
            found.adopt(seen, reason="mine", actor=actor)
    assert desk.position() == 0
    assert found.adopt(seen, reason="older", actor=operator("ann", OperatorRole.OPERATOR))
    assert desk.position() == OLD
