"""Admission: a request's message is checked, and its row is written before anything else."""

from datetime import datetime

from sqlalchemy import select

from bot.decision import parsing, refusals
from bot.decision.content import require_same
from bot.errors import BadMessage, FieldError
from bot.execution.orders.identity import request_keys
from bot.execution.orders.request_status import received_request
from bot.execution.ports import AccountDeps
from models.database import UnitOfWork
from models.inserting import insert_unless_known
from models.messages import MLTradeRequest
from models.tables import TradeRequestRow


class Admission:
    """Admits the requests of one account."""

    def __init__(self, deps: AccountDeps) -> None:
        self._db = deps.db
        self._account = deps.account
        self._clock = deps.clock
        self._task_queue = deps.task_queue

    def parse(self, raw: object) -> MLTradeRequest:
        """The request. Raises BadMessage with every broken field."""
        request = parsing.parse_request(raw)
        if request.account not in (None, self._account):
            raise BadMessage(
                (FieldError("metadata.account", f"unknown account {request.account!r}"),)
            )
        return request

    def accept(self, raw: object) -> str:
        """Writes the request's undecided row, enqueues its validation and returns the row's key.

        A known request changes nothing. Raises BadMessage after an audit entry.
        """
        try:
            return self._accept(self.parse(raw))
        except BadMessage as error:
            self.record(raw, error)
            raise

    def _accept(self, request: MLTradeRequest) -> str:
        with self._db.unit_of_work() as uow:
            row, _ = self.insert(uow, request, self._clock.now())
            key = row.request_id
            uow.after_commit(lambda: self._task_queue.request(key))
            uow.commit()
        return key

    def insert(
        self, uow: UnitOfWork, request: MLTradeRequest, now: datetime
    ) -> tuple[TradeRequestRow, bool]:
        """The request's row, locked, and whether this is the first time that it is seen.

        If another strategy used the id first, the request gets a key with this strategy's name, so
        that neither sees or blocks the other. Raises BadMessage when another account of this
        database has used the request_id, and RequestIdTaken when this strategy has used it for
        another content.
        """
        for key in request_keys(request.request_id, request.strategy):
            row = self._new_row(key, request, now)
            if insert_unless_known(uow.session, row):
                return row, True
            if self._is_ours(uow, key, request):
                break
        known = uow.session.get_one(
            TradeRequestRow, key, with_for_update=True, populate_existing=True
        )
        require_same(known, request)
        return known, False

    def _is_ours(self, uow: UnitOfWork, key: str, request: MLTradeRequest) -> bool:
        """Whether a row is this strategy's; read without the row's lock, which another may hold."""
        account, strategy = uow.session.execute(
            select(TradeRequestRow.account, TradeRequestRow.strategy).where(
                TradeRequestRow.request_id == key
            )
        ).one()
        if account != self._account:
            taken = "was used by another account of this database: it names one trade for ever"
            raise BadMessage((FieldError("request_id", taken),))
        return bool(strategy == request.strategy)

    def _new_row(self, key: str, request: MLTradeRequest, now: datetime) -> TradeRequestRow:
        payload = parsing.payload_of(request)
        return received_request(
            request_id=key,
            account=self._account,
            strategy=request.strategy,
            symbol=request.symbol,
            side=request.side,
            payload=payload,
            payload_sha256=parsing.payload_hash(payload),
            created_at=request.created_at or now,
            received_at=now,
            expires_at=request.expires_at,
            updated_at=now,
            wake_at=now,
        )

    def record(self, raw: object, error: BadMessage) -> None:
        """The record of a message that was refused."""
        with self._db.unit_of_work() as uow:
            refusals.record(uow, raw, error, self._clock.now())
            uow.commit()
