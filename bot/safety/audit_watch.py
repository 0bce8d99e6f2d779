"""Stops all trading for an audit that is not the one that was written."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.safety import emergency_triggers
from bot.safety.emergency_triggers import TriggerKind
from bot.safety.sensors import AUDIT_UNWRITABLE, Reading
from bot.safety.trigger_rows import TriggerRows
from models.database import UnitOfWork

_KIND = TriggerKind.AUDIT_CHANGED


def judge(
    uow: UnitOfWork, account: str, readings: Mapping[str, Reading], now: datetime
) -> str | None:
    """Judges the reading of the audit's sensor; returns why trading was stopped, or None.

    A reading that is missing says nothing about a change. It withholds the lease.
    """
    reading = readings.get("audit", Reading())
    fault = reading.fault
    if fault is None and reading.age_seconds is None:
        return None
    changed = fault is not None and not fault.startswith(AUDIT_UNWRITABLE)
    return _stop(uow, account, [fault] if fault is not None and changed else [], now)


def stop_for(uow: UnitOfWork, account: str, problems: Sequence[str], now: datetime) -> str | None:
    """Stops all trading for the faults of one verification; returns why, None when it was stopped
    for them before."""
    return _stop(uow, account, problems, now, at_once=True)


def _stop(
    uow: UnitOfWork,
    account: str,
    problems: Sequence[str],
    now: datetime,
    *,
    at_once: bool = False,
) -> str | None:
    rows = TriggerRows(uow, account, now)
    lasting = rows.lasting(_KIND, lasts=bool(problems))
    found = emergency_triggers.audit_changed(problems, lasting, at_once=at_once)
    rows.note(found, lasting.to_json() if problems else None)
    return rows.stop()
