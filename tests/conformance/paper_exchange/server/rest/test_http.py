"""Unmodified pybit HTTP against the paper exchange: market data, orders, account."""

import time

import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, below, http, new_link_id, touch
from tests.support.waiting import eventually

pytestmark = pytest.mark.services


def test_server_time_is_the_machines_time(session: HTTP) -> None:
    answer = session.get_server_time()
    assert abs(answer["time"] - time.time() * 1000) < 1000
    assert abs(int(answer["result"]["timeNano"]) - time.time_ns()) < 1_000_000_000


def test_pages_join_to_the_whole_without_overlap(session: HTTP) -> None:
    price = below(session)
    wanted = [new_link_id() for _ in range(7)]
    for link_id in wanted:
        session.place_order(
            category="linear",
            symbol=SYMBOL,
            side="Buy",
            orderType="Limit",
            qty="0.001",
            price=price,
            orderLinkId=link_id,
        )
    eventually(
        lambda: (
            len(session.get_open_orders(category="linear", symbol=SYMBOL)["result"]["list"]) == 7
        )
    )
    seen: list[str] = []
    cursor: str | None = None
    while cursor != "":
        extra = {"cursor": cursor} if cursor else {}
        page = session.get_open_orders(category="linear", symbol=SYMBOL, limit=3, **extra)["result"]
        assert len(page["list"]) <= 3
        seen += [row["orderLinkId"] for row in page["list"]]
        cursor = page["nextPageCursor"]
    assert seen == wanted[::-1]
    with pytest.raises(InvalidRequestError):
        session.get_open_orders(category="linear", symbol=SYMBOL, cursor="made-up")


def test_wrong_keys_and_clocks_get_bybits_codes(paper_exchange: PaperExchangeProcess) -> None:
    for options, code in (
        ({"api_key": "nobody"}, 10003),
        ({"api_secret": "wrong"}, 10004),
        ({"recv_window": -5000}, 10001),
    ):
        with pytest.raises(InvalidRequestError) as refused:
            http(paper_exchange, **options).get_account_info()
        assert refused.value.status_code == code


def test_answers_carry_the_limit_headers(paper_exchange: PaperExchangeProcess) -> None:
    session = http(paper_exchange, return_response_headers=True)
    _, _, headers = session.get_wallet_balance(accountType="UNIFIED")
    for name in ("X-Bapi-Limit", "X-Bapi-Limit-Status", "X-Bapi-Limit-Reset-Timestamp"):
        assert headers[name].isdigit()
    # The fixture has no limits. A client that paces itself must not read "none left".
    assert int(headers["X-Bapi-Limit-Status"]) > 0
    _, _, public = session.get_tickers(category="linear", symbol=SYMBOL)
    assert int(public["X-Bapi-Limit-Status"]) > 0
    assert headers["Traceid"]
    assert headers["Ret_code"] == "0"


def test_the_spot_book_trades_by_its_own_rules(session: HTTP) -> None:
    _, ask = touch(session, category="spot")
    placed = session.place_order(
        category="spot",
        symbol=SYMBOL,
        side="Buy",
        orderType="Limit",
        qty="0.001",
        price=ask,
        timeInForce="IOC",
    )["result"]
    assert placed["orderId"].isdigit()
    assert placed["orderLinkId"]
