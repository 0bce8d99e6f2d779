"""Disconnect protection: cancels an account's orders when its last protected socket has gone."""

import asyncio
from typing import TYPE_CHECKING

from paper_exchange.types import Reject

if TYPE_CHECKING:
    from paper_exchange.server.exchange import Exchange

TOPIC_OF = {"DERIVATIVES": "dcp.future", "SPOT": "dcp.spot", "OPTIONS": "dcp.option"}
_CATEGORY_OF = {"DERIVATIVES": "linear", "SPOT": "spot"}


class DisconnectProtection:
    """Disconnect windows per uid and product.

    Orders are cancelled only when all sockets that subscribed are gone.
    """

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._windows: dict[str, dict[str, int]] = {}
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def configure(self, uid: str, product: str, window_seconds: int) -> None:
        """Protects an account's product.

        The window is 3 to 300 seconds. Raises Reject otherwise.
        """
        if product not in TOPIC_OF:
            raise Reject(10001, "params error: product invalid")
        if not 3 <= window_seconds <= 300:
            raise Reject(10001, "params error: timeWindow must be between 3 and 300")
        self._windows.setdefault(uid, {})[product] = window_seconds

    def describe(self, uid: str) -> list[dict[str, str]]:
        """The account's windows as Bybit's rows."""
        return [
            {"product": product, "dcpStatus": "ON", "timeWindow": str(window)}
            for product, window in self._windows.get(uid, {}).items()
        ]

    def socket_joined(self, uid: str, topic: str) -> None:
        """Stops a running window: a protected socket is back."""
        timer = self._timers.pop((uid, topic), None)
        if timer is not None:
            timer.cancel()

    def socket_left(self, uid: str, topics: set[str]) -> None:
        """Starts the window of each product that has lost its last protected socket."""
        for product, window in self._windows.get(uid, {}).items():
            topic = TOPIC_OF[product]
            if topic not in topics or (uid, topic) in self._timers:
                continue
            if any(topic in other.topics for other in self._exchange.private.sockets(uid)):
                continue
            loop = asyncio.get_running_loop()
            self._timers[uid, topic] = loop.call_later(window, self._fire, uid, product)

    def _fire(self, uid: str, product: str) -> None:
        self._timers.pop((uid, TOPIC_OF[product]), None)
        category = _CATEGORY_OF.get(product)
        if category is None:
            return
        venue = self._exchange.venue
        venue.catch_up()
        venue.journal("forced", {"uid": uid, "what": "dcp", "product": product})
        for order_id in self._exchange.open_order_ids(uid, category, {"orderFilter": "Order"}):
            self._exchange.paper.force_cancel(uid, order_id, "CancelByDCP")
        venue.touched()

    def close(self) -> None:
        """Stops every running window."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
