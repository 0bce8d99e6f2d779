"""Sending a child order: claim, write ahead, one POST, stored outcome.

At most one exchange order per child, ever: the order_link_id is a function of the child, a claim
carries a fencing token, and a child that was claimed before is looked up, never posted again
blindly. A shared advisory lock of the account is held from the claim to the stored outcome, so
that a halt, which takes it exclusively, knows when nothing is on its way any more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from bot.clock import Clock
from bot.errors import ExchangeRefused, OutcomeUnknown, RetryLater
from bot.exchange.protocol import Exchange, OrderAck, OrderIntent, OrderType, TimeInForce
from bot.execution import permits, settlement
from bot.execution.planning import round_to_tick, slippage_share
from bot.execution.ports import LimitsSource, MarketCache, Wakeups
from bot.failpoints import (
    AFTER_CLAIM_COMMIT,
    AFTER_OUTCOME_COMMIT,
    AFTER_POST,
    BEFORE_CLAIM_COMMIT,
    hit,
)
from bot.risk.codec import moment_text, plain
from bot.risk.snapshot import MarketView
from models.database import Database, UnitOfWork
from models.enums import ChildState, TradeSide
from models.locks import lock_child, lock_parent, request_of_child, sending_shared
from models.repositories import portfolio
from models.tables import ChildOrderRow, ParentOrderRow

_RETRY_REFUSALS = frozenset({"REJECT"})
"""Refusals that a new attempt at a new price may cure; the others end the slot."""
_NOTHING_TO_REDUCE = 110017
"""A reduce-only order found no position: its goal is met, and trying again can't change that."""


class SendResult(StrEnum):
    SENT = "sent"
    NOT_DUE = "not_due"
    ALREADY_TAKEN = "already_taken"
    """Claimed before: whoever finds it so reconciles instead of posting."""
    STOPPED = "stopped"
    """Its permit, state or deadline forbids it; the child has ended."""
    REFUSED = "refused"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Claim:
    child_id: int
    request_id: str
    token: int
    body: dict[str, object]
    lease_ends_monotonic: float


class Sender:
    """Sends child orders of one account. One instance per worker process."""

    def __init__(
        self,
        *,
        db: Database,
        exchange: Exchange,
        market: MarketCache,
        limits: LimitsSource,
        clock: Clock,
        wakeups: Wakeups,
        owner: str,
        lease_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._exchange = exchange
        self._market = market
        self._limits = limits
        self._clock = clock
        self._wakeups = wakeups
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._monotonic = monotonic

    def send(self, child_id: int, account: str) -> SendResult:
        """Sends the child if it is due, allowed and unclaimed; a second call does nothing."""
        with (
            self._db.autocommit_connection() as connection,
            sending_shared(connection, account),
        ):
            claim = self._claim(child_id)
            if not isinstance(claim, _Claim):
                return claim
            hit(AFTER_CLAIM_COMMIT)
            if self._monotonic() >= claim.lease_ends_monotonic:
                # Frozen between commit and POST: somebody else may own the child by now.
                return SendResult.ALREADY_TAKEN
            return self._post(claim)

    def _claim(self, child_id: int) -> _Claim | SendResult:
        now = self._clock.now()
        lease_ends = self._monotonic() + self._lease_seconds
        with self._db.unit_of_work() as uow:
            parent, child = self._lock(uow, child_id)
            if parent is None or child is None or child.state != ChildState.PLANNED:
                return SendResult.ALREADY_TAKEN
            if child.due_at > now:
                return SendResult.NOT_DUE
            refusal = permits.refusal(uow.session, parent, child, now)
            if refusal is not None:
                self._stop(uow, parent, child, refusal)
                return SendResult.STOPPED
            market = self._market.get(parent.symbol)
            price = self._price(uow, parent, market)
            if price is None:
                return self._defer(uow, child, "no fresh market data")
            intent = OrderIntent(
                order_link_id=child.order_link_id,
                symbol=child.symbol,
                side=TradeSide(child.side),
                qty=child.qty,
                order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.IOC,
                price=price,
                reduce_only=child.reduce_only,
            )
            body = self._exchange.order_body(intent)
            child.body = dict(body)
            child.arrival = _arrival(market)
            child.state = ChildState.SENDING
            child.lease_owner = self._owner
            child.lease_until = now + timedelta(seconds=self._lease_seconds)
            child.fencing_token += 1
            child.claims += 1
            child.posts += 1
            child.sent_at = now
            uow.audit(
                child.account,
                "child_sending",
                parent.request_id,
                self._owner,
                {"child": child.order_link_id, "body": dict(body), "post": child.posts},
                now,
            )
            hit(BEFORE_CLAIM_COMMIT)
            uow.commit()
            return _Claim(child_id, parent.request_id, child.fencing_token, body, lease_ends)

    def _post(self, claim: _Claim) -> SendResult:
        try:
            ack = self._exchange.place(claim.body)
        except ExchangeRefused as error:
            return self._refused(claim, error)
        except RetryLater as error:
            return self._not_taken(claim, error)
        except OutcomeUnknown as error:
            return self._unknown(claim, error)
        hit(AFTER_POST)
        return self._acked(claim, ack)

    def _acked(self, claim: _Claim, ack: OrderAck) -> SendResult:
        with self._db.unit_of_work() as uow:
            owned = self._still_ours(uow, claim)
            if owned is not None:
                _, child = owned
                child.state = ChildState.ACKED
                child.exchange_order_id = ack.order_id
                child.acked_at = child.acked_at or self._clock.now()
                child.lease_owner, child.lease_until = None, None
                self._audit_outcome(uow, child, claim, "acked", {"order_id": ack.order_id})
                uow.commit()
        hit(AFTER_OUTCOME_COMMIT)
        return SendResult.SENT

    def _refused(self, claim: _Claim, error: ExchangeRefused) -> SendResult:
        successor = None
        with self._db.unit_of_work() as uow:
            owned = self._still_ours(uow, claim)
            if owned is not None:
                parent, child = owned
                child.ret_code = error.ret_code
                self._audit_outcome(
                    uow, child, claim, "refused", {"code": error.ret_code, "text": error.ret_msg}
                )
                successor = settlement.end_child(
                    uow,
                    parent,
                    child,
                    ChildState.REJECTED,
                    self._clock.now(),
                    note=error.message,
                    retry=error.action in _RETRY_REFUSALS and error.ret_code != _NOTHING_TO_REDUCE,
                )
                uow.commit()
        if successor is not None:
            self._wakeups.child(successor.child_id, successor.due_at)
        return SendResult.REFUSED

    def _not_taken(self, claim: _Claim, error: RetryLater) -> SendResult:
        """The exchange provably did not take it: back to the plan, same id."""
        now = self._clock.now()
        due = now + timedelta(seconds=error.after_seconds)
        with self._db.unit_of_work() as uow:
            owned = self._still_ours(uow, claim)
            if owned is not None:
                _, child = owned
                child.state = ChildState.PLANNED
                child.due_at = max(child.due_at, due)
                child.wake_at = now
                child.lease_owner, child.lease_until = None, None
                child.note = error.message
                self._audit_outcome(uow, child, claim, "not_taken", {"text": error.message})
                uow.commit()
        self._wakeups.child(claim.child_id, due)
        return SendResult.DEFERRED

    def _unknown(self, claim: _Claim, error: OutcomeUnknown) -> SendResult:
        with self._db.unit_of_work() as uow:
            owned = self._still_ours(uow, claim)
            if owned is not None:
                _, child = owned
                child.state = ChildState.UNKNOWN
                child.lease_owner, child.lease_until = None, None
                child.note = error.message
                self._audit_outcome(uow, child, claim, "unknown", {"text": error.message})
                uow.commit()
        return SendResult.UNKNOWN

    def _still_ours(
        self, uow: UnitOfWork, claim: _Claim
    ) -> tuple[ParentOrderRow, ChildOrderRow] | None:
        """The rows, locked, if nobody knows better by now: the token is this claim's, and no
        fill or order record has moved the child on."""
        parent, child = self._lock(uow, claim.child_id)
        if parent is None or child is None or child.fencing_token != claim.token:
            return None
        if child.state != ChildState.SENDING:
            return None
        return parent, child

    def _lock(
        self, uow: UnitOfWork, child_id: int
    ) -> tuple[ParentOrderRow | None, ChildOrderRow | None]:
        request_id = request_of_child(uow.session, child_id)
        if request_id is None:
            return None, None
        return lock_parent(uow.session, request_id), lock_child(uow.session, child_id)

    def _stop(
        self,
        uow: UnitOfWork,
        parent: ParentOrderRow,
        child: ChildOrderRow,
        refusal: permits.Refusal,
    ) -> None:
        settlement.end_child(
            uow, parent, child, refusal.state, self._clock.now(), note=refusal.note, retry=False
        )
        uow.commit()

    def _defer(self, uow: UnitOfWork, child: ChildOrderRow, why: str) -> SendResult:
        now = self._clock.now()
        child.due_at = now + timedelta(seconds=0.5)
        child.wake_at = now
        child.note = why
        due = child.due_at
        uow.after_commit(lambda: self._wakeups.child(child.child_id, due))
        uow.commit()
        return SendResult.DEFERRED

    def _price(
        self, uow: UnitOfWork, parent: ParentOrderRow, view: MarketView | None
    ) -> Decimal | None:
        """The child's own bound: from the touch by the allowed slippage, never past the parent's.

        None when the market is unknown or stale and the child would add risk. What reduces goes
        out at the parent's limit even then.
        """
        limits = self._limits.limits()
        side = TradeSide(parent.side)
        touch = None if view is None else (view.ask if side is TradeSide.BUY else view.bid)
        age = None if view is None else (self._clock.now() - view.as_of).total_seconds()
        if touch is None or age is None or age > limits.max_market_age_seconds:
            return parent.price_limit if parent.reduce_only else None
        rules = portfolio.instrument(uow.session, parent.symbol)
        if rules is None:
            return None
        bound = touch * (1 + side.sign * slippage_share(limits))
        better = min if side is TradeSide.BUY else max
        return round_to_tick(better(bound, parent.price_limit), rules.tick_size.normalize(), side)

    def _audit_outcome(
        self,
        uow: UnitOfWork,
        child: ChildOrderRow,
        claim: _Claim,
        outcome: str,
        details: dict[str, object],
    ) -> None:
        uow.audit(
            child.account,
            "child_outcome",
            claim.request_id,
            self._owner,
            {"child": child.order_link_id, "outcome": outcome, **details},
            self._clock.now(),
        )


def _arrival(view: MarketView | None) -> dict[str, object] | None:
    """What the cost of the trade is measured from; the analysis judges its age."""
    if view is None or view.bid is None or view.ask is None:
        return None
    return {"bid": plain(view.bid), "ask": plain(view.ask), "as_of": moment_text(view.as_of)}
