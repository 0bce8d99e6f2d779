"""Charts: klines of trades, mark, index and premium, and open interest over time."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from paper_exchange.server.call import Call, Endpoint, Handler, Params
from paper_exchange.server.rest.paging import page, page_limit
from paper_exchange.server.rest.strict import KLINE, OPEN_INTEREST
from paper_exchange.server.streams.ticker import open_interest
from paper_exchange.server.venue.bars import (
    DAY_MINUTES,
    INTERVAL_MINUTES,
    MINUTE_MS,
    MONTH,
    Bar,
    bucket,
)
from paper_exchange.server.venue.tape import MILLION, Tape
from paper_exchange.server.wire import plain
from paper_exchange.types import Reject

LONGEST_MONTH_MINUTES = 31 * DAY_MINUTES
OPEN_INTEREST_MINUTES: Final = {
    "5min": "5",
    "15min": "15",
    "30min": "30",
    "1h": "60",
    "4h": "240",
    "1d": "D",
}
OPEN_INTEREST_POINTS: Final = 200


def kline(call: Call, params: Params) -> dict[str, Any]:
    """`GET market/kline`. Newest first: start, open, high, low, close, volume, turnover."""

    def bars(tape: Tape, interval: str, start: int, end: int) -> list[Bar]:
        tape.roll(call.now)
        return [bar for _, bar in tape.klines(interval, start, end)]

    def row(tape: Tape, bar: Bar) -> list[str]:
        fields = tape.bar_fields(bar)
        names = ("open", "high", "low", "close", "volume", "turnover")
        return [str(bar.start), *(fields[name] for name in names)]

    return _chart(call, params, bars, row)


def _price_kline(series: str) -> Handler:
    """Klines of a price that does not trade: start, open, high, low, close. Newest first."""

    def handler(call: Call, params: Params) -> dict[str, Any]:
        if params.get("category", "linear") != "linear":
            raise Reject(10001, "params error: category invalid")

        def bars(tape: Tape, interval: str, start: int, end: int) -> list[Bar]:
            prices = getattr(tape, series)
            prices.roll(call.now)
            return list(prices.klines(interval, start, end))

        def row(tape: Tape, bar: Bar) -> list[str]:
            text = _premium if series == "premium_bars" else tape.price_text
            return [str(bar.start), *map(text, (bar.open, bar.high, bar.low, bar.close))]

        return _chart(call, params, bars, row)

    return handler


def _premium(millionths: int) -> str:
    return plain(Decimal(millionths) / MILLION)


def _chart(
    call: Call,
    params: Params,
    bars: Callable[[Tape, str, int, int], Sequence[Bar]],
    row: Callable[[Tape, Bar], list[str]],
) -> dict[str, Any]:
    venue = call.exchange.venue
    spec = venue.spec(params.get("category", "linear"), params["symbol"])
    interval = params["interval"]
    if interval not in INTERVAL_MINUTES and interval != MONTH:
        raise Reject(10001, "params error: interval invalid")
    limit = page_limit(params, 200, 1000)
    start, end = _kline_range(params, interval, limit, call.now)
    tape = venue.tapes[spec.key]
    found = bars(tape, interval, start, end)
    if "start" in params and "end" not in params:
        found = found[:limit]
    rows = [row(tape, bar) for bar in reversed(found[-limit:])]
    return {"category": spec.category, "symbol": spec.symbol, "list": rows}


def _kline_range(params: Params, interval: str, limit: int, now: int) -> tuple[int, int]:
    """The first and last bar start of a request, no further apart than `limit` bars."""
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


def open_interest_history(call: Call, params: Params) -> dict[str, Any]:
    """Open interest, one point at the start of each interval, newest first."""
    venue = call.exchange.venue
    spec = venue.spec(params["category"], params["symbol"])
    interval = OPEN_INTEREST_MINUTES.get(params["intervalTime"])
    if interval is None:
        raise Reject(10001, "params error: intervalTime invalid")
    if spec.category != "linear":
        raise Reject(10001, "params error: category invalid")
    length = INTERVAL_MINUTES[interval] * MINUTE_MS
    newest = bucket(min(int(params.get("endTime", call.now)), call.now), interval)[0]
    oldest = max(int(params.get("startTime", 0)), newest - (OPEN_INTEREST_POINTS - 1) * length)
    rows = [
        {
            "openInterest": plain(open_interest(spec, moment)),
            "singleOpenInterest": plain(open_interest(spec, moment) / 2),
            "timestamp": str(moment),
        }
        for moment in range(newest, oldest - 1, -length)
    ]
    chosen, cursor = page(
        rows, params, default=50, maximum=200, id_field="timestamp", time_field="timestamp"
    )
    return {
        "symbol": spec.symbol,
        "category": spec.category,
        "list": chosen,
        "nextPageCursor": cursor,
    }


CHART_ENDPOINTS = [
    Endpoint("GET", "/v5/market/kline", kline, KLINE),
    Endpoint("GET", "/v5/market/mark-price-kline", _price_kline("mark_bars"), KLINE),
    Endpoint("GET", "/v5/market/index-price-kline", _price_kline("index_bars"), KLINE),
    Endpoint("GET", "/v5/market/premium-index-price-kline", _price_kline("premium_bars"), KLINE),
    Endpoint("GET", "/v5/market/open-interest", open_interest_history, OPEN_INTEREST),
]
