"""Parking of requests after repeated failures of their validation: recorded, alerted, enqueued no
more.

An attempt is counted before it begins, in a transaction of its own, so that an attempt that kills
its process counts too. An unreachable server counts as no attempt, because it says nothing about
the request. When a worker sees its own process die of a request, two deaths are enough. The last
attempt of an exit leaves out everything that only refines it.
"""

import logging
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, Power, record, require, stated
from bot.bounded_text import storable
from bot.clock import Clock
from bot.decision.requests import Admission
from bot.errors import BadMessage, FieldError, Refused
from bot.execution.orders.attempts import MAX_FAILURE, SERVERS_AWAY, failure_text
from bot.execution.orders.request_status import move_request
from bot.execution.ports import TaskQueue
from bot.state import binding
from models.database import Database, UnitOfWork
from models.enums import ExecutionStatus, SoftHold
from models.messages import MLTradeRequest
from models.tables import TradeRequestRow

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
MAX_DEATHS = 2
"""A process may die by chance, for instance for lack of memory, but hardly twice at one request."""


@dataclass(frozen=True, slots=True)
class Killed:
    """The number of processes that a request has killed for sure, at least two, and the last
    cause."""

    deaths: int
    cause: str


@dataclass(frozen=True, slots=True)
class Parking:
    """Counts the attempts of one account's requests, and parks a request that fails too often."""

    db: Database
    admission: Admission
    clock: Clock
    max_attempts: int = MAX_ATTEMPTS

    def begin(self, request: MLTradeRequest, killed: Killed | None = None) -> TradeRequestRow:
        """Counts an attempt of a request that may have no row yet. Raises RequestIdTaken."""
        with self.db.unit_of_work() as uow:
            row, _ = self.admission.insert(uow, request, self.clock.now())
            self._count(uow, row, killed)
            uow.commit()
        return row

    def begin_stored(self, request_id: str, killed: Killed | None = None) -> TradeRequestRow | None:
        """Counts an attempt; the row is parked afterwards if there have been too many."""
        with self.db.unit_of_work() as uow:
            row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
            if row is not None:
                self._count(uow, row, killed)
                uow.commit()
        return row

    def withdraw(self, request_id: str) -> None:
        """Takes back an attempt that says nothing about the request. Does nothing while servers are
        away."""
        try:
            with self.db.unit_of_work() as uow:
                row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
                if row is not None and row.attempts > 0:
                    row.attempts -= 1
                    uow.commit()
        except SERVERS_AWAY as error:
            log.warning(
                "the count of a failed attempt can't be taken back: %s",
                error,
                extra={"event": "an_attempt_stays_counted", "request": request_id},
            )

    def failed(self, request_id: str, error: Exception) -> TradeRequestRow | None:
        """Stores why a counted attempt failed; parks the request after the last one."""
        with self.db.unit_of_work() as uow:
            row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
            if row is not None and row.status == ExecutionStatus.PENDING_VALIDATION:
                self._fail(uow, row, error)
                uow.commit()
        return row

    def failed_first(self, request: MLTradeRequest, error: Exception) -> TradeRequestRow:
        """Stores a request that only its message held, and why its attempt failed.

        Raises BadMessage when no row can hold it, and RequestIdTaken.
        """
        try:
            with self.db.unit_of_work() as uow:
                row, _ = self.admission.insert(uow, request, self.clock.now())
                if row.status == ExecutionStatus.PENDING_VALIDATION:
                    row.attempts = (row.attempts or 0) + 1
                    self._fail(uow, row, error)
                uow.commit()
        except SERVERS_AWAY:
            raise
        except DBAPIError as unstorable:
            raise BadMessage(
                (FieldError("request", f"can't be stored: {failure_text(unstorable)}"),)
            ) from unstorable
        return row

    def refuse(self, request_id: str, error: BadMessage) -> TradeRequestRow | None:
        """Parks at once a row from before parsing became stricter."""
        with self.db.unit_of_work() as uow:
            row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
            if row is not None and row.status == ExecutionStatus.PENDING_VALIDATION:
                row.failure = storable(f"it is no longer accepted: {error.message}", MAX_FAILURE)
                self._park(uow, row)
                uow.commit()
        return row

    def is_last_of_an_exit(self, row: TradeRequestRow) -> bool:
        """Whether this is the last attempt of an exit before it is parked."""
        return is_exit(row) and row.attempts >= self.max_attempts

    def _count(self, uow: UnitOfWork, row: TradeRequestRow, killed: Killed | None) -> None:
        """An attempt beyond the last one means that a process died before it could say why."""
        if row.status != ExecutionStatus.PENDING_VALIDATION:
            return
        row.attempts = (row.attempts or 0) + 1
        if killed is not None:
            row.failure = f"it ended {killed.deaths} processes: {killed.cause}"
            if is_exit(row) and killed.deaths == MAX_DEATHS:
                row.attempts = self.max_attempts
            else:
                self._park(uow, row)
        elif row.attempts > self.max_attempts:
            row.failure = row.failure or "its validation never ended"
            self._park(uow, row)

    def _fail(self, uow: UnitOfWork, row: TradeRequestRow, error: Exception) -> None:
        row.failure = failure_text(error)
        log.error(
            "the validation of a request failed: %s",
            row.failure,
            extra={"event": "validation_failed", "request": row.request_id},
        )
        if row.attempts >= self.max_attempts:
            self._park(uow, row)

    def _park(self, uow: UnitOfWork, row: TradeRequestRow) -> None:
        now = self.clock.now()
        move_request(row, ExecutionStatus.PARKED, now)
        facts = {
            "attempts": row.attempts,
            "failure": row.failure,
            "symbol": row.symbol,
            "exit": is_exit(row),
        }
        uow.audit(row.account, "request_parked", row.request_id, "gate", facts, now)
        what = "an exit is parked, its position stays open" if is_exit(row) else "request parked"
        log.critical(
            "%s: %s",
            what,
            row.failure,
            extra={"event": "request_parked", "request": row.request_id},
        )


@dataclass(frozen=True, slots=True)
class ParkedRequests:
    """Retries and ends parked requests, for operators."""

    db: Database
    clock: Clock
    task_queue: TaskQueue

    def release(self, request_id: str, *, reason: str, actor: Actor) -> TradeRequestRow:
        """Lets a request be validated again, from its first attempt. One that a soft block held is
        not held again. Raises Refused, and NotAuthorised where this needs a login."""
        row = self._act(
            request_id, ExecutionStatus.PENDING_VALIDATION, "request_released", reason, actor
        )
        self.task_queue.request(request_id)
        return row

    def end(self, request_id: str, *, reason: str, actor: Actor) -> TradeRequestRow:
        """Ends a request for good without a validation. Raises Refused."""
        return self._act(request_id, ExecutionStatus.CANCELLED, "request_ended", reason, actor)

    def _act(
        self, request_id: str, status: ExecutionStatus, kind: str, reason: str, actor: Actor
    ) -> TradeRequestRow:
        why = stated(reason)
        with self.db.unit_of_work() as uow:
            row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
            if row is None:
                raise Refused(f"no request {request_id!r} is known", code="unknown_request")
            if row.status != ExecutionStatus.PARKED:
                raise Refused(f"{request_id} is {row.status}, not parked", code="not_parked")
            if status is ExecutionStatus.PENDING_VALIDATION and binding.is_guarded(uow.session):
                require(actor, Power.RELEASE_WORK, f"releasing {request_id}")
            now = self.clock.now()
            move_request(row, status, now)
            row.wake_at, row.attempts = now, 0
            if status is ExecutionStatus.PENDING_VALIDATION and row.soft_hold is not None:
                row.soft_hold = SoftHold.RELEASED
            record(uow, row.account, kind, request_id, actor, {"reason": why}, now)
            uow.commit()
        return row


def is_exit(row: TradeRequestRow) -> bool:
    """Whether the request asks to reduce only."""
    return row.payload["signal_data"].get("reduce_only") is True


def parked(session: Session) -> list[TradeRequestRow]:
    """Every parked request, the oldest first."""
    return list(
        session.scalars(
            select(TradeRequestRow)
            .where(TradeRequestRow.status == ExecutionStatus.PARKED.value)
            .order_by(TradeRequestRow.updated_at)
        )
    )
