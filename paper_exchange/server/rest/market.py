"""The public market endpoints."""

from typing import Any

from paper_exchange.server.call import Call, Endpoint, Params
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.rest.instruments import instrument_record, risk_limit_rows
from paper_exchange.server.rest.paging import page, page_limit
from paper_exchange.server.rest.strict import (
    FUNDING_HISTORY,
    INSTRUMENTS,
    KLINE,
    NOTHING,
    ORDERBOOK,
    PRICE_LIMIT,
    RECENT_TRADE,
    RISK_LIMIT,
    TICKERS,
)
from paper_exchange.server.rest.strict import rules as make_rules
from paper_exchange.server.streams.ticker import ticker_record
from paper_exchange.server.venue.tape import DAY_MINUTES, INTERVAL_MINUTES, MINUTE_MS, MONTH
from paper_exchange.server.wire import plain
from paper_exchange.types import Reject

RISK_LIMIT_PAGE = 15
FAR_FUTURE = 1 << 62
LONGEST_MONTH_MINUTES = 31 * DAY_MINUTES


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
    bids, asks = venue.engine.book(spec.category, spec.symbol, depth)
    price, qty = tape.price_text, tape.qty_text
    return {
        "s": spec.symbol,
        "b": [[price(p), qty(q)] for p, q in bids],
        "a": [[price(p), qty(q)] for p, q in asks],
        "ts": call.now,
        "u": tape.seq,
        "seq": tape.seq,
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


def kline(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/kline`."""
    venue = call.exchange.venue
    spec = venue.spec(params.get("category", "linear"), params["symbol"])
    interval = params["interval"]
    if interval not in INTERVAL_MINUTES and interval != MONTH:
        raise Reject(10001, "params error: interval invalid")
    limit = page_limit(params, 200, 1000)
    start, end = _kline_range(params, interval, limit, call.now)
    tape = venue.tapes[spec.key]
    tape.roll(call.now)
    bars = [bar for _, bar in tape.klines(interval, start, end)]
    if "start" in params and "end" not in params:
        bars = bars[:limit]
    rows = []
    for bar in reversed(bars[-limit:]):
        f = tape.bar_fields(bar)
        rows.append(
            [
                str(bar.start),
                f["open"],
                f["high"],
                f["low"],
                f["close"],
                f["volume"],
                f["turnover"],
            ]
        )
    return {"category": spec.category, "symbol": spec.symbol, "list": rows}


def _kline_range(params: Params, interval: str, limit: int, now: int) -> tuple[int, int]:
    """First and last bar start asked for, no wider than `limit` bars can fill."""
    minutes = INTERVAL_MINUTES.get(interval, LONGEST_MONTH_MINUTES)
    width = limit * minutes * MINUTE_MS
    if "start" in params and "end" not in params:
        start = int(params["start"])
        return start, min(start + width, now)
    end = min(int(params.get("end", now)), now)
    start = int(params.get("start", 0))
    if "end" in params and start > int(params["end"]):
        raise Reject(10001, "params error: start is after end")
    return max(start, end - width, 0), end


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


MARKET_ENDPOINTS = [
    Endpoint("GET", "/v5/market/time", server_time, NOTHING),
    Endpoint("GET", "/v5/system/status", system_status, make_rules(s="id state")),
    Endpoint("GET", "/v5/market/instruments-info", instruments_info, INSTRUMENTS),
    Endpoint("GET", "/v5/market/tickers", tickers, TICKERS),
    Endpoint("GET", "/v5/market/orderbook", orderbook, ORDERBOOK),
    Endpoint("GET", "/v5/market/recent-trade", recent_trade, RECENT_TRADE),
    Endpoint("GET", "/v5/market/kline", kline, KLINE),
    Endpoint("GET", "/v5/market/funding/history", funding_history, FUNDING_HISTORY),
    Endpoint("GET", "/v5/market/risk-limit", risk_limit, RISK_LIMIT),
    Endpoint("GET", "/v5/market/price-limit", price_limit, PRICE_LIMIT),
]
