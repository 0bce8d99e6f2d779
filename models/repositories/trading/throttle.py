"""The throttle's input, once a second: a few columns of every parent under way."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Text, bindparam, cast, func, select
from sqlalchemy.orm import Session

from models.enums import TradeSide
from models.open_rows import PARENT_IS_OPEN
from models.tables import ParentOrderRow


class ThrottledRow(NamedTuple):
    """The columns of a parent that the throttle reads."""

    request_id: str
    strategy: str
    symbol: str
    side: TradeSide
    reduce_only: bool
    approved_qty: Decimal
    filled_qty: Decimal
    released_qty: Decimal
    reference_price: Decimal
    stored_pace: str | None
    """The throttle state as text. Many parents have the same one, and it is read once."""


def open_parents(session: Session, account: str) -> Sequence[ThrottledRow]:
    """The parents by request id, without those that are set aside and place nothing."""
    return [ThrottledRow(*row) for row in session.execute(_OPEN, {"account": account})]


_OPEN = (
    select(
        ParentOrderRow.request_id,
        ParentOrderRow.strategy,
        ParentOrderRow.symbol,
        ParentOrderRow.side,
        ParentOrderRow.reduce_only,
        ParentOrderRow.approved_qty,
        ParentOrderRow.filled_qty,
        ParentOrderRow.released_qty,
        ParentOrderRow.reference_price,
        func.nullif(cast(ParentOrderRow.pace, Text), "null"),
    )
    .where(
        PARENT_IS_OPEN,
        ParentOrderRow.account == bindparam("account"),
        ParentOrderRow.set_aside_at.is_(None),
    )
    .order_by(ParentOrderRow.request_id)
)
