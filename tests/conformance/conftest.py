"""A paper exchange in a process of its own for the whole session, and clients of it."""

from collections.abc import Iterator

import pytest
from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess, paper_exchange
from tests.conformance.drivers import Sockets, http

__all__ = ["paper_exchange"]


@pytest.fixture
def session(paper_exchange: PaperExchangeProcess) -> HTTP:
    return http(paper_exchange)


@pytest.fixture
def sockets(paper_exchange: PaperExchangeProcess) -> Iterator[Sockets]:
    opened = Sockets(paper_exchange)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def clean_slate(paper_exchange: PaperExchangeProcess) -> Iterator[None]:
    """Every test begins without faults and ends flat."""
    yield
    paper_exchange.clear_faults()
    trader = http(paper_exchange)
    trader.cancel_all_orders(category="linear", settleCoin="USDT")
    for row in trader.get_positions(category="linear", settleCoin="USDT")["result"]["list"]:
        trader.place_order(
            category="linear",
            symbol=row["symbol"],
            side="Sell" if row["side"] == "Buy" else "Buy",
            orderType="Market",
            qty=row["size"],
            reduceOnly=True,
            positionIdx=row["positionIdx"],
        )
