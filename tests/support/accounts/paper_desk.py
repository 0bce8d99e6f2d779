"""A desk whose exchange is the real paper exchange, a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from bot.account.reconciliation import Reconciler
from bot.clock import FixedClock
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from models.database import Database
from paper_exchange.testing import PaperExchangeProcess
from tests.support.desk import Desk

D = Decimal
SYMBOL = "BTCUSDT"


class WallClock(FixedClock):
    """The exchange judges the age of requests by the real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Venue:
    """The desk's exchange as a process of its own."""

    paper: PaperExchangeProcess
    exchange: BybitExchange
    desk: Desk

    def act(self, name: str, **body: str) -> None:
        self.paper.control("POST", f"actions/{name}", {"symbol": SYMBOL, **body})

    def held(self) -> Decimal:
        return sum((p.qty for p in self.exchange.positions() if p.symbol == SYMBOL), D(0))

    def best_ask(self) -> Decimal:
        """The exchange's best offer now."""
        rows = self.exchange._session.read("get_tickers", category="linear", symbol=SYMBOL)["list"]
        return D(rows[0]["ask1Price"])

    def book(self) -> Decimal:
        self.desk.reconciler.reconcile_account()
        return self.desk.position()


PAPER = (
    *("--market", "synthetic", "--seed", "11", "--symbols", SYMBOL, "--control"),
    *("--order-rate", "0", "--read-rate", "0", "--ip-rate", "0"),
    *("--balances", "USDT=100000"),
)
"""The arguments of its paper exchange."""


def adapter(paper: PaperExchangeProcess, **changes: Any) -> BybitExchange:
    """Another adapter of the account; `changes` are of its configuration."""
    return BybitExchange(
        BybitConfig(
            api_key=SecretStr(paper.api_key),
            api_secret=SecretStr(paper.api_secret),
            mode=BybitMode.PAPER,
            endpoint=paper.url,
            **changes,
        )
    )


@contextmanager
def venue_at(db: Database, paper: PaperExchangeProcess, **changes: Any) -> Iterator[Venue]:
    """A desk at a paper exchange that runs; `changes` are of its adapter's configuration."""
    exchange = adapter(paper, **changes)
    desk = Desk(db, clock=WallClock(datetime.now(UTC)))
    desk.exchange = exchange  # type: ignore[assignment]
    desk.reconciler = Reconciler(desk.deps)
    desk.sender = desk.new_sender("worker-1")
    made = Venue(paper, exchange, desk)
    desk.market.touch = made.best_ask()
    yield made
    exchange.close()


@pytest.fixture
def venue(db: Database) -> Iterator[Venue]:
    with PaperExchangeProcess(*PAPER) as paper, venue_at(db, paper) as made:
        yield made
