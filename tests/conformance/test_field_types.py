"""Every field of an answer and of a stream frame has the JSON type that Bybit documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, Frames, Sockets, below, http

pytestmark = pytest.mark.services

Types = dict[str, str]


def documented() -> dict[str, Types]:
    """Path or topic to field to type; a field is named with the objects that hold it."""
    text = (Path(__file__).parent / "field_types.yaml").read_text()
    return {
        where: {
            name if place == "." else f"{place}.{name}": kind
            for kind, places in kinds.items()
            for place, names in places.items()
            for name in names.split()
        }
        for where, kinds in yaml.safe_load(text).items()
    }


TYPES = documented()
PRIVATE = ("order", "execution", "execution.fast", "position", "wallet")
SPOT_TICKER = "tickers.* of spot"
PATHS = [where for where in TYPES if where.startswith("/")]
NEEDED: dict[str, dict[str, Any]] = {
    "/v5/market/open-interest": {"intervalTime": "5min"},
    "/v5/market/rpi_orderbook": {"limit": 50},
    "/v5/market/index-price-components": {"indexName": SYMBOL},
    "/v5/account/wallet-balance": {"accountType": "UNIFIED"},
    "/v5/account/withdrawal": {"coinName": "USDT"},
    "/v5/asset/transfer/query-account-coin-balance": {"accountType": "UNIFIED", "coin": "USDT"},
    "/v5/asset/transfer/query-account-coins-balance": {"accountType": "UNIFIED"},
    "/v5/order/spot-borrow-check": {"side": "Buy"},
}


def fields(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The name and type of each field, through objects and lists."""
    if isinstance(value, dict):
        for name, inner in value.items():
            field = f"{place}.{name}" if place else name
            yield field, type(inner).__name__
            yield from fields(inner, field)
    elif isinstance(value, list):
        for item in value:
            yield from fields(item, place)


def check(where: str, answers: list[Any]) -> None:
    """Each documented field is in one of the answers, and has its type in all of them."""
    seen: dict[str, set[str]] = {}
    for answer in answers:
        for field, kind in fields(answer):
            seen.setdefault(field, set()).add(kind)
    wrong = {
        field: (kind, seen.get(field))
        for field, kind in TYPES[where].items()
        if seen.get(field) != {kind}
    }
    assert not wrong, where


@pytest.fixture(scope="module")
def traded(paper_exchange: PaperExchangeProcess) -> HTTP:
    """A client whose account has orders, fills and a closed position."""
    session = http(paper_exchange)
    for category, size in (("linear", "0.010"), ("spot", "1000")):
        market = {"category": category, "symbol": SYMBOL}
        session.place_order(**market, side="Buy", orderType="Market", qty=size)
        session.place_order(**market, side="Sell", orderType="Market", qty="0.010")
    return session


def test_every_answer_has_the_documented_types(traded: HTTP) -> None:
    resting = {"side": "Buy", "orderType": "Limit", "qty": "0.010", "price": below(traded)}
    for category in ("linear", "spot"):
        traded.place_order(category=category, symbol=SYMBOL, **resting)
    for path in PATHS:
        answers = []
        for category in ("linear", "spot"):
            query = {"category": category, "symbol": SYMBOL, "interval": "1"}
            try:
                answer = traded._submit_request(
                    method="GET",
                    path=traded.endpoint + path,
                    query=query | NEEDED.get(path, {}),
                    auth=True,
                )
            except InvalidRequestError:
                # The path is for the other category alone.
                continue
            answers.append(answer["result"])
        check(path, answers)
    traded.cancel_all_orders(category="spot")


def test_every_frame_has_the_documented_types(traded: HTTP, sockets: Sockets) -> None:
    told, spot, own = Frames(), Frames(), Frames()
    public = sockets.public(callback_function=told)
    public.trade_stream(SYMBOL, told)
    public.kline_stream(1, SYMBOL, told)
    public.ticker_stream(SYMBOL, told)
    public.orderbook_stream(50, SYMBOL, told)
    sockets.public("spot", callback_function=spot).ticker_stream(SYMBOL, spot)
    private = sockets.private(callback_function=own)
    for topic in PRIVATE:
        private.subscribe(topic, own, "")
        own.wait(lambda frame: frame.get("op") == "subscribe")
    order = {"symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "0.010"}
    traded.place_order(**order, category="linear")
    traded.place_order(**order, category="spot", marketUnit="baseCoin")
    own.row("order", category="spot", orderStatus="Filled")
    topics = {where for where in TYPES if where[0] != "/" and where != SPOT_TICKER}
    for where in topics:
        topic = where.replace("*", SYMBOL)
        frames = own if topic in PRIVATE else told
        if not any(frame.get("topic") == topic for frame in frames.seen):
            frames.topic(topic)
        check(where, [frame for frame in frames.seen if frame.get("topic") == topic])
    check(SPOT_TICKER, [spot.topic(f"tickers.{SYMBOL}")])
