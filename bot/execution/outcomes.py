"""What a strategy hears: the outcome of its request as plain JSON."""

from typing import Any

from bot.errors import BadMessage
from models.enums import CheckStatus, ExecutionStatus, TradeBlockReason, Verdict
from models.tables import DecisionRow, TradeRequestRow


def bad_message(request_id: str, error: BadMessage) -> dict[str, Any]:
    """A typed refusal that names every broken field."""
    return {
        "request_id": request_id,
        "status": ExecutionStatus.VALIDATION_FAILED.value,
        "verdict": Verdict.DENY.value,
        "error": {
            "type": error.code,
            "fields": [{"field": e.field, "message": e.message} for e in error.errors],
        },
        "message": error.message,
    }


def of_decision(row: TradeRequestRow, decision: DecisionRow, *, repeated: bool) -> dict[str, Any]:
    """The decision in short; `mlrisk show REQUEST_ID` has the whole of it."""
    checks = decision.decision["checks"]
    broken = [c for c in checks if c["status"] in (CheckStatus.FAIL, CheckStatus.UNKNOWN)]
    return {
        "request_id": row.request_id,
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
        "repeated": repeated,
    }
