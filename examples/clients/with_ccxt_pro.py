"""ccxt.pro at the paper exchange: its Bybit class with other addresses and nothing else.

python -m paper_exchange.main --port 8099
python examples/clients/with_ccxt_pro.py http://127.0.0.1:8099
"""

import asyncio
import re
import sys
from typing import Any

import ccxt.pro

PERPETUAL = "BTC/USDT:USDT"


def client(url: str, key: str = "paper-key", secret: str = "paper-secret") -> Any:  # noqa: S107
    """ccxt.pro's client with every address at `url`."""
    bybit = ccxt.pro.bybit({"apiKey": key, "secret": secret})
    bybit.urls["api"] = _moved(bybit.urls["api"], url)
    return bybit


def _moved(addresses: Any, url: str) -> Any:
    if isinstance(addresses, dict):
        return {name: _moved(inner, url) for name, inner in addresses.items()}
    base = url.replace("http", "ws", 1) if addresses.startswith("wss:") else url
    return re.sub("^[a-z]+://[^/]+", base, addresses)


async def main(url: str) -> None:
    """Prints the market, trades over the socket, and prints the fills of the private stream."""
    bybit = client(url)
    try:
        book = await bybit.watch_order_book(PERPETUAL)
        ticker = await bybit.watch_ticker(PERPETUAL)
        print("best bid", book["bids"][0][0], "last price", ticker["last"])
        fills = asyncio.create_task(bybit.watch_my_trades(PERPETUAL))
        while not fills.done():
            # A fill from before the subscription is not told: another order follows.
            await bybit.create_order_ws(PERPETUAL, "market", "buy", 0.001)
            await asyncio.wait([fills], timeout=1)
        for fill in fills.result():
            print(fill["side"], fill["amount"], "at", fill["price"])
        for position in await bybit.fetch_positions([PERPETUAL]):
            size, flat = position["contracts"], {"reduceOnly": True}
            await bybit.create_order_ws(PERPETUAL, "market", "sell", size, None, flat)
    finally:
        await bybit.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
