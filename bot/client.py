"""MLTradeExecutionPipeline: submit, follow and stop trades from Python, without losing a request.

It needs a running system (`mlrisk up`): submitting writes the request's row, and the system's
dispatcher finds it even if every message is lost.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy.exc import OperationalError

from bot.authority.actors import Actor, Operator, caller
from bot.authority.override_codes import OverrideCodes, Use
from bot.clock import Clock, SystemClock
from bot.decision import responses
from bot.decision.requests import Admission
from bot.errors import DependencyDown, Refused
from bot.execution.orders.control import ControlReport, ParentControl
from bot.execution.ports import AccountDeps, DispatcherOnly, TaskQueue
from bot.risk.manager.account import UnifiedRiskManager
from bot.risk.manager.manager import MLRiskManager
from bot.risk.manager.results import Awaitable
from bot.safety.halting.halt import TradingHalt
from bot.safety.halting.report import HaltReport
from bot.safety.recovery.recovering import NOTHING_TO_RECOVER, Authority, Recovering
from bot.state import binding
from bot.state.scope import parse as parse_scope
from config.settings import ExchangeMode, Settings, SettingsError, load_settings
from models.database import Database
from models.enums import OverrideAction, RecoveryPhase
from models.messages import MLTradeRequest
from models.repositories.trading import orders
from models.tables import DecisionRow, ParentOrderRow, RecoveryRow, TradeRequestRow

_NOT_RUNNING = (
    "no running mlrisk system can be reached: start one with `mlrisk up` (or `make run`), or set "
    "MLRISK_DATABASE_URL"
)


_TRADES_ON = {
    (False, False): ExchangeMode.LIVE,
    (True, False): ExchangeMode.TESTNET,
    (False, True): ExchangeMode.DEMO,
}
"""The exchange mode of a pybit session, by its flags (testnet, demo)."""


class ExecutionReport(Awaitable, dict[str, Any]):
    """A trade's status as a dictionary, read at the call. It may be awaited or not."""


@dataclass(frozen=True, slots=True)
class _System:
    """The parts of the running system that a pipeline needs."""

    db: Database
    admission: Admission
    control: ParentControl


class MLTradeExecutionPipeline:
    """One account's trades. Safe to use from several threads; every call is its own transaction.

    It needs the running system from the first call on, not at its construction. The running system
    decides and orders, under its own limits and for its own account. A stopped `ml_risk_manager`
    refuses to submit, and a halt stops it. `unified_risk_manager` is that manager's account.
    `exchange_client` sends nothing; a pybit session of another venue than the system's is refused.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        ml_risk_manager: MLRiskManager | None = None,
        unified_risk_manager: UnifiedRiskManager | None = None,
        exchange_client: object | None = None,
        clock: Clock | None = None,
        task_queue: TaskQueue | None = None,
    ) -> None:
        self._settings = settings or load_settings()
        self._clock = clock or SystemClock()
        self._task_queue = task_queue or DispatcherOnly()
        _refuse_another_account(ml_risk_manager, unified_risk_manager)
        _refuse_another_venue(exchange_client, self._settings.exchange_mode)
        self.ml_risk_manager = ml_risk_manager
        if ml_risk_manager is not None:
            ml_risk_manager.belong_to(_Recovery(self))
        self.unified_risk_manager = unified_risk_manager
        self.exchange_client = exchange_client
        self._lock = Lock()
        self._found: _System | None = None

    @property
    def _system(self) -> _System:
        with self._lock:
            if self._found is None:
                self._found = self._reach()
            return self._found

    def _connect(self) -> Database:
        try:
            return Database(self._settings.require_database_url())
        except SettingsError as error:
            raise Refused(f"{_NOT_RUNNING} ({error})", code="not_running") from error

    def _reach(self) -> _System:
        db = self._connect()
        try:
            settings = binding.settled(db, self._settings)
            _refuse_another_venue(self.exchange_client, settings.exchange_mode)
        except BaseException:
            db.dispose()
            raise
        account, clock, task_queue = settings.account, self._clock, self._task_queue
        admission = Admission(AccountDeps(db, account, clock, task_queue))
        return _System(db, admission, ParentControl(db, clock, task_queue, account=account))

    async def submit_trade_request(self, trade_request: MLTradeRequest | Mapping[str, Any]) -> str:
        """Writes the request durably and returns its key; sent again, it changes nothing.

        The key is the request_id. If another strategy has used that id before, the key is
        `id~strategy`.

        Raises BadMessage with the broken fields, DependencyDown when no system can be reached, and
        Refused while `ml_risk_manager` is stopped, unless the request only reduces.
        """
        return await asyncio.to_thread(self.submit, trade_request)

    def get_execution_status(self, request_id: str) -> ExecutionReport:
        """Status, decision, parent and children, with `await` or without.

        The calling thread reads it at once; `asyncio.to_thread(pipeline.status, request_id)` keeps
        an event loop free meanwhile. Raises Refused for an unknown request_id.
        """
        return ExecutionReport(self.status(request_id))

    async def pause_execution(
        self, request_id: str, reason: str, actor: Actor | None = None
    ) -> ControlReport:
        """Places nothing more of one trade and calls back resting orders; its deadline stays.

        Raises Refused for an unknown request, one that is over, or an empty reason.
        """
        return await asyncio.to_thread(self.pause, request_id, reason, actor)

    async def resume_execution(
        self, request_id: str, reason: str, actor: Actor | None = None
    ) -> ControlReport:
        """Goes on with a paused trade. Raises Refused as `pause_execution` does, and NotAuthorised
        outside development, unless `actor` is an operator from `bot.authority.login`."""
        return await asyncio.to_thread(self.resume, request_id, reason, actor)

    async def cancel_execution(
        self, request_id: str, reason: str, actor: Actor | None = None
    ) -> ControlReport:
        """Ends one trade and releases the remainder. Raises Refused as `pause_execution` does."""
        return await asyncio.to_thread(self.cancel, request_id, reason, actor)

    async def emergency_halt_all_trading(
        self, reason: str, *, actor: str | None = None
    ) -> HaltReport:
        """Halts all trading, `ml_risk_manager` included. Returns once the halt is sealed. `actor`
        is a note."""
        return await asyncio.to_thread(self.halt, reason, actor)

    def submit(self, request: MLTradeRequest | Mapping[str, Any]) -> str:
        """Hands a trade request to the running system; returns its id before it is decided.

        Raises BadMessage with the broken fields, Refused while the manager's emergency stop
        is active, DependencyDown when Postgres can't be reached.
        """
        raw = (
            request.model_dump(mode="json")
            if isinstance(request, MLTradeRequest)
            else dict(request)
        )
        self._refuse_while_stopped(raw)
        with _reaching_postgres():
            return self._system.admission.accept(raw)

    def status(self, request_id: str) -> dict[str, Any]:
        """A request's decision and, when it was approved, the state of its order, as plain values.

        Raises Refused for an unknown id, DependencyDown when Postgres can't be reached.
        """
        with _reaching_postgres(), self._system.db.reading() as session:
            row = session.get(TradeRequestRow, request_id)
            decision = session.get(DecisionRow, request_id)
            parent = session.get(ParentOrderRow, request_id)
            children = orders.children_of(session, request_id)
        if row is None:
            raise Refused(f"no request {request_id!r} is known", code="unknown_request")
        if decision is None:
            known = {"request_id": responses.asked_as(row), "status": row.status}
            return known if row.failure is None else {**known, "failure": row.failure}
        return responses.of_decision(row, decision, repeated=True) | responses.of_parent(
            parent, children
        )

    def pause(self, request_id: str, reason: str, actor: Actor | None = None) -> ControlReport:
        """Holds every child of the order back until `resume`; its deadline stays.

        Raises Refused when there is no such order or it is over.
        """
        with _reaching_postgres():
            return self._system.control.pause(request_id, reason=reason, actor=_who(actor))

    def resume(self, request_id: str, reason: str, actor: Actor | None = None) -> ControlReport:
        """Lets a paused order go on; outside development this takes an operator's login.

        Raises Refused when there is no such order or the actor lacks the power.
        """
        with _reaching_postgres():
            return self._system.control.resume(request_id, reason=reason, actor=_who(actor))

    def cancel(self, request_id: str, reason: str, actor: Actor | None = None) -> ControlReport:
        """Ends the order: releases the unsent quantity, and calls back resting orders.

        Raises Refused when there is no such order or it is over.
        """
        with _reaching_postgres():
            return self._system.control.cancel(request_id, reason=reason, actor=_who(actor))

    def halt(self, reason: str, actor: str | None = None) -> HaltReport:
        """Halts trading of the whole account, and of the manager at hand; anybody may.

        Raises DependencyDown when Postgres can't be reached.
        """
        if self.ml_risk_manager is not None:
            self.ml_risk_manager.activate_emergency_stop(reason, manual_override=False)
        # Not by `_system`: a halt must work even for a caller with wrong settings.
        db = self._connect()
        try:
            with _reaching_postgres():
                return TradingHalt(db, self._clock).halt(
                    reason=reason, actor=caller("pipeline", actor)
                )
        finally:
            db.dispose()

    def recover(
        self,
        reason: str,
        override_code: str | None = None,
        *,
        scope: str = "global",
        actor: Actor | None = None,
    ) -> RecoveryRow:
        """Asks for the recovery of a halted scope of the running system, as `mlrisk recover` does.

        Outside development `actor` is an operator after a login, and the code is one of his for
        this scope. In production a second person confirms it (`mlrisk recover confirm`). The
        manager at hand stays stopped; its `release_emergency_stop` recovers both. Raises
        NotAuthorised and Refused.
        """
        with _reaching_postgres():
            db = self._system.db
            settings = binding.settled(db, self._settings)
            chosen = parse_scope(scope, settings.account)
            with db.reading() as session:
                is_free = binding.is_free(session, settings)
                needs_second = not is_free and binding.needs_second_person(session, settings)
            by, proven = _who(actor), None
            if not is_free and override_code is not None and isinstance(by, Operator):
                use = Use(OverrideAction.RECOVER, str(chosen))
                proven = OverrideCodes(db, self._clock).prove(override_code, use, by)
            return Recovering(db, settings.account, self._clock).ask(
                chosen,
                reason=reason,
                authority=Authority(by, is_free=is_free, code=proven),
                needs_second=needs_second,
            )

    def needs_code(self) -> bool:
        """Whether a recovery takes an operator's login and an override code, as the running
        system's database says it."""
        with _reaching_postgres(), self._system.db.reading() as session:
            return not binding.is_free(session, self._settings)

    def close(self) -> None:
        """Returns the connections."""
        with self._lock:
            if self._found is not None:
                self._found.db.dispose()

    def _refuse_while_stopped(self, raw: Mapping[str, Any]) -> None:
        manager = self.ml_risk_manager
        if manager is None or manager.trading_state.allows_reducing:
            return
        signal = raw.get("signal_data")
        if isinstance(signal, Mapping) and signal.get("reduce_only") is True:
            # The running system judges requests that only reduce.
            return
        raise Refused(
            "ml_risk_manager is stopped: nothing was submitted. release_emergency_stop ends that",
            code="emergency_stop_active",
        )


class _Recovery:
    """The running system's recovery, for a manager that belongs to it."""

    def __init__(self, pipeline: MLTradeExecutionPipeline) -> None:
        self._pipeline = pipeline

    def needs_code(self) -> bool:
        return self._pipeline.needs_code()

    def recover(
        self, reason: str, override_code: str | None, operator: object | None
    ) -> str | None:
        by = operator if isinstance(operator, Operator) else None
        try:
            row = self._pipeline.recover(reason, override_code, actor=by)
        except Refused as refusal:
            if refusal.code == NOTHING_TO_RECOVER:
                return None
            raise
        if row.phase is not RecoveryPhase.PENDING:
            return None
        return (
            f"recovery {row.recovery_id} waits for a second person: "
            f"mlrisk recover confirm {row.recovery_id}"
        )


def _who(actor: Actor | None) -> Actor:
    """A name that the caller gives is a note."""
    return actor if isinstance(actor, Operator) else caller("pipeline", actor)


def _refuse_another_account(
    manager: MLRiskManager | None, account: UnifiedRiskManager | None
) -> None:
    if manager is not None and account is not None and manager.account is not account:
        raise ValueError("unified_risk_manager is not the account of ml_risk_manager")


def _refuse_another_venue(client: object | None, mode: ExchangeMode) -> None:
    """The user's session must be of the venue on which the system trades."""
    testnet, demo = getattr(client, "testnet", None), getattr(client, "demo", None)
    if not (isinstance(testnet, bool) and isinstance(demo, bool)):
        return
    venue = _TRADES_ON.get((testnet, demo))
    if mode is not ExchangeMode.PAPER and venue not in (None, mode):
        raise ValueError(f"exchange_client trades on {venue}, the running system on {mode}")


@contextmanager
def _reaching_postgres() -> Iterator[None]:
    """An unreachable database means that no system runs; the error says how to start one."""
    try:
        yield
    except OperationalError as error:
        raise DependencyDown(_NOT_RUNNING) from error
