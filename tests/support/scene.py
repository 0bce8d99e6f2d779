"""A small true history: decided by the gate, planned, sent, filled, and recorded by an exchange.

Everything is written by the domain's own services on a real Postgres; only the exchange's record
is made here, in the paper exchange's journal format. Tests then break one thing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from bot.clock import FixedClock
from bot.decision.service import ApprovalPorts, ApprovalService
from bot.exchange.protocol import ExchangeOrder, Execution
from bot.execution.booking.fills import FillBook
from bot.execution.orders.parents import NewChild, new_child
from bot.execution.ports import AccountDeps
from bot.market.reading import MarketReading
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from console.invariants import InvariantResult, check_all
from console.invariants.evidence import Evidence
from console.runtime.exchange_record import parse_exchange_record
from models.database import Database
from models.enums import ChildState, OrderStatus, ScopeKind, Style, TradeSide
from models.locks import lock_parent
from models.repositories import portfolio
from models.repositories.safety import states
from models.repositories.trading import orders
from models.tables import AccountFitnessRow, ChildOrderRow, ParentOrderRow
from tests.support.accounts.leases import grant_lease
from tests.unit.bot.risk import cases

ACCOUNT = "paper"
START = cases.NOW
D = Decimal


class KnownMarket:
    """The market of one moment, as old as it says."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock

    def get(self, symbol: str) -> MarketView | None:
        as_of = self._clock.now() - timedelta(milliseconds=200)
        return cases.market(as_of=as_of) if symbol == "BTCUSDT" else None

    def read(self, symbol: str) -> MarketReading:
        return MarketReading(self.get(symbol))


class NoTaskQueue:
    """Nobody listens: the scene does each step itself."""

    def child(
        self, child_id: int, due_at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        del child_id, due_at, urgent, reduces

    def parent(
        self, request_id: str, at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        del request_id, at, urgent, reduces

    def request(self, request_id: str) -> None:
        del request_id

    def breakers(self) -> None:
        """Nobody looks."""


class FixedLimits:
    def limits(self) -> RiskLimits:
        return RiskLimits()

    def last_known(self) -> RiskLimits:
        return RiskLimits()


@dataclass
class Scene:
    """A system's rows and its exchange's record; `clock` is moved by the steps."""

    database_url: str
    clock: FixedClock = field(default_factory=lambda: FixedClock(START))
    journal: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.db = Database(self.database_url, pool_size=1)
        self.fills = FillBook(self.db, ACCOUNT, NoTaskQueue())
        self.approval = ApprovalService(
            AccountDeps(self.db, ACCOUNT, self.clock, NoTaskQueue()),
            ApprovalPorts(KnownMarket(self.clock), FixedLimits()),
            horizon=timedelta(seconds=5),
        )
        self._prepare()

    def close(self) -> None:
        self.db.dispose()

    def advance(self, seconds: float) -> datetime:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))
        return self.clock.now()

    def decide(self, request_id: str, **changes: Any) -> dict[str, Any]:
        """A request through the gate; its age and prediction are those of now."""
        now = self.clock.now()
        signal = {"position_size": "3000", "algorithm": "immediate"} | changes.pop("signal", {})
        predictions = {
            "confidence": 0.9,
            "uncertainty": 0.1,
            "ensemble_agreement": 0.9,
            "prediction_stability": 0.9,
            "feature_importance": {"imbalance": 0.6, "volatility": 0.4},
            "member_probabilities": [0.9, 0.88, 0.92],
            "model_version": "v1",
            "predicted_at": (now - timedelta(seconds=1)).isoformat(),
        } | changes.pop("predictions", {})
        return self.approval.validate_and_execute(
            {
                "request_id": request_id,
                "symbol": "BTCUSDT",
                "side": "buy",
                "signal_data": signal,
                "ml_predictions": predictions,
                "created_at": (now - timedelta(milliseconds=50)).isoformat(),
                "expires_at": (now + timedelta(minutes=5)).isoformat(),
                "metadata": {"strategy": "demo"},
                **changes,
            }
        )

    def trade(self, request_id: str, **changes: Any) -> ChildOrderRow:
        """Decided, sent and wholly filled, by both records."""
        outcome = self.decide(request_id, **changes)
        assert outcome["verdict"] == "allow", outcome
        child = self.children(request_id)[0]
        self.accept(child)
        self.fill(child)
        return child

    def rest(self, request_id: str, qty: str = "0.05", price: str = "29999.9") -> ChildOrderRow:
        """A stepped parent's next child, post-only, as its worker's step makes it."""
        with self.db.unit_of_work() as uow:
            parent = lock_parent(uow.session, request_id)
            assert parent is not None
            slot = len(orders.children_of(uow.session, request_id))
            due_at, style = self.clock.now(), Style.POST_ONLY
            wanted = NewChild(slot, 0, D(qty), due_at, style, price=D(price))
            child = new_child(uow, parent, wanted)
            uow.commit()
        return child

    def accept(self, child: ChildOrderRow) -> None:
        """The exchange takes the child's order."""
        sent = self.advance(0.01)
        order_id = f"ex-{len(self.journal) + 1}"
        body = {
            "category": "linear",
            "symbol": child.symbol,
            "side": child.side.capitalize(),
            "orderType": "Limit",
            "qty": format(child.qty.normalize(), "f"),
            "price": "30005.1",
            "timeInForce": "IOC",
            "orderLinkId": child.order_link_id,
            "reduceOnly": child.reduce_only,
            "positionIdx": 0,
        }
        with self.db.transaction() as session:
            row = session.get_one(ChildOrderRow, child.child_id)
            row.body, row.state, row.posts, row.claims = body, ChildState.ACKED, 1, 1
            row.sent_at = sent
            row.acked_at = sent + timedelta(milliseconds=20)
            row.exchange_order_id = order_id
        self.record("create", sent + timedelta(milliseconds=5), orderId=order_id, **body)

    def fill(self, child: ChildOrderRow, qty: Decimal | None = None) -> str:
        """An execution in the exchange's record and in ours; the order ends with it."""
        at = self.advance(0.05)
        filled = child.qty if qty is None else qty
        exec_id = f"exec-{len(self.journal) + 1}"
        order_id = self.order_id(child)
        price = D("30000.5")
        self.record_fill(child, exec_id, filled, at)
        execution = Execution(
            exec_id=exec_id,
            order_id=order_id,
            order_link_id=child.order_link_id,
            symbol=child.symbol,
            side=TradeSide(child.side),
            qty=filled,
            price=price,
            fee=D("0.01"),
            fee_currency="USDT",
            is_maker=False,
            exec_type="Trade",
            executed_at=at,
        )
        self.fills.apply_execution(execution, at, source="stream")
        self.fills.apply_order(self._final_order(child, order_id, filled, at), at)
        return exec_id

    def _final_order(
        self, child: ChildOrderRow, order_id: str, filled: Decimal, at: datetime
    ) -> ExchangeOrder:
        whole = filled == child.qty
        return ExchangeOrder(
            order_id=order_id,
            order_link_id=child.order_link_id,
            symbol=child.symbol,
            side=TradeSide(child.side),
            qty=child.qty,
            price=D("30005.1"),
            status=OrderStatus.FILLED if whole else OrderStatus.CANCELLED,
            raw_status="Filled" if whole else "PartiallyFilledCanceled",
            filled_qty=filled,
            average_price=D("30000.5"),
            reduce_only=child.reduce_only,
            updated_at=at,
        )

    def record(self, kind: str, at: datetime, **fields: Any) -> None:
        self.journal.append(
            {"n": len(self.journal) + 1, "t": _ms(at), "kind": kind, "uid": "1", **fields}
        )

    def record_fill(self, child: ChildOrderRow, exec_id: str, qty: Decimal, at: datetime) -> None:
        row = {
            "execId": exec_id,
            "orderId": self.order_id(child),
            "orderLinkId": child.order_link_id,
            "symbol": child.symbol,
            "side": child.side.capitalize(),
            "execQty": format(qty, "f"),
            "execPrice": "30000.5",
            "execType": "Trade",
            "execTime": str(_ms(at)),
        }
        self.record("fill", at, row=row)

    def order_id(self, child: ChildOrderRow) -> str:
        with self.db.reading() as session:
            return session.get_one(ChildOrderRow, child.child_id).exchange_order_id or ""

    def children(self, request_id: str) -> list[ChildOrderRow]:
        with self.db.reading() as session:
            return list(orders.children_of(session, request_id))

    def parent(self, request_id: str) -> ParentOrderRow:
        with self.db.reading() as session:
            return session.get_one(ParentOrderRow, request_id)

    def check(self, *, after_seconds: float = 20.0) -> dict[str, InvariantResult]:
        """Every invariant some time later, when all has settled."""
        engine = read_only_engine(self.database_url)
        try:
            with Session(engine) as session:
                evidence = Evidence(
                    session,
                    parse_exchange_record(self.journal),
                    self.clock.now() + timedelta(seconds=after_seconds),
                )
                return {result.name: result for result in check_all(evidence)}
        finally:
            engine.dispose()

    def violated(self, **check: Any) -> dict[str, tuple[str, ...]]:
        """What doesn't hold, by invariant."""
        return {
            name: result.violations
            for name, result in self.check(**check).items()
            if not result.holds
        }

    def _prepare(self) -> None:
        now = self.clock.now()
        rules = cases.instrument()
        with self.db.transaction() as session:
            portfolio.ensure_account(session, ACCOUNT, now)
            grant_lease(session, ACCOUNT)
            session.add(
                AccountFitnessRow(
                    account=ACCOUNT, asked_at=now, ok=True, reasons="", changed_at=now
                )
            )
            portfolio.record_equity(
                session,
                ACCOUNT,
                now,
                equity=D("100000"),
                wallet_balance=D("100000"),
                available=D("100000"),
                unrealised_pnl=D("0"),
            )
            states.lock_state(session, ScopeKind.GLOBAL, states.GLOBAL_KEY, now=now, actor="scene")
            portfolio.store_instruments(
                session,
                [
                    {
                        "symbol": rules.symbol,
                        "category": "linear",
                        "tick_size": rules.tick_size,
                        "qty_step": rules.qty_step,
                        "min_qty": rules.min_qty,
                        "max_qty": rules.max_qty,
                        "min_notional": rules.min_notional,
                        "max_leverage": rules.max_leverage,
                        "status": rules.status,
                        "refreshed_at": now,
                    }
                ],
            )


def read_only_engine(url: str) -> Engine:
    return create_engine(
        url,
        isolation_level="REPEATABLE READ",
        connect_args={"options": "-c default_transaction_read_only=on"},
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@pytest.fixture
def scene(migrated_url: str) -> Iterator[Scene]:
    """A system that has traded nothing yet."""
    made = Scene(migrated_url)
    yield made
    made.close()
