"""ccxt at the paper exchange: its Bybit class with other addresses and nothing else.

python -m paper_exchange.main --port 8099
python examples/clients/with_ccxt.py http://127.0.0.1:8099
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import ccxt

PERPETUAL = "BTC/USDT:USDT"


def client(url: str, key: str = "paper-key", secret: str = "paper-secret") -> Any:  # noqa: S107
    """ccxt's client with every address at `url`."""
    bybit = ccxt.bybit({"apiKey": key, "secret": secret})
    bybit.urls["api"] = dict.fromkeys(bybit.urls["api"], url)
    return bybit


def eventually(ask: Callable[[], list[Any]]) -> list[Any]:
    """What `ask` finds: an order has its effect a moment after the reply to it."""
    for _ in range(600):
        if found := ask():
            return found
        time.sleep(0.1)
    raise TimeoutError("waited a minute in vain for the effect of an order")


def positions(bybit: Any) -> list[Any]:
    """Those that are open."""
    return [each for each in bybit.fetch_positions([PERPETUAL]) if each["contracts"]]


def main(url: str) -> None:
    """Prints the market, rests an order and cancels it, buys and sells at the market."""
    bybit = client(url)
    bybit.load_markets()
    price = bybit.fetch_ticker(PERPETUAL)["last"]
    print("last price", price, "equity", bybit.fetch_balance()["USDT"]["total"])
    resting = bybit.create_order(PERPETUAL, "limit", "buy", 0.01, price * 0.97)
    print("open", [order["id"] for order in eventually(lambda: bybit.fetch_open_orders(PERPETUAL))])
    bybit.cancel_order(resting["id"], PERPETUAL)
    bybit.create_order(PERPETUAL, "market", "buy", 0.01)
    for position in eventually(lambda: positions(bybit)):
        print(position["side"], position["contracts"], "at", position["entryPrice"])
    bybit.create_order(PERPETUAL, "market", "sell", 0.01, params={"reduceOnly": True})


if __name__ == "__main__":
    main(sys.argv[1])
