"""The conditions of a due child: its parent's throttle state, recent sends, and the market.

`deferral` judges them.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.execution.sending import deferral, price_bound, volume_counter
from bot.execution.sending.deferral import Deferral, DueChild, Sent
from bot.execution.sending.price_bound import Pricing
from bot.state import fitness
from models.enums import ChildState
from models.repositories.trading.pre_send import PreSendFacts
from models.tables import ChildOrderRow, ParentOrderRow


def find_deferral(
    session: Session,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    market: Pricing,
    cleared: PreSendFacts,
) -> Deferral | None:
    """Why the child waits, by its parent's recent sends and the market; None when it may go."""
    view, now = market.view, market.now
    pace, traded = parent.pace, None
    if parent.volume_mark is not None and view is not None and view.traded_qty is not None:
        traded, parent.volume_mark = volume_counter.counted(parent.volume_mark, view)
    seen = DueChild(
        now=now,
        far_touch=market.touch(parent.side),
        limit=price_bound.worst_price(parent, child),
        traded_since_start=traded,
        sent=(
            _sent_lately(session, parent, now - deferral.window(parent, pace))
            if deferral.looks_back(parent, child, pace, now)
            else ()
        ),
        on_time=_on_time_qty(session, parent, child, now),
        unfit=fitness.problem(fitness.of_facts(cleared.fitness), now),
        exit_under_way=not parent.reduce_only and cleared.exit_under_way,
    )
    return deferral.find_deferral(parent, child, seen, pace, market.limits.working)


def _sent_lately(session: Session, parent: ParentOrderRow, since: datetime) -> Sequence[Sent]:
    """The parent's children that went out since then, without those that the exchange never
    took."""
    rows = session.execute(
        select(ChildOrderRow.qty, ChildOrderRow.sent_at).where(
            ChildOrderRow.request_id == parent.request_id,
            ChildOrderRow.sent_at > since,
            ChildOrderRow.state != ChildState.PLANNED,
        )
    )
    return [Sent(qty, sent_at) for qty, sent_at in rows if sent_at is not None]


def _on_time_qty(
    session: Session, parent: ParentOrderRow, child: ChildOrderRow, now: datetime
) -> Decimal:
    """The quantity of the slice on its time, for which late slices must leave room."""
    if parent.stepped or not deferral.is_late(child, now):
        return Decimal(0)
    found = session.scalar(
        select(func.max(ChildOrderRow.qty)).where(
            ChildOrderRow.request_id == parent.request_id,
            ChildOrderRow.state == ChildState.PLANNED,
            ChildOrderRow.attempt == 0,
            ChildOrderRow.planned_at.between(
                now - deferral.LATE_AFTER, now + deferral.spacing(parent)
            ),
        )
    )
    return found or Decimal(0)
