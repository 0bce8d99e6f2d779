"""Sending a child order: claim, write ahead, one POST, stored outcome.

At most one exchange order per child, ever: the order_link_id is a function of the child, a claim
carries a fencing token, and a child that was claimed before is looked up, never posted again
blindly. A shared advisory lock of the account is held from the claim to the stored outcome, so that
a halt, which waits for its holders, knows when nothing is on its way any more. A refusal may be
stored after that lock, because the exchange has not taken the order.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Connection, bindparam, select

from bot.errors import (
    Banned,
    ClockRefused,
    ExchangeRefused,
    MlriskError,
    OutcomeUnknown,
    RetryLater,
    Throttled,
)
from bot.exchange.protocol import OrderAck
from bot.execution.orders import lifecycle, transitions
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.ownership import Ownership
from bot.execution.orders.parents import wake_again, wake_next_late
from bot.execution.orders.reasons import NOTHING_LEFT, Reason
from bot.execution.policy.failures import classify_refusal
from bot.execution.ports import Deps, MarketCache, OrderWork
from bot.execution.sending.claims import Claim, Claims, NotClaimed, Prospect
from bot.execution.sending.closing import Held
from bot.execution.sending.rate_limiter import OrderRateLimiter
from bot.execution.sending.retrying import not_taken_delay
from bot.execution.sending.trading_rules import TradingRules
from bot.failpoints import (
    AFTER_CLAIM_COMMIT,
    AFTER_OUTCOME_COMMIT,
    AFTER_POST,
    BEFORE_OUTCOME_COMMIT,
    BEFORE_POST,
    hit,
)
from bot.risk.snapshot import MarketView
from bot.state import fitness
from models.enums import ChildState, VenueReason
from models.locks import lock_order, sending_shared
from models.tables import ChildOrderRow, ParentOrderRow

log = logging.getLogger(__name__)

_LOOK = select(
    ChildOrderRow.account,
    ChildOrderRow.order_link_id,
    ChildOrderRow.state,
    ChildOrderRow.due_at,
    ChildOrderRow.symbol,
).where(ChildOrderRow.child_id == bindparam("child_id"))


class SendResult(StrEnum):
    """The result of one attempt to send a child."""

    SENT = "sent"
    NOT_DUE = "not_due"
    ALREADY_TAKEN = "already_taken"
    """The child was claimed before, so the caller reconciles instead of posting."""
    STOPPED = "stopped"
    """The child's authorization, state or deadline forbids sending, and the child has ended."""
    FOREIGN = "foreign"
    """The child belongs to another account. Nothing was sent or changed, and an alert was
    raised."""
    REFUSED = "refused"
    DEFERRED = "deferred"
    """The child will go out later, because it was deferred or provably not taken."""
    UNKNOWN = "unknown"


_NOT_CLAIMED = {
    NotClaimed.NOT_DUE: SendResult.NOT_DUE,
    NotClaimed.ALREADY_TAKEN: SendResult.ALREADY_TAKEN,
    NotClaimed.STOPPED: SendResult.STOPPED,
    NotClaimed.FOREIGN: SendResult.FOREIGN,
    NotClaimed.HELD: SendResult.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class _RefusedByRules:
    """The exchange's refusal of a claimed child, to be stored once the trading rules are read."""

    claim: Claim
    error: ExchangeRefused


class Sender:
    """Sends child orders of one account. One instance per worker process."""

    def __init__(
        self,
        deps: Deps,
        *,
        market: MarketCache,
        claims: Claims,
        rate_limiter: OrderRateLimiter,
        owner: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deps = deps
        self._db = deps.db
        self._exchange = deps.exchange
        self._clock = deps.clock
        self._market = market
        self._claims = claims
        self._rate_limiter = rate_limiter
        self._owner = owner
        self._monotonic = monotonic
        self._rules = TradingRules(deps.db, deps.exchange, deps.clock)

    def send(self, child_id: int, account: str) -> SendResult:
        """Sends the child if it is due, allowed and unclaimed; a second call does nothing."""
        with self._db.autocommit_connection() as connection:
            prospect = self._prospect(connection, child_id, account)
            if isinstance(prospect, SendResult):
                return prospect
            # Read before any lock is taken, because Redis may hang.
            view = self._market.get(prospect.symbol)
            done = self._claim_and_post(connection, prospect, view)
        if isinstance(done, SendResult):
            return done
        # Before the outcome is stored, because the next attempt must know the rules. No halt waits
        # for this.
        self._rules.read_after_refusal()
        return self._refused(done.claim, done.error, account)

    def _claim_and_post(
        self,
        connection: Connection,
        prospect: Prospect,
        view: MarketView | None,
        held: Held | None = None,
    ) -> SendResult | _RefusedByRules:
        """`held` is the exchange's position in the symbol, where the claim has asked for it."""
        with sending_shared(connection, prospect.account):
            claim = self._claims.claim(prospect, view, held)
            if isinstance(claim, Claim):
                return self._post_claimed(claim, prospect.account)
        if claim is NotClaimed.NEEDS_POSITION:
            # No lock is held: no halt waits while the exchange is asked.
            return self._claim_and_post(connection, prospect, view, self._held(prospect.symbol))
        return _NOT_CLAIMED[claim]

    def _post_claimed(self, claim: Claim, account: str) -> SendResult | _RefusedByRules:
        hit(AFTER_CLAIM_COMMIT, claim.algorithm)
        if self._monotonic() >= claim.lease_ends_monotonic:
            # The process was frozen between commit and POST: another may own the child by now.
            return SendResult.ALREADY_TAKEN
        return self._post(claim, account)

    def _held(self, symbol: str) -> Held:
        """The exchange's position in a symbol."""
        try:
            positions = self._exchange.positions()
        except MlriskError as error:
            log.warning("the position of %s can't be read: %s", symbol, error)
            return Held(None)
        return Held(sum((p.qty for p in positions if p.symbol == symbol), Decimal(0)))

    def _prospect(
        self, connection: Connection, child_id: int, account: str
    ) -> Prospect | SendResult:
        """A look without locks, which ends most duplicate messages."""
        row = connection.execute(_LOOK, {"child_id": child_id}).first()
        ours = Ownership(self._db, account, self._clock, actor=self._owner)
        if row is not None and ours.refuses(row.account, row.order_link_id, "send"):
            return SendResult.FOREIGN
        if row is None or row.state != ChildState.PLANNED:
            return SendResult.ALREADY_TAKEN
        if row.due_at > self._clock.now():
            return SendResult.NOT_DUE
        return Prospect(child_id, row.symbol, account)

    def _post(self, claim: Claim, account: str) -> SendResult | _RefusedByRules:
        hit(BEFORE_POST, claim.algorithm)
        try:
            ack = self._exchange.place(claim.body, as_of=claim.claimed_at)
        except ExchangeRefused as error:
            if self._rules.may_explain(error):
                return _RefusedByRules(claim, error)
            return self._refused(claim, error, account)
        except RetryLater as error:
            return self._not_taken(claim, error, account)
        except OutcomeUnknown as error:
            return self._unknown(claim, error)
        hit(AFTER_POST, claim.algorithm)
        return self._acked(claim, ack)

    def _acked(self, claim: Claim, ack: OrderAck) -> SendResult:
        with self._outcome(claim) as owned:
            if owned is not None:
                uow, parent, child = owned
                transitions.acknowledge(uow, child, ack.order_id, self._owner)
                if claim.late:
                    wake_next_late(uow, parent)
        return SendResult.SENT

    def _refused(self, claim: Claim, error: ExchangeRefused, account: str) -> SendResult:
        with self._outcome(claim) as owned:
            if owned is not None:
                uow, parent, child = owned
                transitions.note_refusal(uow, child, error, self._owner)
                is_met = error.reason is VenueReason.NOTHING_TO_REDUCE
                ending = Ending(
                    ChildState.REJECTED,
                    Reason(error.message),
                    failure=classify_refusal(error.reason),
                    ends_parent=NOTHING_LEFT if is_met else None,
                )
                lifecycle.end_child(uow, parent, child, ending)
        if error.reason is VenueReason.ACCOUNT:
            # The refusal concerns the account, not this order: the next orders must not go out.
            unfit = fitness.Fitness(False, self._clock.now(), error.message)
            fitness.record(self._db, account, unfit)
        return SendResult.REFUSED

    def _not_taken(self, claim: Claim, error: RetryLater, account: str) -> SendResult:
        """Puts a child back to planned, under the same id: the exchange provably did not take
        it."""
        # A ban of the address lasts minutes; every process meets it by itself.
        if isinstance(error, Throttled) and not isinstance(error, Banned):
            self._rate_limiter.throttled(account, error.after_seconds)
        if isinstance(error, ClockRefused):
            fitness.after_clock_refusal(self._db, account, error, self._clock)
        with self._outcome(claim) as owned:
            if owned is not None:
                uow, parent, child = owned
                due_at = uow.now + not_taken_delay(child, error)
                transitions.send_back(uow, child, error.message, due_at, self._owner)
                wake_again(uow, parent, child, failed=True)
        return SendResult.DEFERRED

    def _unknown(self, claim: Claim, error: OutcomeUnknown) -> SendResult:
        with self._outcome(claim) as owned:
            if owned is not None:
                uow, _, child = owned
                transitions.lose_sight(uow, child, error.message, error.ret_code, self._owner)
        return SendResult.UNKNOWN

    @contextmanager
    def _outcome(
        self, claim: Claim
    ) -> Iterator[tuple[OrderWork, ParentOrderRow, ChildOrderRow] | None]:
        """The rows, locked, to store the outcome in, and the commit after it.

        None when the outcome is known better by now: the token is no longer this claim's, or a fill
        or an order record has moved the child on.
        """
        with self._deps.work() as uow:
            found = lock_order(uow.session, claim.child_id)
            if (
                found is None
                or found[1].fencing_token != claim.token
                or found[1].state != ChildState.SENDING
            ):
                yield None
            else:
                yield uow, *found
                hit(BEFORE_OUTCOME_COMMIT, claim.algorithm)
                uow.commit()
        hit(AFTER_OUTCOME_COMMIT, claim.algorithm)
