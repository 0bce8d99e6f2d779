"""ccxt's bybit class, with its addresses pointed at the paper exchange."""

from collections.abc import Iterator
from typing import Any

import pytest

from paper_exchange.testing import PaperExchangeProcess
from tests.support.waiting import eventually

ccxt = pytest.importorskip("ccxt", reason="ccxt is a development dependency")

pytestmark = pytest.mark.services

PERPETUAL = "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def bybit(paper_exchange: PaperExchangeProcess) -> Iterator[Any]:
    client = ccxt.bybit(
        {
            "apiKey": paper_exchange.api_key,
            "secret": paper_exchange.api_secret,
            "enableRateLimit": False,
        }
    )
    client.urls["api"] = dict.fromkeys(client.urls["api"], paper_exchange.url)
    client.session.trust_env = False
    yield client
    client.session.close()


def test_ccxt_loads_markets_and_reads_market_and_account(bybit: Any) -> None:
    markets = bybit.load_markets()
    assert markets[PERPETUAL]["linear"]
    assert markets["BTC/USDT"]["spot"]
    assert bybit.fetch_balance()["USDT"]["total"] > 0
    book = bybit.fetch_order_book(PERPETUAL, 5)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert bybit.fetch_ticker(PERPETUAL)["last"] > 0
    assert bybit.fetch_trades(PERPETUAL)
    assert bybit.fetch_ohlcv(PERPETUAL, "1m")
    assert abs(bybit.fetch_time() - bybit.milliseconds()) < 1000


def test_ccxt_places_finds_and_cancels_orders_and_sees_positions(bybit: Any) -> None:
    price = bybit.fetch_order_book(PERPETUAL, 1)["bids"][0][0] * 0.995
    order = bybit.create_order(PERPETUAL, "limit", "buy", 0.01, price)
    found = eventually(
        lambda: [o for o in bybit.fetch_open_orders(PERPETUAL) if o["id"] == order["id"]]
    )
    assert found[0]["amount"] == 0.01
    bybit.cancel_order(order["id"], PERPETUAL)
    eventually(lambda: not bybit.fetch_open_orders(PERPETUAL))
    bybit.create_order(PERPETUAL, "market", "buy", 0.002)
    position = eventually(lambda: [p for p in bybit.fetch_positions([PERPETUAL]) if p["contracts"]])
    assert (position[0]["side"], position[0]["contracts"]) == ("long", 0.002)
    assert bybit.fetch_my_trades(PERPETUAL)
    bybit.create_order(PERPETUAL, "market", "sell", 0.002, params={"reduceOnly": True})
