"""Matching: takers walk the replayed book and our resting orders; makers wait in the queue.

A taker consumes displayed size until the replay replaces it. A maker stands behind the size
displayed on its arrival. It moves up by trades and by its share of cancels. Replayed trades and our
own takers fill it. Our orders never move the replay.
"""

from collections.abc import Iterable, Iterator

from paper_exchange.engine.fills import Fills
from paper_exchange.engine.markets.book import Level, SideBook
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.order import Order, OwnSide
from paper_exchange.engine.orders.staging import Staging
from paper_exchange.engine.records import Execution
from paper_exchange.engine.world import World
from paper_exchange.types import MarketTrade


class Matcher:
    """Matches with price-time priority over the replayed book and our own resting orders."""

    def __init__(self, world: World, lifecycle: Lifecycle, fills: Fills, staging: Staging) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.fills = fills
        self.staging = staging
        self.front_share = world.settings.cancel_front_share

    # Takers

    def activate(self, order: Order) -> None:
        """Brings an order into effect: matches it, rests it or ends it."""
        finish = self.lifecycle.finish
        if order.reduces and not self.fills.capacity(order, 1):
            finish(order, "Cancelled", "CancelByReduceOnly", "EC_NoError")
            return
        if self.staging.plans and self.staging.begin(order):
            return
        if order.leaves and not self.fills.affordable(order, order.leaves):
            finish(order, "Cancelled", "CancelByCannotAffordOrderCost", "EC_NoError")
            return
        if order.time_in_force == "PostOnly" and self._would_take(order):
            status = "Rejected" if order.is_spot else "Cancelled"
            finish(order, status, "UNKNOWN", "EC_PostOnlyWillTakeLiquidity")
            return
        if order.time_in_force == "FOK" and not self._can_fill(order):
            finish(order, "Cancelled", "UNKNOWN", "EC_NoEnoughQtyToFill")
            return
        self._walk(order)
        if not order.is_final:
            self._after_walk(order)

    def _after_walk(self, order: Order) -> None:
        lifecycle = self.lifecycle
        if order.quote_budget is not None:
            best = self._best_price(order)
            done = best is not None and not self.fills.capacity(order, best)
        else:
            done = not order.leaves
        if done and order.filled:
            lifecycle.finish(order, "Filled")
        elif order.reduces and not self.fills.capacity(order, 1):
            lifecycle.finish(order, "Cancelled", "CancelByReduceOnly", "EC_NoError")
        elif order.is_market or order.time_in_force in ("IOC", "FOK"):
            lifecycle.finish(order, "Cancelled", "UNKNOWN", "EC_NoImmediateQtyToFill")
        else:
            lifecycle.rest(order, "PartiallyFilled" if order.filled else "New")
            lifecycle.publish(order)

    def _best_price(self, order: Order) -> int | None:
        return next(self._prices(order), None)

    def _would_take(self, order: Order) -> bool:
        return self._best_price(order) is not None

    def _prices(self, order: Order) -> Iterator[int]:
        """The prices within the order's limit that have size to take, best first."""
        market, side = order.market, order.side
        book, own = market.book.opposite(side), market.own.opposite(side)
        sign = book.sign
        limit = sign * order.price
        if not own.keys:
            for price, _ in book.levels():
                if sign * price < limit:
                    return
                yield price
            return
        keys = {sign * price for price, _ in book.levels() if sign * price >= limit}
        keys.update(key for key in own.keys if key >= limit)
        for key in sorted(keys, reverse=True):
            yield sign * key

    def _can_fill(self, order: Order) -> bool:
        need = self.fills.capacity(order, order.price)
        market, side = order.market, order.side
        book, own = market.book.opposite(side), market.own.opposite(side)
        for price in self._prices(order):
            need -= book.available(price)
            for maker in own.levels.get(price, ()):
                if not self._is_self_match(order, maker):
                    need -= self.fills.capacity(maker, price)
            if need <= 0:
                return True
        return False

    @staticmethod
    def _is_self_match(order: Order, maker: Order) -> bool:
        return order.smp_type != "None" and maker.uid == order.uid

    def _walk(self, order: Order) -> None:
        for price in self._prices(order):
            if order.is_final or not self.fills.capacity(order, price):
                return
            self._take_level(order, price)

    def _take_level(self, order: Order, price: int) -> None:
        """Takes one level in time order: the replayed size ahead of each maker, then that maker."""
        market, side = order.market, order.side
        book, own = market.book.opposite(side), market.own.opposite(side)
        consumed = 0
        for maker in list(own.levels.get(price, ())):
            consumed += self._take_replay(order, book, price, maker.ahead - consumed)
            if not self.fills.capacity(order, price):
                break
            if self._is_self_match(order, maker):
                if not self._prevent_self_match(order, maker):
                    break
                continue
            steps = self._maker_room(maker, self.fills.capacity(order, price))
            if steps > 0:
                self.fills.take(order, price, steps)
                self._fill_maker(maker, steps)
        if not order.is_final:
            consumed += self._take_replay(order, book, price, book.available(price))
        if consumed:
            self._advance_queue(own, price, consumed)

    def _take_replay(self, order: Order, book: SideBook, price: int, most: int) -> int:
        steps = min(most, book.available(price), self.fills.capacity(order, price))
        if steps <= 0:
            return 0
        book.consume(price, steps)
        self.fills.take(order, price, steps)
        impact = order.market.impact
        if impact is not None:
            impact.on_take(order.side, steps, self.world.now)
        return steps

    def _prevent_self_match(self, order: Order, maker: Order) -> bool:
        """Applies the taker's setting for self-matches. Returns whether the taker stays open."""
        finish = self.lifecycle.finish
        if order.smp_type in ("CancelMaker", "CancelBoth"):
            maker.smp_order_id = order.order_id
            finish(maker, "Cancelled", "CancelBySmp", "EC_BySelfMatch")
        if order.smp_type in ("CancelTaker", "CancelBoth"):
            order.smp_order_id = maker.order_id
            finish(order, "Cancelled", "CancelBySmp", "EC_BySelfMatch")
            return False
        return True

    # Makers

    def _maker_room(self, maker: Order, most: int) -> int:
        """The steps of `most` that a maker may fill now; a maker that may fill none ends.

        Its account may have changed since the order was accepted: another order has closed the
        position that this one would reduce, or the money for a larger position is gone.
        """
        room = self.fills.capacity(maker, maker.price)
        if not room:
            self.lifecycle.finish(maker, "Cancelled", "CancelByReduceOnly", "EC_NoError")
            return 0
        steps = self.fills.affordable(maker, min(room, most))
        if most and not steps:
            cancel = "CancelByCannotAffordOrderCost"
            self.lifecycle.finish(maker, "Cancelled", cancel, "EC_NoError")
        return steps

    def _fill_maker(self, maker: Order, steps: int) -> Execution:
        item = self.fills.fill(maker, maker.price, steps, is_maker=True)
        if maker.leaves:
            maker.status = "PartiallyFilled"
            self.lifecycle.publish(maker)
        else:
            self.lifecycle.finish(maker, "Filled")
        return item

    @staticmethod
    def _advance_queue(own: OwnSide, price: int, consumed: int) -> None:
        for maker in own.levels.get(price, ()):
            maker.ahead = max(0, maker.ahead - consumed)

    def on_trade(self, market: Market, trade: MarketTrade) -> None:
        """Fills the makers that a replayed trade reaches.

        Each unit of the trade fills at most once.
        """
        own = market.own.asks if trade.side == "Buy" else market.own.bids
        at = trade.price + market.book.shift
        if not own.keys or own.keys[-1] < own.sign * at:
            return
        remaining = trade.qty
        for price in own.reached(at):
            remaining = self._trade_level(own, price, remaining, through=price != at)
            if not remaining:
                return

    def _trade_level(self, own: OwnSide, price: int, remaining: int, through: bool) -> int:
        """Fills the makers of one level; returns the quantity that remains, in steps.

        A trade through the price clears the queue ahead of our orders.
        """
        consumed = 0
        if not through:
            own.traded[price] = own.traded.get(price, 0) + remaining
        for maker in list(own.levels[price]):
            if through:
                maker.ahead = 0
            front = min(remaining, max(0, maker.ahead - consumed))
            consumed += front
            remaining -= front
            steps = self._maker_room(maker, remaining)
            if steps > 0:
                remaining -= steps
                self._fill_maker(maker, steps)
            if not remaining:
                break
        if consumed:
            self._advance_queue(own, price, consumed)
        return remaining

    # Book updates

    def before_update(self, own: OwnSide, book: SideBook, levels: Iterable[Level]) -> None:
        """Moves our orders up when a level shrank by more than was traded.

        The difference was cancelled, and a share of it was ahead of us.
        """
        shift, mine = book.shift, own.levels
        for raw, size in levels:
            if raw + shift not in mine:
                continue
            old = book.sizes.get(raw, 0)
            cancelled = old - size - own.traded.pop(raw + shift, 0)
            for maker in mine[raw + shift]:
                if cancelled > 0 and old:
                    maker.ahead -= int(cancelled * maker.ahead // old * self.front_share)
                maker.ahead = max(0, min(maker.ahead, size))

    def after_update(self, market: Market) -> None:
        """Fills makers that the replayed quotes have reached, up to the size shown there.

        A displayed quote at or through our price would have traded with us. The fill is at our
        price and uses up the displayed size, so that the book never stands crossed.
        """
        for side in (1, -1):
            own, book = market.own.same(side), market.book.opposite(side)
            while own.keys:
                best, price = own.best(), book.best_available()
                if best is None or price is None or side * (best - price) < 0:
                    break
                self._meet_quote(own.levels[best][0], book, price)

    def _meet_quote(self, maker: Order, book: SideBook, price: int) -> None:
        """Fills the first maker from one displayed level, or ends it when it may not fill."""
        steps = self._maker_room(maker, book.available(price))
        if not steps:
            return
        book.consume(price, steps)
        self.fills.publish(self._fill_maker(maker, steps), -maker.side)
