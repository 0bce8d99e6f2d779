"""Everything that decides and executes, on a real database with a fake exchange and clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bot.account.reconciliation import Reconciler
from bot.clock import FixedClock
from bot.decision.requests import Admission
from bot.decision.service import ApprovalPorts, ApprovalService
from bot.execution.booking.fills import FillBook
from bot.execution.ports import Deps
from bot.execution.sending.claims import Claims, Lessee
from bot.execution.sending.dispatch import Dispatcher
from bot.execution.sending.sender import Sender, SendResult
from bot.execution.working.parent_worker import ParentWorker, StepResult
from bot.execution.working.throttling import Throttling
from bot.safety.halting.halt import TradingHalt
from bot.safety.monitor import Monitor
from bot.safety.recovery.resetting import Recovery
from models.database import Database
from models.enums import ChildState
from models.tables import AuditRow, ChildOrderRow, ParentOrderRow, PositionRow, ReservationRow
from tests.support.fakes import (
    T0,
    FakeExchange,
    FakeForecasts,
    FakeLimits,
    FakeMarket,
    FreeRateLimiter,
    RecordedTaskQueue,
    prepare,
)

ACCOUNT = "paper"


class Desk:
    """One account's services under test; time moves only when a test moves it."""

    def __init__(
        self,
        db: Database,
        account: str = ACCOUNT,
        clock: FixedClock | None = None,
        exchange: FakeExchange | None = None,
    ) -> None:
        self.db = db
        self.account = account
        self.clock = clock or FixedClock(T0)
        self.exchange = exchange or FakeExchange(self.clock)
        self.market = FakeMarket(self.clock)
        self.limits = FakeLimits()
        self.task_queue = RecordedTaskQueue()
        self.rate_limiter = FreeRateLimiter()
        self.pending_halt: str | None = None
        self.forecasts = FakeForecasts()
        prepare(db, self.exchange, account, T0)
        ports = ApprovalPorts(
            self.market,
            self.limits,
            read_rules=lambda: self.reconciler.refresh_instruments(),
            pending_halt=lambda: self.pending_halt,
        )
        self.approval = ApprovalService(self.deps, ports, horizon=timedelta(seconds=5))
        self.admission = Admission(self.deps)
        self.fill_book = FillBook(db, account, self.task_queue)
        self.reconciler = Reconciler(self.deps, rate_limiter=self.rate_limiter)
        self.dispatcher = Dispatcher(
            self.deps,
            horizon=timedelta(seconds=5),
            wake_timeout=timedelta(seconds=3),
        )
        self.trading_halt = TradingHalt(db, self.clock, exchange=self.exchange)
        self.throttling = Throttling(self.deps, self.market, self.limits)
        self.worker = ParentWorker(
            self.deps,
            market=self.market,
            limits=self.limits,
            forecasts=self.forecasts,
            rate_limiter=self.rate_limiter,
        )
        self.sender = self.new_sender("worker-1")

    @property
    def deps(self) -> Deps:
        """With the exchange of now, which a test may have replaced."""
        return Deps(self.db, self.account, self.clock, self.task_queue, self.exchange)

    def new_sender(self, owner: str) -> Sender:
        claims = Claims(
            self.deps,
            limits=self.limits,
            rate_limiter=self.rate_limiter,
            lessee=Lessee(owner, 15),
            pending_halt=lambda: self.pending_halt,
        )
        return Sender(
            self.deps,
            market=self.market,
            claims=claims,
            rate_limiter=self.rate_limiter,
            owner=owner,
        )

    def pass_time(self, seconds: float) -> datetime:
        """Moves the clock; the feed goes on reading the wallet meanwhile."""
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))
        self.reconciler.record_wallet()
        return self.clock.now()

    def request(self, request_id: str = "r-1", **changes: Any) -> dict[str, Any]:
        now = self.clock.now().isoformat()
        request: dict[str, Any] = {
            "request_id": request_id,
            "symbol": "BTCUSDT",
            "side": "buy",
            "signal_data": {"position_size": "2000", "algorithm": "immediate"},
            "ml_predictions": {
                "confidence": 0.9,
                "uncertainty": 0.1,
                "ensemble_agreement": 0.95,
                "prediction_stability": 0.9,
                "feature_importance": {"a": 0.6, "b": 0.4},
                "member_probabilities": [0.9, 0.88, 0.92],
                "model_version": "m-1",
                "predicted_at": now,
            },
            "created_at": now,
            "metadata": {"strategy": "test"},
        }
        for key, value in changes.items():
            if isinstance(value, dict) and isinstance(request.get(key), dict):
                value = {**request[key], **value}
            request[key] = value
        return request

    def approve(self, request_id: str = "r-1", **changes: Any) -> dict[str, Any]:
        return self.approval.validate_and_execute(self.request(request_id, **changes))

    def approve_twap(self, request_id: str = "r-1", size: str = "3000") -> dict[str, Any]:
        return self.approve(
            request_id,
            signal_data={
                "position_size": size,
                "algorithm": "twap",
                "horizon_seconds": 30,
                "interval_seconds": 5,
            },
        )

    def send(self, child_id: int) -> SendResult:
        return self.sender.send(child_id, self.account)

    def send_due(self) -> list[SendResult]:
        return [
            self.send(child.child_id)
            for child in self.children()
            if child.state == ChildState.PLANNED and child.due_at <= self.clock.now()
        ]

    def step(self, request_id: str = "r-1") -> StepResult:
        """What the execution queue does for a stepped parent: a step, then its new children."""
        result = self.worker.step(request_id)
        self.send_due()
        return result

    def stream(self) -> None:
        """Delivers every execution and order record, as the private stream would."""
        for execution in list(self.exchange.fills):
            self.fill_book.apply_execution(execution, self.clock.now(), source="stream")
        for order in list(self.exchange.orders.values()):
            self.fill_book.apply_order(order, self.clock.now())

    def children(self, request_id: str | None = None) -> Sequence[ChildOrderRow]:
        query = select(ChildOrderRow).order_by(ChildOrderRow.child_id)
        if request_id is not None:
            query = query.where(ChildOrderRow.request_id == request_id)
        with self.db.reading() as session:
            return session.scalars(query).all()

    def child(self) -> ChildOrderRow:
        """The only child, or the newest."""
        return self.children()[-1]

    def parent(self, request_id: str = "r-1") -> ParentOrderRow:
        with self.db.reading() as session:
            return session.get_one(ParentOrderRow, request_id)

    def reservation(self, request_id: str = "r-1") -> ReservationRow:
        with self.db.reading() as session:
            return session.get_one(ReservationRow, request_id)

    def position(self) -> Decimal:
        with self.db.reading() as session:
            row = session.get(PositionRow, (self.account, "BTCUSDT"))
        return Decimal(0) if row is None else row.qty

    def liquidation_price(self) -> Decimal | None:
        """The exchange's word on the position, as far as it is known."""
        with self.db.reading() as session:
            return session.get_one(PositionRow, (self.account, "BTCUSDT")).liquidation_price

    def at_rest(self) -> bool:
        """Every parent has ended; false before the first."""
        with self.db.reading() as session:
            parents = session.scalars(select(ParentOrderRow)).all()
        return bool(parents) and all(parent.finished_at is not None for parent in parents)

    def audit_kinds(self) -> list[str]:
        with self.db.reading() as session:
            return list(session.scalars(select(AuditRow.kind).order_by(AuditRow.at, AuditRow.seq)))

    def check_balance(self) -> None:
        """I3 and I5 for every parent: filled + released + open = approved, to the last decimal."""
        with self.db.reading() as session:
            parents = session.scalars(select(ParentOrderRow)).all()
        for parent in parents:
            live = [
                child
                for child in self.children(parent.request_id)
                if not ChildState(child.state).is_final
            ]
            still_open = sum((c.qty - c.filled_qty for c in live), Decimal(0))
            if parent.stepped and parent.finished_at is None:
                unplanned = parent.approved_qty - parent.filled_qty - parent.released_qty
                assert still_open <= unplanned
                still_open = unplanned
            assert parent.filled_qty + parent.released_qty + still_open == parent.approved_qty
            assert self.reservation(parent.request_id).open_qty == still_open


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db)


@pytest.fixture
def monitor(desk: Desk) -> Monitor:
    return Monitor(db=desk.db, account=ACCOUNT, limits=desk.limits, clock=desk.clock)


@pytest.fixture
def recovery(desk: Desk) -> Recovery:
    """Resets give the full size back, as in development."""
    desk.limits.change(breakers=replace(desk.limits.value.breakers, reset_to_full_size=True))
    return Recovery(desk.db, ACCOUNT, desk.limits, desk.clock)


@pytest.fixture
def theirs(desk: Desk) -> Desk:
    """Another account on the first one's database, with an exchange of its own keys."""
    return Desk(desk.db, "other", desk.clock)
