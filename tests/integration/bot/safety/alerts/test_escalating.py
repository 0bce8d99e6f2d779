"""An alert that nobody answers is repeated, and moves trading to REDUCING in the end."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.safety.alerts import telling
from bot.safety.alerts.acknowledging import Acknowledgement
from bot.safety.alerts.escalating import Escalation
from bot.safety.alerts.telling import Channel
from config.keys.alerting import AlertingRules
from models.enums import AlertLevel, AlertNews, AlertState, ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import AlertDeliveryRow, AlertRow, AuditRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services

RULES = AlertingRules(repeat_minutes=5, reduce_minutes=20)
CHANNELS = (Channel("desk", AlertLevel.CRITICAL), Channel("pager", AlertLevel.EMERGENCY))


def lose(desk: Desk, kind: str = "order_lost") -> None:
    with desk.db.unit_of_work() as uow:
        uow.audit(desk.account, kind, "r-1", "test", {"why": "gone"}, desk.clock.now())
        uow.commit()


def look(desk: Desk, minutes: float = 0, rules: AlertingRules = RULES) -> None:
    desk.clock.move_to(desk.clock.now() + timedelta(minutes=minutes))
    Escalation(desk.db, desk.account).look(rules, desk.clock.now())
    with desk.db.transaction() as session:
        telling.plan(session, CHANNELS, desk.clock.now())


def alert(desk: Desk) -> AlertRow:
    with desk.db.reading() as session:
        return session.scalars(select(AlertRow).order_by(AlertRow.alert_id)).first()  # type: ignore[return-value]


def told(desk: Desk) -> list[tuple[str, AlertNews, AlertLevel]]:
    with desk.db.reading() as session:
        rows = session.scalars(
            select(AlertDeliveryRow)
            .where(AlertDeliveryRow.alert_id == alert(desk).alert_id)
            .order_by(AlertDeliveryRow.round, AlertDeliveryRow.channel)
        )
        return [(row.channel, row.news, row.level) for row in rows]


def state(desk: Desk) -> TradingState:
    with desk.db.reading() as session:
        found = [row for row in states.all_states(session) if row.scope_kind == ScopeKind.ACCOUNT]
    kept = [TradingState(row.state) for row in found]
    return max(kept, key=lambda each: each.strictness, default=TradingState.ACTIVE)


def test_nobody_answers_so_the_next_channel_is_told_and_trading_reduces(desk: Desk) -> None:
    desk.approve()
    lose(desk)
    look(desk)
    look(desk, 4)
    assert told(desk) == [("desk", AlertNews.RAISED, AlertLevel.CRITICAL)]
    look(desk, 2)
    look(desk, 1)
    emergency = AlertLevel.EMERGENCY
    assert told(desk)[1:] == [
        ("desk", AlertNews.REPEATED, emergency),
        ("pager", AlertNews.REPEATED, emergency),
    ]
    assert state(desk) is TradingState.ACTIVE
    look(desk, 14)
    assert state(desk) is TradingState.REDUCING
    with desk.db.reading() as session:
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == "halted")).one()
    assert entry.actor == "alerts"
    assert entry.payload["alert"] == alert(desk).alert_id
    assert "no operator acknowledged alert" in entry.payload["reason"]
    assert alert(desk).reduced_at == desk.clock.now()
    # A person who resumes without an answer is not overruled by the same alert.
    look(desk, 30)
    with desk.db.reading() as session:
        assert len(session.scalars(select(AuditRow).where(AuditRow.kind == "halted")).all()) == 1


@pytest.mark.parametrize("answer", ["acknowledged", "over", "off"])
def test_an_answer_in_time_keeps_trading_as_it_is(desk: Desk, answer: str) -> None:
    desk.approve()
    lose(desk, "system_failure")
    look(desk)
    rules = RULES
    if answer == "acknowledged":
        number = alert(desk).alert_id
        Acknowledgement(desk.db, desk.clock).acknowledge(number, reason="seen", actor="bob")
    elif answer == "over":
        lose(desk, "system_failure_over")
    else:
        rules = replace(RULES, reduce_minutes=None, repeat_minutes=None)
    look(desk, 60, rules)
    assert state(desk) is TradingState.ACTIVE
    assert not [news for _, news, _ in told(desk) if news is AlertNews.REPEATED]


def test_a_warning_escalates_nowhere_and_is_cleared_after_a_quiet_time(desk: Desk) -> None:
    desk.approve()
    lose(desk, "fact_parked")
    look(desk, 45)
    assert alert(desk).state is AlertState.OPEN
    look(desk, 30)
    assert (alert(desk).state, state(desk)) == (AlertState.CLEARED, TradingState.ACTIVE)
    assert alert(desk).round == 1
    lose(desk)
    look(desk, 600, replace(RULES, reduce_minutes=None))
    with desk.db.reading() as session:
        critical = session.scalars(select(AlertRow).where(AlertRow.kind == "order_lost")).one()
    assert critical.state is AlertState.OPEN, "a critical event waits for an operator"


def test_without_channels_rounds_wait_for_the_first_one(desk: Desk) -> None:
    lose(desk)
    with desk.db.transaction() as session:
        assert telling.plan(session, (), desk.clock.now()) == 0
    look(desk)
    assert [channel for channel, _, _ in told(desk)] == ["desk"]
