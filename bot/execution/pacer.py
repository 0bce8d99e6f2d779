"""Sets the pace of every parent under way: risk slows, shrinks or pauses it, and hurries exits.

The pure rule is in `bot.execution.pacing`. Every change is recorded with its cause before it acts:
senders and steps read the pace from the parent's row.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.execution import backup_plans, settlement
from bot.execution.one_by_one import each
from bot.execution.pacing import Conditions, Pace, PaceKind, conditions_of, next_pace, pacing_rules
from bot.execution.parents import is_urgent, step_soon, wake_child
from bot.execution.ports import LimitsSource, MarketCache, Wakeups
from bot.execution.tightening import Tightening
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from bot.risk.working_rules import WorkingRules
from models.database import Database, UnitOfWork
from models.enums import ChildState, ParentState, ScopeKind, TradeSide, TradingState
from models.locks import lock_open_children, lock_parent
from models.repositories import orders, portfolio, states
from models.tables import EquityRow, ParentOrderRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What surrounds a parent at a tick; None is unknown."""

    view: MarketView | None
    drawdown_share: Decimal | None
    state: TradingState | None
    """The strictest that applies."""


@dataclass
class Pacer:
    """Paces one account's parents. Keeps nothing between ticks but the limits that it saw."""

    db: Database
    account: str
    market: MarketCache
    limits: LimitsSource
    clock: Clock
    wakeups: Wakeups

    def __post_init__(self) -> None:
        self._tightening = Tightening(self.db, self.account, self.market, self.clock, self.wakeups)

    def tick(self) -> int:
        """Looks at every open parent; returns how many changed their pace or were cut."""
        limits = self.limits.limits()
        with self.db.reading() as session:
            seen = [
                parent
                for parent in orders.open_parents(session, self.account)
                if parent.set_aside_at is None  # nothing of it is placed: there is no pace to set
            ]
            circumstances = _read(session, seen, self.market, self.account, self.clock.now())
        rules = pacing_rules(limits)
        changed = sum(
            each(
                seen,
                lambda parent: self._pace(parent, circumstances[_scope(parent)], limits, rules),
                "a parent can't be paced",
            )
        )
        return changed + self._tightening.act_on(seen, limits)

    def _pace(
        self,
        seen: ParentOrderRow,
        around: Circumstances,
        limits: RiskLimits,
        rules: WorkingRules,
    ) -> int:
        """Most ticks change nothing, and then nothing is locked."""
        now = self.clock.now()
        if self._next(seen, around, limits, rules, now) is None:
            return 0
        with self.db.unit_of_work() as uow:
            parent = lock_parent(uow.session, seen.request_id)
            if parent is None or ParentState(parent.state).is_final:
                return 0
            found = self._next(parent, around, limits, rules, now)
            if found is None:
                return 0
            self._apply(uow, parent, found, now)
            uow.commit()
        return 1

    def _next(
        self,
        parent: ParentOrderRow,
        around: Circumstances,
        limits: RiskLimits,
        rules: WorkingRules,
        now: datetime,
    ) -> Pace | None:
        """The pace that the parent changes to; None while it keeps its own."""
        current = _pace_of(parent)
        conditions = _conditions(parent, around, limits, now)
        found = next_pace(current, conditions, rules, reduce_only=parent.reduce_only, now=now)
        if found is current or (current is None and found.kind is PaceKind.NORMAL):
            return None
        return found

    def _apply(self, uow: UnitOfWork, parent: ParentOrderRow, pace: Pace, now: datetime) -> None:
        before = _pace_of(parent)
        rate_before = Decimal(1) if before is None else before.rate
        parent.pace = pace.to_json()
        uow.audit(
            self.account,
            "pace_changed",
            parent.request_id,
            "pacer",
            {
                "from": PaceKind.NORMAL.value if before is None else before.kind.value,
                "to": pace.kind.value,
                "speed": format(pace.speed, "f"),
                "size": format(pace.size, "f"),
                "cause": pace.cause,
                "value": pace.value,
                "limit": pace.limit,
            },
            now,
        )
        log.info("pace: %s", pace.sentence, extra={"request_id": parent.request_id})
        cancels = backup_plans.ladder_of(parent).cancel_on_risk_increase
        if cancels and pace.rate < rate_before:
            reason = f"risk increased: {pace.sentence}"
            settlement.stop(uow, parent, reason, now, self.wakeups)
            return
        if pace.speed > max(Decimal(1), Decimal(1) if before is None else before.speed):
            self._pull_forward(uow, parent, pace, now)
        step_soon(uow, parent, now, self.wakeups)

    def _pull_forward(
        self, uow: UnitOfWork, parent: ParentOrderRow, pace: Pace, now: datetime
    ) -> None:
        """A hurried exit's planned slices come sooner; its plan keeps the times it wanted."""
        for child in lock_open_children(uow.session, parent.request_id):
            if child.state != ChildState.PLANNED or child.due_at <= now:
                continue
            child.due_at = now + (child.due_at - now) / float(pace.speed)
            child.wake_at = now
            wake_child(uow, child, is_urgent(parent), self.wakeups)


def _pace_of(parent: ParentOrderRow) -> Pace | None:
    return None if parent.pace is None else Pace.from_json(parent.pace)


def _conditions(
    parent: ParentOrderRow, around: Circumstances, limits: RiskLimits, now: datetime
) -> Conditions:
    remaining = parent.approved_qty - parent.filled_qty - parent.released_qty
    return conditions_of(
        around.view,
        side=TradeSide(parent.side),
        remaining_notional=remaining * parent.reference_price,
        drawdown_share=around.drawdown_share,
        trading_state=around.state,
        limits=limits,
        now=now,
    )


def _scope(parent: ParentOrderRow) -> tuple[str, str]:
    """Parents alike in it have the same market and the same trading states."""
    return parent.strategy, parent.symbol


def _read(
    session: Session,
    parents: Sequence[ParentOrderRow],
    market: MarketCache,
    account: str,
    now: datetime,
) -> dict[tuple[str, str], Circumstances]:
    """Once for each strategy and symbol: a thousand parents are paced by a handful of reads."""
    drawdown = _drawdown_share(session, account, now)
    views = {symbol: market.get(symbol) for symbol in {p.symbol for p in parents}}
    return {
        scope: Circumstances(views[one.symbol], drawdown, _strictest(session, one))
        for scope, one in {_scope(parent): parent for parent in parents}.items()
    }


def _strictest(session: Session, parent: ParentOrderRow) -> TradingState | None:
    """None: the global state is missing, which is as strict as it gets."""
    rows = states.applicable_states(session, parent.account, parent.strategy, parent.symbol)
    if not any(row.scope_kind == ScopeKind.GLOBAL for row in rows):
        return None
    return max((TradingState(row.state) for row in rows), key=lambda state: state.strictness)


def _drawdown_share(session: Session, account: str, now: datetime) -> Decimal | None:
    """Fall from the equity's peak, as a share of it; None when it can't be read."""
    equity = session.scalar(
        select(EquityRow.equity)
        .where(EquityRow.account == account)
        .order_by(EquityRow.at.desc())
        .limit(1)
    )
    day = portfolio.equity_day(session, account, now)
    if equity is None or day is None or day.peak_equity <= 0:
        return None
    return max(Decimal(0), (day.peak_equity - equity) / day.peak_equity)
