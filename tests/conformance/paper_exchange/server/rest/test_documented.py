"""Every path that Bybit documents answers, and what is ignored is named."""

from decimal import Decimal
from typing import Any

import pytest
import requests
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from paper_exchange.server.rest.documented import DOCUMENTED_ENDPOINTS
from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, below
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

ORDER = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Limit"}

PERMISSION_DENIED = 10005
TOLD = {
    "/v5/account/mmp-modify": 3500713,
    "/v5/account/mmp-reset": 3500713,
    "/v5/position/set-risk-limit": 110075,
    "/v5/user/frozen-sub-member": 141009,
    "/v5/asset/transfer/query-sub-member-list": PERMISSION_DENIED,
    "/v5/asset/transfer/query-universal-transfer-list": PERMISSION_DENIED,
}
"""Codes that the end-to-end suite of `bybit-api` gets from Bybit; other writes are denied."""


def call(session: HTTP, method: str, path: str, **params: Any) -> dict[str, Any]:
    answer = session._submit_request(
        method=method, path=session.endpoint + path, query=params, auth=True
    )
    return dict(answer)


@pytest.mark.parametrize("endpoint", DOCUMENTED_ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_a_documented_path_answers_in_json(session: HTTP, endpoint: Any) -> None:
    if endpoint.method == "GET" and endpoint.path not in TOLD:
        answer = call(session, "GET", endpoint.path, category="linear", whatever="1")
        assert answer["retCode"] == 0
        return
    with pytest.raises(InvalidRequestError) as refused:
        call(session, endpoint.method, endpoint.path, coin="USDT")
    assert refused.value.status_code == TOLD.get(endpoint.path, PERMISSION_DENIED)


def test_the_mode_of_exits_is_full_and_a_sub_account_has_a_number(session: HTTP) -> None:
    scope = {"category": "linear", "symbol": SYMBOL}
    for path, params in (
        ("POST /v5/position/set-tpsl-mode", scope | {"tpSlMode": "Full"}),
        ("GET /v5/asset/deposit/query-sub-member-record", {"subMemberId": "nobody"}),
        ("GET /v5/user/sub-apikeys", {"subMemberId": "nobody"}),
    ):
        with pytest.raises(InvalidRequestError) as refused:
            call(session, *path.split(), **params)
        assert refused.value.status_code == 10001


def test_what_is_not_documented_is_a_plain_404(paper_exchange: PaperExchangeProcess) -> None:
    reply = requests.get(f"{paper_exchange.url}/v5/market/nothing", timeout=10)
    assert (reply.status_code, reply.text) == (404, "404 page not found")


def test_an_unknown_parameter_is_ignored_and_named(
    session: HTTP, paper_exchange: PaperExchangeProcess
) -> None:
    reply = requests.get(
        f"{paper_exchange.url}/v5/market/tickers",
        params={"category": "linear", "symbol": SYMBOL, "position_idx": "0", "né\n": "1"},
        timeout=10,
    )
    assert reply.json()["retCode"] == 0
    assert reply.headers["X-Paper-Ignored"] == "n%C3%A9%0A,position_idx"
    session.place_order(**ORDER, qty="0.010", price=below(session), size="5")
    ignored = [
        (record["endpoint"], name)
        for record in paper_exchange.journal("ignored")
        for name in record["parameters"]
    ]
    assert ("order/create", "size") in ignored
    assert len(ignored) == len(set(ignored))


@pytest.mark.parametrize("category", ["inverse", "option"])
def test_a_category_without_markets_is_empty(session: HTTP, category: str) -> None:
    for read in (session.get_instruments_info, session.get_tickers, session.get_open_orders):
        assert read(category=category)["result"]["list"] == []
    assert session.get_positions(category=category)["result"]["list"] == []
    assert session.cancel_all_orders(category=category)["result"]["success"] == "1"
    with pytest.raises(InvalidRequestError) as refused:
        session.place_order(**{**ORDER, "category": category}, qty="1", price="1")
    assert refused.value.status_code == 10001


def test_charts_of_mark_index_premium_and_open_interest(session: HTTP) -> None:
    scope = {"category": "linear", "symbol": SYMBOL}
    trades = session.get_kline(**scope, interval="60", limit=1000)["result"]["list"]
    mark = session.get_mark_price_kline(**scope, interval="60", limit=1000)["result"]["list"]
    index = session.get_index_price_kline(**scope, interval="60", limit=1000)["result"]["list"]
    premium = session.get_premium_index_price_kline(**scope, interval="60", limit=5)
    assert [row[0] for row in mark[:100]] == [row[0] for row in trades[:100]]
    assert [row[0] for row in index[:100]] == [row[0] for row in trades[:100]]
    assert {len(row) for row in mark + premium["result"]["list"]} == {5}
    assert abs(float(mark[0][4]) / float(trades[0][4]) - 1) < 0.02
    points = session.get_open_interest(**scope, intervalTime="5min", limit=10)["result"]["list"]
    assert len({point["openInterest"] for point in points}) > 1
    assert [int(p["timestamp"]) for p in points] == sorted(
        (int(p["timestamp"]) for p in points), reverse=True
    )


def test_balances_collateral_coins_and_demo_money(session: HTTP) -> None:
    def usdt() -> str:
        rows = session.get_coins_balance(accountType="UNIFIED", coin="USDT")["result"]["balance"]
        return str(rows[0]["walletBalance"])

    before = float(usdt())
    call(
        session,
        "POST",
        "/v5/account/demo-apply-money",
        adjustType=0,
        # A coin more precise than the eight decimals that can be moved.
        utaDemoApplyMoney=[{"coin": "USDT", "amountStr": "109.000000006"}],
    )
    assert float(usdt()) == pytest.approx(before + 109)
    one = session.get_coin_balance(accountType="UNIFIED", coin="USDT")["result"]["balance"]
    assert 0 < Decimal(one["transferBalance"]) <= Decimal(one["walletBalance"])
    movable = session.get_transferable_amount(coinName="USDT,DOGE")["result"]
    assert movable["availableWithdrawal"] == one["transferBalance"]
    assert movable["availableWithdrawalMap"]["DOGE"] == "0"
    coins = session.get_coin_info()["result"]["rows"]
    assert {"BTC", "USDT"} <= {row["coin"] for row in coins}
    collateral = session.get_collateral_info(currency="USDT")["result"]["list"]
    assert [row["currency"] for row in collateral] == ["USDT"]
    info = call(session, "GET", "/v5/position/symbol-info", category="linear", symbol=SYMBOL)
    assert info["result"]["list"][0]["leverage"]
    assert session.set_margin_mode(setMarginMode="REGULAR_MARGIN")["result"]["reasons"] == []
    with pytest.raises(InvalidRequestError):
        call(
            session,
            "POST",
            "/v5/account/demo-apply-money",
            utaDemoApplyMoney=[{"coin": "USDT", "amountStr": "100001"}],
        )


def test_demo_money_that_can_not_be_taken_back_whole_moves_nothing(session: HTTP) -> None:
    def balances() -> dict[str, str]:
        rows = session.get_coins_balance(accountType="UNIFIED")["result"]["balance"]
        return {row["coin"]: row["walletBalance"] for row in rows}

    before = balances()
    wishes = [{"coin": "USDT", "amountStr": "1"}, {"coin": "USDC", "amountStr": "99999"}]
    with pytest.raises(InvalidRequestError):
        call(
            session,
            "POST",
            "/v5/account/demo-apply-money",
            adjustType=1,
            utaDemoApplyMoney=wishes,
        )
    assert balances() == before


def the_order(session: HTTP, order_id: str) -> dict[str, Any]:
    """The order once it takes effect. The moving market may have filled it by then."""
    scope = {"category": "linear", "symbol": SYMBOL, "orderId": order_id}

    def seen() -> list[dict[str, Any]]:
        reads = (session.get_open_orders, session.get_order_history)
        return [row for read in reads for row in read(**scope)["result"]["list"]]

    return dict(eventually(seen, f"order {order_id}")[0])


def test_an_order_takes_its_price_from_a_level_of_the_book(session: HTTP) -> None:
    scope = {"category": "linear", "symbol": SYMBOL}
    book = session.get_orderbook(**scope, limit=50)["result"]
    placed = session.place_order(
        **ORDER, qty="0.010", bboSideType="Queue", bboLevel="5", timeInForce="PostOnly"
    )
    row = the_order(session, placed["result"]["orderId"])
    best, deep = float(book["b"][0][0]), float(book["b"][30][0])
    assert deep < float(row["price"]) <= best * 1.01
    with pytest.raises(InvalidRequestError):
        session.place_order(**ORDER, qty="0.010", bboSideType="Queue", bboLevel="6")
    with pytest.raises(InvalidRequestError):
        session.place_order(**ORDER, qty="0.010", bboSideType="Queue")


def test_close_on_trigger_never_opens(session: HTTP) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        session.place_order(
            category="linear",
            symbol=SYMBOL,
            side="Buy",
            orderType="Market",
            qty="1.00",
            closeOnTrigger=True,
        )
    assert refused.value.status_code == 110017
    rows = session.get_positions(category="linear", symbol=SYMBOL)["result"]["list"]
    assert rows[0]["size"] in ("0", "0.000")
