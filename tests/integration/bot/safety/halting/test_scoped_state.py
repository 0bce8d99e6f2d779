"""A halt of one scope stops that scope alone, and the system follows its own halts."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from bot.safety.halting.report import REPORT
from bot.state.scope import EVERYTHING, Scope
from models.enums import ParentState, ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import AuditRow
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

RESTING = {"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 120}
MINE = Scope(ScopeKind.STRATEGY, "mine")


def _two_strategies(desk: Desk) -> None:
    for strategy in ("mine", "other"):
        answer = desk.approve(strategy, signal_data=RESTING, metadata={"strategy": strategy})
        assert answer["verdict"] != "deny", answer
        desk.step(strategy)


def _links(desk: Desk) -> Sequence[str]:
    return sorted(order.order_link_id for order in desk.exchange.open_orders())


def _reports(desk: Desk, chain: str) -> Sequence[AuditRow]:
    with desk.db.reading() as session:
        return session.scalars(
            select(AuditRow).where(AuditRow.kind == REPORT, AuditRow.chain == chain)
        ).all()


def test_a_strategys_halt_ends_and_cancels_its_own_orders_alone(desk: Desk) -> None:
    _two_strategies(desk)
    others = [child.order_link_id for child in desk.children("other")]
    report = desk.trading_halt.halt(reason="drift", actor="me", cancel=True, scope=MINE)
    assert (report.scope, report.problems) == ("strategy:mine", ())
    assert report.latched_at and report.sealed_at and report.cancelled_at and report.clean_at
    assert (report.parents_stopped, report.orders_cancelled) == (1, 1)
    assert _links(desk) == others
    assert desk.parent("other").state == ParentState.WORKING
    assert desk.approve("m-2", metadata={"strategy": "mine"})["verdict"] == "deny"
    with desk.db.reading() as session:
        rows = {f"{row.scope_kind}:{row.scope_key}": row for row in states.all_states(session)}
    assert rows["strategy:mine"].state == TradingState.HALTED
    assert rows["global:*"].state == TradingState.ACTIVE


def test_the_report_of_a_halt_is_an_audit_entry(desk: Desk) -> None:
    report = desk.trading_halt.halt(reason="drill", actor="me", cancel=True)
    (entry,) = _reports(desk, EVERYTHING.chain)
    assert (entry.subject, entry.actor) == ("global:*", "me")
    assert report.sealed_at is not None
    assert entry.payload["sealed_at"] == report.sealed_at.isoformat()


def test_an_accounts_halt_is_sealed_in_the_accounts_own_chain(desk: Desk) -> None:
    _two_strategies(desk)
    scope = Scope(ScopeKind.ACCOUNT, ACCOUNT)
    report = desk.trading_halt.halt(reason="drill", actor="me", cancel=True, scope=scope)
    assert (report.parents_stopped, report.orders_cancelled, _links(desk)) == (2, 2, [])
    assert len(_reports(desk, ACCOUNT)) == 1


def test_a_scoped_halt_is_left_by_a_resume_of_that_scope(desk: Desk) -> None:
    desk.trading_halt.halt(reason="drift", actor="me", scope=MINE)
    desk.trading_halt.resume(reason="over", actor="me", development=True)
    assert desk.approve("m-1", metadata={"strategy": "mine"})["verdict"] == "deny"
    desk.trading_halt.resume(reason="over", actor="me", development=True, scope=MINE)
    assert desk.approve("m-2", metadata={"strategy": "mine"})["verdict"] != "deny"
