"""Admitting a request: its message is checked, and its row exists before anything else happens."""

from datetime import datetime

from bot.clock import Clock
from bot.errors import BadMessage, FieldError
from bot.execution import intake
from bot.execution.content import require_same
from bot.execution.outline import readable
from bot.execution.ports import Wakeups
from models.audit import GLOBAL_CHAIN
from models.database import Database, UnitOfWork
from models.enums import ExecutionStatus
from models.inserting import insert_unless_known
from models.messages import MLTradeRequest
from models.tables import TradeRequestRow


class Admission:
    """The door of one account."""

    def __init__(self, *, db: Database, account: str, clock: Clock, wakeups: Wakeups) -> None:
        self._db = db
        self._account = account
        self._clock = clock
        self._wakeups = wakeups

    def parse(self, raw: object) -> MLTradeRequest:
        """The request. Raises BadMessage with every broken field."""
        request = intake.parse_request(raw)
        if request.account not in (None, self._account):
            raise BadMessage(
                (FieldError("metadata.account", f"unknown account {request.account!r}"),)
            )
        return request

    def accept(self, raw: object) -> MLTradeRequest:
        """Writes the request's row, undecided, and wakes its validation.

        Raises BadMessage, after an audit entry; a request that is known changes nothing.
        """
        try:
            return self._accept(self.parse(raw))
        except BadMessage as error:
            self.record(raw, error)
            raise

    def _accept(self, request: MLTradeRequest) -> MLTradeRequest:
        with self._db.unit_of_work() as uow:
            self.insert(uow, request, self._clock.now())
            uow.after_commit(lambda: self._wakeups.request(request.request_id))
            uow.commit()
        return request

    def insert(
        self, uow: UnitOfWork, request: MLTradeRequest, now: datetime
    ) -> tuple[TradeRequestRow, bool]:
        """The request's row, locked, and whether this is the first time that it is seen.

        Raises BadMessage where another account of this database has used the request_id, and
        RequestIdTaken where this one has, for another content.
        """
        payload = intake.payload_of(request)
        row = TradeRequestRow(
            request_id=request.request_id,
            account=self._account,
            strategy=request.strategy,
            symbol=request.symbol,
            side=request.side,
            status=ExecutionStatus.PENDING_VALIDATION,
            payload=payload,
            payload_sha256=intake.payload_hash(payload),
            created_at=request.created_at or now,
            received_at=now,
            expires_at=request.expires_at,
            updated_at=now,
            wake_at=now,
        )
        if insert_unless_known(uow.session, row):
            return row, True
        known = uow.session.get_one(
            TradeRequestRow, request.request_id, with_for_update=True, populate_existing=True
        )
        if known.account != self._account:
            taken = "was used by another account of this database: it names one trade for ever"
            raise BadMessage((FieldError("request_id", taken),))
        require_same(known, request)
        return known, False

    def record(self, raw: object, error: BadMessage) -> None:
        """The audit entry of a message that was refused."""
        with self._db.unit_of_work() as uow:
            uow.audit(
                GLOBAL_CHAIN,
                error.code,
                intake.claimed_request_id(raw),
                "strategy",
                {
                    "errors": [{"field": e.field, "message": e.message} for e in error.errors],
                    "message": readable(raw),
                },
                self._clock.now(),
            )
            uow.commit()
