"""Orders that the exchange acknowledged and no longer knows: their children end with proof.

An order may be missing from a list for seconds. It is lost when every list misses it in look after
look over minutes, when it has no execution, and when the positions agree. Then its child ends, its
quantity is released, and people are alerted. Later facts still count: a fill reopens its child, and
an order of ours that rests is called back.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import bindparam, select

from bot.authority.actors import Actor, Power, record, require
from bot.errors import MlriskError, Refused
from bot.execution.booking.fills import FillBook
from bot.execution.orders import lifecycle
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.reasons import Reason
from bot.execution.ports import Deps
from bot.execution.sending.cancelling import Cancels
from models.enums import ChildState
from models.locks import lock_order
from models.repositories import portfolio
from models.tables import ChildOrderRow

log = logging.getLogger(__name__)

LOOKS = 6
"""The number of looks, at growing intervals, in which the order must be missing."""
LONGEST_LAG = timedelta(seconds=120)
"""The time that the looks must span. Lists and history lag by seconds, and by a minute after a
restart of the venue."""
_LONGEST_PAUSE_SECONDS = 60.0
_LOSABLE = (ChildState.ACKED, ChildState.WORKING)
_LOST = Reason("lost by the exchange")
_BY_LINK = select(ChildOrderRow).where(
    ChildOrderRow.order_link_id == bindparam("link"), ChildOrderRow.account == bindparam("account")
)


class LostOrders:
    """Counts the looks that did not find a child's order, and ends the child when they are
    proof."""

    def __init__(
        self,
        deps: Deps,
        fills: FillBook,
        cancels: Cancels | None = None,
        *,
        free: bool = False,
    ) -> None:
        """`free` is True where no login is needed to forget an order without proof."""
        self._deps = deps
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._fills = fills
        self._cancels = cancels or Cancels(deps.exchange, None, deps.account)
        self._free = free

    def missing(self, child_id: int) -> None:
        """Counts a look that did not find the order; enough of them end the child.

        Raises MlriskError when the exchange can't be asked for the proof.
        """
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            found = lock_order(uow.session, child_id)
            if found is None or found[1].state not in _LOSABLE:
                return
            child = found[1]
            child.absences += 1
            child.absent_since = child.absent_since or now
            pause = min(2.0**child.absences, _LONGEST_PAUSE_SECONDS)
            child.look_at = now + timedelta(seconds=pause)
            enough = child.absences >= LOOKS and now - child.absent_since >= LONGEST_LAG
            looks, symbol, link = child.absences, child.symbol, child.order_link_id
            uow.commit()
        if enough and self._is_gone(symbol, link):
            self._end(child_id, looks, "reconcile", {})

    def forget(self, link: str, *, reason: str, actor: Actor, force: bool = False) -> None:
        """Ends a child for an operator: with the usual proof, made at once, or by force without it.

        Raises Refused (unknown_order, not_at_exchange, not_proven), NotAuthorised where force needs
        a login, or the exchange's error.
        """
        why = reason.strip()
        if not why:
            raise Refused("a reason is needed: it is recorded", code="empty_reason")
        with self._db.reading() as session:
            child = session.scalars(_BY_LINK, {"link": link, "account": self._account}).first()
        if child is None:
            raise Refused(f"no order {link!r} is known", code="unknown_order")
        if child.state not in _LOSABLE:
            raise Refused(f"order {link!r} is {child.state}", code="not_at_exchange")
        if not force:
            self._prove(child)
        else:
            if not self._free:
                require(actor, Power.FORGET_ORDER, f"forgetting {link} without proof")
            try:
                self._cancels.send(child.symbol, link)
            except MlriskError as error:
                log.warning(
                    "a lost order can't be cancelled: %s",
                    error,
                    extra={"event": "not_cancelled", "order_link_id": link},
                )
        self._end(child.child_id, child.absences, actor, {"reason": why, "forced": force})

    def _prove(self, child: ChildOrderRow) -> None:
        since = child.absent_since
        if child.absences < LOOKS or since is None or self._clock.now() - since < LONGEST_LAG:
            raise Refused(
                f"its absence is not proven yet: {child.absences} of {LOOKS} look-ups found "
                f"nothing; they must cover at least {LONGEST_LAG.total_seconds():g} s",
                code="not_proven",
            )
        if not self._is_gone(child.symbol, child.order_link_id):
            raise Refused(
                "the exchange knows the order, or the positions disagree: the order may have "
                "filled",
                code="not_proven",
            )

    def found(self, child_id: int) -> None:
        """The order was found: the count begins anew."""
        with self._db.unit_of_work() as uow:
            found = lock_order(uow.session, child_id)
            if found is None:
                return
            found[1].absences, found[1].absent_since, found[1].look_at = 0, None, None
            uow.commit()

    def _is_gone(self, symbol: str, link: str) -> bool:
        """Whether no list has the order, no execution has its id, and both sides hold the same
        position."""
        # First the cancel, in case the order rests unseen. A fill that precedes the cancel is seen
        # below.
        self._cancels.send(symbol, link)
        if self._exchange.find_order(symbol, link) is not None:
            return False
        executions = self._exchange.executions(order_link_id=link)
        for execution in executions:
            self._fills.apply_execution(execution, self._clock.now(), source="reconcile")
        if executions:
            return False
        theirs = {p.symbol: p.qty for p in self._exchange.positions()}.get(symbol, Decimal(0))
        with self._db.reading() as session:
            held = {p.symbol: p.qty for p in portfolio.positions(session, self._account)}
        if held.get(symbol, Decimal(0)) == theirs:
            return True
        log.warning(
            "an order is missing at the exchange and the positions disagree: the order may have "
            "filled",
            extra={
                "event": "an_order_is_missing_and_the_positions_disagree_it_may_have_filled",
                "order_link_id": link,
                "symbol": symbol,
            },
        )
        return False

    def _end(self, child_id: int, looks: int, actor: Actor, more: dict[str, object]) -> None:
        with self._deps.work() as uow:
            found = lock_order(uow.session, child_id)
            if found is None or found[1].state not in _LOSABLE or found[1].absences != looks:
                return
            parent, child = found
            details: dict[str, object] = {
                **more,
                "child": child.order_link_id,
                "order_id": child.exchange_order_id,
                "looks": looks,
                "since": None if child.absent_since is None else child.absent_since.isoformat(),
            }
            record(uow, self._account, "order_lost", parent.request_id, actor, details, uow.now)
            log.critical("the exchange lost an order of ours", extra=details)
            # A venue that loses an accepted order gets no more entries. An exit goes on, because it
            # can't do too much.
            stops = None if parent.reduce_only else _LOST
            lifecycle.end_child(
                uow, parent, child, Ending(ChildState.LOST, _LOST, ends_parent=stops)
            )
            uow.commit()


def waits(child: ChildOrderRow, now: datetime) -> bool:
    """Whether the order was missing and its next look is not due yet."""
    return child.look_at is not None and child.look_at > now
