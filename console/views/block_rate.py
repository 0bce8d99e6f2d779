"""The numbers of blocked requests, by reason and by check, and whether one check blocks nearly
all."""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from bot.risk.block_rate import block_rates
from console.output import utc
from models.repositories import figures, refused


def rate_facts(session: Session, since: datetime) -> dict[str, Any]:
    """Everything decided since that moment, and the messages that could not be decided."""
    counted = figures.counted(session, since)
    rates = block_rates(
        counted.decisions,
        counted.denied,
        counted.shrunk,
        by_reason=counted.reasons,
        by_check=counted.blamed,
        alone=counted.alone,
        missing=counted.missing,
    )
    return {
        "since": since,
        "requests": rates.decisions,
        "blocked": rates.denied,
        "shrunk": rates.shrunk,
        "block_rate": round(rates.rate, 6),
        "blocked_by_reason": dict(rates.by_reason),
        "blocked_by_check": dict(rates.by_check),
        "blocked_by_one_check_alone": dict(rates.alone),
        "hint": rates.hint,
        "bad_messages": refused.total(session, since),
    }


def print_rate(out: Console, facts: dict[str, Any]) -> None:
    """Prints the facts as a line of totals and a table by check."""
    requests = facts["requests"]
    out.print(
        f"since {utc(facts['since'])}: {requests} requests decided, [bold]{facts['blocked']}[/] "
        f"blocked ({facts['block_rate']:.1%}), {facts['shrunk']} shrunk; "
        f"{facts['bad_messages']} refused as messages"
    )
    if facts["blocked"]:
        table = Table("check", "blocked", "of all", "alone", box=None)
        alone = facts["blocked_by_one_check_alone"]
        for name, count in facts["blocked_by_check"].items():
            share = f"{count / requests:.1%}"
            table.add_row(escape(name), str(count), share, str(alone.get(name, 0)))
        out.print(table)
        reasons = facts["blocked_by_reason"].items()
        out.print("reasons: " + ", ".join(f"{reason} {count}" for reason, count in reasons))
    if facts["hint"]:
        out.print(f"[yellow]{escape(facts['hint'])}[/] (`mlrisk explain`, `mlrisk replay --set`)")
