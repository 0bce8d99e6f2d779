"""The position, account and user endpoints."""

from typing import Any

from paper_exchange.server.call import Call, Endpoint, Params
from paper_exchange.server.rest.market import instruments_info
from paper_exchange.server.rest.paging import page
from paper_exchange.server.rest.strict import (
    ADD_MARGIN,
    CLOSED_PNL,
    FEE_RATE,
    INSTRUMENTS,
    NOTHING,
    POSITIONS,
    SET_DCP,
    SET_LEVERAGE,
    SET_MARGIN_MODE,
    SET_PRICE_LIMIT_ACTION,
    SWITCH_MODE,
    SYMBOL_INFO,
    TRADING_STOP,
    TRANSACTION_LOG,
    WALLET,
)
from paper_exchange.server.wire import plain
from paper_exchange.types import Reject

MARGIN_MODE = "REGULAR_MARGIN"
ISOLATED = "ISOLATED_MARGIN"
MARGIN_MODES = (MARGIN_MODE, ISOLATED, "PORTFOLIO_MARGIN")
_ADDED = (
    *("symbol", "positionIdx", "riskId", "riskLimitValue", "size", "liqPrice", "bustPrice"),
    *("markPrice", "positionValue", "leverage", "autoAddMargin", "positionStatus", "positionIM"),
    *("positionMM", "takeProfit", "stopLoss", "trailingStop", "unrealisedPnl", "cumRealisedPnl"),
    *("avgPrice", "createdTime", "updatedTime"),
)
"""The fields of a position that `position/add-margin` answers."""


def position_list(call: Call, params: Params) -> dict[str, Any]:
    """`GET position/list`."""
    if params["category"] != "linear":
        raise Reject(10001, "params error: category invalid")
    if "symbol" not in params and "settleCoin" not in params:
        raise Reject(10001, "params error: symbol or settleCoin is required")
    if "symbol" in params:
        call.exchange.venue.spec("linear", params["symbol"])
    rows = call.exchange.venue.engine.positions(call.uid, params)
    marked = [{**row, "_id": f"{row['symbol']}-{row['positionIdx']}"} for row in rows]
    chosen, cursor = page(
        marked, params, default=20, maximum=200, id_field="_id", time_field="createdTime"
    )
    clean = [{name: value for name, value in row.items() if name != "_id"} for row in chosen]
    return {"category": "linear", "list": clean, "nextPageCursor": cursor}


def set_leverage(call: Call, params: Params) -> dict[str, Any]:
    """`POST position/set-leverage`."""
    venue = call.exchange.venue
    venue.engine.set_leverage(call.uid, params, call.now)
    return _settled(call, "leverage", params)


def switch_mode(call: Call, params: Params) -> dict[str, Any]:
    """`POST position/switch-mode`."""
    if params["category"] != "linear" or params["mode"] not in (0, 3):
        raise Reject(10001, "params error: mode invalid")
    call.exchange.venue.engine.switch_mode(call.uid, params, call.now)
    return _settled(call, "mode", params)


def trading_stop(call: Call, params: Params) -> dict[str, Any]:
    """`POST position/trading-stop`."""
    call.exchange.venue.engine.trading_stop(call.uid, params, call.now)
    return _settled(call, "trading-stop", params)


def _settled(call: Call, what: str, params: Params) -> dict[str, Any]:
    call.exchange.venue.journal("setting", {"uid": call.uid, "what": what, "params": params})
    call.exchange.venue.touched(call.uid)
    return {}


def closed_pnl(call: Call, params: Params) -> dict[str, Any]:
    """`GET position/closed-pnl`."""
    rows = call.exchange.venue.engine.closed_pnl(call.uid, params)
    chosen, cursor = page(
        rows, params, default=50, maximum=100, id_field="orderId", time_field="updatedTime"
    )
    return {"category": params["category"], "list": chosen, "nextPageCursor": cursor}


def wallet_balance(call: Call, params: Params) -> dict[str, Any]:
    """`GET account/wallet-balance`; only the unified account exists."""
    if params["accountType"] != "UNIFIED":
        raise Reject(10001, "params error: accountType only support UNIFIED.")
    account = call.exchange.venue.engine.wallet(call.uid)
    if "coin" in params:
        wanted = set(params["coin"].split(","))
        coins = [row for row in account["coin"] if row["coin"] in wanted]
        account = {**account, "coin": coins}
    return {"list": [account]}


def account_info(call: Call, _params: Params) -> dict[str, Any]:
    """`GET account/info`."""
    return {
        "marginMode": ISOLATED if call.exchange.paper.is_isolated(call.uid) else MARGIN_MODE,
        "updatedTime": str(call.exchange.started_ms),
        "unifiedMarginStatus": 5,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def account_instruments(call: Call, params: Params) -> dict[str, Any]:
    """The instruments with the account's rights: no order of retail price improvement."""
    answer = instruments_info(call, params)
    rights = {"isPublicRpi": False, "myRpiPermission": False}
    return {**answer, "list": [{**row, **rights} for row in answer["list"]]}


def fee_rate(call: Call, params: Params) -> dict[str, Any]:
    """`GET account/fee-rate`."""
    venue = call.exchange.venue
    category = params["category"]
    if "symbol" in params:
        specs = [venue.spec(category, params["symbol"])]
    else:
        coin = params.get("baseCoin")
        specs = [
            spec
            for spec in venue.specs.values()
            if spec.category == category and coin in (None, spec.base_coin)
        ]
    maker, taker = call.exchange.accounts[call.uid].fee_rates(category)
    return {
        "category": category,
        "list": [
            {
                "symbol": spec.symbol,
                "takerFeeRate": plain(taker),
                "makerFeeRate": plain(maker),
            }
            for spec in specs
        ],
    }


def transaction_log(call: Call, params: Params) -> dict[str, Any]:
    """`GET account/transaction-log`."""
    rows = call.exchange.venue.engine.transaction_log(call.uid, params)
    chosen, cursor = page(
        rows, params, default=20, maximum=50, id_field="id", time_field="transactionTime"
    )
    return {"list": chosen, "nextPageCursor": cursor}


def user_setting(call: Call, _params: Params) -> dict[str, Any]:
    """`GET account/user-setting-config`."""
    refuse = call.exchange.refuses_outside_band(call.uid)
    return {"lpaSpot": False, "lpaPerp": refuse, "smsef": False, "fmsef": False}


def set_price_limit_action(call: Call, params: Params) -> dict[str, Any]:
    """`POST account/set-limit-px-action`."""
    call.exchange.set_band_action(call.uid, params["category"], modify=params["modifyEnable"])
    return _settled(call, "price-limit-action", params)


def smp_group(_call: Call, _params: Params) -> dict[str, Any]:
    """`GET account/smp-group`; every account is in group 0."""
    return {"smpGroup": 0}


def set_dcp(call: Call, params: Params) -> dict[str, Any]:
    """`POST order/disconnected-cancel-all`."""
    call.exchange.dcp.configure(
        call.uid, params.get("product", "OPTIONS"), int(params["timeWindow"])
    )
    return _settled(call, "dcp", params)


def query_dcp(call: Call, _params: Params) -> dict[str, Any]:
    """`GET account/query-dcp-info`."""
    return {"dcpInfos": call.exchange.dcp.describe(call.uid)}


def query_api(call: Call, _params: Params) -> dict[str, Any]:
    """`GET user/query-api`: the key that asks, with its rights."""
    key = call.key
    if key is None:
        raise Reject(10003, "API key is invalid.")
    account = call.exchange.accounts[key.uid]
    return {
        "id": account.numeric_id,
        "note": "paper exchange",
        "apiKey": key.key,
        "readOnly": int(key.read_only),
        "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"],
            "Spot": ["SpotTrade"],
            "Wallet": [],
            "Options": [],
            "Derivatives": ["DerivativesTrade"],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": ["ExchangeHistory"],
            "NFT": [],
            "Affiliate": [],
            "Earn": [],
            "FiatP2P": [],
            "FiatBitPay": [],
            "FiatConvertBroker": [],
            "BitCard": [],
            "ByXPost": [],
        },
        "ips": ["127.0.0.1"],
        "type": 1,
        "deadlineDay": -2,
        "expiredAt": "1970-01-01T00:00:00Z",
        "createdAt": "2025-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": int(account.numeric_id),
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": key.rsa_public_key,
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_1",
        "kycRegion": "",
    }


def _read(path: str, handler: Any, table: Any, limit: int) -> Endpoint:
    return Endpoint("GET", path, handler, table, signed=True, limit=limit)


def _write(path: str, handler: Any, table: Any, limit: int) -> Endpoint:
    return Endpoint("POST", path, handler, table, signed=True, limit=limit, writes=True)


def set_margin_mode(call: Call, params: Params) -> dict[str, Any]:
    """`POST account/set-margin-mode`: cross or isolated. There is no portfolio margin here."""
    mode = params["setMarginMode"]
    if mode not in MARGIN_MODES:
        raise Reject(10001, "params error: setMarginMode invalid")
    if mode not in (MARGIN_MODE, ISOLATED):
        raise Reject(3400045, "Set margin mode failed")
    call.exchange.paper.set_margin_mode(call.uid, mode == ISOLATED, call.now)
    return _settled(call, "margin-mode", params) | {"reasons": []}


def add_margin(call: Call, params: Params) -> dict[str, Any]:
    """`POST position/add-margin`: more margin for an isolated position, or less."""
    row = call.exchange.paper.add_margin(call.uid, params, call.now)
    _settled(call, "add-margin", params)
    return {"category": params["category"], **{name: row[name] for name in _ADDED}}


def symbol_info(call: Call, params: Params) -> dict[str, Any]:
    """Leverage and position mode of one symbol, or of all."""
    venue = call.exchange.venue
    category = params["category"]
    if category != "linear":
        raise Reject(10001, "params error: category invalid")
    if "symbol" in params:
        specs = [venue.spec(category, params["symbol"])]
    else:
        specs = [spec for spec in venue.specs.values() if spec.category == category]
    rows = [
        {name: row[name] for name in ("symbol", "leverage", "side", "positionIdx")}
        for spec in sorted(specs, key=lambda spec: spec.symbol)
        for row in venue.engine.positions(call.uid, {"category": category, "symbol": spec.symbol})
    ]
    return {"category": category, "list": rows}


ACCOUNT_ENDPOINTS = [
    _read("/v5/position/symbol-info", symbol_info, SYMBOL_INFO, 50),
    _read("/v5/account/instruments-info", account_instruments, INSTRUMENTS, 50),
    _write("/v5/account/set-margin-mode", set_margin_mode, SET_MARGIN_MODE, 5),
    _read("/v5/position/list", position_list, POSITIONS, 50),
    _write("/v5/position/add-margin", add_margin, ADD_MARGIN, 10),
    _write("/v5/position/set-leverage", set_leverage, SET_LEVERAGE, 10),
    _write("/v5/position/switch-mode", switch_mode, SWITCH_MODE, 10),
    _write("/v5/position/trading-stop", trading_stop, TRADING_STOP, 10),
    _read("/v5/position/closed-pnl", closed_pnl, CLOSED_PNL, 50),
    _read("/v5/account/wallet-balance", wallet_balance, WALLET, 50),
    _read("/v5/account/info", account_info, NOTHING, 50),
    _read("/v5/account/fee-rate", fee_rate, FEE_RATE, 5),
    _read("/v5/account/transaction-log", transaction_log, TRANSACTION_LOG, 25),
    _read("/v5/account/user-setting-config", user_setting, NOTHING, 50),
    _write("/v5/account/set-limit-px-action", set_price_limit_action, SET_PRICE_LIMIT_ACTION, 10),
    _read("/v5/account/smp-group", smp_group, NOTHING, 5),
    _write("/v5/order/disconnected-cancel-all", set_dcp, SET_DCP, 5),
    _read("/v5/account/query-dcp-info", query_dcp, NOTHING, 5),
    _read("/v5/user/query-api", query_api, NOTHING, 10),
]
