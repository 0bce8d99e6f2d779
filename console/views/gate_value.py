"""What blocks were worth, by check, strategy or symbol: facts, a table with a sentence each, and
the rows of a panel."""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from bot.gate_value.figures import BlockValue, GroupBy
from bot.gate_value.sentences import sentence
from bot.gate_value.summary import summary
from console.output import utc
from models.amounts import compact

METHOD = (
    "Worth is after spread, fee and own impact, in quote currency; bps are of equity. Intervals "
    "are 95 % by a stationary block bootstrap; what is said holds for all lines together (Holm)."
)
PANEL_ROWS = 8
"""The dearest checks of a panel; the rest is one command away."""


def value_facts(
    session: Session, since: datetime, until: datetime, by: GroupBy = GroupBy.CHECK
) -> dict[str, Any]:
    """The worth of the blocks that were decided in [since, until)."""
    found = summary(session, since, until, by)
    return {
        "since": found.since,
        "until": found.until,
        "by": by.value,
        "judged": found.judged,
        "not_judged": found.not_judged,
        "values": [_facts(each) for each in found.values],
        "method": METHOD,
    }


def panel_facts(session: Session, since: datetime, until: datetime) -> dict[str, Any]:
    """The facts of a console's panel: the dearest checks first, and how many more there are."""
    facts = value_facts(session, since, until)
    rows = facts["values"][:PANEL_ROWS]
    return {**facts, "values": rows, "more": len(facts["values"]) - len(rows)}


def print_value(out: Console, facts: dict[str, Any]) -> None:
    """Prints the facts as a table and a sentence for each line of it."""
    out.print(
        f"{facts['judged']} blocks judged since {utc(facts['since'])}, by {escape(facts['by'])}; "
        f"{facts['not_judged']} not judged"
    )
    if not facts["values"]:
        out.print(
            "No block has been judged: a block is judged when the horizon of its request is over."
        )
        return
    table = Table(
        facts["by"], "known", "alone", "unknown", "false", "avoided", "missed", "net",
        "bps a day [95 %]", box=None,
    )  # fmt: skip
    for row in facts["values"]:
        table.add_row(*_cells(row))
    out.print(table)
    for row in facts["values"]:
        out.print(escape(row["sentence"]))
    reasons = sorted({reason for row in facts["values"] for reason in row["unknown"]})
    if reasons:
        out.print("unknown worth: " + ", ".join(escape(_unknown(facts, each)) for each in reasons))
    out.print(escape(facts["method"]), style="dim")


def _unknown(facts: dict[str, Any], reason: str) -> str:
    """Blocks with several blockers count for each of them."""
    return f"{reason} {sum(row['unknown'].get(reason, 0) for row in facts['values'])}"


def _facts(value: BlockValue) -> dict[str, Any]:
    return {
        "name": value.name,
        "known": value.blocks,
        "alone": value.alone,
        "unknown": dict(value.unknown),
        "false_share": _rounded(value.false_share),
        "avoided": compact(value.avoided),
        "missed": compact(value.missed),
        "net": compact(value.net),
        "bps_a_day": _rounded(value.bps_a_day),
        "low": _rounded(value.low),
        "high": _rounded(value.high),
        "p_value": _rounded(value.p_value),
        "finding": value.finding.value,
        "needs_more": value.needs_more,
        "block_hours": _rounded(value.block_hours),
        "sentence": sentence(value),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    false = "" if row["false_share"] is None else f"{row['false_share']:.0%}"
    a_day = "unknown" if row["bps_a_day"] is None else f"{row['bps_a_day']:+.2f}"
    if row["low"] is not None:
        a_day += rf" \[{row['low']:+.2f}, {row['high']:+.2f}]"
    return [
        escape(row["name"]),
        str(row["known"]),
        str(row["alone"]),
        str(sum(row["unknown"].values())),
        false,
        *(f"{row[name]:.2f}" for name in ("avoided", "missed", "net")),
        a_day,
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
