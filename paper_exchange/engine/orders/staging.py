"""Fills by decree: a test fills an order in steps, or holds it away from the market."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from paper_exchange.engine.fills import Fills
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.order import Order
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.world import World

EFFECT: Final = "fill_rest"


@dataclass(frozen=True, slots=True)
class StagedFill:
    """What happens to the next order that fits: a share fills at once, the rest later or never."""

    share: Decimal
    """The part of the quantity that fills at once, from 0 to 1."""
    rest_after_ms: int | None = None
    """The exchange time until the rest fills. Default: None, only by `fill_rest`."""
    uid: str | None = None
    symbol: str | None = None
    """Account and symbol of the order. Default: None, any."""

    def fits(self, order: Order) -> bool:
        """Whether the order is one that this fill is meant for."""
        return self.uid in (None, order.uid) and self.symbol in (None, order.market.symbol)


class Staging:
    """Holds orders away from the market. A held order is open, can be cancelled, and never trades.

    Only a timer or a test fills it.
    """

    def __init__(self, world: World, lifecycle: Lifecycle, fills: Fills) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.fills = fills
        self.plans: list[StagedFill] = []
        """The fills that wait for their order, oldest first."""
        world.effects[EFFECT] = self.effect_fill_rest

    def begin(self, order: Order) -> bool:
        """Fills a share of an order and holds the rest, if a plan waits for it.

        An order sized by value is no such order. Returns whether a plan did.
        """
        plan = next((plan for plan in self.plans if plan.fits(order)), None)
        if plan is None or order.quote_budget is not None:
            return False
        self.plans.remove(plan)
        price = self._price(order)
        steps = min(int(order.leaves * plan.share), self.fills.capacity(order, price))
        if steps > 0:
            self.fills.take(order, price, steps)
        if not order.leaves:
            self.lifecycle.finish(order, "Filled")
            return True
        self.hold(order)
        if plan.rest_after_ms is not None:
            self.world.schedule(plan.rest_after_ms, EFFECT, order.uid, order.order_id)
        return True

    def hold(self, order: Order) -> None:
        """Keeps an active order open outside of the book."""
        order.held = True
        order.status = "PartiallyFilled" if order.filled else "New"
        order.updated_ms = self.world.now
        self.lifecycle.publish(order)

    def fill_rest(self, uid: str, order_id: str) -> None:
        """Fills what is left of a held order. Raises Reject when no order of this id is held."""
        order = self.world.account(uid).open.get(order_id)
        if order is None or not order.held:
            raise reject("unknown_order")
        self._fill(order)

    def effect_fill_rest(self, uid: str, order_id: str) -> None:
        """Fills a held order when its time has come, unless it has ended."""
        order = self.world.accounts[uid].open.get(order_id)
        if order is not None and order.held:
            self._fill(order)

    def _fill(self, order: Order) -> None:
        price = self._price(order)
        steps = self.fills.capacity(order, price)
        if steps > 0:
            self.fills.take(order, price, steps)
        if order.leaves:
            # A reducing order whose position has shrunk meanwhile.
            self.lifecycle.finish(order, "Cancelled", "CancelByReduceOnly", "EC_NoError")
        else:
            self.lifecycle.finish(order, "Filled")

    @staticmethod
    def _price(order: Order) -> int:
        """The best opposite price if the order reaches it, else the order's own, in ticks."""
        best = order.market.book.opposite(order.side).best_available()
        if best is None or order.side * (best - order.price) > 0:
            return order.price
        return best
