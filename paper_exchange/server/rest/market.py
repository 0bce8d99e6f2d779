"""The public market endpoints."""

from typing import Any

from paper_exchange.server.call import Call, Endpoint, Params
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.rest.instruments import instrument_record, risk_limit_rows
from paper_exchange.server.rest.paging import page, page_limit
from paper_exchange.server.rest.strict import (
    FUNDING_HISTORY,
    INDEX_COMPONENTS,
    INSTRUMENTS,
    NOTHING,
    ORDERBOOK,
    PRICE_LIMIT,
    RECENT_TRADE,
    RISK_LIMIT,
    RPI_ORDERBOOK,
    TICKERS,
)
from paper_exchange.server.rest.strict import rules as make_rules
from paper_exchange.server.streams.ticker import ticker_record
from paper_exchange.server.wire import plain
from paper_exchange.types import Reject

RISK_LIMIT_PAGE = 15
FAR_FUTURE = 1 << 62


def server_time(_call: Call, _params: Params) -> dict[str, Any]:
    """`GET market/time`: wall time, also when exchange time runs faster."""
    now = wall_ms()
    return {"timeSecond": str(now // 1000), "timeNano": f"{now}000000"}


def system_status(_call: Call, _params: Params) -> dict[str, Any]:
    """`GET system/status`: no maintenance, ever."""
    return {"list": []}


def instruments_info(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/instruments-info`."""
    category = params["category"]
    specs = [
        spec
        for spec in call.exchange.venue.specs.values()
        if spec.category == category
        and params.get("symbol", spec.symbol) == spec.symbol
        and params.get("baseCoin", spec.base_coin) == spec.base_coin
        and params.get("status", spec.status) == spec.status
    ]
    rows = [instrument_record(spec) for spec in sorted(specs, key=lambda s: s.symbol)]
    if category == "spot":
        return {"category": category, "list": rows}
    chosen, cursor = page(
        rows, params, default=500, maximum=1000, id_field="symbol", time_field="launchTime"
    )
    return {"category": category, "list": chosen, "nextPageCursor": cursor}


def tickers(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/tickers`."""
    category = params["category"]
    venue = call.exchange.venue
    if "symbol" in params:
        specs = [venue.spec(category, params["symbol"])]
    else:
        specs = [spec for spec in venue.specs.values() if spec.category == category]
    rows = [ticker_record(venue, spec.key, full=True) for spec in specs]
    return {"category": category, "list": rows}


def orderbook(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/orderbook`."""
    venue = call.exchange.venue
    spec = venue.spec(params["category"], params["symbol"])
    depth = page_limit(params, 1 if spec.category == "spot" else 25, 1000)
    tape = venue.tapes[spec.key]
    call.exchange.public.show_book(spec.key)
    bids, asks = venue.engine.book(spec.category, spec.symbol, depth)
    price, qty = tape.price_text, tape.qty_text
    return {
        "s": spec.symbol,
        "b": [[price(p), qty(q)] for p, q in bids],
        "a": [[price(p), qty(q)] for p, q in asks],
        "ts": call.now,
        "u": tape.update_id,
        "seq": tape.book_seq,
        "cts": call.now,
    }


def recent_trade(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/recent-trade`, newest first."""
    venue = call.exchange.venue
    spec = venue.spec(params["category"], params["symbol"])
    most = 60 if spec.category == "spot" else 1000
    limit = page_limit(params, min(500, most), most)
    tape = venue.tapes[spec.key]
    newest_first = list(tape.trades)[: -limit - 1 : -1]
    return {
        "category": spec.category,
        "list": [
            {
                "execId": trade.id,
                "symbol": spec.symbol,
                "price": tape.price_text(trade.price),
                "size": tape.qty_text(trade.qty),
                "side": trade.side,
                "time": str(trade.ts_ms),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(trade.seq),
            }
            for trade in newest_first
        ],
    }


def funding_history(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/funding/history`, newest first."""
    venue = call.exchange.venue
    spec = venue.spec(params["category"], params["symbol"])
    if spec.category != "linear":
        raise Reject(10001, "params error: category invalid")
    if "startTime" in params and "endTime" not in params:
        raise Reject(10001, "params error: endTime is required with startTime")
    limit = page_limit(params, 200, 200)
    start, end = int(params.get("startTime", 0)), int(params.get("endTime", FAR_FUTURE))
    rows = [
        {
            "symbol": spec.symbol,
            "fundingRate": plain(rate),
            "fundingRateTimestamp": str(moment),
        }
        for moment, rate in reversed(venue.tapes[spec.key].fundings)
        if start <= moment <= end
    ]
    return {"category": spec.category, "list": rows[:limit]}


def risk_limit(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/risk-limit`."""
    category = params["category"]
    if category != "linear":
        raise Reject(10001, "params error: category invalid")
    venue = call.exchange.venue
    if "symbol" in params:
        specs = [venue.spec(category, params["symbol"])]
    else:
        specs = sorted(
            (s for s in venue.specs.values() if s.category == category), key=lambda s: s.symbol
        )
    names = [{"symbol": spec.symbol} for spec in specs]
    chosen, cursor = page(
        names,
        params,
        default=RISK_LIMIT_PAGE,
        maximum=RISK_LIMIT_PAGE,
        id_field="symbol",
        time_field="",
    )
    wanted = {row["symbol"] for row in chosen}
    settings = call.exchange.paper.world.settings
    rows = [
        tier for spec in specs if spec.symbol in wanted for tier in risk_limit_rows(spec, settings)
    ]
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def price_limit(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/price-limit`."""
    venue = call.exchange.venue
    spec = venue.spec(params.get("category", "linear"), params["symbol"])
    highest, lowest = venue.engine.price_limit(spec.category, spec.symbol)
    return {
        "symbol": spec.symbol,
        "buyLmt": plain(highest.quantize(spec.tick_size)),
        "sellLmt": plain(lowest.quantize(spec.tick_size)),
        "ts": str(call.now),
    }


def rpi_orderbook(call: Call, params: Params) -> dict[str, Any]:
    """The book with a third number per level, the size of retail orders. It is always 0 here."""
    book = orderbook(call, {"category": "linear", **params})
    return {**book, **{side: [[*level, "0"] for level in book[side]] for side in ("b", "a")}}


def index_components(call: Call, params: Params) -> dict[str, Any]:
    """The index price, with an empty list of components."""
    spec = call.exchange.venue.spec("linear", params["indexName"])
    tape = call.exchange.venue.tapes[spec.key]
    price = tape.index_price or tape.mark_price
    return {
        "indexName": spec.symbol,
        "lastPrice": "" if price is None else plain(price),
        "updateTime": str(call.now),
        "components": [],
    }


MARKET_ENDPOINTS = [
    Endpoint("GET", "/v5/market/full_orderbook", orderbook, ORDERBOOK),
    Endpoint("GET", "/v5/market/rpi_orderbook", rpi_orderbook, RPI_ORDERBOOK),
    Endpoint("GET", "/v5/market/index-price-components", index_components, INDEX_COMPONENTS),
    Endpoint("GET", "/v5/market/time", server_time, NOTHING),
    Endpoint("GET", "/v5/system/status", system_status, make_rules(s="id state")),
    Endpoint("GET", "/v5/market/instruments-info", instruments_info, INSTRUMENTS),
    Endpoint("GET", "/v5/market/tickers", tickers, TICKERS),
    Endpoint("GET", "/v5/market/orderbook", orderbook, ORDERBOOK),
    Endpoint("GET", "/v5/market/recent-trade", recent_trade, RECENT_TRADE),
    Endpoint("GET", "/v5/market/funding/history", funding_history, FUNDING_HISTORY),
    Endpoint("GET", "/v5/market/risk-limit", risk_limit, RISK_LIMIT),
    Endpoint("GET", "/v5/market/price-limit", price_limit, PRICE_LIMIT),
]
