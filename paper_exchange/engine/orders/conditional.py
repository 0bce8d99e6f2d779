"""Fires conditional orders and trailing stops when a price reaches them."""

from paper_exchange.engine.accounts.account import Position
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.acceptance import Acceptance
from paper_exchange.engine.orders.exits import ExitOrders
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.matching import Matcher
from paper_exchange.engine.orders.order import Order
from paper_exchange.engine.world import World
from paper_exchange.types import Reject


class Conditional:
    """Fires waiting orders when the price that they follow reaches their trigger."""

    def __init__(
        self,
        world: World,
        lifecycle: Lifecycle,
        matcher: Matcher,
        acceptance: Acceptance,
        exits: ExitOrders,
    ) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.matcher = matcher
        self.acceptance = acceptance
        self.exits = exits

    def on_last(self, market: Market, ticks: int) -> None:
        """Fires the orders and trailing stops that a trade's price in ticks reaches."""
        for order in market.triggers.due("LastPrice", ticks):
            self.fire(order)
        if market.trailing:
            self._trail(market, ticks)

    def on_reference(self, market: Market) -> None:
        """Fires the orders that a new mark or index price reaches.

        Until there is a last price, the mark price stands in for it.
        """
        for by in list(market.triggers.bounds):
            if by == "LastPrice" and market.last is not None:
                continue
            price = self.acceptance.trigger_reference(market, by)
            if price is not None:
                for order in market.triggers.due(by, price / market.tick):
                    self.fire(order)

    def fire(self, order: Order) -> None:
        """Makes a triggered order active, or cancels it when it can't become active."""
        fault = self.world.stop_fault(order.market.symbol)
        if order.status != "Untriggered" or fault == "never":
            return
        finish = self.lifecycle.finish
        account, market = self.world.accounts[order.uid], order.market
        self.lifecycle.wake(order)
        self.exits.cancel_pair(account, order)
        if order.reduces:
            closable = account.position(market, order.position_idx).closable(order.side)
            order.qty = min(order.qty or closable, closable)
            if not order.qty:
                finish(order, "Cancelled", "CancelByReduceOnly", "EC_NoError")
                return
        price = self._active_price(order)
        if price is None:
            finish(order, "Cancelled", "UNKNOWN", "EC_NoImmediateQtyToFill")
            return
        order.price = price
        if not order.locked:
            try:
                self.acceptance.check_funds(account, order)
            except Reject:
                finish(order, "Cancelled", "CancelByCannotAffordOrderCost", "EC_NoError")
                return
            self.lifecycle.reserve(account, order)
        if fault != "unfilled":
            self.matcher.activate(order)
        elif order.is_market:
            finish(order, "Cancelled", "UNKNOWN", "EC_NoImmediateQtyToFill")
        else:
            self.matcher.staging.hold(order)

    def _active_price(self, order: Order) -> int | None:
        """The price in ticks with which a triggered order enters the book.

        A Market order has its bound. A limit price is moved into the band. The price is None when a
        Market order has no bound.
        """
        market = order.market
        if order.is_market:
            kind, slippage = order.slippage_type, order.slippage
            return self.acceptance.market_bound(market, order.side, kind, slippage)
        band = market.band_ticks()
        if band is None:
            return order.price
        return min(order.price, band[0]) if order.side > 0 else max(order.price, band[1])

    def _trail(self, market: Market, ticks: int) -> None:
        if self.world.stop_fault(market.symbol) == "never":
            return
        for position in list(market.trailing.values()):
            if self._trailed(position, ticks):
                self._close_by_trailing(market, position, ticks)

    @staticmethod
    def _trailed(position: Position, ticks: int) -> bool:
        """Moves the extreme along. Returns whether the price fell back from it by the distance."""
        side = position.side
        if position.trailing_extreme is None:
            active = position.trailing_active
            if active is not None and side * (ticks - active) < 0:
                return False
            position.trailing_extreme = ticks
        if side * (ticks - position.trailing_extreme) > 0:
            position.trailing_extreme = ticks
        return side * (position.trailing_extreme - ticks) >= position.trailing

    def _close_by_trailing(self, market: Market, position: Position, ticks: int) -> None:
        uid = next(uid for uid, idx in market.trailing if market.trailing[uid, idx] is position)
        account = self.world.accounts[uid]
        self.exits.clear_trailing(account, position)
        order = self.exits.make(
            account, position, "TrailingStop", ticks, "LastPrice", abs(position.size), None
        )
        self.fire(order)
