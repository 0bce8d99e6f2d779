"""pybit at the paper exchange: its own classes with other addresses and nothing else.

python -m paper_exchange.main --port 8099
python examples/clients/with_pybit.py http://127.0.0.1:8099
"""

import queue
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from pybit.unified_trading import HTTP, WebSocket

SYMBOL = "BTCUSDT"
KEYS = {"api_key": "paper-key", "api_secret": "paper-secret"}


def session(url: str) -> HTTP:
    """pybit's REST client at `url`."""
    client = HTTP(**KEYS)
    client.endpoint = url
    return client


def stream(url: str, channel: str) -> Any:
    """pybit's socket of this channel at `url`; pybit has no parameter for the address."""

    class Local(WebSocket):
        def _connect(self, address: str) -> None:
            super()._connect(url.replace("http", "ws", 1) + urlsplit(address).path)

    keys = KEYS if channel == "private" else {}
    return Local(testnet=False, channel_type=channel, **keys)


def wait_until(client: HTTP, *, held: bool) -> None:
    """Until there is a position, or none: an order fills a moment after the reply to it."""
    for _ in range(600):
        told = client.get_positions(category="linear", symbol=SYMBOL)["result"]["list"]
        if any(float(each["size"] or 0) > 0 for each in told) == held:
            return
        time.sleep(0.1)
    raise TimeoutError(f"waited a minute in vain for the effect of an order in {SYMBOL}")


def main(url: str) -> None:
    """Prints a book, buys and sells at the market, and prints the orders that the stream tells."""
    client, frames = session(url), queue.Queue[dict[str, Any]]()
    public, private = stream(url, "linear"), stream(url, "private")
    public.orderbook_stream(50, SYMBOL, frames.put)
    print("best bid", frames.get(timeout=60)["data"]["b"][0][0])
    public.exit()
    orders = queue.Queue[dict[str, Any]]()
    private.order_stream(orders.put)
    order = {"category": "linear", "symbol": SYMBOL, "orderType": "Market", "qty": "0.010"}
    while orders.empty():
        # An order from before the subscription is not told: another pair follows.
        client.place_order(**order, side="Buy")
        wait_until(client, held=True)
        client.place_order(**order, side="Sell", reduceOnly=True)
        wait_until(client, held=False)
    for told in orders.get(timeout=60)["data"]:
        print(told["side"], told["orderStatus"], told["cumExecQty"], "at", told["avgPrice"])
    private.exit()


if __name__ == "__main__":
    main(sys.argv[1])
