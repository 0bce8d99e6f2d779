"""The order endpoints: single, batch and queries."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from paper_exchange.server.call import Call, Endpoint, Params
from paper_exchange.server.faults import hiding
from paper_exchange.server.ratelimit import TOO_MANY
from paper_exchange.server.rest.paging import page
from paper_exchange.server.rest.strict import (
    AMEND,
    BATCH,
    BORROW_CHECK,
    CANCEL,
    CANCEL_ALL,
    CREATE,
    EXECUTIONS,
    OPEN_ORDERS,
    ORDER_HISTORY,
    Rules,
    check_body,
)
from paper_exchange.server.wire import plain
from paper_exchange.types import Reject

BATCH_MAX = {"linear": 20, "spot": 10}
_JOURNALED = (
    "category",
    "symbol",
    "side",
    "orderType",
    "qty",
    "price",
    "timeInForce",
    "triggerPrice",
    "positionIdx",
)


def create(call: Call, params: Params) -> dict[str, Any]:
    """`POST order/create`."""
    exchange = call.exchange
    before = position_before(call, params)
    result = exchange.venue.engine.create_order(call.uid, params, call.now)
    note_create(call, params, result, before)
    exchange.venue.touched(call.uid, result["orderId"])
    return result


def note_create(
    call: Call,
    params: Params,
    result: Mapping[str, Any],
    before: str | None,
    origin: str = "client",
) -> None:
    """The journal's record of an accepted order."""
    call.exchange.venue.journal(
        "create",
        {
            "uid": call.uid,
            "orderId": result["orderId"],
            "orderLinkId": result["orderLinkId"],
            **{name: params.get(name) for name in _JOURNALED},
            "reduceOnly": bool(params.get("reduceOnly", False)),
            "positionBefore": before,
            "origin": origin,
        },
    )


def position_before(call: Call, params: Params) -> str | None:
    """The signed size of the position that the order would change; None on spot."""
    if params["category"] != "linear":
        return None
    engine, index = call.exchange.venue.engine, params.get("positionIdx", 0)
    return format(engine.position_size(call.uid, params["symbol"], index), "f")


def amend(call: Call, params: Params) -> dict[str, Any]:
    """`POST order/amend`."""
    venue = call.exchange.venue
    _require_id(params)
    result = venue.engine.amend_order(call.uid, params, call.now)
    venue.journal("amend", {"uid": call.uid, **params, **result})
    venue.touched(call.uid, result["orderId"])
    return result


def cancel(call: Call, params: Params) -> dict[str, Any]:
    """`POST order/cancel`."""
    venue = call.exchange.venue
    _require_id(params)
    result = venue.engine.cancel_order(call.uid, params, call.now)
    venue.journal("cancel", {"uid": call.uid, **params, **result})
    venue.touched(call.uid, result["orderId"])
    return result


def cancel_all(call: Call, params: Params) -> dict[str, Any]:
    """`POST order/cancel-all`."""
    venue = call.exchange.venue
    if params["category"] == "linear" and not params.keys() & {"symbol", "baseCoin", "settleCoin"}:
        raise Reject(10001, "params error: symbol, baseCoin or settleCoin is required")
    result = venue.engine.cancel_all(call.uid, params, call.now)
    for row in result["list"]:
        venue.journal("cancel", {"uid": call.uid, "category": params["category"], **row})
    venue.touched(call.uid)
    return result


def _require_id(params: Params) -> None:
    if "orderId" not in params and "orderLinkId" not in params:
        raise Reject(10001, "params error: orderId or orderLinkId is required")


Member = Callable[[Call, Params], Mapping[str, Any]]


def _batch(member: Member, table: Rules, *, with_time: bool) -> Member:
    def handler(call: Call, params: Params) -> dict[str, Any]:
        requests = params["request"]
        category = params["category"]
        if not 1 <= len(requests) <= BATCH_MAX[category]:
            raise Reject(10001, f"params error: request needs 1 to {BATCH_MAX[category]} orders")
        rows, verdicts = [], []
        for number, item in enumerate(requests):
            row = {
                "category": category,
                "symbol": item.get("symbol", ""),
                "orderId": "",
                "orderLinkId": item.get("orderLinkId", ""),
            }
            if with_time:
                row["createAt"] = ""
            try:
                if number >= call.granted:
                    raise Reject(*TOO_MANY)
                full = check_body({**item, "category": category}, table, call.how)
                row |= member(call, full)
            except Reject as refusal:
                verdicts.append({"code": refusal.ret_code, "msg": refusal.ret_msg})
            else:
                verdicts.append({"code": 0, "msg": "OK"})
                if with_time:
                    row["createAt"] = str(call.now)
            rows.append(row)
        call.ret_ext["list"] = verdicts
        return {"list": rows}

    return handler


create_batch = _batch(create, CREATE, with_time=True)
amend_batch = _batch(amend, AMEND, with_time=False)
cancel_batch = _batch(cancel, CANCEL, with_time=False)


def pre_check(call: Call, params: Params) -> dict[str, Any]:
    """`POST order/pre-check`."""
    return call.exchange.venue.engine.pre_check(call.uid, params)


def borrow_check(call: Call, params: Params) -> dict[str, Any]:
    """The most that can be bought or sold on spot without a loan. There are no loans here."""
    venue = call.exchange.venue
    spec = venue.spec("spot", params["symbol"])
    if params["category"] != "spot" or params["side"] not in ("Buy", "Sell"):
        raise Reject(10001, "params error: category or side invalid")
    buys = params["side"] == "Buy"
    coin = spec.quote_coin if buys else spec.base_coin
    wallet = {row["coin"]: row for row in venue.engine.wallet(call.uid)["coin"]}
    row = wallet.get(coin, {"walletBalance": "0", "locked": "0"})
    free = max(Decimal(row["walletBalance"]) - Decimal(row["locked"] or "0"), Decimal(0))
    levels = venue.engine.book("spot", spec.symbol, 1)[1 if buys else 0]
    price = levels[0][0] * spec.tick_size if levels else Decimal(0)
    qty = free if not buys else (free / price if price else Decimal(0))
    most = plain(qty // spec.qty_step * spec.qty_step)
    amount = plain(free if buys else free * price)
    return {
        "symbol": spec.symbol,
        "side": params["side"],
        "maxTradeQty": most,
        "maxTradeAmount": amount,
        "spotMaxTradeQty": most,
        "spotMaxTradeAmount": amount,
        "borrowCoin": coin,
    }


def realtime(call: Call, params: Params) -> dict[str, Any]:
    """`GET order/realtime`: open orders and recently closed ones."""
    named = params.keys() & {"symbol", "baseCoin", "settleCoin", "orderId", "orderLinkId"}
    if params["category"] == "linear" and not named:
        raise Reject(10001, "params error: symbol, baseCoin or settleCoin is required")
    rows = call.exchange.venue.engine.open_orders(call.uid, params, call.now)
    shown = hiding.shown_orders(call.exchange.faults, rows, call.now)
    return _paged(shown, params, 20, 50, "orderId", "createdTime")


def history(call: Call, params: Params) -> dict[str, Any]:
    """`GET order/history`."""
    rows = call.exchange.venue.engine.order_history(call.uid, params, call.now)
    shown = hiding.shown_orders(call.exchange.faults, rows, call.now)
    return _paged(shown, params, 20, 50, "orderId", "createdTime")


def executions(call: Call, params: Params) -> dict[str, Any]:
    """`GET execution/list`."""
    rows = call.exchange.venue.engine.executions(call.uid, params, call.now)
    faults = call.exchange.faults
    listed = [row for row in rows if not hiding.is_hidden(faults, row["orderId"], call.now)]
    known = hiding.remembered(faults, listed)
    return _paged(known, params, 50, 100, "execId", "execTime")


def _paged(
    rows: Sequence[Mapping[str, Any]],
    params: Params,
    default: int,
    most: int,
    ident: str,
    when: str,
) -> dict[str, Any]:
    chosen, cursor = page(
        rows, params, default=default, maximum=most, id_field=ident, time_field=when
    )
    return {"category": params["category"], "list": chosen, "nextPageCursor": cursor}


def _post(
    path: str, handler: Member, table: Rules, spot_limit: int, *, batch: bool = False
) -> Endpoint:
    return Endpoint(
        "POST",
        f"/v5/order/{path}",
        handler,
        table,
        signed=True,
        limit=10,
        spot_limit=spot_limit,
        batch=batch,
        writes=True,
        trades=True,
    )


TRADE_ENDPOINTS = [
    _post("create", create, CREATE, 20),
    _post("amend", amend, AMEND, 10),
    _post("cancel", cancel, CANCEL, 20),
    _post("cancel-all", cancel_all, CANCEL_ALL, 20),
    _post("create-batch", create_batch, BATCH, 20, batch=True),
    _post("amend-batch", amend_batch, BATCH, 20, batch=True),
    _post("cancel-batch", cancel_batch, BATCH, 20, batch=True),
    Endpoint("POST", "/v5/order/pre-check", pre_check, CREATE, signed=True, limit=10),
    Endpoint(
        "GET", "/v5/order/spot-borrow-check", borrow_check, BORROW_CHECK, signed=True, limit=50
    ),
    Endpoint("GET", "/v5/order/realtime", realtime, OPEN_ORDERS, signed=True, limit=50),
    Endpoint("GET", "/v5/order/history", history, ORDER_HISTORY, signed=True, limit=50),
    Endpoint("GET", "/v5/execution/list", executions, EXECUTIONS, signed=True, limit=50),
]
