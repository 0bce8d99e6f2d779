"""What time does with alerts: repeats, the move to REDUCING, and the end of quiet events."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bot.safety.halting import scoped_state
from bot.state.scope import Scope
from config.keys.alerting import AlertingRules
from models.database import Database
from models.enums import AlertLevel, AlertNews, AlertState, ScopeKind, TradingState
from models.tables import AlertRow

log = logging.getLogger(__name__)

ACTOR = "alerts"
_URGENT = (AlertLevel.CRITICAL, AlertLevel.EMERGENCY)


@dataclass(frozen=True, slots=True)
class Escalation:
    """Repeats alerts that nobody answers, and moves the account to REDUCING in the end."""

    db: Database
    account: str

    def look(self, rules: AlertingRules, now: datetime) -> None:
        """One look at every alert that is not cleared."""
        with self.db.transaction() as session:
            _clear_quiet(session, timedelta(minutes=rules.quiet_minutes), now)
            if rules.repeat_minutes is not None:
                _repeat(session, timedelta(minutes=rules.repeat_minutes), now)
        if rules.reduce_minutes is not None:
            self._reduce(timedelta(minutes=rules.reduce_minutes), now)

    def _reduce(self, patience: timedelta, now: datetime) -> None:
        wanted = (
            select(AlertRow)
            .where(
                AlertRow.state == AlertState.OPEN,
                AlertRow.level.in_(_URGENT),
                AlertRow.reduced_at.is_(None),
                AlertRow.opened_at <= now - patience,
            )
            .order_by(AlertRow.alert_id)
        )
        with self.db.reading() as session:
            rows = session.scalars(wanted).all()
        for row in rows:
            self._reduce_for(row, patience, now)

    def _reduce_for(self, row: AlertRow, patience: timedelta, now: datetime) -> None:
        """The state is moved first, in a transaction of its own: its audit entry is an alert too,
        and no transaction holds one alert and waits for another. A death between the two repeats
        the move, which changes nothing."""
        minutes = patience / timedelta(minutes=1)
        reason = (
            f"no operator acknowledged alert {row.alert_id} within {minutes:g} minutes: {row.text}"
        )
        cause = scoped_state.HaltCause(
            reason, ACTOR, {"alert": row.alert_id, "level": str(row.level), "automatic": True}
        )
        scope = Scope(ScopeKind.ACCOUNT, self.account)
        with self.db.unit_of_work() as uow:
            already = scoped_state.tighten(uow, scope, TradingState.REDUCING, cause, now)
            uow.commit()
        with self.db.transaction() as session:
            held = session.get(AlertRow, row.alert_id, with_for_update=True)
            if held is not None:
                held.reduced_at = now
        if not already:
            log.critical(
                "%s is REDUCING: %s",
                scope,
                reason,
                extra={"event": "alert_reduced_trading", "alert": AlertLevel.CRITICAL.value},
            )


def _repeat(session: Session, patience: timedelta, now: datetime) -> None:
    """Tells again of alerts that wait for an operator, as an emergency."""
    rows = session.scalars(
        select(AlertRow)
        .where(
            AlertRow.state == AlertState.OPEN,
            AlertRow.level.in_(_URGENT),
            AlertRow.opened_at <= now - patience,
            or_(AlertRow.told_at.is_(None), AlertRow.told_at <= now - patience),
        )
        .with_for_update(skip_locked=True)
    )
    for row in rows:
        row.round += 1
        row.news = AlertNews.REPEATED
        row.escalations += 1
        row.told_at = now


def _clear_quiet(session: Session, quiet: timedelta, now: datetime) -> None:
    """Clears events that have not happened again. Nobody is told of that."""
    rows = session.scalars(
        select(AlertRow)
        .where(
            AlertRow.state != AlertState.CLEARED,
            AlertRow.lasting.is_(False),
            AlertRow.last_seen <= now - quiet,
            or_(AlertRow.level.not_in(_URGENT), AlertRow.state == AlertState.ACKNOWLEDGED),
        )
        .with_for_update(skip_locked=True)
    )
    for row in rows:
        minutes = quiet / timedelta(minutes=1)
        row.state, row.cleared_at = AlertState.CLEARED, now
        row.clear_reason = f"it has not happened again for {minutes:g} minutes"
