"""Orders and streams that tests of faults ask for."""

from typing import Any

from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, Frames, Sockets, below, new_link_id

Api = PaperExchangeProcess


def resting(session: HTTP) -> dict[str, Any]:
    return {
        "category": "linear",
        "symbol": SYMBOL,
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.010",
        "price": below(session),
        "orderLinkId": new_link_id(),
    }


def market_buy(session: HTTP, link_id: str) -> None:
    session.place_order(
        category="linear",
        symbol=SYMBOL,
        side="Buy",
        orderType="Market",
        qty="0.002",
        orderLinkId=link_id,
    )


def orders_and_executions(sockets: Sockets) -> Frames:
    """The frames of both private streams, once both are subscribed."""
    frames = Frames()
    private = sockets.private(callback_function=frames)
    private.order_stream(frames)
    private.execution_stream(frames)
    for _ in range(2):
        frames.wait(lambda f: f.get("op") == "subscribe")
    return frames
