"""ccxt.pro's bybit class as shipped: its streams and its orders over the trade socket."""

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import new_link_id
from tests.support.waiting import PATIENCE_SECONDS

pytest.importorskip("ccxt.pro", reason="ccxt is a development dependency")

from examples.clients.with_ccxt_pro import PERPETUAL, client

pytestmark = [
    pytest.mark.services,
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="module"),
]
SPOT = "BTC/USDT"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bybit(paper_exchange: PaperExchangeProcess) -> AsyncIterator[Any]:
    bybit = client(paper_exchange.url, paper_exchange.api_key, paper_exchange.api_secret)
    yield bybit
    await bybit.close()


async def told_of(bybit: Any, symbol: str, watch: Any, pick: Any = lambda told: told) -> Any:
    """What a private stream tells, while small orders go to and fro: the first true `pick` of it.

    An order that is faster than the subscription is not told: more orders follow.
    """

    async def listen() -> Any:
        while not (picked := pick(await watch())):
            pass
        # ccxt.pro goes on to change what it has handed out.
        return copy.deepcopy(picked)

    told = asyncio.create_task(listen())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not told.done():
            # A fee of spot is kept back from what was bought.
            await bybit.create_order_ws(symbol, "market", "buy", 0.001002)
            await bybit.create_order_ws(symbol, "market", "sell", 0.001)
            await asyncio.wait([told], timeout=0.5)
    return told.result()


@pytest.mark.parametrize("symbol", [PERPETUAL, SPOT])
async def test_public_streams_tell_the_market(bybit: Any, symbol: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(20):
            book = await bybit.watch_order_book(symbol)
            assert book["bids"][0][0] < book["asks"][0][0]
        trade = (await bybit.watch_trades(symbol))[0]
        ticker = await bybit.watch_ticker(symbol)
        candle = (await bybit.watch_ohlcv(symbol, "1m"))[-1]
    assert trade["side"] in ("buy", "sell")
    assert trade["amount"] > 0
    assert trade["id"]
    assert ticker["last"] > 0
    assert ticker["percentage"] is not None
    opened, high, low = candle[1:4]
    assert low <= opened <= high


async def test_an_order_by_socket_is_told_changed_and_cancelled(bybit: Any) -> None:
    price = (await bybit.fetch_ticker(PERPETUAL))["last"] * 0.97
    await told_of(bybit, PERPETUAL, lambda: bybit.watch_orders(PERPETUAL))
    link_id = new_link_id()

    async def told(status: str, amount: float) -> dict[str, Any]:
        while True:
            for order in await bybit.watch_orders(PERPETUAL):
                state = order["clientOrderId"], order["status"], order["amount"]
                if state == (link_id, status, amount):
                    return dict(order)

    async def after(request: Any, status: str, amount: float) -> dict[str, Any]:
        """ccxt.pro hands an update to a waiting caller only: the waiting comes first."""
        answer = asyncio.create_task(told(status, amount))
        await asyncio.sleep(0)
        await request
        return await answer

    named = {"clientOrderId": link_id}
    create = bybit.create_order_ws(PERPETUAL, "limit", "buy", 0.01, price, named)
    async with asyncio.timeout(PATIENCE_SECONDS):
        order = await after(create, "open", 0.01)
        assert order["price"] == pytest.approx(price, rel=1e-5)
        edit = bybit.edit_order_ws(order["id"], PERPETUAL, "limit", "buy", 0.02)
        assert (await after(edit, "open", 0.02))["filled"] == 0
        cancel = bybit.cancel_order_ws(order["id"], PERPETUAL)
        assert (await after(cancel, "canceled", 0.02))["filled"] == 0


@pytest.mark.parametrize("symbol", [PERPETUAL, SPOT])
async def test_private_streams_tell_fills_and_balances(bybit: Any, symbol: str) -> None:
    fills = await told_of(bybit, symbol, lambda: bybit.watch_my_trades(symbol))
    assert {fill["symbol"] for fill in fills} == {symbol}
    assert fills[0]["fee"]["cost"] > 0
    assert fills[0]["takerOrMaker"] == "taker"
    balance = await told_of(bybit, symbol, bybit.watch_balance)
    assert balance["USDT"]["total"] > 0


async def test_positions_are_told_with_their_size(bybit: Any) -> None:
    def opened(rows: Any) -> Any:
        return next((row for row in rows if row["contracts"] and row["side"] == "long"), None)

    position = await told_of(bybit, PERPETUAL, lambda: bybit.watch_positions([PERPETUAL]), opened)
    assert position["symbol"] == PERPETUAL
    assert position["entryPrice"] > 0
