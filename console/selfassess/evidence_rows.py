"""Evidence that stands in the rows of a running system."""

from collections import Counter
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.safety.emergency import drills
from bot.safety.halting.report import REPORT
from console.runtime.halts.drilling import PROOFS
from console.selfassess.kinds import Shown
from console.views.doctor.alert_lines import channel_lines
from console.views.live.alert_facts import open_counts
from console.views.live.lease_view import lease_view
from console.views.live.queries import database_now
from models.repositories import figures
from models.repositories import operators as operator_rows
from models.tables import (
    AlertRow,
    AuditRow,
    BreakerTripRow,
    DisagreementRow,
    FillRow,
    ForeignOrderRow,
    HeartbeatRow,
    StrategyRow,
)
from workers.watchdog.watch import WATCHDOG_ACTED

_DAY = timedelta(days=1)
_SHOWN = 3
_HALTED = "halted"
"""The kind of the audit entry of a halt's state."""
_RECONCILED = "reconciliation"


def drill(session: Session, account: str) -> Shown:
    """The last rehearsal of the emergency stop, with its times."""
    row = next(iter(drills.newest(session, account, 1, drills.HALT)), None)
    if row is None:
        return Shown("the emergency stop was never rehearsed: `mlrisk drill halt` does it", None)
    times = row.report.get("seconds", {})
    told = ", ".join(
        f"{name} {'not proven' if times.get(name) is None else f'after {times[name]:.3f} s'}"
        for name in PROOFS
    )
    verdict = "passed" if row.passed else "FAILED"
    return Shown(f"{verdict}, by {row.actor}: {told}", row.passed, row.ended_at)


def halt(session: Session) -> Shown:
    """The last halt with its proof."""
    at = session.scalar(select(func.max(AuditRow.at)).where(AuditRow.kind == _HALTED))
    if at is None:
        return Shown("there was no halt", None)
    row = session.scalars(
        select(AuditRow)
        .where(AuditRow.at >= at, AuditRow.kind == REPORT)
        .order_by(AuditRow.at.desc())
        .limit(1)
    ).first()
    if row is None:
        return Shown("it has no report", None, at)
    names = ("latched_at", "sealed_at", "clean_at")
    told = ", ".join(f"{name[:-3]} {row.payload.get(name) or 'not proven'}" for name in names)
    problems = row.payload.get("problems") or []
    more = f"; {len(problems)} problems" if problems else ""
    scope = row.payload.get("scope", row.subject)
    return Shown(f"{scope} by {row.actor}: {told}{more}", None, row.at)


def lease(session: Session, account: str) -> Shown:
    """Whether the lease stands, or why it is withheld. Withholding it is the control at work."""
    view = lease_view(session, account)
    return Shown(view.sentence, True if view.problem is None else None, view.looked_at)


def breakers(session: Session) -> Shown:
    """Trips of the last day, and what is tripped now."""
    since = database_now(session) - _DAY
    rows = session.scalars(
        select(BreakerTripRow)
        .where(BreakerTripRow.tripped_at >= since)
        .order_by(BreakerTripRow.tripped_at.desc())
    ).all()
    count = Counter(str(row.kind) for row in rows)
    told = ", ".join(f"{kind} {number}" for kind, number in count.most_common(_SHOWN))
    lasting = session.scalar(
        select(func.count()).select_from(BreakerTripRow).where(BreakerTripRow.resumed_at.is_(None))
    )
    words = f"{len(rows)} trips in a day ({told or 'none'}); {lasting or 0} are not over"
    return Shown(words, None, rows[0].tripped_at if rows else None)


def blocks(session: Session) -> Shown:
    """What the gate decided within the last day."""
    found = figures.counted(session, database_now(session) - _DAY)
    told = ", ".join(f"{name} {number}" for name, number in found.blamed.most_common(_SHOWN))
    return Shown(
        f"{found.decisions} decisions, {found.denied} denied (most by {told or 'none'}), "
        f"{found.shrunk} made smaller",
        None,
    )


def fills(session: Session, account: str) -> Shown:
    """How many fills were booked, and when the last one was."""
    count, newest = session.execute(
        select(func.count(), func.max(FillRow.executed_at)).where(FillRow.account == account)
    ).one()
    return Shown(f"{count} booked", None, newest)


def alerts(session: Session) -> Shown:
    """Alerts that wait for an operator, and whether the channels work."""
    waiting = ", ".join(f"{count} {level}" for level, count in open_counts(session).items())
    lines = channel_lines(session)
    silent = [line for line in lines if not line.ok]
    told = "; ".join(f"{line.name}: {line.detail}" for line in silent or lines)
    return Shown(f"{waiting or 'none'} open; {told}", False if silent else None)


def operators(session: Session) -> Shown:
    """The persons with powers by their roles."""
    rows = [row for row in operator_rows.everybody(session) if row.disabled_at is None]
    count = Counter(row.role.value for row in rows)
    told = ", ".join(f"{number} {role}" for role, number in sorted(count.items()))
    return Shown(told or "there is no operator yet", None)


def strategies(session: Session) -> Shown:
    """The inventory of strategies by their stages."""
    rows = session.scalars(select(StrategyRow).order_by(StrategyRow.name)).all()
    told = ", ".join(f"{row.name} ({row.stage.value}, owner {row.owner})" for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return Shown(f"{told}{more}" if rows else "no strategy has a row", None)


def reconciliation(session: Session, account: str) -> Shown:
    """The last comparison with the exchange's record, and what it found."""
    last = session.get(HeartbeatRow, _RECONCILED)
    differing = session.scalars(
        select(DisagreementRow.symbol).where(DisagreementRow.account == account)
    ).all()
    foreign = session.scalar(
        select(func.count()).select_from(ForeignOrderRow).where(ForeignOrderRow.account == account)
    )
    if last is None:
        return Shown("there was none yet", None)
    positions = f"positions differ in {', '.join(differing)}" if differing else "positions agree"
    words = f"{positions}, {foreign or 0} orders that no row explains"
    return Shown(words, not differing, last.at)


def watchdog(session: Session) -> Shown:
    """The last act of the watchdog, by the alert that followed it."""
    at = session.scalar(select(func.max(AlertRow.last_seen)).where(AlertRow.kind == WATCHDOG_ACTED))
    if at is None:
        return Shown("it never had to act", None)
    return Shown("it cancelled orders of a silent system", None, at)
