"""Calling back in a halt against the paper exchange's own rate limits."""

import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import count

import pytest
from pydantic import SecretStr

from bot.errors import Throttled
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from bot.exchange.protocol import OrderIntent, OrderType, TimeInForce
from bot.safety.calling_back import call_back
from models.enums import TradeSide
from paper_exchange.testing import PaperExchangeProcess

pytestmark = pytest.mark.services

ORDERS = 12
RATE = 5
numbers = count(1)


@pytest.fixture
def paper() -> Iterator[PaperExchangeProcess]:
    arguments = ("--market", "synthetic", "--seed", "11", "--control", "--ip-rate", "0")
    with PaperExchangeProcess(*arguments, "--order-rate", str(RATE)) as server:
        yield server


@pytest.fixture
def exchange(paper: PaperExchangeProcess) -> Iterator[BybitExchange]:
    made = BybitExchange(
        BybitConfig(
            api_key=SecretStr(paper.api_key),
            api_secret=SecretStr(paper.api_secret),
            mode=BybitMode.PAPER,
            endpoint=paper.url,
        )
    )
    yield made
    made.close()


def rest(exchange: BybitExchange) -> None:
    """A buy far below the market, as soon as the exchange takes it."""
    price = exchange.minute_closes("BTCUSDT", count=1)[-1][1] * Decimal("0.9")
    body = exchange.order_body(
        OrderIntent(
            order_link_id=f"mr-rate-{next(numbers)}",
            symbol="BTCUSDT",
            side=TradeSide.BUY,
            qty=Decimal("0.01"),
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            price=price.quantize(Decimal(1)),
            reduce_only=False,
        )
    )
    while True:
        try:
            exchange.place(body)
        except Throttled as error:
            time.sleep(error.after_seconds)
        else:
            return


@pytest.mark.parametrize("everything", [False, True])
def test_a_halt_calls_everything_back_although_the_rate_is_used_up(
    exchange: BybitExchange, paper: PaperExchangeProcess, everything: bool
) -> None:
    for _ in range(ORDERS):
        rest(exchange)
    # Beside the rate itself: so many refusals in a row are no failure of the exchange.
    endpoint = "order/cancel-all" if everything else "order/cancel"
    paper.fault("rate_limit", endpoint=endpoint, n=4, ms=200)
    problems: list[str] = []
    told: list[float] = []
    found = call_back(
        exchange,
        everything=everything,
        exits=True,
        problem=problems.append,
        too_fast=told.append,
    )
    assert (found.cancelled, found.left, problems) == (ORDERS, (), [])
    assert exchange.open_orders() == []
    assert len(told) >= 4
