"""The emergency stop's triggers that follow from breakers and from the exchange's silence.

The evaluator of breakers judges them in its own transaction, so that a stop is latched with the
trip that completes it.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.limits import RiskLimits
from bot.safety.breakers.readings import BreakerKind
from bot.safety.emergency import triggers as emergency_triggers
from bot.safety.emergency.trigger_rows import TriggerRows
from bot.safety.emergency.triggers import SeenTrip, TriggerKind
from bot.safety.lease.sensing import LIVE
from config.keys.emergency import EmergencyRules
from models.database import UnitOfWork
from models.enums import CircuitBreakerType, ScopeKind
from models.repositories.safety import bases
from models.tables import BreakerRow, BreakerTripRow, HeartbeatRow

_RECONCILIATION, _FEED = "reconciliation", "feed"


def judge(uow: UnitOfWork, account: str, limits: RiskLimits, now: datetime) -> str | None:
    """Judges each trigger; returns why all trading must stop, in words, or None.

    The caller requests the stop in the same transaction.
    """
    rows, rules = TriggerRows(uow, account, now), limits.emergency
    _several(uow.session, rows, rules, now)
    _streak(uow.session, rows, limits, account)
    _models(uow.session, rows, rules)
    _exchange(uow.session, rows, rules, account)
    uow.session.flush()
    return rows.cause


def _several(session: Session, rows: TriggerRows, rules: EmergencyRules, now: datetime) -> None:
    since = now - timedelta(minutes=rules.breakers_window_minutes)
    found = session.execute(
        select(BreakerTripRow.kind, BreakerTripRow.tripped_at).where(
            BreakerTripRow.tripped_at > since
        )
    )
    trips = [SeenTrip(kind, at) for kind, at in found]
    begins = rows.begins(TriggerKind.SEVERAL_BREAKERS)
    rows.note(emergency_triggers.several_breakers(trips, rules, begins, now))


def _streak(session: Session, rows: TriggerRows, limits: RiskLimits, account: str) -> None:
    row = session.get(BreakerRow, (ScopeKind.ACCOUNT, account, BreakerKind.STREAK))
    tripped = row is not None and row.tripped
    at = row.changed_at if row is not None and tripped else None
    cause = row.reason if row is not None else ""
    begins = rows.begins(TriggerKind.LOSING_STREAK)
    most = limits.max_consecutive_losses
    rows.note(emergency_triggers.losing_streak(at, cause, most, limits.emergency, begins))


def _models(session: Session, rows: TriggerRows, rules: EmergencyRules) -> None:
    found = session.execute(
        select(BreakerRow.scope_key, BreakerRow.changed_at).where(
            BreakerRow.tripped,
            BreakerRow.scope_kind == ScopeKind.STRATEGY,
            BreakerRow.kind == CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED,
        )
    )
    begins = rows.begins(TriggerKind.FAILING_MODELS)
    stopped = {row.scope_key: row.changed_at for row in found}
    rows.note(emergency_triggers.failing_models(stopped, rules, begins))


def _exchange(session: Session, rows: TriggerRows, rules: EmergencyRules, account: str) -> None:
    kind = TriggerKind.EXCHANGE_LOST
    signs = _signs(session, account)
    before: dict[str, str] = rows.memory(kind).get("signs", {})
    silent = all(before.get(name) == at for name, at in signs.items())
    lasting = rows.lasting(kind, lasts=silent)
    found = emergency_triggers.stays_away(
        kind,
        "the exchange has said nothing about the account",
        lasting,
        rules.exchange_lost_seconds,
    )
    rows.note(found, {**lasting.to_json(), "signs": {**before, **signs}})


def _signs(session: Session, account: str) -> dict[str, str]:
    """The exchange's last signs about the account. Only a sign that changes counts, so that no
    clocks are compared."""
    beats = {
        row.name: row
        for row in session.scalars(
            select(HeartbeatRow)
            .where(HeartbeatRow.name.in_((_RECONCILIATION, _FEED)))
            .execution_options(populate_existing=True)
        )
    }
    times = {"equity": bases.newest_reading_at(session, account)}
    if _RECONCILIATION in beats:
        times[_RECONCILIATION] = beats[_RECONCILIATION].at
    if _FEED in beats and beats[_FEED].details.get("private") == LIVE:
        times[_FEED] = beats[_FEED].at
    return {name: at.isoformat() for name, at in times.items() if at is not None}
