"""Responses: the outcome of a strategy's request as plain JSON."""

from collections.abc import Sequence
from typing import Any

from bot.errors import BadMessage, RequestIdTaken
from bot.execution.orders import fallback_rows
from bot.risk import codec, stages
from bot.risk.snapshot import StageView
from models.documents.stored_form import to_json
from models.enums import (
    CheckStatus,
    ExecutionStatus,
    SoftHold,
    StrategyStage,
    TradeBlockReason,
    Verdict,
)
from models.tables import ChildOrderRow, DecisionRow, ParentOrderRow, TradeRequestRow

HELD = "held_by_soft_block"
"""The type of the answer for a request that waits for its release."""


def bad_message(request_id: str, error: BadMessage) -> dict[str, Any]:
    """A typed refusal that names every broken field."""
    taken = isinstance(error, RequestIdTaken)
    return {
        "request_id": request_id,
        "status": ExecutionStatus.VALIDATION_FAILED.value,
        "verdict": Verdict.DENY.value,
        "reasons": [TradeBlockReason.REQUEST_ID_TAKEN.value] if taken else [],
        "error": {
            "type": error.code,
            "fields": [{"field": e.field, "message": e.message} for e in error.errors],
        },
        "message": error.message,
    }


def asked_as(row: TradeRequestRow) -> str:
    """The request's id as its strategy gave it, even when the row's key differs."""
    return str(row.payload.get("request_id", row.request_id))


def undecided(row: TradeRequestRow) -> dict[str, Any]:
    """A request without a decision: its validation failed and will be tried again, it is parked, or
    a soft block holds it."""
    held = row.soft_hold is SoftHold.HELD
    return {
        "request_id": asked_as(row),
        "status": str(row.status),
        "verdict": Verdict.DENY.value,
        "reasons": [] if held else [TradeBlockReason.INTERNAL_ERROR.value],
        "error": {"type": HELD if held else str(row.status), "fields": []},
        "message": row.failure or "not validated yet",
    }


def of_decision(row: TradeRequestRow, decision: DecisionRow, *, repeated: bool) -> dict[str, Any]:
    """The decision in short; `mlrisk show REQUEST_ID` has the whole of it."""
    checks = decision.decision["checks"]
    broken = [c for c in checks if c["status"] in (CheckStatus.FAIL, CheckStatus.UNKNOWN)]
    return {
        "request_id": asked_as(row),
        "status": str(row.status),
        "verdict": str(decision.verdict),
        "approved_qty": decision.decision["approved_qty"],
        "approved_notional": decision.decision["approved_notional"],
        "reference_price": decision.decision["reference_price"],
        "reasons": [str(TradeBlockReason(reason)) for reason in decision.decision["reasons"]],
        "checks_failed": [
            {
                key: check.get(key)
                for key in ("name", "status", "value", "limit", "needed", "sentence")
            }
            for check in broken
        ],
        "notes": [check["sentence"] for check in checks if check["name"] == "claims"],
        "stage": _stage(decision),
        "repeated": repeated,
    }


def _stage(decision: DecisionRow) -> dict[str, Any] | None:
    """The strategy's stage at the decision, and whether its entries were sent then; None for a
    decision from before stages."""
    seen = decision.snapshot.get("strategy")
    if seen is None:
        return None
    view = codec.from_json(StageView, seen)
    unknown = StrategyStage(decision.limits["strategies"]["unknown_stage"])
    stage = stages.in_force(view.stage, unknown)
    return {"stage": stage.value, "sends": stages.sends(stage, real_money=view.real_money)}


def of_parent(parent: ParentOrderRow | None, children: Sequence[ChildOrderRow]) -> dict[str, Any]:
    """How far the execution of an approved trade has come."""
    if parent is None:
        return {"parent": None, "children": []}
    average = parent.filled_notional / parent.filled_qty if parent.filled_qty else None
    return {
        "parent": {
            "algorithm": parent.algorithm,
            "working_algorithm": fallback_rows.working_algorithm(parent).value,
            "stop_reason": parent.stop_reason,
            "end_reason": parent.end_reason,
            "pace": to_json(parent.pace),
            "state": parent.state,
            "approved_qty": format(parent.approved_qty.normalize(), "f"),
            "filled_qty": format(parent.filled_qty.normalize(), "f"),
            "average_price": None if average is None else format(average.normalize(), "f"),
            "deadline_at": parent.deadline_at.isoformat(),
        },
        "children": [
            {
                "slot": child.slot,
                "attempt": child.attempt,
                "order_link_id": child.order_link_id,
                "state": child.state,
                "qty": format(child.qty.normalize(), "f"),
                "filled_qty": format(child.filled_qty.normalize(), "f"),
                "due_at": child.due_at.isoformat(),
            }
            for child in children
        ],
    }
