"""Stops all trading for an audit that is not the one that was written, and for an audit log that
stays faulty."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.risk.limits import RiskLimits
from bot.safety.emergency import triggers as emergency_triggers
from bot.safety.emergency.trigger_rows import TriggerRows
from bot.safety.emergency.triggers import TriggerKind
from bot.safety.lease import sensors
from bot.safety.lease.sensors import AUDIT_UNWRITABLE, Reading
from models.database import UnitOfWork

_AUDIT, _LOG = "audit", "audit_log"
_LOG_FAULT = "the audit log has a fault"


def judge(
    uow: UnitOfWork,
    account: str,
    readings: Mapping[str, Reading],
    limits: RiskLimits,
    now: datetime,
) -> str | None:
    """Judges the readings of the audit's sensors; returns why trading was stopped, or None.

    A missing reading of the audit says nothing about a change. It withholds the lease.
    """
    rows = TriggerRows(uow, account, now)
    reading = readings.get(_AUDIT, Reading())
    fault = reading.fault
    if fault is not None or reading.age_seconds is not None:
        changed = fault is not None and not fault.startswith(AUDIT_UNWRITABLE)
        _note_change(rows, [fault] if fault is not None and changed else [])
    _note_log(rows, readings, limits)
    return rows.stop()


def stop_for(uow: UnitOfWork, account: str, problems: Sequence[str], now: datetime) -> str | None:
    """Stops all trading for the faults of one verification; returns why, None when it was stopped
    for them before."""
    rows = TriggerRows(uow, account, now)
    _note_change(rows, problems, at_once=True)
    return rows.stop()


def _note_change(rows: TriggerRows, problems: Sequence[str], *, at_once: bool = False) -> None:
    lasting = rows.lasting(TriggerKind.AUDIT_CHANGED, lasts=bool(problems))
    found = emergency_triggers.audit_changed(problems, lasting, at_once=at_once)
    rows.note(found, lasting.to_json() if problems else None)


def _note_log(rows: TriggerRows, readings: Mapping[str, Reading], limits: RiskLimits) -> None:
    """The audit log as its sensor is judged: entries that wait for too long, a refusal of the
    witness, a log that is torn, and no reading at all."""
    kind = TriggerKind.AUDIT_LOG_FAULTY
    problems = {each.name: each.problem for each in sensors.judge(readings, limits.lease)}
    problem = problems[_LOG]
    lasting = rows.lasting(kind, lasts=problem is not None)
    what = _LOG_FAULT if problem is None else f"{_LOG_FAULT} ({problem})"
    rules = limits.emergency
    deadline = rules.audit_log_fault_seconds
    found = emergency_triggers.stays_away(kind, what, lasting, deadline)
    rows.note(found, None if problem is None else lasting.to_json())
