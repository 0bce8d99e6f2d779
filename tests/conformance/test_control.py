"""A test author's controls through the fixture, the status page, and the recorder."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from pybit.unified_trading import HTTP

from paper_exchange.market.bybit_recording import BybitRecording
from paper_exchange.recorder import Recording, Wish, record
from paper_exchange.testing import PaperExchangeProcess
from paper_exchange.types import BookUpdate, MarketTrade
from tests.conformance.drivers import SYMBOL, below, new_link_id
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

LINEAR = {"category": "linear", "symbol": SYMBOL}


@pytest.fixture
def steered(paper_exchange: PaperExchangeProcess) -> Iterator[PaperExchangeProcess]:
    yield paper_exchange
    paper_exchange.resume_clock()
    paper_exchange.release_price(SYMBOL)


def orders(session: HTTP, link_id: str) -> list[dict[str, Any]]:
    rows = session.get_open_orders(**LINEAR, orderLinkId=link_id)["result"]["list"]
    return list(rows)


def test_the_next_order_fills_by_thirty_per_cent_and_then_the_rest(
    steered: PaperExchangeProcess, session: HTTP
) -> None:
    steered.fill_next("0.3", symbol=SYMBOL)
    link_id = new_link_id()
    session.place_order(**LINEAR, side="Buy", orderType="Market", qty="0.010", orderLinkId=link_id)
    row = eventually(lambda: next(iter(orders(session, link_id)), None))
    assert (row["orderStatus"], row["cumExecQty"]) == ("PartiallyFilled", "0.003")
    steered.fill_rest(orderLinkId=link_id)
    assert orders(session, link_id)[0]["orderStatus"] == "Filled"


def test_the_clock_stands_still_and_an_order_takes_effect_by_a_step(
    steered: PaperExchangeProcess, session: HTTP
) -> None:
    price = below(session)
    now = steered.freeze_clock()
    link_id = new_link_id()
    session.place_order(
        **LINEAR, side="Buy", orderType="Limit", qty="0.010", price=price, orderLinkId=link_id
    )
    assert orders(session, link_id) == []
    assert steered.step_clock(10) == now + 10
    assert orders(session, link_id)[0]["createdTime"] == str(now)


def test_prices_are_fixed_for_every_client(steered: PaperExchangeProcess, session: HTTP) -> None:
    ticker = session.get_tickers(**LINEAR)["result"]["list"][0]
    last = Decimal(ticker["lastPrice"]) - 100
    steered.set_price(SYMBOL, last=str(last), mark="1234.5", index="1235")
    shown = session.get_tickers(**LINEAR)["result"]["list"][0]
    assert Decimal(shown["lastPrice"]) == last
    assert (Decimal(shown["markPrice"]), Decimal(shown["indexPrice"])) == (
        Decimal("1234.5"),
        Decimal(1235),
    )


def test_a_scenario_runs_and_an_order_is_hidden(
    steered: PaperExchangeProcess, session: HTTP
) -> None:
    steps = [{"order": 1, "fault": {"name": "forgotten_orders", "endpoint": "never"}}]
    steered.play_scenario(steps)
    assert steered.control("GET", "scenario") == {"left": 1}
    link_id = new_link_id()
    order = {"side": "Buy", "orderType": "Limit", "qty": "0.010", "orderLinkId": link_id}
    session.place_order(**LINEAR, **order, price=below(session))
    eventually(lambda: orders(session, link_id))
    eventually(lambda: steered.control("GET", "scenario") == {"left": 0})
    assert steered.control("GET", "status")["faults"][0]["name"] == "forgotten_orders"
    steered.hide_order(orderLinkId=link_id)
    assert orders(session, link_id) == []
    assert session.get_order_history(**LINEAR, orderLinkId=link_id)["result"]["list"] == []


def test_the_status_page_shows_and_switches(steered: PaperExchangeProcess) -> None:
    web = requests.Session()
    web.trust_env = False
    own = {"Origin": steered.url}
    shown = web.post(
        f"{steered.url}/control/form/faults", {"name": "html", "n": "3"}, headers=own, timeout=30
    ).text
    assert "name html" in shown
    for text in (SYMBOL, "Positions: 0", "walletBalance", "paper", "/control/form/actions/"):
        assert text in shown
    assert "<script" not in shown
    foreign = {"Origin": "https://example.org"}
    for headers in (foreign, {"Origin": "null"}, {"Host": "rebound.example.org"}):
        refused = web.post(f"{steered.url}/control/form/off", headers=headers, timeout=30)
        assert refused.status_code == 403
    assert "name html" in web.get(f"{steered.url}/", timeout=30).text
    web.post(f"{steered.url}/control/form/off", headers=own, timeout=30)
    assert "name html" not in web.get(f"{steered.url}/", timeout=30).text


@pytest.fixture
def other() -> Iterator[PaperExchangeProcess]:
    """A server of its own, because its market is exchanged."""
    arguments = ("--market", "synthetic", "--symbols", SYMBOL, "--control", "--ip-rate", "0")
    with PaperExchangeProcess(*arguments) as exchange:
        yield exchange


async def test_public_streams_are_recorded_and_played_again(
    other: PaperExchangeProcess, tmp_path: Path
) -> None:
    wish = Wish((SYMBOL,), ("linear", "spot"), 50, other.url, other.ws_url)
    path = tmp_path / "bybit_v5_ws_1.jsonl.zst"
    stop = asyncio.Event()

    class Watched(Recording):
        """Ends the recording after some frames, because a time would depend on the machine."""

        def write(self, kind: str, **fields: Any) -> None:
            super().write(kind, **fields)
            if self.frames >= 60:
                stop.set()

    assert await record(wish, path, stop, opened=Watched) >= 60
    recording = BybitRecording(path)
    assert {spec.key for spec in recording.instruments()} == {("linear", SYMBOL), ("spot", SYMBOL)}
    events = iter(recording.events())
    first = next(events)
    assert isinstance(first, BookUpdate)
    assert first.snapshot
    assert any(isinstance(next(events), BookUpdate | MarketTrade) for _ in range(20))
    answer = other.act("load_recording", market="bybit", recordings=str(tmp_path))
    assert answer["instruments"] == [SYMBOL, SYMBOL]
