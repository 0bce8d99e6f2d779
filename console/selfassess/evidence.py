"""What a running system shows for a control: read from its rows, its home and its exchange."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from bot.errors import MlriskError
from bot.state import binding
from config.settings import Settings
from console.context import reading
from console.runtime.examination import examine
from console.runtime.health import postgres_check
from console.selfassess import evidence_reports, evidence_rows, limits_evidence
from console.selfassess.kinds import EvidenceKind, Shown
from console.views.doctor.audit_log_line import audit_log_line

NOT_RUNNING = "the system is not running"


Readers = Mapping[EvidenceKind, Callable[[], Shown]]


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """What was found of the system that the settings name."""

    missing: str | None
    """Why nothing could be read; None for a system that answers."""
    shown: Mapping[EvidenceKind, Shown]
    limits: Mapping[str, Any]
    """The limits in force by `section.key`."""
    limits_problem: str | None = None
    """Why the limits in force can't be read."""

    def of(self, kind: EvidenceKind) -> Shown:
        """A piece of evidence; that the system is not running is one as well."""
        return self.not_running() if self.missing is not None else self.shown[kind]

    def not_running(self) -> Shown:
        """That nothing could be read."""
        return Shown(f"{NOT_RUNNING}: {self.missing}", None)


def look(settings: Settings, wanted: Iterable[EvidenceKind], *, replay: int) -> RunningSystem:
    """Reads each wanted piece. `replay` bounds the decisions that the invariants replay."""
    postgres = postgres_check(settings)
    if not postgres.ok:
        return RunningSystem(postgres.detail, {}, {})
    asked = sorted(set(wanted))
    with reading(settings.require_database_url()) as session:
        own = binding.shown(session, settings)
        rows = _readers_of_rows(session, own)
        shown = {kind: _read(rows[kind]) for kind in asked if kind in rows}
    # These take long, and have transactions of their own.
    others = _other_readers(own, replay)
    shown |= {kind: _read(others[kind]) for kind in asked if kind in others}
    try:
        return RunningSystem(None, shown, limits_evidence.values(own))
    except MlriskError as error:
        return RunningSystem(None, shown, {}, error.message)


def _readers_of_rows(session: Session, settings: Settings) -> Readers:
    account = settings.account
    return {
        EvidenceKind.ALERTS: lambda: evidence_rows.alerts(session),
        EvidenceKind.ASSESSED: lambda: evidence_reports.assessed(session, account),
        EvidenceKind.BLOCKS: lambda: evidence_rows.blocks(session),
        EvidenceKind.BREAKERS: lambda: evidence_rows.breakers(session),
        EvidenceKind.CALIBRATION: lambda: evidence_reports.calibration(session, account),
        EvidenceKind.DRILL: lambda: evidence_rows.drill(session, account),
        EvidenceKind.FILLS: lambda: evidence_rows.fills(session, account),
        EvidenceKind.HALT: lambda: evidence_rows.halt(session),
        EvidenceKind.LEASE: lambda: evidence_rows.lease(session, account),
        EvidenceKind.LIMITS: lambda: limits_evidence.version(session, settings),
        EvidenceKind.OPERATORS: lambda: evidence_rows.operators(session),
        EvidenceKind.RECONCILIATION: lambda: evidence_rows.reconciliation(session, account),
        EvidenceKind.STRATEGIES: lambda: evidence_rows.strategies(session),
        EvidenceKind.STRESS: lambda: evidence_reports.stress(session, account),
        EvidenceKind.WATCHDOG: lambda: evidence_rows.watchdog(session),
    }


def _other_readers(settings: Settings, replay: int) -> Readers:
    return {
        EvidenceKind.AUDIT: lambda: _audit(settings),
        EvidenceKind.INVARIANTS: lambda: _invariants(settings, replay),
        EvidenceKind.SELF_TEST: lambda: limits_evidence.self_test(settings),
    }


def _read(reader: Callable[[], Shown]) -> Shown:
    """What can't be known for a reason of the system's own speaks against the control."""
    try:
        return reader()
    except MlriskError as error:
        return Shown(error.message, False)


def _audit(settings: Settings) -> Shown:
    line = audit_log_line(settings)
    return Shown(line.detail, None if line.ok and line.warning else line.ok)


def _invariants(settings: Settings, replay: int) -> Shown:
    results = examine(settings, newest_decisions=replay)
    broken = [f"{each.name} ({each.violations[0]})" for each in results if each.violations]
    if broken:
        return Shown(f"violated: {'; '.join(broken)}", False)
    unchecked = [each.name for each in results if not each.checked]
    holding = ", ".join(each.name for each in results if each.holds)
    told = f"{holding} hold, with the newest decisions replayed ({replay} at most)"
    if not unchecked:
        return Shown(told, True)
    names = ", ".join(unchecked)
    return Shown(f"{told}; {names} can't be checked: the exchange's journal is not here", None)
