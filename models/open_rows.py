"""Conditions for the rows that have not ended, as in the partial indexes of the tables."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, or_

from models.enums import ChildState, ParentState, ReservationState
from models.tables import ChildOrderRow, ParentOrderRow, ReservationRow


def _one_of(column: Any, states: Iterable[str]) -> ColumnElement[bool]:
    """Compares with literals, not parameters, so that a prepared statement can use an index on
    these states alone."""
    literals: BindParameter[Any] = bindparam(
        None, [str(s) for s in states], expanding=True, literal_execute=True
    )
    found: ColumnElement[bool] = column.in_(literals)
    return found


CHILD_IS_PLANNED = _one_of(ChildOrderRow.state, [ChildState.PLANNED])
CHILD_IS_OPEN = _one_of(ChildOrderRow.state, (s for s in ChildState if not s.is_final))
CHILD_MAY_BE_AT_EXCHANGE = _one_of(
    ChildOrderRow.state, (s for s in ChildState if s.may_be_at_exchange)
)
PARENT_IS_OPEN = _one_of(ParentOrderRow.state, (s for s in ParentState if not s.is_final))
RESERVATION_IS_OPEN = or_(
    _one_of(ReservationRow.state, [ReservationState.HELD]), ReservationRow.open_qty > 0
)
CHILD_WAS_GIVEN_UP = and_(
    _one_of(ChildOrderRow.state, [ChildState.EXPIRED]),
    ChildOrderRow.posts > 0,
    ChildOrderRow.exchange_order_id.is_(None),
)
"""Sent, never seen at the exchange, and expired here."""
