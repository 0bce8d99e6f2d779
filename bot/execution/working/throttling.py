"""Throttles every parent under way: risk slows, shrinks or pauses entries, and hurries exits.

The pure rule is in `bot.execution.policy.throttle`, and `bot.execution.policy.throttle_groups`
judges similar parents together; a tick reads a few columns of each. Every change is recorded with
its cause before it acts: senders and steps read the throttle state from the parent's row.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.execution.orders import fallback_rows, lifecycle
from bot.execution.orders.one_by_one import each
from bot.execution.orders.parents import is_urgent, step_soon, wake_child
from bot.execution.orders.reasons import Reason
from bot.execution.policy.throttle import throttle_rules
from bot.execution.policy.throttle_groups import (
    Measure,
    Scope,
    ThrottledParent,
    TickConditions,
    groups,
)
from bot.execution.ports import AccountDeps, LimitsSource, MarketCache, OrderWork
from bot.execution.working.limit_changes import LimitChanges
from models.documents.orders import Throttle, ThrottleKind
from models.documents.stored_form import from_json
from models.enums import ChildState, ScopeKind, TradingState, strictest
from models.locks import lock_open_children, lock_parent
from models.repositories import portfolio
from models.repositories.safety import states
from models.repositories.trading import throttle as rows
from models.repositories.trading.throttle import ThrottledRow
from models.tables import EquityRow, ParentOrderRow

log = logging.getLogger(__name__)


@dataclass
class Throttling:
    """Throttles one account's parents. It keeps nothing between ticks that it could not read
    again."""

    deps: AccountDeps
    market: MarketCache
    limits: LimitsSource
    _known: dict[str, Throttle] = field(default_factory=dict, init=False)
    """The throttle states of the last tick by their stored text; few are new at each tick."""

    def __post_init__(self) -> None:
        self._limit_changes = LimitChanges(self.deps, self.market)

    def tick(self) -> int:
        """Judges every open parent; returns how many changed their throttle state or were cut."""
        limits = self.limits.limits()
        now, account = self.deps.clock.now(), self.deps.account
        with self.deps.db.reading() as session:
            seen = rows.open_parents(session, account)
            around = _read(session, seen, self.market, account, now)
        measure = Measure(around, limits, throttle_rules(limits))
        changed = sum(
            each(
                self._changing(seen, measure, now),
                lambda request_id: self._pace(request_id, measure),
                "a parent can't be throttled",
            )
        )
        return changed + self._limit_changes.act_on(seen, limits)

    def _changing(self, seen: Sequence[ThrottledRow], measure: Measure, now: datetime) -> list[str]:
        """Most ticks change nothing, and then nothing is locked."""
        known: dict[str, Throttle] = {}

        def read(row: ThrottledRow) -> ThrottledParent:
            if row.stored_pace is None:
                return _paced(row, None)
            if row.stored_pace not in known:
                known[row.stored_pace] = self._known.get(row.stored_pace) or from_json(
                    Throttle, json.loads(row.stored_pace)
                )
            return _paced(row, known[row.stored_pace])

        readable = each(seen, read, "a parent can't be throttled")
        alike = groups(readable)
        self._known = known
        changing = each(
            alike,
            lambda group: measure.changing(group, now),
            "a group of parents can't be throttled",
        )
        return sorted(paced.request_id for group in changing for paced in group)

    def _pace(self, request_id: str, measure: Measure) -> int:
        with self.deps.work() as uow:
            parent = lock_parent(uow.session, request_id)
            if parent is None or parent.state.is_final:
                return 0
            found = measure.changed(_paced(parent, parent.pace), uow.now)
            if found is None:
                return 0
            self._apply(uow, parent, found)
            uow.commit()
        return 1

    def _apply(self, uow: OrderWork, parent: ParentOrderRow, pace: Throttle) -> None:
        before = parent.pace
        rate_before = Decimal(1) if before is None else before.rate
        parent.pace = pace
        uow.add_entry(
            self.deps.account,
            "pace_changed",
            parent.request_id,
            "pacer",
            {
                "from": ThrottleKind.NORMAL.value if before is None else before.kind.value,
                "to": pace.kind.value,
                "speed": format(pace.speed, "f"),
                "size": format(pace.size, "f"),
                "cause": pace.cause,
                "value": pace.value,
                "limit": pace.limit,
            },
        )
        log.info(
            "pace: %s",
            pace.sentence,
            extra={"event": "pace_changed", "request_id": parent.request_id},
        )
        cancels = fallback_rows.policy_of(parent).cancel_on_risk_increase
        if cancels and pace.rate < rate_before:
            reason = Reason(f"risk increased: {pace.sentence}")
            lifecycle.stop(uow, parent, reason)
            return
        if pace.speed > max(Decimal(1), Decimal(1) if before is None else before.speed):
            _pull_forward(uow, parent, pace)
        step_soon(uow, parent)


def _pull_forward(uow: OrderWork, parent: ParentOrderRow, pace: Throttle) -> None:
    """Moves a hurried exit's planned slices earlier; its plan keeps the original times."""
    now = uow.now
    for child in lock_open_children(uow.session, parent.request_id):
        if child.state != ChildState.PLANNED or child.due_at <= now:
            continue
        child.due_at = now + (child.due_at - now) / float(pace.speed)
        child.wake_at = now
        wake_child(uow, child, is_urgent(parent))


def _paced(row: ThrottledRow | ParentOrderRow, pace: Throttle | None) -> ThrottledParent:
    remaining = row.approved_qty - row.filled_qty - row.released_qty
    return ThrottledParent(
        row.request_id,
        row.strategy,
        row.symbol,
        row.side,
        row.reduce_only,
        remaining * row.reference_price,
        pace,
    )


def _read(
    session: Session,
    parents: Sequence[ThrottledRow],
    market: MarketCache,
    account: str,
    now: datetime,
) -> dict[Scope, TickConditions]:
    """Reads the conditions once for each strategy and symbol, so that a thousand parents need a
    handful of reads."""
    drawdown = _drawdown_share(session, account, now)
    stored = {(row.scope_kind, row.scope_key): row.state for row in states.all_states(session)}
    scopes = {(parent.strategy, parent.symbol) for parent in parents}
    views = {symbol: market.get(symbol) for _, symbol in sorted(scopes)}
    return {
        (strategy, symbol): TickConditions(
            views[symbol], drawdown, _strictest(stored, states.scopes_of(account, strategy, symbol))
        )
        for strategy, symbol in scopes
    }


def _strictest(
    stored: Mapping[Scope, TradingState], scopes: Sequence[Scope]
) -> TradingState | None:
    """The strictest trading state; None when the global state is missing, which is stricter than
    all."""
    if (ScopeKind.GLOBAL.value, states.GLOBAL_KEY) not in stored:
        return None
    return strictest((stored[s] for s in scopes if s in stored), TradingState)


def _drawdown_share(session: Session, account: str, now: datetime) -> Decimal | None:
    """The fall from the equity's peak, as a share of it; None when it is unreadable."""
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
