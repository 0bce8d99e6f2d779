"""The insurance fund, and auto-deleveraging where it can't bear a loss."""

from collections.abc import Callable
from decimal import Decimal

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.orders.order import Order
from paper_exchange.engine.world import World

Close = Callable[[Account, Position, int, int, str], Order]
"""Closes steps of a position at a price in ticks, as an execution of the given type."""


class InsuranceFund:
    """Takes positions over at their bankruptcy price.

    The fund gains what the mark is better than that price, and bears what it is worse. When it
    can't bear a loss, profitable positions of the other side are closed at the bankruptcy price
    instead, those with the highest profit and leverage first (Bybit's order).
    """

    def __init__(self, world: World, close: Close) -> None:
        self._world = world
        self._close = close

    def take_over(self, bankrupt: Position, side: int, steps: int, ticks: int) -> None:
        """Books a bankrupt position's closed steps; `side` is the side that the position had."""
        market = bankrupt.market
        mark = market.mark()
        if mark is None or self._world.insurance is None:
            return
        gain = side * (mark - market.price(ticks)) * market.quantity(1)
        if self._world.insurance + gain * steps < 0:
            steps -= self._deleverage(bankrupt, side, steps, ticks, mark)
        self._world.insurance += gain * steps

    def _deleverage(
        self, bankrupt: Position, side: int, steps: int, ticks: int, mark: Decimal
    ) -> int:
        """Closes up to `steps` of the other side; returns how many steps there were."""
        left = steps
        for account, position in self._ranked(bankrupt, side, mark):
            part = min(left, abs(position.size))
            self._close(account, position, part, ticks, "AdlTrade")
            left -= part
            if not left:
                break
        return steps - left

    def _ranked(
        self, bankrupt: Position, side: int, mark: Decimal
    ) -> list[tuple[Account, Position]]:
        """The positions in profit on the other side, the most leveraged profit first."""
        found = []
        for uid in bankrupt.market.holders:
            account = self._world.accounts[uid]
            for position in account.positions.values():
                if position.market is bankrupt.market and position.side == -side:
                    profit = position.unrealised(mark)
                    if profit > ZERO:
                        share = profit / (position.quantity() * mark) * position.leverage
                        found.append((share, uid, account, position))
        found.sort(key=lambda one: one[:2], reverse=True)
        return [(account, position) for _, _, account, position in found]
