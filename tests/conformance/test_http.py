"""Unmodified pybit HTTP against the paper exchange: market data, orders, account."""

import time
from decimal import Decimal

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


def test_a_limit_order_rests_is_found_amended_cancelled_and_remembered(session: HTTP) -> None:
    price = below(session)
    link_id = new_link_id()
    placed = session.place_order(
        category="linear",
        symbol=SYMBOL,
        side="Buy",
        orderType="Limit",
        qty="0.010",
        price=price,
        orderLinkId=link_id,
    )
    order_id = placed["result"]["orderId"]
    assert placed["result"] == {"orderId": order_id, "orderLinkId": link_id}
    assert order_id.count("-") == 4

    def resting() -> dict[str, str] | None:
        rows = session.get_open_orders(category="linear", symbol=SYMBOL, orderLinkId=link_id)
        return next(iter(rows["result"]["list"]), None)

    row = eventually(resting)
    assert (row["orderStatus"], row["price"], row["cumExecQty"]) == ("New", price, "0")
    session.amend_order(category="linear", symbol=SYMBOL, orderId=order_id, qty="0.020")
    assert eventually(lambda: (r := resting()) and r["qty"] == "0.020" and r)
    session.cancel_order(category="linear", symbol=SYMBOL, orderLinkId=link_id)

    def remembered() -> dict[str, str] | None:
        rows = session.get_order_history(category="linear", orderId=order_id)["result"]["list"]
        return next((r for r in rows if r["orderStatus"] == "Cancelled"), None)

    row = eventually(remembered)
    assert (row["cancelType"], row["rejectReason"]) == ("CancelByUser", "EC_PerCancelRequest")
    with pytest.raises(InvalidRequestError) as refused:
        session.cancel_order(category="linear", symbol=SYMBOL, orderId=order_id)
    assert refused.value.status_code == 110001


def test_a_crossing_ioc_fills_and_moves_position_and_wallet(session: HTTP) -> None:
    before = session.get_wallet_balance(accountType="UNIFIED", coin="USDT")
    placed = session.place_order(
        category="linear",
        symbol=SYMBOL,
        side="Buy",
        orderType="Market",
        qty="0.002",
    )
    order_id = placed["result"]["orderId"]

    def fills() -> list[dict[str, str]]:
        rows = session.get_executions(category="linear", orderId=order_id)["result"]["list"]
        return rows if sum(Decimal(r["execQty"]) for r in rows) == Decimal("0.002") else []

    rows = eventually(fills)
    fee = sum(Decimal(r["execFee"]) for r in rows)
    value = sum(Decimal(r["execValue"]) for r in rows)
    assert fee == pytest.approx(value * Decimal("0.00055"), abs=Decimal("0.00000001"))
    position = session.get_positions(category="linear", symbol=SYMBOL)["result"]["list"][0]
    assert (position["side"], position["size"]) == ("Buy", "0.002")
    after = session.get_wallet_balance(accountType="UNIFIED", coin="USDT")
    cash = [Decimal(w["result"]["list"][0]["coin"][0]["walletBalance"]) for w in (before, after)]
    assert cash[0] - cash[1] == fee


def test_every_order_link_id_works_once(session: HTTP) -> None:
    order = {
        "category": "linear",
        "symbol": SYMBOL,
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.010",
        "price": below(session),
        "orderLinkId": new_link_id(),
    }
    session.place_order(**order)
    with pytest.raises(InvalidRequestError) as refused:
        session.place_order(**order)
    assert refused.value.status_code == 110072


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"qty": "1e-2"}, 10001),
        ({"qty": "0.0005"}, 10001),
        ({"price": "60000.123"}, 10001),
        ({"orderLinkId": "x" * 37}, 10001),
        ({"orderLinkId": "naïve"}, 10001),
        ({"tpLimitPrice": "60000.5"}, 10001),
        ({"reduceOnly": "true"}, 10001),
        ({"reduceOnly": True}, 110017),
        ({"symbol": "NOSUCHUSDT"}, 10001),
        ({"category": "option"}, 10001),
        ({"side": "buy"}, 10001),
    ],
)
def test_a_malformed_order_is_refused(session: HTTP, change: dict[str, object], code: int) -> None:
    order: dict[str, object] = {
        "category": "linear",
        "symbol": SYMBOL,
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.010",
        "price": below(session),
    }
    with pytest.raises(InvalidRequestError) as refused:
        session.place_order(**order | change)
    assert refused.value.status_code == code


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
