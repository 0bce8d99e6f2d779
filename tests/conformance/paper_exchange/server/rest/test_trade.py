"""Orders over REST: placed, found, amended, cancelled and refused."""

from decimal import Decimal
from typing import Any

import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from tests.conformance.drivers import SYMBOL, below, new_link_id
from tests.support.waiting import eventually

pytestmark = pytest.mark.services


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


def code_of(call: Any, **arguments: Any) -> int:
    with pytest.raises(InvalidRequestError) as refused:
        call(**arguments)
    return int(refused.value.status_code)


def test_batches_answer_per_member(session: HTTP) -> None:
    price = below(session)
    order = {
        "symbol": SYMBOL,
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.010",
        "price": price,
    }
    members = [order | {"orderLinkId": new_link_id()} for _ in range(3)]
    members[1] = members[1] | {"qty": "1e-2"}
    placed = session.place_batch_order(category="linear", request=members)
    assert [v["code"] for v in placed["retExtInfo"]["list"]] == [0, 10001, 0]
    rows = placed["result"]["list"]
    assert [bool(r["orderId"]) for r in rows] == [True, False, True]
    assert [bool(r["createAt"]) for r in rows] == [True, False, True]
    amended = session.amend_batch_order(
        category="linear",
        request=[
            {"symbol": SYMBOL, "orderId": rows[0]["orderId"], "qty": "0.030"},
            {"symbol": SYMBOL, "orderLinkId": "nobody", "qty": "0.030"},
        ],
    )
    assert [v["code"] for v in amended["retExtInfo"]["list"]] == [0, 110001]
    cancelled = session.cancel_batch_order(
        category="linear",
        request=[{"symbol": SYMBOL, "orderId": r["orderId"]} for r in rows if r["orderId"]],
    )
    assert [v["msg"] for v in cancelled["retExtInfo"]["list"]] == ["OK", "OK"]
    assert code_of(session.place_batch_order, category="linear", request=[order] * 21) == 10001
