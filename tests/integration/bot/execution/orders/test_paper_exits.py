"""Exits of an account at the real paper exchange, over HTTP and on a real database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import SecretStr

from bot.account.reconciliation import Reconciler
from bot.clock import FixedClock
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from bot.execution.sending.sender import SendResult
from console.runtime.exchange_record import read_exchange_record
from models.database import Database
from models.enums import ChildState
from paper_exchange.testing import PaperExchangeProcess
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

D = Decimal
SYMBOL = "BTCUSDT"
HELD = D("0.03")


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

    def book(self) -> Decimal:
        self.desk.reconciler.reconcile_account()
        return self.desk.position()


@pytest.fixture
def venue(db: Database) -> Iterator[Venue]:
    arguments = ("--market", "synthetic", "--seed", "11", "--symbols", SYMBOL, "--control")
    limits = ("--order-rate", "0", "--read-rate", "0", "--ip-rate", "0")
    money = ("--balances", "USDT=100000")
    with PaperExchangeProcess(*arguments, *limits, *money) as paper:
        config = BybitConfig(
            api_key=SecretStr(paper.api_key),
            api_secret=SecretStr(paper.api_secret),
            mode=BybitMode.PAPER,
            endpoint=paper.url,
        )
        exchange = BybitExchange(config)
        desk = Desk(db, clock=WallClock(datetime.now(UTC)))
        desk.exchange = exchange  # type: ignore[assignment]
        desk.reconciler = Reconciler(desk.deps)
        desk.sender = desk.new_sender("worker-1")
        row = exchange._session.read("get_tickers", category="linear", symbol=SYMBOL)["list"][0]
        desk.market.touch = D(row["ask1Price"])
        yield Venue(paper, exchange, desk)
        exchange.close()


def test_a_position_under_the_smallest_order_is_closed_as_a_whole(venue: Venue) -> None:
    desk = venue.desk
    venue.act("foreign_position", qty=str(HELD))
    assert eventually(venue.book) == HELD
    venue.act("instrument_change", min_qty="0.05")
    desk.reconciler.refresh_instruments()
    signal = {"position_size": "9000", "reduce_only": True, "algorithm": None}
    outcome = desk.approve("out", side="sell", signal_data=signal, priority="emergency")
    assert D(outcome["approved_qty"]) == HELD
    assert desk.send(desk.children("out")[0].child_id) is SendResult.SENT
    eventually(lambda: venue.held() == 0)
    eventually(lambda: venue.book() == 0)
    eventually(lambda: desk.children("out")[0].state == ChildState.FILLED)
    parent = desk.parent("out")
    assert (parent.state, parent.filled_qty) == ("completed", HELD)
    (order,) = read_exchange_record(venue.paper.journal_path).orders
    assert (order.qty, order.raw["qty"], order.reduce_only) == (HELD, "0", True)
    desk.check_balance()
