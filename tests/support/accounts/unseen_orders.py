"""An order that nobody sees until its deadline."""

from models.enums import (
    ChildState,
    ParentState,
)
from models.tables import ChildOrderRow
from tests.support.desk import Desk


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


def given_up(desk: Desk) -> ChildOrderRow:
    """A child whose order nobody could see until its deadline: it ended as never taken."""
    sent(desk)
    child = desk.child()
    desk.exchange.visible = False
    with desk.db.transaction() as session:
        row = session.get_one(type(child), child.child_id)
        row.state = ChildState.UNKNOWN
        row.lease_until = None
        row.exchange_order_id = None
    desk.pass_time(60)
    desk.reconciler.resolve_child(child.child_id)
    assert desk.parent().state == ParentState.UNFILLED
    return child
