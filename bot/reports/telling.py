"""Tells the summary of a day that is over as an alert of the level info, once."""

from datetime import timedelta

from sqlalchemy import select

from bot.clock import Clock
from bot.execution.ports import LimitsSource
from bot.reports.day import Day, day_facts, is_empty, summary
from models.alerts import raising
from models.database import Database
from models.locks import lock_account
from models.tables import AlertRow

DAILY_REPORT = "daily_report"


def tell_yesterday(db: Database, account: str, limits: LimitsSource, clock: Clock) -> str | None:
    """Stores the summary of the day before today; None when it is stored already, or when nothing
    happened on that day. Channels that want information are told of it."""
    now = clock.now()
    of = Day(account, (now - timedelta(days=1)).date(), limits.last_known())
    key = f"{account}|{DAILY_REPORT}|{of.day}"
    stored = select(AlertRow.alert_id).where(AlertRow.key == key)
    with db.reading() as session:
        if session.scalars(stored).first() is not None:
            return None
        facts = day_facts(session, of)
    if is_empty(facts):
        return None
    with db.transaction() as session:
        # Two tasks at once tell it once.
        lock_account(session, account)
        if session.scalars(stored).first() is not None:
            return None
        raising.inform(session, key, DAILY_REPORT, summary(facts), chain=account, now=now)
    return summary(facts)
