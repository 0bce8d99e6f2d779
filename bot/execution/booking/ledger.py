"""An account's net position from executions: quantity, entry, profit and costs.

Profit is net of fees and funding. A position books them when they are paid. A closing trade also
bears the costs of its entry: they are carried with the position until then, so that an entry alone
is neither a profit nor a loss.
"""

from datetime import datetime
from decimal import Decimal

from bot.exchange.protocol import Execution
from bot.execution.booking import fees
from models import amounts
from models.amounts import ZERO
from models.tables import PositionRow


def book_trade(position: PositionRow, execution: Execution, now: datetime) -> Decimal:
    """Moves the position by a fill; returns the profit of the closed part after costs."""
    signed = execution.qty * execution.side.sign
    before = position.qty
    closed = closes(position, execution)
    cost = _cost(position, execution)
    position.qty, position.entry_price, profit = moved(
        before, position.entry_price, signed, execution.price
    )
    if before * position.qty <= 0:
        # The exchange's price was that of the position that has ended or turned.
        position.liquidation_price = None
        position.opened_at = execution.executed_at if position.qty else None
    carried = amounts.share(position.open_costs, closed, abs(before))
    of_close = amounts.share(cost, closed, execution.qty)
    position.open_costs += cost - of_close - carried
    position.fees += cost
    position.realised_pnl += profit - cost
    position.updated_at = now
    return profit - of_close - carried


def closes(position: PositionRow, execution: Execution) -> Decimal:
    """The quantity of the present position that a fill ends, in base units."""
    against = position.qty * execution.side.sign < 0
    return min(execution.qty, abs(position.qty)) if against else ZERO


def price_other_fee(
    position: PositionRow, coin: str, fee: Decimal, cost: Decimal, carried: Decimal, now: datetime
) -> None:
    """Moves a trade's fee whose coin has a price now from the coin's own sum into the others.

    `carried` is the part that the closing trade of the present position will bear.
    """
    _keep_apart(position, coin, -fee)
    position.fees += cost
    position.open_costs += carried
    position.realised_pnl -= cost
    position.updated_at = now


def book_cash(position: PositionRow, execution: Execution, now: datetime) -> None:
    """Funding and the like: a cost of the position, or an income where it is negative."""
    cost = _cost(position, execution)
    position.funding += cost
    position.realised_pnl -= cost
    if position.qty:
        position.open_costs += cost
    position.updated_at = now


def moved(
    qty: Decimal, entry: Decimal | None, signed: Decimal, price: Decimal
) -> tuple[Decimal, Decimal | None, Decimal]:
    """A signed fill applied to a net position: new quantity, entry price and realised profit.

    Adding averages the entry; reducing keeps it; a flip closes at the old and opens at the new.
    """
    after = qty + signed
    if qty == 0 or entry is None:
        return after, (price if after else None), Decimal(0)
    if (qty > 0) == (signed > 0):
        return after, (qty * entry + signed * price) / after, Decimal(0)
    closed = min(abs(signed), abs(qty))
    realised = closed * (price - entry) * (1 if qty > 0 else -1)
    if after == 0:
        return after, None, realised
    return after, (entry if (after > 0) == (qty > 0) else price), realised


def _cost(position: PositionRow, execution: Execution) -> Decimal:
    """The fees in quote; one in a third coin is added to that coin's own sum."""
    total = ZERO
    for coin, fee in execution.paid:
        cost = fees.in_quote(execution.symbol, coin, fee, execution.price)
        if cost is None:
            _keep_apart(position, coin, fee)
        else:
            total += amounts.stored(cost)
    return total


def _keep_apart(position: PositionRow, coin: str, fee: Decimal) -> None:
    known = dict(position.other_fees or {})
    total = known.pop(coin, ZERO) + fee
    if total:
        known[coin] = total
    position.other_fees = known or None
