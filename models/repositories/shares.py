"""Each strategy's share of the account's positions, kept beside the net by the same fills.

Writers hold the lock of the position's row, so that the shares of a symbol change one at a time.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.amounts import ZERO
from models.tables import StrategyShareRow

NOBODY = ""
"""The owner of quantity from foreign orders; no strategy can have this name."""


def move(
    session: Session,
    account: str,
    symbol: str,
    strategy: str,
    signed: Decimal,
    now: datetime,
    *,
    takes: bool,
) -> None:
    """Counts a signed fill on its strategy's share.

    With `takes` it may close others' shares (an emergency exit, the exchange, a person). Any other
    fill beyond its strategy's share opens a share of its own.
    """
    new = insert(StrategyShareRow).values(
        account=account,
        symbol=symbol,
        strategy=strategy,
        filled_qty=signed,
        taken_qty=ZERO,
        updated_at=now,
    )
    counted = new.on_conflict_do_update(
        index_elements=["account", "symbol", "strategy"],
        set_={"filled_qty": StrategyShareRow.filled_qty + signed, "updated_at": now},
    ).returning(StrategyShareRow.filled_qty + StrategyShareRow.taken_qty)
    after = session.execute(counted).scalar_one()
    if not takes:
        return
    others = {
        row.strategy: row.filled_qty + row.taken_qty
        for row in session.execute(
            select(
                StrategyShareRow.strategy, StrategyShareRow.filled_qty, StrategyShareRow.taken_qty
            ).where(
                StrategyShareRow.account == account,
                StrategyShareRow.symbol == symbol,
                StrategyShareRow.strategy != strategy,
            )
        )
    }
    found = taken(signed, after - signed, others)
    if found:
        found[strategy] = -sum(found.values(), ZERO)
    for name, qty in sorted(found.items()):
        session.execute(
            update(StrategyShareRow)
            .where(
                StrategyShareRow.account == account,
                StrategyShareRow.symbol == symbol,
                StrategyShareRow.strategy == name,
            )
            .values(taken_qty=StrategyShareRow.taken_qty + qty, updated_at=now)
        )


def taken(signed: Decimal, before: Decimal, others: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The quantity that a closing fill takes from others' shares, signed as it moves them.

    It closes its own share first, then the largest of the others, so that lots stay whole.
    """
    sign = 1 if signed > ZERO else -1
    left = abs(signed) - min(abs(signed), max(ZERO, -before * sign))
    found: dict[str, Decimal] = {}
    opposite = [(name, -qty * sign) for name, qty in others.items() if -qty * sign > ZERO]
    for name, qty in sorted(opposite, key=lambda each: (-each[1], each[0])):
        part = min(left, qty)
        if part > ZERO:
            found[name] = part * sign
            left -= part
    return found
