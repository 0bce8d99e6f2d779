"""How many requests the gate blocks, by reason and by check, and whether one check stops it all."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from console.output import utc
from models.enums import Verdict
from models.repositories import decisions

NEARLY_ALL = 0.9
"""From here a check is a defect or a wrong limit more often than a market condition."""
FEW = 10
"""Fewer requests say nothing about a rate."""
_CONSEQUENCES = frozenset({"min_qty", "min_notional"})
"""They fail because others left nothing of the size."""


@dataclass
class BlockRate:
    """Counts of requests since a moment; a request may be blocked for several reasons."""

    since: datetime
    decided: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    blocked_by_reason: Counter[str] = field(default_factory=Counter)
    blocked_by_check: Counter[str] = field(default_factory=Counter)
    shrunk_by_reason: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    """Requests that one check alone blocked."""
    bad_messages: int = 0

    @property
    def blocked(self) -> int:
        return self.verdicts[Verdict.DENY]

    @property
    def share(self) -> float:
        return self.blocked / self.decided if self.decided else 0.0

    def add(self, outcome: decisions.Outcome) -> None:
        self.decided += 1
        self.verdicts[outcome.verdict] += 1
        if outcome.verdict == Verdict.SHRINK:
            self.shrunk_by_reason.update(outcome.reasons)
        if outcome.verdict != Verdict.DENY:
            return
        self.blocked_by_reason.update(outcome.reasons)
        causes = [name for name in outcome.said_no if name not in _CONSEQUENCES]
        causes = causes or list(outcome.said_no)
        self.blocked_by_check.update(causes)
        if len(causes) == 1:
            self.alone.update(causes)

    def hints(self) -> list[str]:
        """What to look at; empty when nothing stands out."""
        if self.decided < FEW:
            return []
        return [
            f"High block rate: {name} blocks {count / self.decided:.0%} of {self.decided} requests "
            f"({self.alone[name]} of them alone). See what it wants with `mlrisk explain`, and "
            "what another limit would do with `mlrisk replay --set`"
            for name, count in self.blocked_by_check.most_common()
            if count / self.decided >= NEARLY_ALL
        ]

    def facts(self) -> dict[str, Any]:
        return {
            "since": self.since,
            "requests": self.decided,
            "blocked": self.blocked,
            "block_rate": round(self.share, 6),
            "verdicts": dict(self.verdicts.most_common()),
            "blocked_by_reason": dict(self.blocked_by_reason.most_common()),
            "blocked_by_check": dict(self.blocked_by_check.most_common()),
            "blocked_by_one_check_alone": dict(self.alone.most_common()),
            "shrunk_by_reason": dict(self.shrunk_by_reason.most_common()),
            "bad_messages": self.bad_messages,
            "hints": self.hints(),
        }


def block_rate(session: Session, since: datetime) -> BlockRate:
    """Everything decided since then."""
    rate = BlockRate(since, bad_messages=decisions.bad_messages(session, since))
    for outcome in decisions.outcomes(session, since):
        rate.add(outcome)
    return rate


def print_rate(out: Console, rate: BlockRate) -> None:
    out.print(
        f"since {utc(rate.since)}: {rate.decided} requests decided, [bold]{rate.blocked}[/] "
        f"blocked ({rate.share:.1%}), {rate.verdicts[Verdict.SHRINK]} shrunk; "
        f"{rate.bad_messages} refused as unreadable messages"
    )
    if rate.blocked:
        table = Table("check", "blocked", "of all", "alone", box=None)
        for name, count in rate.blocked_by_check.most_common():
            share = f"{count / rate.decided:.1%}"
            table.add_row(escape(name), str(count), share, str(rate.alone[name]))
        out.print(table)
        reasons = rate.blocked_by_reason.most_common()
        out.print("reasons: " + ", ".join(f"{reason} {count}" for reason, count in reasons))
    for hint in rate.hints():
        out.print(f"[yellow]{escape(hint)}[/]")
