"""Claims a child: the last checks, its price, and the write-ahead of its exact request.

All of it in one transaction under the parent's and the child's lock. Nothing is sent here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import inf

from bot.exchange.protocol import OrderIntent, OrderType, TimeInForce
from bot.execution.orders import lifecycle, transitions
from bot.execution.orders.approved import RiskApproved
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.parents import (
    NewChild,
    is_late,
    lot_rules,
    lowest_price,
    new_child,
    wake_again,
)
from bot.execution.orders.reasons import Reason
from bot.execution.orders.transitions import WriteAhead
from bot.execution.ports import Deps, LimitsSource, OrderWork, limits_for
from bot.execution.sending import authorization, circumstances, closing, deferral, price_bound
from bot.execution.sending.closing import Held
from bot.execution.sending.deferral import Deferral
from bot.execution.sending.price_bound import Pricing
from bot.execution.sending.rate_limiter import OrderRateLimiter
from bot.execution.sending.trading_rules import fit_to_lots
from bot.failpoints import BEFORE_CLAIM_COMMIT, hit
from bot.risk.snapshot import MarketView
from bot.state import lease
from models.amounts import plain
from models.documents.orders import Arrival
from models.enums import ChildState, EndCause, Style
from models.locks import lock_order
from models.repositories.trading import orders, pre_send
from models.repositories.trading.pre_send import PreSendFacts
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow

NO_LEASE = "no lease to trade stands, and only exits go out"
"""The note of a child that waits for the lease. It never changes while the child waits."""
_NO_MARKET_LOOK = timedelta(seconds=0.5)
_TIME_IN_FORCE = {
    Style.IOC: TimeInForce.IOC,
    Style.POST_ONLY: TimeInForce.POST_ONLY,
    Style.LIMIT: TimeInForce.GTC,
}


class NotClaimed(StrEnum):
    """Why a child was not claimed."""

    NOT_DUE = "not_due"
    ALREADY_TAKEN = "already_taken"
    """The child was claimed before; it is reconciled instead of posted."""
    STOPPED = "stopped"
    """The child's authorization, state or deadline forbids it, and the child has ended."""
    FOREIGN = "foreign"
    """The child belongs to another account. These keys must not sign it, and its own process will
    send it."""
    HELD = "held"
    """The child may go out later; its note has the reason."""
    NEEDS_POSITION = "needs_position"
    """The child closes a whole position, and nothing was changed. The caller claims it again with
    the exchange's position."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A child that was due at a look without locks."""

    child_id: int
    symbol: str
    account: str
    """The account whose keys would sign it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A child that is ours to send until its lease ends."""

    child_id: int
    request_id: str
    algorithm: str
    token: int
    claimed_at: datetime
    """`sent_at` of the row, from which the exchange counts the request's age."""
    body: dict[str, object]
    lease_ends_monotonic: float
    late: bool


@dataclass(frozen=True, slots=True)
class Lessee:
    """Who claims children, and for how long one is its own to send."""

    owner: str
    seconds: float


class Claims:
    """Claims children of one account for one process."""

    def __init__(
        self,
        deps: Deps,
        *,
        limits: LimitsSource,
        rate_limiter: OrderRateLimiter,
        lessee: Lessee,
        pending_halt: Callable[[], str | None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`pending_halt` says why a halt that Postgres doesn't know stops entries; None without
        one."""
        self._deps = deps
        self._exchange = deps.exchange
        self._pending_halt = pending_halt
        self._limits = limits
        self._rate_limiter = rate_limiter
        self._owner = lessee.owner
        self._lease_seconds = lessee.seconds
        self._monotonic = monotonic
        self._lease = lease.Watch(monotonic)

    def claim(
        self, prospect: Prospect, view: MarketView | None, held: Held | None = None
    ) -> Claim | NotClaimed:
        """Stores the request and returns the claim, or the reason against it.

        `held` is the exchange's position in the symbol, asked for only where it is needed.
        """
        lease_ends = self._monotonic() + self._lease_seconds
        with self._deps.work() as uow:
            found = lock_order(uow.session, prospect.child_id)
            # After the wait for the locks: the exchange counts the request's age from here.
            now = uow.now
            if found is None or found[1].state != ChildState.PLANNED:
                return NotClaimed.ALREADY_TAKEN
            parent, child = found
            if authorization.is_foreign(prospect.account, parent, child):
                return NotClaimed.FOREIGN
            if child.due_at > now:
                return NotClaimed.NOT_DUE
            asked = self._monotonic()
            cleared = pre_send.read(uow.session, parent)
            approved = self._authorize(cleared, parent, child, now)
            if isinstance(approved, authorization.Refusal):
                _stop(uow, parent, child, approved)
                return NotClaimed.STOPPED
            limits = limits_for(self._limits, reduce_only=child.reduce_only)
            unsent = None
            if not child.reduce_only:
                unsent = authorization.unsent(cleared.stage, limits.strategies.unknown_stage)
            if unsent is not None:
                _stop(uow, parent, child, unsent)
                return NotClaimed.STOPPED
            rules = cleared.instrument
            whole = closing.is_whole(child, rules)
            if whole and held is None:
                return NotClaimed.NEEDS_POSITION
            unfit = _unfit(uow, parent, child, rules, held if whole else None)
            if isinstance(unfit, authorization.Refusal):
                last = whole and closing.is_all_that_is_left(parent, child)
                _stop(uow, parent, child, unfit, ends_parent=last)
                return NotClaimed.STOPPED
            market = Pricing(view, rules, limits, now)
            price = price_bound.bound(parent, child, market)
            wait = (
                unfit
                or self._without_lease(child, cleared, now)
                or circumstances.find_deferral(uow.session, parent, child, market, cleared)
            )
            if price is None:
                blind = Deferral(now + _NO_MARKET_LOOK, "no fresh market data")
                self._delay(uow, parent, child, wait or blind)
                return NotClaimed.HELD
            wait = wait or self._rate_deferral(child, now)
            if wait is not None:
                self._delay(uow, parent, child, wait)
                return NotClaimed.HELD
            if not whole:
                self._shrink(uow, parent, child, rules, price)
            body = self._write_ahead(uow, approved, price, view, whole=whole)
            hit(BEFORE_CLAIM_COMMIT, parent.algorithm)
            uow.commit()
            return Claim(
                prospect.child_id,
                parent.request_id,
                parent.algorithm,
                child.fencing_token,
                now,
                body,
                min(lease_ends, asked + _may_add_for(child, cleared)),
                is_late(child, now),
            )

    def _authorize(
        self, cleared: PreSendFacts, parent: ParentOrderRow, child: ChildOrderRow, now: datetime
    ) -> RiskApproved[ChildOrderRow] | authorization.Refusal:
        """As `authorization.authorize`; a halt that Postgres doesn't know stops entries as well."""
        pending = None if child.reduce_only else self._pending_halt()
        if pending is not None:
            halted = Reason(f"halted: {pending}", EndCause.HALTED)
            return authorization.Refusal(ChildState.CANCELLED, halted)
        return authorization.authorize(cleared, parent, child, now)

    def _without_lease(
        self, child: ChildOrderRow, cleared: PreSendFacts, now: datetime
    ) -> Deferral | None:
        """The deferral of a child that adds risk while no lease to trade stands."""
        if child.reduce_only:
            return None
        known = None if cleared.lease is None else lease.of_facts(*cleared.lease)
        if self._lease.problem(known, cleared.renewed_at) is None:
            return None
        return Deferral(now + deferral.LOOK_AGAIN, NO_LEASE)

    def _rate_deferral(self, child: ChildOrderRow, now: datetime) -> Deferral | None:
        """The deferral by the rate limiter. It is asked last, so that only orders that really go
        out are counted, and answers within 0.3 s."""
        seconds = self._rate_limiter.take(
            child.account, order=child.order_link_id, is_exit=child.reduce_only
        )
        if seconds <= 0:
            return None
        return Deferral(now + timedelta(seconds=seconds), "the account's order rate is used up")

    def _delay(
        self, uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow, wait: Deferral
    ) -> None:
        """Sets a new due time; records a new reason."""
        if child.note != wait.why:
            details = {"child": child.order_link_id, "why": wait.why}
            uow.add_entry(child.account, "child_held", parent.request_id, self._owner, details)
        child.note = wait.why
        child.due_at = min(wait.until, child.deadline_at)
        child.wakes = 0
        wake_again(uow, parent, child)
        uow.commit()

    def _shrink(
        self,
        uow: OrderWork,
        parent: ParentOrderRow,
        child: ChildOrderRow,
        rules: InstrumentRow | None,
        price: Decimal,
    ) -> None:
        """Under a shrinking throttle, a part of a planned slice waits for the next spacing."""
        if parent.pace is None or parent.stepped or rules is None:
            return
        lowest = min(price, lowest_price(parent))
        least = (
            lot_rules(rules).min_child_lots(lowest, reduce_only=parent.reduce_only) * rules.qty_step
        )
        qty = deferral.shrunk_qty(child, parent.pace, rules.qty_step, least)
        later = uow.now + deferral.spacing(parent)
        if qty == child.qty or later >= parent.deadline_at:
            return
        rest, child.qty = child.qty - qty, qty
        attempt = orders.last_attempt(uow.session, parent.request_id, child.slot) + 1
        new_child(uow, parent, NewChild(child.slot, attempt, rest, later))
        details = {"child": child.order_link_id, "qty": plain(qty), "later": plain(rest)}
        uow.add_entry(child.account, "child_shrunk", parent.request_id, self._owner, details)

    def _write_ahead(
        self,
        uow: OrderWork,
        approved: RiskApproved[ChildOrderRow],
        price: Decimal,
        view: MarketView | None,
        *,
        whole: bool,
    ) -> dict[str, object]:
        """Stores the exact request, and the process that will send it."""
        child = approved.order
        body = self._exchange.order_body(
            OrderIntent(
                order_link_id=child.order_link_id,
                symbol=child.symbol,
                side=child.side,
                qty=child.qty,
                order_type=OrderType.LIMIT,
                time_in_force=_TIME_IN_FORCE[child.style],
                price=price,
                reduce_only=child.reduce_only,
                closes_position=whole,
            )
        )
        lease = timedelta(seconds=self._lease_seconds)
        written = WriteAhead(self._owner, lease, dict(body), price, _arrival(view))
        transitions.claim(uow, approved, written)
        return dict(body)


def _may_add_for(child: ChildOrderRow, cleared: PreSendFacts) -> float:
    """The seconds in which the claimed child may be posted: an adding one goes out under the lease
    to trade that its claim has seen, or not at all."""
    if child.reduce_only or cleared.lease is None:
        return inf
    return lease.of_facts(*cleared.lease).left_seconds or 0.0


def _stop(
    uow: OrderWork,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    refusal: authorization.Refusal,
    *,
    ends_parent: bool = False,
) -> None:
    stops = refusal.reason if ends_parent else None
    ending = Ending(refusal.state, refusal.reason, ends_parent=stops)
    lifecycle.end_child(uow, parent, child, ending)
    uow.commit()


def _unfit(
    uow: OrderWork,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    rules: InstrumentRow | None,
    held: Held | None,
) -> Deferral | authorization.Refusal | None:
    """Why its size may not go out; `held` is the exchange's position if it closes a whole one."""
    if held is not None:
        return closing.obstacle(uow, parent, child, held, uow.now)
    if fit_to_lots(uow, parent, child, rules):
        return None
    return authorization.Refusal(ChildState.CANCELLED, Reason("less than a lot of the new rules"))


def _arrival(view: MarketView | None) -> Arrival | None:
    """The market at sending, from which costs are measured; the analysis judges its age."""
    if view is None or view.bid is None or view.ask is None:
        return None
    return Arrival(view.bid, view.ask, view.as_of)
