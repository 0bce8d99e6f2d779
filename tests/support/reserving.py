"""Many processes that reserve and release at once, and a database that notes every total.

`gate`: the whole decision of `ApprovalService`, released as the settlement releases. `ledger`: the
same account lock, exposure query and rows without the rest of a decision, for large numbers. In
both a trigger notes the sum of what is held with every request, and with every reservation inside
its transaction: nothing that exceeds the cap, even for a moment, goes unnoticed.
"""

import multiprocessing
import random
import time
import traceback
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from multiprocessing.queues import Queue
from typing import Any

from sqlalchemy import select, text

from bot.clock import Clock, SystemClock
from bot.decision.service import ApprovalPorts, ApprovalService
from bot.execution.orders import lifecycle
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.reasons import Reason
from bot.execution.ports import AccountDeps, DispatcherOnly, OrderWork
from bot.risk.limits import RiskLimits
from models.database import Database
from models.enums import ChildState, ExecutionStatus, ReservationState
from models.locks import lock_account, lock_child, lock_parent, lock_reservation
from models.repositories.trading import orders
from models.tables import ReservationRow, TradeRequestRow
from tests.support.accounts.exposure import exposure
from tests.support.fakes import (
    PRICE,
    FakeExchange,
    FakeLimits,
    FakeMarket,
    RecordedTaskQueue,
    prepare,
)
from tests.support.system import trade_request

ACCOUNT = "paper"
CAP_SHARE = Decimal("0.5")
CAP = CAP_SHARE * 100_000
"""Of the fake exchange's equity."""
_LOTS = (5, 60)
"""A request's size in thousandths of a coin: 0.6 % to 8 % of the cap."""

_NOTE_TOTALS = """
CREATE TABLE total_seen (total numeric NOT NULL);
CREATE FUNCTION note_total() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO total_seen SELECT coalesce(sum(open_qty * reference_price), 0) FROM reservation
    WHERE account = NEW.account AND state = 'held';
  RETURN NULL;
END $$;
CREATE TRIGGER reserved_total AFTER INSERT ON reservation
  FOR EACH ROW EXECUTE FUNCTION note_total();
CREATE TRIGGER requested_total AFTER INSERT ON trade_request
  FOR EACH ROW EXECUTE FUNCTION note_total();
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What all processes did together."""

    asked: int
    granted: int
    released: int
    highest_total: Decimal
    """The largest sum of held notional that any transaction saw."""
    held_at_end: Decimal
    expected_at_end: Decimal
    """What the processes themselves say that they still hold."""
    seconds: float
    milliseconds: tuple[float, ...]
    """Of every reservation, sorted."""
    errors: tuple[str, ...]

    def quantile(self, share: float) -> float:
        return self.milliseconds[
            min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))
        ]


@dataclass(frozen=True, slots=True)
class _Worked:
    asked: int
    granted: int
    released: int
    holding: Decimal
    milliseconds: list[float]


def run(url: str, *, processes: int, each: int, gate: bool, seed: int = 7) -> Result:
    """Lets every process ask for `each` reservations, releasing others at random in between."""
    db = Database(url, pool_size=1)
    clock = SystemClock()
    prepare(db, FakeExchange(clock), ACCOUNT, clock.now())  # type: ignore[arg-type]
    with db.transaction() as session:
        session.execute(text(_NOTE_TOTALS))
    db.dispose()
    context = multiprocessing.get_context("fork")
    answers: Queue[Any] = context.Queue()
    workers = [
        context.Process(target=_work, args=(url, number, each, gate, seed, answers))
        for number in range(processes)
    ]
    began = time.monotonic()
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=3600) for _ in workers]
    seconds = time.monotonic() - began
    for worker in workers:
        worker.join()
    return _gather(url, found, seconds)


def _gather(url: str, found: list[Any], seconds: float) -> Result:
    worked = [answer for answer in found if isinstance(answer, _Worked)]
    db = Database(url, pool_size=1)
    with db.reading() as session:
        highest = session.scalar(text("SELECT max(total) FROM total_seen"))
        _, working = exposure(session, ACCOUNT)
    db.dispose()
    return Result(
        asked=sum(w.asked for w in worked),
        granted=sum(w.granted for w in worked),
        released=sum(w.released for w in worked),
        highest_total=Decimal(highest or 0),
        held_at_end=sum((w.notional for w in working), Decimal(0)),
        expected_at_end=sum((w.holding for w in worked), Decimal(0)),
        seconds=seconds,
        milliseconds=tuple(sorted(ms for w in worked for ms in w.milliseconds)),
        errors=tuple(answer for answer in found if isinstance(answer, str)),
    )


def _work(url: str, number: int, each: int, gate: bool, seed: int, answers: Any) -> None:
    db = Database(url, pool_size=1)
    try:
        desk = _Gate(db) if gate else _Ledger(db)
        answers.put(_reserve(desk, random.Random(seed * 1000 + number), number, each))
    except Exception:
        answers.put(traceback.format_exc())
        raise
    finally:
        db.dispose()


def _reserve(desk: "_Gate | _Ledger", chance: random.Random, number: int, each: int) -> _Worked:
    held: dict[str, Decimal] = {}
    granted = released = 0
    milliseconds = []
    for count in range(each):
        name = f"p{number}-{count}"
        began = time.perf_counter()
        notional = desk.reserve(name, Decimal(chance.randint(*_LOTS)) / 1000)
        milliseconds.append((time.perf_counter() - began) * 1000)
        if notional:
            granted += 1
            held[name] = notional
        while held and chance.random() < 0.5:
            victim = chance.choice(sorted(held))
            desk.release(victim)
            del held[victim]
            released += 1
    return _Worked(each, granted, released, sum(held.values(), Decimal(0)), milliseconds)


class _Ledger:
    """The gate's lock, query and rows, and nothing else of a decision."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._clock: Clock = SystemClock()

    def reserve(self, name: str, qty: Decimal) -> Decimal:
        """The notional that is held now; zero when it would not fit."""
        notional = qty * PRICE
        with self._db.unit_of_work() as uow:
            lock_account(uow.session, ACCOUNT)
            _, working = exposure(uow.session, ACCOUNT)
            fits = sum((w.notional for w in working), Decimal(0)) + notional <= CAP
            now = self._clock.now()
            uow.session.add(_request(name, now))
            uow.session.flush()
            if fits:
                uow.session.add(_reservation(name, qty, now))
            uow.commit()
        return notional if fits else Decimal(0)

    def release(self, name: str) -> None:
        with self._db.unit_of_work() as uow:
            row = lock_reservation(uow.session, name)
            assert row is not None
            row.open_qty, row.state = Decimal(0), ReservationState.RELEASED
            uow.commit()


class _Gate:
    """Whole decisions under a gross limit, everything else wide open."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._clock: Clock = SystemClock()
        limits = replace(
            RiskLimits(),
            max_gross_exposure_share=CAP_SHARE,
            max_reservation_share=Decimal(10),
            max_net_exposure_share=Decimal(10),
            max_position_share=Decimal(10),
            max_portfolio_risk=Decimal(10),
            max_correlated_share=Decimal(10),
            min_effective_bets=1.0,
            max_repeated_orders=10**9,
            max_portfolio_age_seconds=1e9,
        )
        self._approval = ApprovalService(
            AccountDeps(db, ACCOUNT, self._clock, RecordedTaskQueue()),
            ApprovalPorts(FakeMarket(self._clock), FakeLimits(limits)),  # type: ignore[arg-type]
            horizon=timedelta(seconds=5),
        )

    def reserve(self, name: str, qty: Decimal) -> Decimal:
        message = trade_request(
            request_id=name, signal_data={"position_size": format(qty * PRICE, "f")}
        )
        outcome = self._approval.validate_and_execute(message)
        if outcome["verdict"] == "deny":
            reasons = {check["name"] for check in outcome["checks_failed"]}
            assert reasons == {"gross_exposure"}, outcome
            return Decimal(0)
        with self._db.reading() as session:
            row = session.scalars(select(ReservationRow).filter_by(request_id=name)).one()
        return row.open_qty * row.reference_price

    def release(self, name: str) -> None:
        """As a cancelled order releases: its child ends, and with it the parent."""
        with OrderWork(self._db, self._clock, DispatcherOnly()) as uow:
            parent = lock_parent(uow.session, name)
            (open_child,) = orders.open_children(uow.session, name)
            child = lock_child(uow.session, open_child.child_id)
            assert parent is not None and child is not None
            lifecycle.end_child(uow, parent, child, Ending(ChildState.CANCELLED, Reason("x")))
            uow.commit()


def _request(name: str, now: Any) -> TradeRequestRow:
    return TradeRequestRow(
        request_id=name,
        account=ACCOUNT,
        strategy="load",
        symbol="BTCUSDT",
        side="buy",
        status=ExecutionStatus.PENDING_EXECUTION,
        payload={},
        payload_sha256="",
        created_at=now,
        received_at=now,
        updated_at=now,
    )


def _reservation(name: str, qty: Decimal, now: Any) -> ReservationRow:
    return ReservationRow(
        request_id=name,
        account=ACCOUNT,
        symbol="BTCUSDT",
        side="buy",
        reduce_only=False,
        reference_price=PRICE,
        approved_qty=qty,
        open_qty=qty,
        state=ReservationState.HELD,
        created_at=now,
    )
