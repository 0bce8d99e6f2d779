"""Asking the exchange what became of a child."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.account.lost_orders import LostOrders, waits
from bot.exchange.protocol import ExchangeOrder
from bot.execution.booking import belonging
from bot.execution.booking.executions import Executions
from bot.execution.booking.fills import FillBook
from bot.execution.orders import fallback_rows, lifecycle, transitions
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.one_by_one import each
from bot.execution.orders.ownership import Ownership
from bot.execution.orders.parents import is_urgent, wake_child
from bot.execution.orders.reasons import Reason
from bot.execution.policy import absence
from bot.execution.ports import Deps
from models.backup import FailureClass
from models.enums import ChildState
from models.locks import lock_order
from models.repositories.trading import orders
from models.tables import ChildOrderRow, ParentOrderRow

log = logging.getLogger(__name__)

MAX_POSTS = 5
"""After this many attempts that the exchange did not take, the cause is no accident."""


class ChildLookup:
    """Brings one account's children in line with the exchange's record of their orders."""

    def __init__(
        self, deps: Deps, fills: FillBook, executions: Executions, lost: LostOrders
    ) -> None:
        self._deps = deps
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._ownership = Ownership(deps.db, deps.account, deps.clock, actor="reconcile")
        self._fills = fills
        self._executions = executions
        self._lost = lost

    def resolve_child(self, child_id: int) -> ChildState | None:
        """Brings a child in line with the exchange's record; never places an order."""
        with self._db.reading() as session:
            child = session.get(ChildOrderRow, child_id)
        # Other keys can't see the order, so its absence proves nothing.
        if child is not None and self._ownership.refuses(
            child.account, child.order_link_id, "resolve"
        ):
            return None
        if child is None or not child.state.may_be_at_exchange:
            return None if child is None else child.state
        order = self._exchange.find_order(child.symbol, child.order_link_id)
        if order is None:
            self._absent(child_id)
            self._lost.missing(child_id)
        elif belonging.is_own(self._db, self._account, child, order):
            if child.absences:
                self._lost.found(child_id)
            self._adopt(order)
        else:
            self._absent(child_id, taken_by=order.order_id)
        with self._db.reading() as session:
            row = session.get_one(ChildOrderRow, child_id)
            return row.state

    def resolve_all(self, *, older_than: timedelta, exits_only: bool = False) -> int:
        """Looks up every child whose news is overdue, or only those that reduce; returns how many
        were looked up.

        A child that is known to rest may be silent: `Reconciler.reconcile_account` compares it. A
        child that can't be looked up delays no other. After several failures in a row the error is
        raised, because a server is the likely cause.
        """
        before = self._clock.now() - older_than
        with self._db.reading() as session:
            ids = [
                child.child_id
                for child in orders.unresolved_children(
                    session, account=self._account, older_than=before
                )
                if (child.reduce_only or not exits_only)
                and not _rests_in_silence(child, before)
                and not waits(child, self._clock.now())
            ]
        self.resolve_each(ids)
        return len(ids)

    def resolve_each(self, ids: Sequence[int]) -> None:
        """Asks the exchange about each child by its id.

        One that fails is logged and delays no other.
        """
        for _ in each(ids, self.resolve_child, "a child can't be looked up"):
            pass

    def _adopt(self, order: ExchangeOrder) -> None:
        if order.filled_qty > 0:
            self._executions.read_of(order.order_link_id)
        self._fills.apply_order(order, self._clock.now())

    def _absent(self, child_id: int, *, taken_by: str | None = None) -> None:
        """Handles an order that the exchange doesn't show: waits, or concludes that it was never
        taken.

        `taken_by` is a foreign order with the same id. Ours can't be sent under that id.
        """
        with self._deps.work() as uow:
            found = lock_order(uow.session, child_id)
            if found is None or not self._provably_not_taken(found[1], uow.now):
                return
            parent, child = found
            transitions.disprove(uow, child, taken_by)
            failure, why = FailureClass.REJECTED, self._given_up(child, taken_by)
            is_late = child.deadline_at <= uow.now
            if why is None and not is_late:
                failure, why = FailureClass.TIMEOUT, _unanswered(parent, child, uow.now)
            if why is not None:
                log.critical(
                    "an order of unknown outcome is given up: %s",
                    why,
                    extra={"event": "an_order_is_given_up", "child": child.order_link_id},
                )
                never = Reason(f"the exchange never took it: {why}")
                ending = Ending(ChildState.REJECTED, never, failure=failure)
                lifecycle.end_child(uow, parent, child, ending)
            elif is_late:
                late = Reason("the exchange never took it, and its deadline passed")
                lifecycle.end_child(uow, parent, child, Ending(ChildState.EXPIRED, late))
            else:
                transitions.plan_again(uow, child)
                wake_child(uow, child, is_urgent(parent))
            uow.commit()

    def _provably_not_taken(self, child: ChildOrderRow, now: datetime) -> bool:
        if child.state not in (ChildState.SENDING, ChildState.UNKNOWN) or child.sent_at is None:
            # The order was acknowledged or seen, so its absence now is a lag or a restart, not a
            # refusal.
            return False
        if child.lease_until is not None and child.lease_until > now:
            return False
        return now > child.sent_at + absence.proven_after(self._exchange.recv_window_ms)

    def _given_up(self, child: ChildOrderRow, taken_by: str | None) -> str | None:
        """Why an order that was not taken is never sent again under its id; None when it may be.

        An unknown code is final, in the venue's own words. Apart from that, an order that only
        reduces is tried until its deadline. The parent's fallback policy bounds the further
        attempts.
        """
        if taken_by is not None:
            return f"an order of another origin has its id: {taken_by}"
        if child.ret_code is not None and self._exchange.is_unexpected(child.ret_code):
            return f"the exchange answers with the unknown code {child.ret_code}"
        if child.posts >= MAX_POSTS and not child.reduce_only:
            return f"the exchange took none of {child.posts} attempts"
        return None


def _unanswered(parent: ParentOrderRow, child: ChildOrderRow, now: datetime) -> str | None:
    """Why an entry counts as failed after so long without an answer; None while it may be sent
    again. An exit is tried until its deadline."""
    within = fallback_rows.policy_of(parent).answer_within_seconds
    if within is None or child.reduce_only or child.first_sent_at is None:
        return None
    silent = (now - child.first_sent_at).total_seconds()
    if silent < within:
        return None
    return f"the exchange has not confirmed it within {within:g} s ({silent:.0f} s)"


def _rests_in_silence(child: ChildOrderRow, before: datetime) -> bool:
    if not child.rests or child.state != ChildState.WORKING:
        return False
    return child.cancel_requested_at is None or child.cancel_requested_at > before
