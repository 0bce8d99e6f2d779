"""A calibration of the limits as plain values, and as tables for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.gate_value.sentences import sentence
from bot.reports.calibrating import MOST_DECISIONS, Calibration
from bot.reports.calibration import (
    LEAST_ASKED,
    LEAST_TRIPS,
    MOSTLY,
    ROOM,
    SMALLEST_STEP,
    UNUSED,
    Reviewed,
)
from console.output import utc

METHOD = (
    f"Read are the newest {MOST_DECISIONS} decisions; those under another value of a limit say "
    f"nothing about it. Question: the ledger of blocks proves that the limit costs, it stops more "
    f"than {MOSTLY:.0%} of what it is asked about, or more than {MOSTLY:.0%} of a breaker's trips "
    f"were false (from {LEAST_TRIPS} trips on). Tighten: {LEAST_ASKED} decisions or more, none of "
    f"which reached the limit or used more than {UNUSED:.0%} of it; the value leaves "
    f"{1 - ROOM:.0%} free over the most that was used, and is {SMALLEST_STEP:.0%} of the old one "
    "at least. A proposal changes nothing."
)
_HEADROOMS = (("half", 0.5), ("p90", 0.9), ("p99", 0.99))


def calibration_facts(found: Calibration) -> dict[str, Any]:
    """All of it as plain values."""
    return {
        "account": found.account,
        "since": found.since,
        "until": found.until,
        "decisions": found.decisions,
        "first_decision_at": found.first_decision_at,
        "counts": found.counts(),
        "limits": [_limit(each) for each in found.limits],
        "breakers": [
            {
                "kind": each.kind,
                "trips": each.trips,
                "false_trips": each.false_trips,
                "proposal": each.proposal.value,
                "why": each.why,
            }
            for each in found.breakers
        ],
        "method": METHOD,
    }


def _limit(each: Reviewed) -> dict[str, Any]:
    read = each.readings
    return {
        "limit": each.path,
        "check": each.check or None,
        "value": each.value,
        "unit": each.unit,
        "asked": read.asked,
        "reached": read.reached,
        "near": read.near,
        "unknown": read.unknown,
        "deciding": read.deciding,
        "headroom": {name: _rounded(read.headroom(share)) for name, share in _HEADROOMS}
        | {"least": _rounded(read.headroom(1.0))},
        "worth": None if each.worth is None else sentence(each.worth),
        "proposal": each.proposal.value,
        "proposed": each.proposed,
        "why": each.why,
    }


def print_calibration(out: Console, facts: Mapping[str, Any]) -> None:
    """Prints the limits that were judged, the breakers, and what was not judged in one line."""
    first = facts["first_decision_at"]
    from_ = "" if first is None else f", the first at {utc(first)}"
    out.print(f"{facts['decisions']} decisions since {utc(facts['since'])}{from_}", markup=False)
    judged = [row for row in facts["limits"] if row["proposal"] != "not judged"]
    if judged:
        out.print(_table(judged))
    for row in judged:
        if row["proposal"] != "keep":
            out.print(escape(_line(row)))
    for row in facts["breakers"]:
        if row["proposal"] != "keep":
            out.print(f"{escape(row['kind'])}: {row['proposal']}; {escape(row['why'])}")
    counts = ", ".join(f"{count} {name}" for name, count in facts["counts"].items() if count)
    out.print(f"limits and breakers: {counts}", markup=False)
    out.print(escape(facts["method"]), style="dim")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("limit")
    for title in ("value", "asked", "reached", "deciding", "headroom half", "p99", "least"):
        table.add_column(title, justify="right")
    table.add_column("proposal")
    for row in rows:
        headroom = row["headroom"]
        table.add_row(
            escape(row["limit"]),
            escape(row["value"] or ""),
            str(row["asked"]),
            str(row["reached"]),
            str(row["deciding"]),
            *(_percent(headroom[name]) for name in ("half", "p99", "least")),
            row["proposal"],
        )
    return table


def _line(row: Mapping[str, Any]) -> str:
    to = "" if row["proposed"] is None else f" to {row['proposed']}"
    worth = "" if row["worth"] is None else f" ({row['worth']})"
    return f"{row['limit']}: {row['proposal']}{to}; {row['why']}{worth}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
