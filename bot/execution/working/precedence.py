"""An exit goes before slower exits of its position, and instead of entries of its symbol.

Slower exits may hold the whole position, so that nothing would be left for a more urgent one. The
transaction that approves the urgent exit gives it their unsent quantity. Their resting orders are
cancelled and count as given too: all of them only reduce, and the exchange lets them close no more
than the position.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy.orm import Session

from bot.execution.orders import lifecycle
from bot.execution.orders.parents import unplanned_qty
from bot.execution.orders.reasons import replaced_by
from bot.execution.policy.planning import ParentPlan
from bot.execution.ports import OrderWork
from bot.risk.book import read_book
from bot.risk.decision import Decision
from bot.risk.snapshot import RiskSnapshot, TradeIntent, WorkingView
from models.amounts import ZERO, compact, plain
from models.enums import Algorithm, ChildState, ExecutionPriority, ParentState
from models.locks import lock_open_children, lock_parents_of
from models.repositories.trading import orders
from models.tables import ChildOrderRow, ParentOrderRow

_RANK = {priority: rank for rank, priority in enumerate(ExecutionPriority)}


@dataclass(frozen=True, slots=True)
class Slower:
    """An exit that gives way, and the quantity that it can give."""

    parent: ParentOrderRow
    unsent: Decimal
    """The quantity that no order at the exchange holds."""
    resting: Decimal

    @property
    def free(self) -> Decimal:
        """The quantity that the exit can give up: unsent and resting, in base units."""
        return self.unsent + self.resting


@dataclass(frozen=True, slots=True)
class Precedence:
    """The slower exits that one trade precedes, the least urgent first; locked until the end of the
    transaction."""

    slower: tuple[Slower, ...] = ()

    def out_of(self, snapshot: RiskSnapshot, intent: TradeIntent) -> RiskSnapshot:
        """The snapshot as if they had given way."""
        portfolio, free = snapshot.portfolio, sum((s.free for s in self.slower), ZERO)
        if portfolio is None or free <= ZERO:
            return snapshot
        notional = sum((s.free * s.parent.reference_price for s in self.slower), ZERO)
        working = tuple(
            _less(view, free, notional) if _is_rival(view, intent) else view
            for view in portfolio.working
        )
        left = tuple(view for view in working if view.qty > ZERO)
        own = portfolio.own
        if own is not None:
            given = sum((s.free for s in self.slower if _is_own(s.parent, intent)), ZERO)
            own = replace(own, working=compact(max(ZERO, own.working - given)))
        return replace(snapshot, portfolio=replace(portfolio, working=left, own=own))


def of(session: Session, intent: TradeIntent, *, locked: bool = True) -> Precedence:
    """The slower exits of a trade; none if the trade is not marked as an exit. A mere look locks
    nothing."""
    if not intent.reduce_only:
        return Precedence()
    if locked:
        parents = lock_parents_of(session, intent.account, intent.symbol)
    else:
        parents = orders.open_parents(session, intent.account)
    slower = []
    for parent in parents:
        is_exit = parent.reduce_only and (parent.symbol, parent.side) == (
            intent.symbol,
            intent.side,
        )
        if is_exit and _gives_way(parent, intent):
            children = (lock_open_children if locked else orders.open_children)(
                session, parent.request_id
            )
            slower.append(_slower(parent, children))
    return Precedence(tuple(sorted((s for s in slower if s.free > ZERO), key=_least_urgent_first)))


def apply(
    uow: OrderWork,
    precedence: Precedence,
    intent: TradeIntent,
    decision: Decision,
    plan: ParentPlan,
    snapshot: RiskSnapshot,
) -> None:
    """Takes the quantity that the approved exit needs from slower ones, and ends entries against
    it.

    `snapshot` is the one before they gave way.
    """
    _take(uow, precedence.slower, intent, plan.qty - _free(intent, snapshot))
    if decision.reduce_only:
        _end_entries(uow, intent)


def _take(uow: OrderWork, slower: Iterable[Slower], intent: TradeIntent, needed: Decimal) -> None:
    reason = replaced_by(intent.request_id)
    for each in slower:
        if needed <= ZERO:
            return
        taken = min(needed, each.free)
        needed -= taken
        uow.add_entry(
            intent.account,
            "exit_gave_way",
            each.parent.request_id,
            "gate",
            {"to": intent.request_id, "qty": plain(taken)},
        )
        if taken > each.unsent:
            lifecycle.stop(uow, each.parent, reason)
        else:
            lifecycle.cut(uow, each.parent, taken, reason)


def _end_entries(uow: OrderWork, intent: TradeIntent) -> None:
    """Ends entries under way, which would undo the exit."""
    for parent in lock_parents_of(uow.session, intent.account, intent.symbol):
        against = not parent.reduce_only and parent.side != intent.side
        if against and _is_reached(parent, intent) and parent.stop_reason is None:
            lifecycle.stop(uow, parent, replaced_by(intent.request_id))


def _gives_way(parent: ParentOrderRow, intent: TradeIntent) -> bool:
    """Whether an exit is slower: by its priority, or at the same priority because it waits or has a
    slower algorithm."""
    if not _is_reached(parent, intent):
        return False
    if parent.stop_reason is not None:
        return True
    ours, theirs = _RANK[intent.priority], _RANK[parent.priority]
    if theirs != ours:
        return theirs < ours
    return _stands_still(parent) or (_is_at_once(intent) and not _was_at_once(parent))


def _is_reached(parent: ParentOrderRow, intent: TradeIntent) -> bool:
    """Whether the trade may act on this one: a strategy on its own trades, an emergency on all."""
    return _is_own(parent, intent) or intent.priority is ExecutionPriority.EMERGENCY


def _is_own(parent: ParentOrderRow, intent: TradeIntent) -> bool:
    return parent.strategy == intent.strategy


def _stands_still(parent: ParentOrderRow) -> bool:
    held = parent.pace is not None and parent.pace.speed <= 0
    return held or parent.state is ParentState.PAUSED


def _is_at_once(intent: TradeIntent) -> bool:
    if intent.algorithm is not None:
        return intent.algorithm is Algorithm.IMMEDIATE
    timed = intent.horizon_seconds is not None or intent.interval_seconds is not None
    return not timed and _RANK[intent.priority] >= _RANK[ExecutionPriority.HIGH]


def _was_at_once(parent: ParentOrderRow) -> bool:
    return parent.algorithm == Algorithm.IMMEDIATE


def _slower(parent: ParentOrderRow, children: Sequence[ChildOrderRow]) -> Slower:
    resting = _held(c for c in children if c.rests and c.state in _AT_REST)
    if parent.stop_reason is not None:
        return Slower(parent, ZERO, resting)
    planned = _held(c for c in children if c.state == ChildState.PLANNED)
    return Slower(parent, planned + max(ZERO, unplanned_qty(parent, children)), resting)


_AT_REST = (ChildState.ACKED, ChildState.WORKING)


def _held(children: Iterable[ChildOrderRow]) -> Decimal:
    return sum((child.qty - child.filled_qty for child in children), ZERO)


def _least_urgent_first(slower: Slower) -> tuple[bool, int, float]:
    parent = slower.parent
    rank = _RANK[parent.priority]
    return parent.stop_reason is None, rank, -parent.start_at.timestamp()


def _free(intent: TradeIntent, snapshot: RiskSnapshot) -> Decimal:
    """The quantity of the position, and of the strategy's own share, that no working order closes;
    negative if more is ordered than held."""
    portfolio = snapshot.portfolio
    if portfolio is None:
        raise LookupError("a trade is approved on a known portfolio alone")
    book = read_book(intent.symbol, intent.side, portfolio)
    free = -intent.side.sign * book.held - book.closing_qty
    if portfolio.own is None or intent.priority is ExecutionPriority.EMERGENCY:
        return free
    return min(free, -intent.side.sign * portfolio.own.qty - portfolio.own.working)


def _is_rival(view: WorkingView, intent: TradeIntent) -> bool:
    return (view.symbol, view.side, view.reduce_only) == (intent.symbol, intent.side, True)


def _less(view: WorkingView, qty: Decimal, notional: Decimal) -> WorkingView:
    return replace(
        view,
        qty=compact(max(ZERO, view.qty - qty)),
        notional=compact(max(ZERO, view.notional - notional)),
    )
