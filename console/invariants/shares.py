"""I3, continued: strategies' shares come from their trades' fills, and one share's loss is another
one's gain."""

from collections import defaultdict
from decimal import Decimal

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from models.amounts import ZERO, shortest
from models.repositories.shares import NOBODY
from models.tables import (
    ChildOrderRow,
    FillRow,
    ParentOrderRow,
    PositionAdoptionRow,
    StrategyShareRow,
)


def shares_add_up(session: Session) -> list[str]:
    """Compares stored shares with fills and adoptions, by account, symbol and strategy. Funding
    moves none."""
    owner = func.coalesce(ParentOrderRow.strategy, NOBODY)
    signed = func.sum(case((FillRow.side == "buy", FillRow.qty), else_=-FillRow.qty))
    fills = {
        (account, symbol, strategy): qty
        for account, symbol, strategy, qty in session.execute(
            select(FillRow.account, FillRow.symbol, owner, signed)
            .outerjoin(ChildOrderRow, ChildOrderRow.child_id == FillRow.child_id)
            .outerjoin(ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id)
            .where(FillRow.exec_type != "Funding")
            .group_by(FillRow.account, FillRow.symbol, owner)
        )
    }
    for adopted in session.scalars(select(PositionAdoptionRow)):
        key = (adopted.account, adopted.symbol, adopted.strategy)
        fills[key] = fills.get(key, ZERO) + adopted.qty_after - adopted.qty_before
    taken: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    stored: dict[tuple[str, str, str], Decimal] = {}
    for row in session.scalars(select(StrategyShareRow)):
        taken[row.account, row.symbol] += row.taken_qty
        stored[row.account, row.symbol, row.strategy] = row.filled_qty
    found = [
        f"share of {strategy or 'nobody'} in {symbol} of {account}: "
        f"{shortest(stored.get((account, symbol, strategy), ZERO))} stored, "
        f"{shortest(fills.get((account, symbol, strategy), ZERO))} by fills"
        for account, symbol, strategy in sorted(fills.keys() | stored.keys())
        if stored.get((account, symbol, strategy), ZERO)
        != fills.get((account, symbol, strategy), ZERO)
    ]
    found += [
        f"shares in {symbol} of {account}: {shortest(qty)} was taken from one and given to no other"
        for (account, symbol), qty in sorted(taken.items())
        if qty
    ]
    return found
