"""A tightened limit acts on parents under way: on their price bound and their remaining size.

The gate's portfolio checks judge a parent's unfilled quantity as if it were requested now. The part
that they deny is released.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.execution.orders import lifecycle
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.one_by_one import each
from bot.execution.orders.parents import left_qty, lowest_price, release, step_soon, unplanned_qty
from bot.execution.orders.reasons import Reason
from bot.execution.policy.planning import round_to_tick
from bot.execution.policy.scheduling import slippage_share
from bot.execution.ports import AccountDeps, MarketCache, OrderWork
from bot.market.reading import MarketReading
from bot.risk import codec
from bot.risk.checks import crowding, execution, exposures, margin, trade_risk
from bot.risk.checks.registry import CHECKS
from bot.risk.exposure import classify
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent, WorkingView
from bot.state import snapshots
from models.amounts import ZERO, plain
from models.enums import CheckStatus, ChildState, TradeSide
from models.locks import lock_account, lock_open_children, lock_parent
from models.repositories import portfolio
from models.repositories.trading import orders
from models.repositories.trading.throttle import ThrottledRow
from models.tables import ChildOrderRow, DecisionRow, InstrumentRow, ParentOrderRow

_RULES = {
    rule.name
    for rule in (
        exposures.ORDER,
        exposures.POSITION,
        trade_risk.RISK,
        exposures.GROSS,
        exposures.NET,
        margin.LEVERAGE,
        margin.MARGIN,
        crowding.CORRELATED,
        execution.ADV,
    )
}
_ROWS = tuple(row for row in CHECKS if row.rule.name in _RULES)
"""The checks that limit a size by the portfolio and the day. Scores and prices were judged at the
decision."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    changed: bool
    complete: bool
    """False while a part is at the exchange; its returned quantity is judged again."""


class LimitChanges:
    """Judges each parent once when the limits differ from those of its decision."""

    def __init__(self, deps: AccountDeps, market: MarketCache) -> None:
        self._deps = deps
        self._market = market
        self._limits: RiskLimits | None = None
        self._judged: set[str] = set()

    def act_on(self, parents: Sequence[ThrottledRow], limits: RiskLimits) -> int:
        """Cuts the quantity that the limits in force deny; returns how many parents changed."""
        symbols = {p.request_id: p.symbol for p in parents if not p.reduce_only}
        adding = set(symbols)
        if limits != self._limits:
            self._limits, self._judged = limits, set()
        self._judged &= adding
        fresh = adding - self._judged
        if not fresh:
            return 0
        otherwise = self._decided_otherwise(fresh, limits)
        fresh -= set(otherwise)
        changed = 0
        for request_id, verdict in each(
            otherwise,
            lambda key: (key, self._judge(key, limits, self._market.read(symbols[key]))),
            "a trade under way can't be brought under the limits in force",
        ):
            changed += verdict.changed
            if verdict.complete:
                fresh.add(request_id)
        self._judged |= fresh
        return changed

    def _decided_otherwise(self, request_ids: set[str], limits: RiskLimits) -> Sequence[str]:
        """The parents with a decision under other limits."""
        with self._deps.db.reading() as session:
            return session.scalars(
                select(DecisionRow.request_id)
                .where(
                    DecisionRow.request_id.in_(sorted(request_ids)),
                    DecisionRow.limits != codec.to_json(limits),
                )
                .order_by(DecisionRow.request_id)
            ).all()

    def _judge(self, request_id: str, limits: RiskLimits, market: MarketReading) -> _Verdict:
        with self._deps.work() as uow:
            # Locked as by the gate, so that no decision counts on the quantity that is being cut.
            lock_account(uow.session, self._deps.account)
            parent = lock_parent(uow.session, request_id)
            if parent is None or parent.state.is_final:
                return _Verdict(changed=False, complete=True)
            rules = portfolio.instrument(uow.session, parent.symbol)
            if rules is None:
                return _Verdict(changed=False, complete=False)
            bounded = self._bound(uow, parent, rules, limits)
            cut = self._cut(uow, parent, rules, limits, market)
            if bounded or cut.changed:
                step_soon(uow, parent)
                uow.commit()
            return _Verdict(bounded or cut.changed, cut.complete)

    def _bound(
        self,
        uow: OrderWork,
        parent: ParentOrderRow,
        rules: InstrumentRow,
        limits: RiskLimits,
    ) -> bool:
        """A stricter slippage limit moves the parent's price limit; a looser one never does."""
        side = parent.side
        wanted = round_to_tick(
            parent.reference_price * (1 + side.sign * slippage_share(limits)),
            rules.tick_size.normalize(),
            side,
        )
        stricter = wanted < parent.price_limit if side is TradeSide.BUY else (
            wanted > parent.price_limit
        )  # fmt: skip
        if not stricter:
            return False
        uow.add_entry(
            parent.account,
            "price_limit_tightened",
            parent.request_id,
            "pacer",
            {"from": plain(parent.price_limit), "to": plain(wanted)},
        )
        parent.price_limit = wanted
        return True

    def _cut(
        self,
        uow: OrderWork,
        parent: ParentOrderRow,
        rules: InstrumentRow,
        limits: RiskLimits,
        market: MarketReading,
    ) -> _Verdict:
        left = left_qty(parent)
        if left <= 0 or parent.stop_reason is not None:
            return _Verdict(changed=False, complete=True)
        allowed, why = _allowed(uow.session, parent, left, limits, market, uow.now)
        excess = left - allowed // rules.qty_step * rules.qty_step
        if excess <= 0:
            return _Verdict(changed=False, complete=True)
        cut = _release_excess(uow, parent, excess, rules)
        if cut > 0:
            uow.add_entry(
                parent.account,
                "parent_cut",
                parent.request_id,
                "pacer",
                {"released": plain(cut), "of": plain(left), "why": why},
            )
        return _Verdict(changed=cut > 0, complete=cut >= excess)


def _allowed(
    session: Session,
    parent: ParentOrderRow,
    left: Decimal,
    limits: RiskLimits,
    market: MarketReading,
    now: datetime,
) -> tuple[Decimal, str]:
    """The quantity that the checks allow, and the first check with the least.

    An unreadable input cuts nothing here; the throttle pauses for it.
    """
    decision = session.get_one(DecisionRow, parent.request_id)
    try:
        stored = codec.from_json(TradeIntent, decision.intent)
    except codec.Unreadable as error:
        # The row is of another version of mlrisk. A parent that can't be judged under the new
        # limits does not go on.
        return ZERO, f"its request is no longer readable: {error}"
    snapshot, _ = snapshots.take(session, stored, market, now)
    snapshot = _without(snapshot, parent, left)
    price = parent.reference_price
    intent = replace(stored, notional=left * price)
    exposure = classify(intent, snapshot)
    allowed, why = left, ""
    for row in _ROWS:
        result = row.ask(intent, exposure, snapshot, limits)
        if result.status is not CheckStatus.FAIL:
            continue
        cap = ZERO if result.cap is None else max(ZERO, result.cap)
        if cap / price < allowed:
            allowed, why = cap / price, f"{row.rule.name}: {result.sentence}"
    return allowed, why


def _without(snapshot: RiskSnapshot, parent: ParentOrderRow, left: Decimal) -> RiskSnapshot:
    """The snapshot without this parent."""
    book = snapshot.portfolio
    if book is None:
        return snapshot
    working = tuple(_less(view, parent, left) for view in book.working)
    return replace(
        snapshot, portfolio=replace(book, working=tuple(w for w in working if w.qty > 0))
    )


def _less(view: WorkingView, parent: ParentOrderRow, left: Decimal) -> WorkingView:
    same = (view.symbol, view.side, view.reduce_only) == (
        parent.symbol,
        parent.side,
        parent.reduce_only,
    )
    if not same:
        return view
    return replace(
        view,
        qty=max(ZERO, view.qty - left),
        notional=max(ZERO, view.notional - left * parent.reference_price),
    )


def _release_excess(
    uow: OrderWork, parent: ParentOrderRow, excess: Decimal, rules: InstrumentRow
) -> Decimal:
    """Cuts from the end of the schedule, or from the quantity that no child holds; orders at the
    exchange stay."""
    before = parent.released_qty
    if parent.stepped:
        children = orders.open_children(uow.session, parent.request_id)
        release(uow, parent, min(excess, max(ZERO, unplanned_qty(parent, children))))
        return parent.released_qty - before
    planned = [
        child
        for child in lock_open_children(uow.session, parent.request_id)
        if child.state == ChildState.PLANNED
    ]
    for child in sorted(planned, key=lambda child: child.due_at, reverse=True):
        missing = excess - (parent.released_qty - before)
        if missing <= 0:
            break
        _shorten(uow, parent, child, missing, rules)
    return parent.released_qty - before


def _shorten(
    uow: OrderWork,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    missing: Decimal,
    rules: InstrumentRow,
) -> None:
    """Takes `missing` off a planned child; ends a child that would be too small to send."""
    kept = child.qty - missing
    notional = kept * lowest_price(parent)
    if kept >= rules.min_qty and (parent.reduce_only or notional >= rules.min_notional):
        child.qty = kept
        release(uow, parent, missing)
        return
    ending = Ending(ChildState.CANCELLED, Reason("a limit was tightened"))
    lifecycle.end_child(uow, parent, child, ending)
