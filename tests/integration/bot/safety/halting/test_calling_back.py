"""Calling back in a halt: the exchange's rate limits, and cancels that take effect later."""

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
from bot.safety.halting.calling_back import Waiting, call_back
from models.enums import TradeSide
from paper_exchange.testing import PaperExchangeProcess
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

ORDERS = 12
RATE = 5
numbers = count(1)


@pytest.fixture
def paper() -> Iterator[PaperExchangeProcess]:
    arguments = (
        *("--market", "synthetic", "--seed", "11", "--control", "--ip-rate", "0"),
        *("--balances", "USDT=100000"),
    )
    with PaperExchangeProcess(*arguments, "--order-rate", str(RATE)) as server:
        yield server


@pytest.fixture
def exchange(paper: PaperExchangeProcess) -> Iterator[BybitExchange]:
    made = client(paper)
    yield made
    made.close()


def client(paper: PaperExchangeProcess) -> BybitExchange:
    return BybitExchange(
        BybitConfig(
            api_key=SecretStr(paper.api_key),
            api_secret=SecretStr(paper.api_secret),
            mode=BybitMode.PAPER,
            endpoint=paper.url,
        )
    )


def rest(exchange: BybitExchange, link: str | None = None) -> None:
    """A buy far below the market, as soon as the exchange takes it."""
    price = exchange.minute_closes("BTCUSDT", count=1)[-1][1] * Decimal("0.9")
    body = exchange.order_body(
        OrderIntent(
            order_link_id=link or f"mr-rate-{next(numbers)}",
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


@pytest.mark.parametrize(
    ("everything", "stranger", "endpoint"),
    [
        (False, True, "order/cancel"),
        (False, False, "order/cancel-all"),
        (True, False, "order/cancel-all"),
    ],
    ids=["one by one", "a symbol at once", "everything"],
)
def test_a_halt_calls_everything_back_although_the_rate_is_used_up(
    exchange: BybitExchange,
    paper: PaperExchangeProcess,
    everything: bool,
    stranger: bool,
    endpoint: str,
) -> None:
    # Where an order of somebody else rests, ours go one by one.
    others = [f"by-hand-{next(numbers)}"] if stranger else []
    for link in others:
        rest(exchange, link)
    for _ in range(ORDERS):
        rest(exchange)
    # Beside the rate itself: so many refusals in a row are no failure of the exchange.
    paper.fault("rate_limit", endpoint=endpoint, n=4, ms=200)
    problems: list[str] = []
    told: list[float] = []
    found = call_back(
        exchange,
        everything=everything,
        exits=True,
        problem=problems.append,
        waiting=Waiting(told.append),
    )
    assert (found.cancelled, found.left, problems) == (ORDERS, (), [])
    assert [order.order_link_id for order in exchange.open_orders()] == others
    assert len(told) >= 4


@pytest.mark.parametrize("everything", [False, True])
def test_a_cancel_that_takes_effect_later_leaves_no_order(everything: bool) -> None:
    arguments = ("--market", "synthetic", "--seed", "11", "--ip-rate", "0", "--order-rate", "0")
    with PaperExchangeProcess(*arguments, "--effect-delay-ms", "300") as paper:
        exchange = client(paper)
        for _ in range(3):
            rest(exchange)
        eventually(lambda: len(exchange.open_orders()) == 3)
        found = call_back(exchange, everything=everything, exits=True, problem=pytest.fail)
        exchange.close()
    assert (found.cancelled, found.left) == (3, ())
