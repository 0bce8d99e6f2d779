"""What follows from a soft block: a warning in the record, or a request that waits for an operator.

A held request is parked before anything of its decision is stored. An operator's release lets it be
decided anew, by the market and the limits of then, and its soft blocks then only warn.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.bounded_text import storable
from bot.execution.orders.attempts import MAX_FAILURE
from bot.execution.orders.request_status import move_request
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.soft import SoftBlock, soft_blocks
from models.database import UnitOfWork
from models.enums import ExecutionStatus, SoftHold
from models.tables import TradeRequestRow

log = logging.getLogger(__name__)

WARNED, HELD = "soft_block", "request_held"
"""The kinds of the audit entries."""


def is_held(row: TradeRequestRow) -> bool:
    """Whether the request waits for its release from a soft block."""
    return row.status == ExecutionStatus.PARKED and row.soft_hold is SoftHold.HELD


def warn_or_hold(
    uow: UnitOfWork, row: TradeRequestRow, decision: Decision, limits: RiskLimits, now: datetime
) -> bool:
    """Records the soft blocks of an approval; returns whether the request is held instead.

    Nothing of the decision has been stored yet. A request that was released is not held again.
    """
    found = soft_blocks(decision, limits)
    if not found:
        return False
    facts = _facts(row, found)
    if limits.soft_holds and row.soft_hold is not SoftHold.RELEASED:
        move_request(row, ExecutionStatus.PARKED, now)
        row.soft_hold = SoftHold.HELD
        row.failure = storable(f"held by a soft block: {facts['reason']}", MAX_FAILURE)
        uow.audit(row.account, HELD, row.request_id, "gate", facts, now)
        log.warning(
            "a request waits for its release: %s",
            facts["reason"],
            extra={"event": "request_held", "request": row.request_id},
        )
        return True
    uow.audit(row.account, WARNED, row.request_id, "gate", facts, now)
    log.warning(
        "a limit is used beyond its soft level: %s",
        facts["reason"],
        extra={"event": "soft_block", "request": row.request_id},
    )
    return False


def _facts(row: TradeRequestRow, found: Sequence[SoftBlock]) -> dict[str, Any]:
    return {
        "strategy": row.strategy,
        "symbol": row.symbol,
        "reason": found[0].sentence,
        "checks": [each.check for each in found],
        "blocks": [each.sentence for each in found],
        "released": row.soft_hold is SoftHold.RELEASED,
    }
