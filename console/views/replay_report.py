"""The findings of a replay, as plain facts and as tables."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.decision.decide import gate_version
from bot.decision.replay import Answer, LimitsOf, Replayed, UnreadableDecision, replay
from console.output import utc
from models.amounts import shortest
from models.archived import Archived
from models.repositories.trading import decisions
from models.tables import DecisionRow

_SHOWN = 40


@dataclass
class ReplayReport:
    """Counts every decision and keeps those that differ."""

    since: datetime
    until: datetime
    decided: int = 0
    by_other_gates: int = 0
    """Decisions of another version of the gate. There the code may explain a difference."""
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    notional_before: Decimal = Decimal(0)
    notional_after: Decimal = Decimal(0)
    different: list[Replayed] = field(default_factory=list)
    unreadable: list[UnreadableDecision] = field(default_factory=list)
    archived: dict[str, int] = field(default_factory=dict)
    """How many of the decisions have their audit entry in the archive of a month."""
    _ours: set[str] = field(default_factory=set)

    def run(self, session: Session, limits_of: LimitsOf) -> None:
        """Decides all requests of the time span again."""
        for row in decisions.between(session, self.since, self.until):
            for outcome in replay([row], limits_of):
                self._add(row, outcome)
            # Each row is read once, because a long replay must not keep every snapshot.
            session.expunge(row)
        if Archived(session).all:
            bounds = {"since": self.since, "until": self.until}
            found = session.execute(_ARCHIVED, bounds)
            self.archived = {row.month: row.decisions for row in found}

    @property
    def broken(self) -> list[str]:
        """Requests that this version of the gate decided and now decides otherwise."""
        return sorted(self._ours)

    def _add(self, row: DecisionRow, outcome: Replayed | UnreadableDecision) -> None:
        self.decided += 1
        if row.gate_version != gate_version():
            self.by_other_gates += 1
        else:
            suspicious = isinstance(outcome, UnreadableDecision) or outcome.differs
            self._ours |= {row.request_id} if suspicious else set()
        if isinstance(outcome, UnreadableDecision):
            self.unreadable.append(outcome)
            return
        self.verdicts[outcome.before.verdict, outcome.after.verdict] += 1
        self.notional_before += outcome.before.approved_notional
        self.notional_after += outcome.after.approved_notional
        if outcome.differs:
            self.different.append(outcome)

    def facts(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "from": self.since,
            "to": self.until,
            "decisions": self.decided,
            "decided_by_other_gates": self.by_other_gates,
            "same": self.decided - len(self.different) - len(self.unreadable),
            "different": len(self.different),
            "verdicts": {f"{a} -> {b}": n for (a, b), n in sorted(self.verdicts.items())},
            "approved_notional": {"before": self.notional_before, "after": self.notional_after},
            "differences": [_difference(found) for found in self.different],
            "unreadable": [{"request_id": u.request_id, "why": u.why} for u in self.unreadable],
            "archived": self.archived,
        }


_ARCHIVED = text(
    """
    SELECT entry.payload ->> 'archived' AS month, count(*) AS decisions
      FROM decision
      JOIN audit_entry entry ON entry.subject = decision.request_id AND entry.kind = 'decision'
     WHERE decision.decided_at >= :since AND decision.decided_at < :until
       AND entry.payload = jsonb_build_object('archived', entry.payload ->> 'archived')
     GROUP BY 1 ORDER BY 1
    """
)


def print_replay(out: Console, report: ReplayReport) -> None:
    """Prints the totals and a table of the decisions that differ."""
    out.print(
        f"{report.decided} decisions from {utc(report.since)} to {utc(report.until)}: "
        f"[bold]{len(report.different)}[/] differ, {len(report.unreadable)} can't be read"
    )
    for (before, after), count in sorted(report.verdicts.items()):
        out.print(f"   {before} -> {after}: {count}")
    out.print(
        f"approved: {shortest(report.notional_before)} USDT then, "
        f"{shortest(report.notional_after)} USDT now"
    )
    if report.different:
        out.print(_table(report.different[:_SHOWN]))
    if len(report.different) > _SHOWN:
        out.print(f"and {len(report.different) - _SHOWN} more (--json has all)")
    for unreadable in report.unreadable[:_SHOWN]:
        out.print(f"unreadable: {escape(unreadable.request_id)}: {escape(unreadable.why)}")
    for month, count in report.archived.items():
        out.print(
            f"the audit entries of {count} of them are in the archive of {escape(month)}: they "
            "were decided again from their own rows, and `mlrisk audit prove REQUEST_ID --archive "
            "DIR` compares a row with its entry",
            soft_wrap=True,
        )


def _table(different: list[Replayed]) -> Table:
    table = Table("decided", "request", "trade", "then", "now", "checks that differ", box=None)
    for found in different:
        checks = "; ".join(
            f"{c.name} {c.before or 'not asked'} -> {c.after or 'not asked'} "
            f"({c.limit_before or '-'} -> {c.limit_after or '-'})"
            for c in found.checks
        )
        table.add_row(
            utc(found.decided_at),
            escape(found.request_id),
            f"{found.side} {escape(found.symbol)}",
            _short(found.before),
            _short(found.after),
            escape(checks),
        )
    return table


def _short(answer: Answer) -> str:
    return f"{answer.verdict} {shortest(answer.approved_notional)}"


def _difference(found: Replayed) -> dict[str, Any]:
    return {
        "request_id": found.request_id,
        "decided_at": found.decided_at,
        "strategy": found.strategy,
        "symbol": found.symbol,
        "side": found.side,
        "before": _answer(found.before),
        "after": _answer(found.after),
        "checks": [
            {
                "name": c.name,
                "before": c.before,
                "after": c.after,
                "limit_before": c.limit_before,
                "limit_after": c.limit_after,
            }
            for c in found.checks
        ],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "verdict": answer.verdict,
        "approved_qty": answer.approved_qty,
        "approved_notional": answer.approved_notional,
        "reasons": answer.reasons,
    }
