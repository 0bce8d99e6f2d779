"""Exits that the system asks for itself: one at a time for a position, as ordinary requests.

An exit is a row and an undecided request, written in the transaction that found its cause. It is
then decided like every other request, as an emergency exit, which passes in every trading state.
Two looks or two workers therefore never ask twice, and a lost process loses no exit: the dispatcher
finds its request again.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

from bot.decision.requests import Admission
from bot.errors import RequestIdTaken
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.positions.conditions import Alarm
from models.database import UnitOfWork
from models.enums import ExecutionStatus, TradeSide
from models.inserting import insert_unless_known
from models.repositories.safety import watching
from models.tables import PositionExitRow, PositionRow

log = logging.getLogger(__name__)

STRATEGY = "position-monitor"
"""The strategy of exits that close a whole position."""
ACTOR = "position-monitor"
AGAIN_AFTER = timedelta(seconds=5)
"""The time between two exits of one position, when the first ended and did not close it."""
_ENOUGH = 2
"""The notional of an exit in multiples of the position's: the gate cuts it to the position."""
_UNDER_WAY = frozenset(
    {
        ExecutionStatus.PENDING_VALIDATION,
        ExecutionStatus.VALIDATION_PASSED,
        ExecutionStatus.PENDING_EXECUTION,
        ExecutionStatus.EXECUTING,
    }
)
_CENT = Decimal("0.01")


class PositionExits:
    """Asks for exits of one account's positions."""

    def __init__(self, admission: Admission, account: str) -> None:
        self._admission = admission
        self._account = account

    def ask(
        self,
        uow: UnitOfWork,
        position: PositionRow,
        finding: Alarm,
        mark: Decimal,
        now: datetime,
    ) -> str | None:
        """Writes an exit and its request; returns the request's id.

        None when an exit of the position is under way already, or has just ended.
        """
        opened_at = position.opened_at or position.updated_at
        last = watching.newest_exit(uow.session, self._account, position.symbol, opened_at)
        attempt = 0
        if last is not None:
            asked, request = last
            if request.status in _UNDER_WAY or now - asked.asked_at < AGAIN_AFTER:
                return None
            attempt = asked.attempt + 1

        def message(number: int) -> dict[str, Any]:
            request_id = _request_id(position.symbol, opened_at, number)
            return _message(request_id, position, finding, mark, now)

        request_id, attempt = self._insert(uow, message, attempt, now)
        asked_now = PositionExitRow(
            account=self._account,
            symbol=position.symbol,
            opened_at=opened_at,
            attempt=attempt,
            cause=finding.cause.value,
            value=finding.value,
            limit=finding.limit,
            request_id=request_id,
            asked_at=now,
        )
        if not insert_unless_known(uow.session, asked_now):
            return None
        facts: dict[str, Any] = {
            "cause": finding.cause.value,
            "value": finding.value,
            "limit": finding.limit,
            "reason": finding.sentence,
            "request_id": request_id,
            "qty": format(position.qty, "f"),
            "mark": format(mark, "f"),
            "attempt": attempt,
        }
        uow.audit(self._account, "position_exit", position.symbol, ACTOR, facts, now)
        log.critical(
            "a position is closed: %s",
            finding.sentence,
            extra={
                "event": "position_exit",
                "alert": AlertLevel.CRITICAL.value,
                "symbol": position.symbol,
                "cause": finding.cause.value,
                "request_id": request_id,
            },
        )
        return request_id

    def _insert(
        self, uow: UnitOfWork, message: Callable[[int], dict[str, Any]], attempt: int, now: datetime
    ) -> tuple[str, int]:
        """Writes the request of the first attempt whose id is free; returns its id and number.

        A strategy may have used an id of its own name that the system had not drawn yet.
        """
        while True:
            try:
                row, is_new = self._admission.insert(
                    uow, self._admission.parse(message(attempt)), now
                )
            except RequestIdTaken:
                is_new = False
            if is_new:
                return row.request_id, attempt
            attempt += 1


def _request_id(symbol: str, opened_at: datetime, attempt: int) -> str:
    """The same for the same position and attempt; strategies use ids of their own."""
    return f"position-exit.{symbol}.{int(opened_at.timestamp() * 1_000_000)}.{attempt}"[:64]


def _message(
    request_id: str, position: PositionRow, finding: Alarm, mark: Decimal, now: datetime
) -> dict[str, Any]:
    side = TradeSide.SELL if position.qty > 0 else TradeSide.BUY
    notional = (abs(position.qty) * mark * _ENOUGH).quantize(_CENT, ROUND_UP)
    return {
        "request_id": request_id,
        "symbol": position.symbol,
        "side": side.value,
        "signal_data": {
            "position_size": format(notional, "f"),
            "reduce_only": True,
            "algorithm": "immediate",
        },
        "ml_predictions": {},
        # An emergency exit may close every strategy's share; that of one strategy may not.
        "priority": "emergency" if finding.strategy is None else "urgent",
        "created_at": now.isoformat(),
        "metadata": {"strategy": finding.strategy or STRATEGY, "cause": finding.cause.value},
    }
