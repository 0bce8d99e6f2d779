"""Closes a whole position that is under the venue's smallest order.

The venue takes no order of such a size, except one that closes the whole position. That order goes
out only while the exchange shows exactly the child's quantity and no other order of the symbol,
because it would close more if more were held. From the approval on no entry of the symbol is
claimed (`models.repositories.trading.pre_send`).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.execution.orders.parents import left_qty, release
from bot.execution.orders.reasons import NOTHING_LEFT, Reason
from bot.execution.sending.authorization import Refusal
from bot.execution.sending.deferral import LOOK_AGAIN, Deferral
from models.amounts import ZERO
from models.database import UnitOfWork
from models.enums import ChildState
from models.repositories.trading import orders
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow, PositionRow


@dataclass(frozen=True, slots=True)
class Held:
    """The exchange's position in a symbol."""

    qty: Decimal | None
    """Net and signed; None when it can't be asked for or read."""


def is_whole(child: ChildOrderRow, rules: InstrumentRow | None) -> bool:
    """Whether the child can only go out as the closing of the whole position."""
    if rules is None or child.rests or not child.reduce_only:
        return False
    return child.qty < rules.min_qty


def is_all_that_is_left(parent: ParentOrderRow, child: ChildOrderRow) -> bool:
    """Whether this child is all that is left of the parent."""
    return child.qty == left_qty(parent)


def obstacle(
    uow: UnitOfWork, parent: ParentOrderRow, child: ChildOrderRow, held: Held, now: datetime
) -> Deferral | Refusal | None:
    """Why it may not go out, now or at all. A child for more than the position is cut to it."""
    if orders.another_at_exchange(uow.session, child):
        return Deferral(now + LOOK_AGAIN, "another order of the symbol is at the exchange")
    if held.qty is None:
        return Deferral(now + LOOK_AGAIN, "the exchange's position can't be read")
    left = -held.qty * child.side.sign
    if left == child.qty:
        return None
    booked = uow.session.get(PositionRow, (child.account, child.symbol))
    ours = ZERO if booked is None else booked.qty
    if held.qty != ours:
        # One of the two lags behind, so a difference from the approved quantity isn't certain yet.
        why = f"the exchange holds {held.qty:f}, our fills make {ours.normalize():f}"
        return Deferral(now + LOOK_AGAIN, why)
    if left <= ZERO:
        return Refusal(ChildState.CANCELLED, NOTHING_LEFT)
    if left > child.qty:
        why = f"the position is {left.normalize():f} now, which is more than the approval closes"
        return Refusal(ChildState.CANCELLED, Reason(why))
    release(uow, parent, child.qty - left)
    child.qty = left
    return None
