"""Soft blocks of a running desk: they warn, or they wait for an operator, and exits go on."""

from typing import Any

import pytest
from sqlalchemy import select

from bot.decision.holding import HELD, WARNED, is_held
from bot.decision.parking import ParkedRequests, parked
from bot.errors import NotAuthorised
from bot.state.binding import Identity, bind
from config.settings import Environment, ExchangeMode, TradingMode
from console.invariants.progress import _parked_requests
from console.views.explanation import stored_explanation
from models.enums import AlertLevel, ExecutionStatus
from models.tables import AlertRow, DecisionRow, TradeRequestRow
from tests.support.accounts.exits import ask_exit, open_position
from tests.support.desk import ACCOUNT, Desk
from tests.support.operators import operator

pytestmark = pytest.mark.services


def soften(desk: Desk, *, holds: bool, share: float = 0.1) -> None:
    """A tenth of the largest position is soft; a request of the desk has a fifth of it."""
    desk.limits.change(soft_share=share, soft_holds=holds, soft_checks=frozenset({"position_size"}))


def request(desk: Desk, request_id: str = "r-1") -> TradeRequestRow:
    with desk.db.reading() as session:
        return session.get_one(TradeRequestRow, request_id)


def alerts(desk: Desk) -> list[tuple[str, AlertLevel, int]]:
    with desk.db.reading() as session:
        return [(row.kind, row.level, row.count) for row in session.scalars(select(AlertRow))]


def explained(desk: Desk) -> dict[str, Any]:
    with desk.db.reading() as session:
        found = stored_explanation(session, "r-1")
    assert found is not None
    return found


def release(desk: Desk, actor: Any = "cli:bob") -> None:
    acts = ParkedRequests(desk.db, desk.clock, desk.task_queue)
    acts.release("r-1", reason="looked at", actor=actor)


def test_a_soft_block_warns_in_the_explanation_the_audit_and_an_alert(desk: Desk) -> None:
    soften(desk, holds=False)
    assert desk.approve("r-1")["verdict"] == "allow"
    assert desk.approve("r-2")["verdict"] == "allow"
    (sentence,) = explained(desk)["decision"]["soft_blocks"]
    assert sentence.startswith("position_size uses ")
    assert desk.audit_kinds().count(WARNED) == 2
    assert alerts(desk) == [(WARNED, AlertLevel.WARNING, 2)], "one alert that counts"
    desk.send_due()
    assert desk.exchange.orders, "it trades all the same"


def test_below_the_soft_level_nothing_is_said(desk: Desk) -> None:
    soften(desk, holds=True, share=0.99)
    assert desk.approve("r-1")["verdict"] == "allow"
    assert explained(desk)["decision"]["soft_blocks"] == []
    assert {WARNED, HELD}.isdisjoint(desk.audit_kinds())
    assert alerts(desk) == []


def test_a_held_request_trades_nothing_until_an_operator_releases_it(desk: Desk) -> None:
    soften(desk, holds=True)
    answer = desk.approve("r-1")
    assert (answer["status"], answer["verdict"], answer["reasons"]) == ("parked", "deny", [])
    assert answer["error"]["type"] == "held_by_soft_block"
    assert "held by a soft block: position_size uses" in answer["message"]
    assert desk.approve("r-1")["error"] == answer["error"], "sent again, it is still held"
    assert is_held(request(desk))
    assert desk.children() == []
    assert explained(desk)["failure"] == answer["message"]
    assert (HELD, AlertLevel.WARNING, 1) in alerts(desk)
    with desk.db.reading() as session:
        assert session.get(DecisionRow, "r-1") is None
        assert [row.request_id for row in parked(session)] == ["r-1"]
        assert _parked_requests(session) == [], "it has failed nothing"
    release(desk)
    desk.approval.validate_stored("r-1")
    assert request(desk).status == ExecutionStatus.PENDING_EXECUTION
    assert desk.audit_kinds().count(HELD) == 1
    assert desk.audit_kinds().count(WARNED) == 1, "a person knows of it, and the record too"
    desk.send_due()
    desk.stream()
    assert desk.position() > 0
    desk.check_balance()


def test_a_released_request_is_judged_by_the_limits_of_then(desk: Desk) -> None:
    soften(desk, holds=True)
    desk.approve("r-1")
    desk.pass_time(desk.limits.value.max_prediction_age_seconds + 5)
    release(desk)
    desk.approval.validate_stored("r-1")
    assert request(desk).status == ExecutionStatus.VALIDATION_FAILED
    assert desk.children() == []


def test_a_held_request_that_is_ended_is_never_decided(desk: Desk) -> None:
    soften(desk, holds=True)
    desk.approve("r-1")
    acts = ParkedRequests(desk.db, desk.clock, desk.task_queue)
    acts.end("r-1", reason="no", actor="cli:bob")
    desk.approval.validate_stored("r-1")
    assert request(desk).status == ExecutionStatus.CANCELLED
    assert desk.children() == []


def test_an_exit_is_never_held(desk: Desk) -> None:
    assert open_position(desk) > 0
    soften(desk, holds=True, share=0.0001)
    assert ask_exit(desk)["verdict"] != "deny"
    desk.send_due()
    desk.stream()
    assert desk.position() == 0
    assert HELD not in desk.audit_kinds()


def test_outside_development_a_release_takes_an_operators_login(desk: Desk) -> None:
    owner = Identity(
        ACCOUNT, ExchangeMode.PAPER, "17", Environment.STAGING, TradingMode.PAPER_TRADING
    )
    bind(desk.db, owner, desk.clock.now())
    soften(desk, holds=True)
    desk.approve("r-1")
    with pytest.raises(NotAuthorised):
        release(desk)
    assert is_held(request(desk))
    release(desk, operator("ann"))
    assert not is_held(request(desk))
