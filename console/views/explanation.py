"""A decision explained: its sentence, every check, the size factors and the needed values."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk import codec
from bot.risk.decision import Decision
from bot.risk.explain import explain
from bot.risk.limits import RiskLimits
from bot.risk.rule import number_text
from bot.risk.soft import soft_blocks
from models.audit import GLOBAL_CHAIN
from models.enums import MessageRefusal
from models.tables import AuditRow, DecisionRow, ParentOrderRow, TradeRequestRow

_STYLES = {"pass": "green", "fail": "red", "unknown": "red", "skipped": "dim"}


def decision_facts(decision: Decision, limits: RiskLimits) -> dict[str, Any]:
    """Everything that a person or a program may ask about a decision under these limits."""
    explanation = explain(decision)
    soft = soft_blocks(decision, limits)
    return {
        "verdict": decision.verdict,
        "sentence": explanation.sentence,
        "needed": explanation.needed,
        "reasons": decision.reasons,
        "exposure": decision.exposure,
        "reduce_only": decision.reduce_only,
        "requested_notional": decision.requested_notional,
        "requested_qty": decision.requested_qty,
        "approved_notional": decision.approved_notional,
        "approved_qty": decision.approved_qty,
        "reference_price": decision.reference_price,
        "capped_by": decision.capped_by,
        "soft_blocks": [block.sentence for block in soft],
        "decided_at": decision.decided_at,
        "checks": [
            {
                "name": result.name,
                "status": result.status,
                "reason": result.reason,
                "value": result.value,
                "limit": result.limit,
                "margin": result.margin,
                "unit": result.unit,
                "data_age_seconds": result.data_age_seconds,
                "cap": result.cap,
                "needed": result.needed,
                "sentence": result.sentence,
            }
            for result in decision.checks
        ],
        "factors": [
            {
                "name": factor.name,
                "value": factor.value,
                "measured": number_text(factor.measured),
                "full_size": number_text(factor.full_size),
                "sentence": factor.sentence,
            }
            for factor in decision.factors
        ],
    }


def stored_explanation(session: Session, request_id: str) -> dict[str, Any] | None:
    """The explanation of a stored request; None for an unknown one.

    Raises codec.Unreadable if another version of the gate wrote the decision and it can't be read.
    """
    request = session.get(TradeRequestRow, request_id)
    if request is None:
        return _refused_message(session, request_id)
    facts: dict[str, Any] = {
        "request_id": request_id,
        "strategy": request.strategy,
        "symbol": request.symbol,
        "side": request.side,
        "status": request.status,
        "received_at": request.received_at,
        "failure": request.failure,
        "decision": None,
        "outcome": None,
    }
    row = session.get(DecisionRow, request_id)
    if row is not None:
        decision = codec.from_json(Decision, row.decision)
        facts["decision"] = decision_facts(decision, codec.from_json(RiskLimits, row.limits))
        facts["gate_version"] = row.gate_version
        facts["decision_sha256"] = row.decision_sha256
    parent = session.get(ParentOrderRow, request_id)
    if parent is not None:
        facts["outcome"] = {
            "state": parent.state,
            "algorithm": parent.algorithm,
            "chosen_because": parent.params.get("chosen_because"),
            "approved_qty": parent.approved_qty,
            "filled_qty": parent.filled_qty,
            "released_qty": parent.released_qty,
            "end_reason": parent.end_reason,
        }
    return facts


def _refused_message(session: Session, request_id: str) -> dict[str, Any] | None:
    """A message that was refused at the door has no row, but an audit entry."""
    entry = session.scalar(
        select(AuditRow)
        .where(
            AuditRow.chain == GLOBAL_CHAIN,
            AuditRow.kind.in_([kind.value for kind in MessageRefusal]),
            AuditRow.subject == request_id,
        )
        .order_by(AuditRow.seq.desc())
        .limit(1)
    )
    if entry is None:
        return None
    return {
        "request_id": request_id,
        "status": "refused_message",
        "received_at": entry.at,
        "errors": entry.payload["errors"],
        "decision": None,
        "outcome": None,
    }


def print_stored(out: Console, facts: Mapping[str, Any]) -> None:
    """Prints for a person the request, the answer with its reasons, and the outcome."""
    if "errors" in facts:
        out.print(f"[bold]{escape(facts['request_id'])}[/] was refused as a message:")
        for error in facts["errors"]:
            out.print(f"   {escape(error['field'])}: {escape(error['message'])}")
        return
    out.print(
        f"[bold]{escape(facts['request_id'])}[/]  {escape(facts['strategy'])}  {facts['side']} "
        f"{escape(facts['symbol'])}  status {facts['status']}"
    )
    if facts["decision"] is None:
        out.print(escape(facts.get("failure") or "not decided yet"))
        return
    print_decision(out, facts["decision"])
    outcome = facts["outcome"]
    if outcome is not None:
        why = f" because {escape(outcome['end_reason'])}" if outcome["end_reason"] else ""
        out.print(
            f"since then: {outcome['algorithm']} ({escape(outcome['chosen_because'] or '')}) is "
            f"[bold]{outcome['state']}[/]{why}, {number_text(outcome['filled_qty'])} of "
            f"{number_text(outcome['approved_qty'])} filled"
        )


def print_decision(out: Console, facts: Mapping[str, Any]) -> None:
    """Prints the sentence, then the needed values, the checks (failed ones first) and the
    factors."""
    out.print(f"[bold]{facts['verdict'].upper()}[/]: {escape(facts['sentence'])}")
    for wish in facts["needed"]:
        out.print(f"   needed: {escape(wish)}")
    out.print(_checks(facts["checks"]))
    if facts["factors"]:
        table = Table("factor of the size", "value", "because", box=None)
        for factor in facts["factors"]:
            value = number_text(factor["value"]) or ""
            table.add_row(escape(factor["name"]), value, escape(factor["sentence"]))
        out.print(table)
    for sentence in facts["soft_blocks"]:
        out.print(f"[yellow]warning[/]: {escape(sentence)}")
    if facts["capped_by"]:
        out.print(f"the size is the cap of {escape(facts['capped_by'])}")


def _checks(checks: Sequence[Mapping[str, Any]]) -> Table:
    order = {status: place for place, status in enumerate(("fail", "unknown", "pass", "skipped"))}
    table = Table(
        "check", "answer", "value", "limit", "margin", "unit", "data age", "needed", box=None
    )
    for check in sorted(checks, key=lambda check: order[check["status"]]):
        age = check["data_age_seconds"]
        table.add_row(
            escape(check["name"]),
            f"[{_STYLES[check['status']]}]{check['status']}[/]",
            *(escape(check[key] or "") for key in ("value", "limit", "margin", "unit")),
            "" if age is None else f"{age:.1f} s",
            escape(check["needed"] or ""),
        )
    return table
