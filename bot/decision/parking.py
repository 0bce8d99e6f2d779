"""Requests whose validation fails again and again are parked: recorded, alerted, woken no more.

Attempts are counted before they begin, in a transaction of their own, so that one that kills its
process counts too, whatever else may have ended the process. Servers that are away are no attempt:
they say nothing about the request. A worker that saw its own process die of a request says so, and
then two deaths are enough. The last attempt of an exit leaves out all that only refines it.
"""

import logging
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, Power, record, require
from bot.bounded_text import storable
from bot.clock import Clock
from bot.decision.requests import Admission
from bot.errors import BadMessage, FieldError, Refused
from bot.execution.orders.attempts import MAX_FAILURE, SERVERS_AWAY, failure_text
from bot.execution.ports import TaskQueue
from bot.state import binding
from models.database import Database, UnitOfWork
from models.enums import ExecutionStatus
from models.messages import MLTradeRequest
from models.tables import TradeRequestRow

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
MAX_DEATHS = 2
"""A process may die by chance, for want of memory for one; hardly twice at the same request."""


@dataclass(frozen=True, slots=True)
class Killed:
    """How many processes a request has killed for sure, at least two, and how the last one died."""

    deaths: int
    cause: str


@dataclass(frozen=True, slots=True)
class Parking:
    """Counts the attempts of one account's requests, and parks what fails too often."""

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
        """The attempt says nothing about the request; silently, where the servers are away."""
        try:
            with self.db.unit_of_work() as uow:
                row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
                if row is not None and row.attempts > 0:
                    row.attempts -= 1
                    uow.commit()
        except SERVERS_AWAY as error:
            log.warning("an attempt stays counted: %s", error, extra={"request": request_id})

    def failed(self, request_id: str, error: Exception) -> TradeRequestRow | None:
        """Keeps why an attempt failed, which was counted before; parks at the last one."""
        with self.db.unit_of_work() as uow:
            row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
            if row is not None and row.status == ExecutionStatus.PENDING_VALIDATION:
                self._fail(uow, row, error)
                uow.commit()
        return row

    def failed_first(self, request: MLTradeRequest, error: Exception) -> TradeRequestRow:
        """Keeps a request that was in its message alone, and why its attempt failed.

        Raises BadMessage where no row can hold it, and RequestIdTaken.
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
        """Parks at once what was written before the door became stricter."""
        with self.db.unit_of_work() as uow:
            row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
            if row is not None and row.status == ExecutionStatus.PENDING_VALIDATION:
                row.failure = storable(f"the door refuses it now: {error.message}", MAX_FAILURE)
                self._park(uow, row)
                uow.commit()
        return row

    def is_last_of_an_exit(self, row: TradeRequestRow) -> bool:
        """Whether this attempt of a row is one that must work if an exit is not to be parked."""
        return is_exit(row) and row.attempts >= self.max_attempts

    def _count(self, uow: UnitOfWork, row: TradeRequestRow, killed: Killed | None) -> None:
        """An attempt beyond the last one is a process that died before it could say why."""
        if row.status != ExecutionStatus.PENDING_VALIDATION:
            return
        row.attempts = (row.attempts or 0) + 1
        if killed is not None:
            row.failure = f"it has killed {killed.deaths} processes: {killed.cause}"
            if is_exit(row) and killed.deaths == MAX_DEATHS:
                row.attempts = self.max_attempts
            else:
                self._park(uow, row)
        elif row.attempts > self.max_attempts:
            row.failure = row.failure or "its validation never came to an end"
            self._park(uow, row)

    def _fail(self, uow: UnitOfWork, row: TradeRequestRow, error: Exception) -> None:
        row.failure = failure_text(error)
        log.error("validation failed: %s", row.failure, extra={"request": row.request_id})
        if row.attempts >= self.max_attempts:
            self._park(uow, row)

    def _park(self, uow: UnitOfWork, row: TradeRequestRow) -> None:
        now = self.clock.now()
        row.status, row.updated_at = ExecutionStatus.PARKED, now
        facts = {
            "attempts": row.attempts,
            "failure": row.failure,
            "symbol": row.symbol,
            "exit": is_exit(row),
        }
        uow.audit(row.account, "request_parked", row.request_id, "gate", facts, now)
        what = "an exit is parked, its position stays open" if is_exit(row) else "request parked"
        log.critical("%s: %s", what, row.failure, extra={"request": row.request_id})


@dataclass(frozen=True, slots=True)
class ParkedRequests:
    """The operator's hand on parked requests: try one again, or end it."""

    db: Database
    clock: Clock
    task_queue: TaskQueue

    def release(self, request_id: str, *, reason: str, actor: Actor) -> TradeRequestRow:
        """Lets it be validated again, from its first attempt. Raises Refused, and NotAuthorised
        where it takes a login."""
        row = self._act(
            request_id, ExecutionStatus.PENDING_VALIDATION, "request_released", reason, actor
        )
        self.task_queue.request(request_id)
        return row

    def end(self, request_id: str, *, reason: str, actor: Actor) -> TradeRequestRow:
        """It will never be validated. Raises Refused."""
        return self._act(request_id, ExecutionStatus.CANCELLED, "request_ended", reason, actor)

    def _act(
        self, request_id: str, status: ExecutionStatus, kind: str, reason: str, actor: Actor
    ) -> TradeRequestRow:
        why = reason.strip()
        if not why:
            raise Refused("an act needs its reason", code="empty_reason")
        with self.db.unit_of_work() as uow:
            row = uow.session.get(TradeRequestRow, request_id, with_for_update=True)
            if row is None:
                raise Refused(f"no request {request_id!r} is known", code="unknown_request")
            if row.status != ExecutionStatus.PARKED:
                raise Refused(f"{request_id} is {row.status}, not parked", code="not_parked")
            if status is ExecutionStatus.PENDING_VALIDATION and binding.is_guarded(uow.session):
                require(actor, Power.RELEASE_WORK, f"releasing {request_id}")
            now = self.clock.now()
            row.status, row.updated_at, row.wake_at, row.attempts = status, now, now, 0
            record(uow, row.account, kind, request_id, actor, {"reason": why}, now)
            uow.commit()
        return row


def is_exit(row: TradeRequestRow) -> bool:
    """Whether it was asked for as one that may only close what is held."""
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
