"""What-if decides as a live decision would, and leaves no trace."""

import pytest
from sqlalchemy import func, select

from bot.decision import parsing
from bot.decision.whatif import what_if
from bot.risk.snapshot import TradeIntent
from models.enums import Verdict
from models.messages import MLTradeRequest
from models.tables import AuditRow, TradeRequestRow
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services


def intent(desk: Desk, request_id: str) -> TradeIntent:
    request = MLTradeRequest.model_validate(desk.request(request_id))
    return parsing.to_intent(request, ACCOUNT, desk.clock.now())


def rows(desk: Desk) -> tuple[int, ...]:
    with desk.db.reading() as session:
        counts = (
            session.scalar(select(func.count()).select_from(table))
            for table in (AuditRow, TradeRequestRow)
        )
        return tuple(count or 0 for count in counts)


def test_the_answer_is_the_live_ones_and_nothing_is_kept(desk: Desk) -> None:
    before = rows(desk)
    with desk.db.reading() as session:
        limits = desk.limits.limits()
        answer = what_if(session, intent(desk, "maybe"), desk.market, limits, desk.clock)
    assert rows(desk) == before
    assert answer.decision.verdict is Verdict.ALLOW
    assert answer.plan is not None and answer.plan.qty == answer.decision.approved_qty
    live = desk.approve("real")
    assert live["approved_qty"] == format(answer.decision.approved_qty, "f")


def test_a_denial_has_no_plan(desk: Desk) -> None:
    desk.market.away = True
    with desk.db.reading() as session:
        limits = desk.limits.limits()
        answer = what_if(session, intent(desk, "maybe"), desk.market, limits, desk.clock)
    assert (answer.decision.verdict, answer.plan) == (Verdict.DENY, None)
