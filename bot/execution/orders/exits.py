"""Exits: told apart at their decision, and reported when they are denied or end unfilled."""

import logging
from datetime import datetime

from sqlalchemy import exists, select

from bot.execution.orders.reasons import Reason
from bot.execution.ports import OrderWork
from bot.risk.decision import Decision
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.database import UnitOfWork
from models.enums import CheckStatus, EndCause, ExecutionPriority, ExposureDelta
from models.tables import (
    ChildOrderRow,
    DisagreementRow,
    ParentOrderRow,
    PositionRow,
    TradeRequestRow,
)

log = logging.getLogger(__name__)

_REDUCING = (ExposureDelta.REDUCES, ExposureDelta.CLOSES)
_MET = (EndCause.NOTHING_TO_REDUCE, EndCause.REPLACED_BY_EXIT)
"""An exit with one of these causes has met its goal: others have closed the position, or exit in
its place."""
_HURRIED = (ExecutionPriority.URGENT, ExecutionPriority.EMERGENCY)
_BROKEN = (CheckStatus.FAIL, CheckStatus.UNKNOWN)
_MEANT = frozenset({"trading_state", "expiry", "duplicate_request", "reduce_only"})
"""Checks that may deny an exit without an alert, because a person wanted that or nothing is left to
reduce."""


def only_reduces(decision: Decision) -> bool:
    """Whether the whole trade reduces a position, as far as that is known."""
    return decision.exposure in _REDUCING


def lacks_rules(intent: TradeIntent, snapshot: RiskSnapshot) -> bool:
    """Whether a position could be reduced but its instrument's rules are unknown."""
    if snapshot.instrument is not None or snapshot.portfolio is None:
        return False
    held = (p.qty for p in snapshot.portfolio.positions if p.symbol == intent.symbol)
    return any(qty * intent.side.sign < 0 for qty in held)


def report_denied(uow: UnitOfWork, intent: TradeIntent, decision: Decision) -> None:
    """Alerts of an exit that is denied for missing data or an impossible plan."""
    exit_asked_for = only_reduces(decision) or (decision.exposure is None and intent.reduce_only)
    if decision.approved or not exit_asked_for:
        return
    broken = {c.name: c.sentence for c in decision.checks if c.status in _BROKEN}
    if broken.keys() & _MEANT:
        return
    uow.audit(
        intent.account,
        "exit_denied",
        intent.request_id,
        "gate",
        {"symbol": intent.symbol, "side": intent.side.value, "checks": broken},
        decision.decided_at,
    )
    log.critical(
        "the gate denied an exit of %s: %s",
        intent.symbol,
        " ".join(broken.values()),
        extra={"event": "exit_of_denied", "request_id": intent.request_id, "symbol": intent.symbol},
    )


def report_bare(uow: UnitOfWork, row: TradeRequestRow, now: datetime) -> None:
    """Alerts of an exit that goes at once because its validation failed too often."""
    asked = row.payload["signal_data"].get("algorithm")
    facts = {"attempts": row.attempts, "failure": row.failure, "from": asked, "symbol": row.symbol}
    uow.audit(row.account, "exit_goes_at_once", row.request_id, "gate", facts, now)
    log.critical(
        "an exit can't be validated as it was sent; it goes out at once: %s",
        row.failure,
        extra={
            "event": "an_exit_cant_be_validated_as_asked_it_goes_at_once",
            "request": row.request_id,
        },
    )


def is_met(uow: UnitOfWork, parent: ParentOrderRow) -> bool:
    """Whether the position of an unfilled exit is gone, because another exit, a person or the
    exchange has closed it. False while the exchange contradicts our books."""
    if not parent.reduce_only or parent.filled_qty >= parent.approved_qty:
        return False
    if _is_disputed(uow, parent):
        return False
    held = uow.session.get(PositionRow, (parent.account, parent.symbol))
    return held is None or held.qty * parent.side.sign >= 0


def report_unfilled(uow: OrderWork, parent: ParentOrderRow, reason: Reason) -> None:
    """Records an exit that has ended while a part of its position is left.

    That is an alert, unless a patient exit was worked without a failure until its own time was over
    (`as_asked`): its strategy has wanted no more, and hears of the rest.
    """
    rest = parent.approved_qty - parent.filled_qty
    if not parent.reduce_only or rest <= 0:
        return
    if reason.cause in _MET:
        return
    as_asked = reason.cause is EndCause.OUT_OF_TIME and _was_worked(uow, parent)
    uow.add_entry(
        parent.account,
        "exit_unfilled",
        parent.request_id,
        "mlrisk",
        {
            "symbol": parent.symbol,
            "side": parent.side,
            "unfilled": format(rest, "f"),
            "why": reason.words,
            "as_asked": as_asked,
        },
    )
    log.log(
        logging.INFO if as_asked else logging.CRITICAL,
        "an exit of %s ended: %s; %s of the position is still open",
        parent.symbol,
        reason.words,
        format(rest, "f"),
        extra={
            "event": "exit_of_ended_of_it_is_still_on",
            "request_id": parent.request_id,
            "symbol": parent.symbol,
        },
    )


def _is_disputed(uow: UnitOfWork, parent: ParentOrderRow) -> bool:
    """Whether the exchange contradicts our books about the position."""
    return uow.session.get(DisagreementRow, (parent.account, parent.symbol)) is not None


def _was_worked(uow: OrderWork, parent: ParentOrderRow) -> bool:
    """Whether a patient exit was at the exchange, and no step of it has failed."""
    if parent.priority in _HURRIED or parent.failure is not None or _is_disputed(uow, parent):
        return False
    at_exchange = exists().where(
        ChildOrderRow.request_id == parent.request_id, ChildOrderRow.acked_at.is_not(None)
    )
    return bool(uow.session.scalar(select(at_exchange)))
