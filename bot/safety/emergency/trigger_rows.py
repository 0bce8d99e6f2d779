"""The rows of the emergency stop's triggers in one transaction, and the stop that they latch.

A trigger fires once. When a person has recovered from the stop, it begins anew: what came before
counts no more.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from bot.safety.emergency.stop import request_emergency_stop
from bot.safety.emergency.triggers import Judgement, Lasting, TriggerKind
from models.database import UnitOfWork
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import EmergencyTriggerRow, TradingStateRow

ACTOR = "emergency-triggers"
TRIGGERED, CLEARED = "emergency_triggered", "emergency_trigger_cleared"
_STOPPED = (TradingState.HALTED, TradingState.FLATTENING, TradingState.FLAT)


class TriggerRows:
    """The triggers of one look. The caller's transaction holds the locks of the rows."""

    def __init__(self, uow: UnitOfWork, account: str, now: datetime) -> None:
        self._uow = uow
        self._account = account
        self._now = now
        self._rows: dict[TriggerKind, EmergencyTriggerRow] = {}
        self._fired: list[str] = []

    def begins(self, kind: TriggerKind) -> datetime | None:
        """The end of the trigger's last stop; None when it never stopped anything."""
        return self._row(kind).cleared_at

    def memory(self, kind: TriggerKind) -> dict[str, Any]:
        """What the trigger has kept from its last look."""
        return self._row(kind).memory or {}

    def lasting(self, kind: TriggerKind, *, lasts: bool) -> Lasting:
        """How long something has lasted, this look included."""
        before = Lasting.from_json(self.memory(kind))
        return Lasting.counted(before, self._now, lasts=lasts)

    def note(self, found: Judgement, memory: dict[str, Any] | None = None) -> None:
        """Keeps what a trigger has seen; one that fires is recorded with it."""
        row = self._row(found.kind)
        row.memory = memory
        said = (found.value, found.threshold, found.since)
        if said != (row.value, row.threshold, row.since):
            row.value, row.threshold, row.since = said
            row.seen_at = self._now
        if not found.fires or row.fired_at is not None:
            return
        row.fired_at = row.seen_at = self._now
        row.count += 1
        self._fired.append(found.sentence)
        payload = {
            "trigger": found.kind,
            "value": found.value,
            "threshold": found.threshold,
            "since": None if found.since is None else found.since.isoformat(),
        }
        self._entry(TRIGGERED, found.kind, payload)

    def stop(self) -> str | None:
        """Stops all trading for what has fired in this look; returns why, None when nothing has."""
        cause = self.cause
        if cause is not None:
            request_emergency_stop(self._uow, cause, self._now, actor=ACTOR)
        return cause

    @property
    def cause(self) -> str | None:
        """What has fired in this look, in words."""
        return "; ".join(self._fired) or None

    def _row(self, kind: TriggerKind) -> EmergencyTriggerRow:
        found = self._rows.get(kind)
        if found is None:
            found = self._rows[kind] = self._locked(kind)
            if found.fired_at is not None and not self._is_stopped():
                found.fired_at, found.cleared_at, found.memory = None, self._now, None
                self._entry(CLEARED, kind, {"trigger": kind})
        return found

    def _locked(self, kind: TriggerKind) -> EmergencyTriggerRow:
        session = self._uow.session
        session.execute(
            insert(EmergencyTriggerRow)
            .values(kind=kind, value="", threshold="", seen_at=self._now)
            .on_conflict_do_nothing()
        )
        return session.scalars(
            select(EmergencyTriggerRow)
            .where(EmergencyTriggerRow.kind == kind)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()

    def _is_stopped(self) -> bool:
        """Whether all trading is still stopped. A missing row counts as stopped everywhere."""
        row = self._uow.session.get(
            TradingStateRow, (ScopeKind.GLOBAL, states.GLOBAL_KEY), populate_existing=True
        )
        return row is None or row.state in _STOPPED

    def _entry(self, kind: str, trigger: TriggerKind, payload: dict[str, Any]) -> None:
        subject = f"emergency:{trigger}"
        self._uow.audit(self._account, kind, subject, ACTOR, payload, self._now)
