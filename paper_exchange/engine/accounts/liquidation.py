"""Watches maintenance margin, liquidates accounts and closes positions by force."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.accounts.insurance import InsuranceFund
from paper_exchange.engine.accounts.margin import STABLE, AccountMargin, risk_tiers, tier_for
from paper_exchange.engine.fills import Fills
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.filters import quantity_steps
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.order import Order
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.world import World

CREATED_BY: Final = {"BustTrade": "CreateByLiq", "AdlTrade": "CreateByAdl_PassThrough"}
HALF: Final = Decimal("0.5")


class RiskWatch:
    """Liquidates an account, or a position of its own margin, by the mark price.

    An exact check finds a range of marks in which the account is safe. While all its marks stay in
    their ranges, a mark update seldom costs more than two comparisons.
    """

    def __init__(self, world: World, lifecycle: Lifecycle, fills: Fills) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.fills = fills
        self._fund = InsuranceFund(world, self.close)

    def on_mark(self, market: Market) -> None:
        """Checks each holder without a safe range, or with a range that the mark has left."""
        mark = market.mark()
        if mark is None:
            return
        for uid, safe in list(market.holders.items()):
            if safe is None or not safe[0] < mark < safe[1]:
                self.check(self.world.accounts[uid])

    @staticmethod
    def is_unknown(account: Account) -> bool:
        """Whether the account holds a position without a known safe range."""
        return any(
            position.market.holders.get(account.uid) is None
            for position in account.positions.values()
            if position.size
        )

    def check(self, account: Account) -> bool:
        """Liquidates the account if its balance is at most its maintenance margin.

        In isolated mode it looks at each position's own margin. Returns whether it liquidated.
        """
        held = [position for position in account.positions.values() if position.size]
        if not held:
            self._forget(account)
            return False
        if account.isolated:
            return self._check_isolated(account, held)
        total = self.world.margin.account_margin(account)
        if total.balance <= total.maintenance:
            self.liquidate(account, held, total)
            return True
        self._remember(account, held, total)
        return False

    def _check_isolated(self, account: Account, held: list[Position]) -> bool:
        """Liquidates each position whose own margin is used up. Returns whether there was one."""
        ended = False
        for position in held:
            market = position.market
            market.holders.setdefault(account.uid, None)
            mark = market.mark()
            if mark is None:
                continue
            excess = self.world.margin.excess(account, position, mark)
            if excess <= 0:
                self._liquidate_one(account, position, mark)
                ended = True
                continue
            move = min(HALF, excess / (2 * position.quantity() * mark))
            market.holders[account.uid] = self._narrowed(account, position, mark, move)
        return ended

    def _narrowed(
        self, account: Account, position: Position, mark: Decimal, move: Decimal
    ) -> tuple[Decimal, Decimal]:
        """The safe range of a position, within that of the symbol's other position, if it has one.

        In hedge mode both sides of a symbol are liquidated by the same mark.
        """
        for other in account.positions.values():
            if other.market is position.market and other is not position and other.size:
                excess = self.world.margin.excess(account, other, mark)
                move = min(move, max(ZERO, excess / (2 * other.quantity() * mark)))
        return mark * (1 - move), mark * (1 + move)

    def _liquidate_one(self, account: Account, position: Position, mark: Decimal) -> None:
        """Cancels the symbol's orders, then closes as much of the position as its margin needs.

        A position above the first risk tier goes down a tier, as long as its own margin is used up.
        """
        self._cancel_orders(account, position.market)
        while position.size and self.world.margin.excess(account, position, mark) <= 0:
            share = self.world.margin.own_margin(account, position) + position.unrealised(mark)
            ticks = self._bust_price(account, position, mark, share)
            self._take_over(account, position, self._above_lower_tier(position, mark), ticks)

    def _cancel_orders(self, account: Account, market: Market | None) -> None:
        """Cancels the open orders of one market, or of all with None, before a liquidation."""
        for order in list(account.open.values()):
            if market in (None, order.market):
                status = "Deactivated" if order.status == "Untriggered" else "Cancelled"
                self.lifecycle.finish(order, status, "CancelAllBeforeLiq", "EC_NoError")

    def _forget(self, account: Account) -> None:
        """Stops watching the prices of a flat account's coins."""
        for coin in account.wallet:
            market = self.world.pricing_market(coin)
            if market is not None:
                market.holders.pop(account.uid, None)

    def _exposures(self, account: Account) -> dict[Market, Decimal]:
        """The value of each coin that is collateral and has a price, by the market of its price."""
        out: dict[Market, Decimal] = {}
        for coin, amount in account.wallet.items():
            if coin in STABLE or not amount:
                continue
            value = abs(amount) * self.world.margin.worth(account, coin)
            market = self.world.pricing_market(coin)
            if value and market is not None:
                out[market] = out.get(market, ZERO) + value
        return out

    def _remember(self, account: Account, held: list[Position], total: AccountMargin) -> None:
        """Stores the range of marks in which the account is safe.

        Each mark may move by excess / (2 x gross value), at most by half. The gross value counts
        positions and collateral coins. The balance moves by at most gross value x move. Maintenance
        margin moves by less, because its slope is below one.
        """
        coins = self._exposures(account)
        marks = {position.market: position.market.mark() for position in held}
        gross = sum((p.quantity() * (marks[p.market] or ZERO) for p in held), ZERO)
        gross += sum(coins.values(), ZERO)
        marks |= {market: market.mark() for market in coins}
        if not gross:
            return
        move = min(HALF, (total.balance - total.maintenance) / (2 * gross))
        for market, mark in marks.items():
            if mark is not None:
                market.holders[account.uid] = (mark * (1 - move), mark * (1 + move))

    def liquidate(self, account: Account, held: list[Position], total: AccountMargin) -> None:
        """Cancels all orders, then closes positions at their bankruptcy prices.

        Positions above the first risk tier go down tier by tier, the highest first, until the
        balance suffices; otherwise every position is closed. Each position bears a share of the
        balance in proportion to its maintenance margin. The bankruptcy price uses up this share,
        fee included. If the mark is worse than this price, the insurance fund bears the loss.
        """
        self._cancel_orders(account, None)
        while (highest := self._highest(held)) is not None:
            mark = highest.market.mark() or ZERO
            ticks = self._shared_bust_price(account, highest, total)
            self._take_over(account, highest, self._above_lower_tier(highest, mark), ticks)
            total = self.world.margin.account_margin(account)
            if total.balance > total.maintenance:
                self._remember(account, held, total)
                return
        prices = [(one, self._shared_bust_price(account, one, total)) for one in held if one.size]
        for position, ticks in prices:
            self._take_over(account, position, abs(position.size), ticks)

    def _tier(self, position: Position, mark: Decimal) -> int:
        value = position.quantity() * mark
        return tier_for(value, position.market.spec, self.world.settings).tier

    def _highest(self, held: list[Position]) -> Position | None:
        """The position of the highest risk tier above the first; None without one."""
        tiers = [(self._tier(one, one.market.mark() or ZERO), one) for one in held if one.size]
        tier, position = max(tiers, key=lambda one: one[0], default=(1, None))
        return position if tier > 1 else None

    def _above_lower_tier(self, position: Position, mark: Decimal) -> int:
        """The steps that are too many for the next lower tier; all steps in the first tier."""
        tier = self._tier(position, mark)
        if tier == 1:
            return abs(position.size)
        limit = risk_tiers(position.market.spec, self.world.settings)[tier - 2].limit
        return abs(position.size) - int(limit / (mark * position.market.step))

    def _shared_bust_price(self, account: Account, position: Position, total: AccountMargin) -> int:
        mark = position.market.mark() or ZERO
        part = self.world.margin.maintenance_of(account, position, mark)
        share = total.balance * part / total.maintenance if total.maintenance else ZERO
        return self._bust_price(account, position, mark, share)

    def _take_over(self, account: Account, position: Position, steps: int, ticks: int) -> None:
        """Closes steps at the bankruptcy price; the insurance fund takes them."""
        side = position.side
        self.close(account, position, steps, ticks, "BustTrade")
        self._fund.take_over(position, side, steps, ticks)

    def _bust_price(
        self, account: Account, position: Position, mark: Decimal, share: Decimal
    ) -> int:
        """The price at which closing costs the share: mark - side x share / qty, fee included.

        The price is rounded so that the account never ends below zero.
        """
        market, side = position.market, position.side
        rate = account.config.linear_taker_rate
        price = (mark - side * share / position.quantity()) / (1 - side * rate)
        ticks = market.ceil_ticks(price) if side > 0 else market.floor_ticks(price)
        return max(1, ticks)

    def close(
        self, account: Account, position: Position, steps: int, ticks: int, exec_type: str
    ) -> Order:
        """Closes part of a position with a system order that fills at once at the given price."""
        world, market = self.world, position.market
        order = Order(
            uid=account.uid,
            market=market,
            order_id=world.order_id(market),
            link_id="",
            side=-position.side,
            is_market=True,
            time_in_force="IOC",
            price=ticks,
            qty=steps,
            created_ms=world.now,
            updated_ms=world.now,
            reduce_only=True,
            position_idx=position.idx,
            reduces=True,
            create_type=CREATED_BY[exec_type],
            last_on_created=market.last,
        )
        self.lifecycle.register(account, order)
        self.fills.fill(order, ticks, steps, is_maker=False, exec_type=exec_type)
        self.lifecycle.finish(order, "Filled")
        return order

    @staticmethod
    def _mark_ticks(market: Market) -> int | None:
        mark = market.mark()
        if mark is None:
            return None
        return max(1, int((mark / market.tick).to_integral_value(ROUND_HALF_UP)))

    def force(self, account: Account, market: Market) -> bool:
        """Liquidates the positions of one symbol at mark, with no look at the margin."""
        held = [p for p in account.positions.values() if p.market is market and p.size]
        ticks = self._mark_ticks(market)
        if not held or ticks is None:
            return False
        self._cancel_orders(account, market)
        for position in held:
            self.close(account, position, abs(position.size), ticks, "BustTrade")
        return True

    def deleverage(self, account: Account, market: Market, qty: str) -> None:
        """Closes part of the position at mark, as if against a bankrupt counterparty."""
        ticks = self._mark_ticks(market)
        steps = quantity_steps(market, Decimal(qty))
        for position in list(account.positions.values()):
            if position.market is market and position.size and ticks is not None:
                self.close(account, position, min(steps, abs(position.size)), ticks, "AdlTrade")
                return
        raise reject("no_position")
