"""MLTradeExecutionPipeline: submit, follow and stop trades from Python, without losing a request.

It needs a running system (`mlrisk up`): submitting writes the request's row, and the system's
dispatcher finds it even if every message is lost.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import OperationalError

from bot.clock import Clock, SystemClock
from bot.errors import DependencyDown, Refused
from bot.execution import outcomes
from bot.execution.admission import Admission
from bot.execution.control import ControlReport, ParentControl
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
        awake = wakeups or DispatcherOnly()
        self._admission = Admission(
            db=self._db,
            account=self._settings.account,
            clock=self._clock,
            wakeups=awake,
        )
        self._control = ParentControl(self._db, self._clock, awake)

    async def submit_trade_request(self, request: MLTradeRequest | Mapping[str, Any]) -> str:
        """Writes the request durably and returns its request_id; sent again, it changes nothing.

        Raises BadMessage with the broken fields, DependencyDown when no system can be reached.
        """
        return await asyncio.to_thread(self.submit, request)

    async def get_execution_status(self, request_id: str) -> dict[str, Any]:
        """Status, decision, parent and children. Raises Refused for an unknown request_id."""
        return await asyncio.to_thread(self.status, request_id)

    async def pause_execution(
        self, request_id: str, reason: str, actor: str = "pipeline"
    ) -> ControlReport:
        """Places nothing more of one trade and calls back what rests; its deadline stays.

        Raises Refused for an unknown request, one that is over, or an empty reason.
        """
        return await asyncio.to_thread(self.pause, request_id, reason, actor)

    async def resume_execution(
        self, request_id: str, reason: str, actor: str = "pipeline"
    ) -> ControlReport:
        """Goes on with a paused trade. Raises Refused as `pause_execution` does."""
        return await asyncio.to_thread(self.resume, request_id, reason, actor)

    async def cancel_execution(
        self, request_id: str, reason: str, actor: str = "pipeline"
    ) -> ControlReport:
        """Ends one trade and releases what is left. Raises Refused as `pause_execution` does."""
        return await asyncio.to_thread(self.cancel, request_id, reason, actor)

    async def emergency_halt_all_trading(self, reason: str, actor: str = "pipeline") -> HaltReport:
        """Halts everything; returns once the halt is sealed."""
        return await asyncio.to_thread(self.halt, reason, actor)

    def submit(self, request: MLTradeRequest | Mapping[str, Any]) -> str:
        raw = (
            request.model_dump(mode="json")
            if isinstance(request, MLTradeRequest)
            else dict(request)
        )
        with _reaching_postgres():
            return self._admission.accept(raw).request_id

    def status(self, request_id: str) -> dict[str, Any]:
        with _reaching_postgres(), self._db.reading() as session:
            row = session.get(TradeRequestRow, request_id)
            decision = session.get(DecisionRow, request_id)
            parent = session.get(ParentOrderRow, request_id)
            children = orders.children_of(session, request_id)
        if row is None:
            raise Refused(f"no request {request_id!r} is known", code="unknown_request")
        if decision is None:
            return {"request_id": request_id, "status": row.status}
        return outcomes.of_decision(row, decision, repeated=True) | outcomes.of_parent(
            parent, children
        )

    def pause(self, request_id: str, reason: str, actor: str) -> ControlReport:
        with _reaching_postgres():
            return self._control.pause(request_id, reason=reason, actor=actor)

    def resume(self, request_id: str, reason: str, actor: str) -> ControlReport:
        with _reaching_postgres():
            return self._control.resume(request_id, reason=reason, actor=actor)

    def cancel(self, request_id: str, reason: str, actor: str) -> ControlReport:
        with _reaching_postgres():
            return self._control.cancel(request_id, reason=reason, actor=actor)

    def halt(self, reason: str, actor: str) -> HaltReport:
        with _reaching_postgres():
            return Halter(self._db, self._clock).halt(reason=reason, actor=actor)

    def close(self) -> None:
        """Returns the connections."""
        self._db.dispose()


@contextmanager
def _reaching_postgres() -> Iterator[None]:
    """A database that is away is a system that doesn't run, and says how to start one."""
    try:
        yield
    except OperationalError as error:
        raise DependencyDown(_NOT_RUNNING) from error
