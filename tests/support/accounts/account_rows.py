"""Everything that is stored of one account."""

import json

from sqlalchemy import inspect, select

from models.database import Database
from models.tables import (
    ChildOrderRow,
    DecisionRow,
    EquityRow,
    FillRow,
    ParentOrderRow,
    PositionRow,
    ReservationRow,
    TradeRequestRow,
)

_TABLES = (
    TradeRequestRow,
    DecisionRow,
    ParentOrderRow,
    ChildOrderRow,
    ReservationRow,
    FillRow,
    PositionRow,
    EquityRow,
)


def rows_of(db: Database, account: str) -> list[str]:
    """Everything that is stored of an account, as text that two looks can be compared by."""
    with db.reading() as session:
        found = []
        for table in _TABLES:
            for row in session.scalars(select(table).where(table.account == account)):
                state = inspect(row)
                values = {c.key: getattr(row, c.key) for c in state.mapper.column_attrs}
                found.append(json.dumps(values, default=str, sort_keys=True))
    return sorted(found)
