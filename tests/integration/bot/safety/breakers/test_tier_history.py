"""The time in each tier of the drawdown follows from audit entries, one for each change."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.risk.breakers.tiers import DrawdownTier
from bot.safety.breakers import tier_history
from bot.safety.breakers.tier_history import UNKNOWN, seconds_in_tiers
from bot.safety.recovery.resetting import Recovery
from models.tables import AuditRow
from tests.support.accounts.breakers import D, Watch
from tests.support.desk import ACCOUNT

pytestmark = pytest.mark.services

GREEN, YELLOW, ORANGE, RED = DrawdownTier


def changes(watch: Watch) -> list[AuditRow]:
    with watch.desk.db.reading() as session:
        asked = select(AuditRow).where(AuditRow.kind == tier_history.CHANGED)
        return list(session.scalars(asked.order_by(AuditRow.seq)))


def becomes_yellow(watch: Watch) -> None:
    watch.desk.limits.change(
        max_daily_loss_share=D("0.9"), max_rolling_loss_share=D("0.9"), max_drawdown_share=D("0.10")
    )
    watch.equity("94000", 3)
    watch.look(8, seconds=15)
    assert watch.row("drawdown").share == D("0.5")


def test_each_change_is_recorded_once_and_the_times_add_up(watch: Watch) -> None:
    becomes_yellow(watch)
    watch.equity("100000", 3)
    watch.look(6, seconds=15)
    assert watch.tripped() == set()
    found = changes(watch)
    assert [entry.payload["to"] for entry in found] == [GREEN, YELLOW, GREEN]
    assert [entry.payload["from"] for entry in found] == [None, GREEN, YELLOW]
    first, yellow, green = (entry.at for entry in found)
    since, until = first - timedelta(minutes=1), green + timedelta(minutes=2)
    with watch.desk.db.reading() as session:
        times = seconds_in_tiers(session, ACCOUNT, since, until)
        inside = seconds_in_tiers(session, ACCOUNT, yellow, yellow + timedelta(seconds=5))
        other = seconds_in_tiers(session, "other", since, until)
    in_yellow = (green - yellow).total_seconds()
    assert in_yellow > 0
    assert times == {
        UNKNOWN: 60.0,
        GREEN: (yellow - first).total_seconds() + 120.0,
        YELLOW: in_yellow,
        ORANGE: 0.0,
        RED: 0.0,
    }
    assert inside[YELLOW] == sum(inside.values()) == 5.0
    assert other[UNKNOWN] == sum(other.values()) == (until - since).total_seconds()


def test_a_reset_ends_the_tier_in_the_record_as_well(watch: Watch) -> None:
    becomes_yellow(watch)
    held = Recovery(watch.desk.db, ACCOUNT, watch.desk.limits, watch.desk.clock)
    held.reset("drawdown", reason="looked at", actor="me", authorised=True)
    watch.look(2)
    assert [entry.payload["to"] for entry in changes(watch)] == [GREEN, YELLOW, GREEN]
