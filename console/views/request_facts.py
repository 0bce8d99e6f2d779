"""One request from its message to its last fill, as plain facts and as tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk import alerts
from bot.risk.portfolio.kinds import AlertLevel
from console.output import utc
from console.views.live import parent_words
from models.amounts import shortest
from models.tables import (
    AuditRow,
    Base,
    ChildOrderRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    ReservationRow,
    TradeRequestRow,
)

_STATUS_STYLES = {"pass": "green", "fail": "red", "unknown": "red", "skipped": "dim"}


def request_facts(session: Session, request_id: str) -> dict[str, Any] | None:
    """Everything that is stored about a request; None for an unknown one."""
    request = session.get(TradeRequestRow, request_id)
    if request is None:
        return None
    decision = session.get(DecisionRow, request_id)
    children = session.scalars(
        select(ChildOrderRow)
        .where(ChildOrderRow.request_id == request_id)
        .order_by(ChildOrderRow.slot, ChildOrderRow.attempt)
    ).all()
    fills = session.scalars(
        select(FillRow)
        .where(FillRow.child_id.in_([child.child_id for child in children]))
        .order_by(FillRow.executed_at, FillRow.exec_id)
    ).all()
    audit = session.scalars(
        select(AuditRow).where(AuditRow.subject == request_id).order_by(AuditRow.at, AuditRow.seq)
    ).all()
    return {
        "request": _row(request),
        "decision": _decision(decision),
        "reservation": _row(session.get(ReservationRow, request_id)),
        "parent": _row(session.get(ParentOrderRow, request_id)),
        "children": [_row(child) for child in children],
        "fills": [_row(fill) for fill in fills],
        "audit": [
            {
                "at": row.at,
                "kind": row.kind,
                "level": alerts.of_entry(row.kind, row.payload).value,
                "actor": row.actor,
                "payload": row.payload,
            }
            for row in audit
        ],
    }


def _row(row: Base | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _decision(row: DecisionRow | None) -> dict[str, Any] | None:
    """The gate's own record, with the snapshot and limits that it saw."""
    if row is None:
        return None
    return {
        **row.decision,
        "decision_sha256": row.decision_sha256,
        "intent": row.intent,
        "snapshot": row.snapshot,
        "limits": row.limits,
    }


def print_facts(out: Console, facts: Mapping[str, Any]) -> None:
    """Prints for a person the answer, its reasons, and the outcome."""
    request, decision = facts["request"], facts["decision"]
    payload = request["payload"]
    out.print(
        f"[bold]{escape(request['request_id'])}[/]  {escape(request['strategy'])}  "
        f"{request['side']} {escape(request['symbol'])} for "
        f"{payload['signal_data']['position_size']} USDT  "
        f"received {utc(request['received_at'])}  status [bold]{request['status']}[/]"
    )
    if decision is None:
        out.print("not decided yet")
        return
    reasons = f" because of {', '.join(decision['reasons'])}" if decision["reasons"] else ""
    out.print(
        f"[bold]{decision['verdict'].upper()}[/] {decision['approved_notional']} USDT "
        f"({decision['approved_qty']} at {decision['reference_price']}){reasons}"
    )
    out.print(_checks(decision["checks"]))
    out.print(_factors(decision["factors"]))
    _print_orders(out, facts)


def _checks(checks: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("check", "answer", "value", "limit", "margin", "unit", "needed", box=None)
    for check in checks:
        status = str(check["status"])
        table.add_row(
            escape(str(check["name"])),
            f"[{_STATUS_STYLES.get(status, 'white')}]{status}[/]",
            *(escape(str(check.get(key) or "")) for key in ("value", "limit", "margin", "unit")),
            escape(str(check.get("needed") or "")),
        )
    return table


def _factors(factors: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("factor of the size", "value", "because", box=None)
    for factor in factors:
        because = str(factor.get("sentence") or "")
        table.add_row(escape(str(factor["name"])), str(factor["value"]), escape(because))
    return table


def _about_the_work(parent: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Labelled lines about the work: choice, plan, obstacle, failures and end. Empty ones are left
    out."""
    params = parent["params"]
    lines = (
        ("chosen because", str(params.get("chosen_because") or "")),
        ("plan", parent_words.planning_words(params)),
        (
            "in its way",
            parent_words.standing_words(
                parent["state"],
                parent["stop_reason"],
                parent["pace"],
                set_aside_for=parent["failure"] if parent["set_aside_at"] else None,
            ),
        ),
        ("failures in a row", parent_words.ladder_words(parent["ladder"])),
        ("end", parent["end_reason"] or ""),
    )
    yield from ((label, words) for label, words in lines if words)


def _child_state(child: Mapping[str, Any]) -> str:
    if child["final_at"] is not None or child["cancel_requested_at"] is None:
        return str(child["state"])
    return f"{child['state']}, called back"


def _print_orders(out: Console, facts: Mapping[str, Any]) -> None:
    parent = facts["parent"]
    if parent is None:
        return
    algorithm = parent_words.algorithm_words(parent["algorithm"], parent["ladder"])
    out.print(
        f"parent: {algorithm} {shortest(parent['approved_qty'])} "
        f"[bold]{parent['state']}[/], filled {shortest(parent['filled_qty'])}, released "
        f"{shortest(parent['released_qty'])}, limit {shortest(parent['price_limit'])}, "
        f"deadline {utc(parent['deadline_at'])}"
    )
    for label, words in _about_the_work(parent):
        out.print(f"{label}: {escape(words)}")
    children = Table(
        "slot", "try", "order", "style", "price", "qty", "filled", "state", "due", "sent", "note",
        box=None,
    )  # fmt: skip
    for child in facts["children"]:
        children.add_row(
            str(child["slot"]),
            str(child["attempt"]),
            escape(child["order_link_id"]),
            escape(child["style"]),
            "" if child["price"] is None else shortest(child["price"]),
            shortest(child["qty"]),
            shortest(child["filled_qty"]),
            _child_state(child),
            utc(child["due_at"]),
            utc(child["sent_at"]) if child["sent_at"] else "",
            escape(child["note"] or ""),
        )
    out.print(children)
    fills = Table("executed", "qty", "price", "fee", "maker", "source", box=None)
    for fill in facts["fills"]:
        fills.add_row(
            utc(fill["executed_at"]),
            shortest(fill["qty"]),
            shortest(fill["price"]),
            f"{shortest(fill['fee'])} {escape(fill['fee_currency'])}",
            "yes" if fill["is_maker"] else "no",
            escape(fill["source"]),
        )
    out.print(fills)
    loudest = alerts.loudest(AlertLevel(entry["level"]) for entry in facts["audit"])
    out.print(f"{len(facts['audit'])} audit entries, the loudest is {loudest} (--json has them)")
