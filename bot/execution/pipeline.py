"""MLTradeExecutionPipeline: submit, follow and stop trades from Python, without losing a request.

It needs a running system (`mlrisk up`): submitting writes the request's row, and the system's
dispatcher finds it even if every message is lost.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import OperationalError

from bot.clock import Clock, SystemClock
from bot.errors import DependencyDown, Refused
from bot.execution import outcomes
from bot.execution.admission import Admission
from bot.execution.halt import Halter, HaltReport
from bot.execution.ports import DispatcherOnly, Wakeups
from config.settings import Settings, SettingsError, load_settings
from models.database import Database
from models.messages import MLTradeRequest
from models.repositories import orders
from models.tables import DecisionRow, ParentOrderRow, TradeRequestRow

_NOT_RUNNING = (
    "no running mlrisk system can be reached: start one with `mlrisk up` (or `make run`), or set "
    "MLRISK_DATABASE_URL"
)


class MLTradeExecutionPipeline:
    """One account's trades. Safe to use from several threads; every call is its own transaction."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        wakeups: Wakeups | None = None,
    ) -> None:
        self._settings = settings or load_settings()
        try:
            self._db = Database(self._settings.require_database_url())
        except SettingsError as error:
            raise Refused(f"{_NOT_RUNNING} ({error})", code="not_running") from error
        self._clock = clock or SystemClock()
        self._admission = Admission(
            db=self._db,
            account=self._settings.account,
            clock=self._clock,
            wakeups=wakeups or DispatcherOnly(),
        )

    async def submit_trade_request(self, request: MLTradeRequest | Mapping[str, Any]) -> str:
        """Writes the request durably and returns its request_id; sent again, it changes nothing.

        Raises BadMessage with the broken fields, DependencyDown when no system can be reached.
        """
        return await asyncio.to_thread(self.submit, request)

    async def get_execution_status(self, request_id: str) -> dict[str, Any]:
        """Status, decision, parent and children. Raises Refused for an unknown request_id."""
        return await asyncio.to_thread(self.status, request_id)

    async def emergency_halt_all_trading(self, reason: str, actor: str = "pipeline") -> HaltReport:
        """Halts everything; returns once the halt is sealed."""
        return await asyncio.to_thread(self.halt, reason, actor)

    def submit(self, request: MLTradeRequest | Mapping[str, Any]) -> str:
        raw = (
            request.model_dump(mode="json")
            if isinstance(request, MLTradeRequest)
            else dict(request)
        )
        try:
            return self._admission.accept(raw).request_id
        except OperationalError as error:
            raise DependencyDown(_NOT_RUNNING) from error

    def status(self, request_id: str) -> dict[str, Any]:
        try:
            with self._db.reading() as session:
                row = session.get(TradeRequestRow, request_id)
                decision = session.get(DecisionRow, request_id)
                parent = session.get(ParentOrderRow, request_id)
                children = orders.children_of(session, request_id)
        except OperationalError as error:
            raise DependencyDown(_NOT_RUNNING) from error
        if row is None:
            raise Refused(f"no request {request_id!r} is known", code="unknown_request")
        if decision is None:
            return {"request_id": request_id, "status": row.status}
        return outcomes.of_decision(row, decision, repeated=True) | outcomes.of_parent(
            parent, children
        )

    def halt(self, reason: str, actor: str) -> HaltReport:
        try:
            return Halter(self._db, self._clock).halt(reason=reason, actor=actor)
        except OperationalError as error:
            raise DependencyDown(_NOT_RUNNING) from error

    def close(self) -> None:
        """Returns the connections."""
        self._db.dispose()
