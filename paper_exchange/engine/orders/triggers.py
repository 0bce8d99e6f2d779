"""Waiting conditional orders of one market. They are found by price, without a look at each."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from paper_exchange.engine.orders.order import Order

RISES: Final = 1
FALLS: Final = 2


class TriggerBook:
    """Conditional orders by the price that they follow, with the nearest trigger each way."""

    __slots__ = ("bounds", "orders")

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Order]] = {}
        self.bounds: dict[str, tuple[int | None, int | None]] = {}
        """The lowest rising and highest falling trigger of each reference price, in ticks."""

    def __bool__(self) -> bool:
        return bool(self.bounds)

    def __iter__(self) -> "Iterator[Order]":
        for group in self.orders.values():
            yield from group.values()

    def add(self, order: "Order") -> None:
        """Adds an order with a trigger price; an order without one is ignored."""
        if order.trigger is not None:
            self.orders.setdefault(order.trigger.by, {})[order.order_id] = order
            self.refresh(order.trigger.by)

    def remove(self, order: "Order") -> None:
        """Removes an order."""
        trigger = order.trigger
        if trigger is None:
            return
        if self.orders.get(trigger.by, {}).pop(order.order_id, None) is not None:
            self.refresh(trigger.by)

    def refresh(self, by: str) -> None:
        """Finds the nearest triggers again after an order was added, moved or removed."""
        rise: int | None = None
        fall: int | None = None
        for order in self.orders.get(by, {}).values():
            if order.trigger is None:
                continue
            price = order.trigger.price
            if order.trigger.direction == RISES:
                rise = price if rise is None else min(rise, price)
            else:
                fall = price if fall is None else max(fall, price)
        if rise is None and fall is None:
            self.bounds.pop(by, None)
        else:
            self.bounds[by] = (rise, fall)

    def due(self, by: str, ticks: int | Decimal) -> "list[Order]":
        """Orders that a reference price (in ticks) triggers, oldest first."""
        bound = self.bounds.get(by)
        if bound is None:
            return []
        rise, fall = bound
        if (rise is None or ticks < rise) and (fall is None or ticks > fall):
            return []
        out = []
        for order in self.orders[by].values():
            trigger = order.trigger
            if trigger is None:
                continue
            rises = trigger.direction == RISES
            if (rises and ticks >= trigger.price) or (not rises and ticks <= trigger.price):
                out.append(order)
        return out
