"""The cancels that a parent's step sends once it is committed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.execution.working.step_actions import open_ones
from models.enums import ChildState
from models.tables import ChildOrderRow, ParentOrderRow

CANCEL_AGAIN = timedelta(seconds=2)
"""The time after which an unconfirmed cancel is asked for again; asking twice is safe."""


@dataclass(frozen=True, slots=True)
class DueCancel:
    """One cancel of a child that is at the exchange."""

    child_id: int
    algorithm: str
    symbol: str
    order_link_id: str


def cancels_to_send(
    parent: ParentOrderRow, children: Sequence[ChildOrderRow], now: datetime
) -> Sequence[DueCancel]:
    """Children at the exchange with a cancel that was decided but not sent, or not
    confirmed."""
    due = []
    for child in open_ones(children):
        asked = child.cancel_requested_at
        if asked is None or child.state not in (ChildState.ACKED, ChildState.WORKING):
            continue
        if child.cancels and now - asked < child.cancels * CANCEL_AGAIN:
            continue
        child.cancels += 1
        due.append(DueCancel(child.child_id, parent.algorithm, child.symbol, child.order_link_id))
    return due
