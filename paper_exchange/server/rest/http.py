"""REST: reads raw bytes, authenticates the caller, applies faults, writes Bybit's headers."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

from aiohttp import web

from paper_exchange.server.auth import ApiKey
from paper_exchange.server.call import Endpoint
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.exchange import Exchange
from paper_exchange.server.faults.catalogue import Fault
from paper_exchange.server.pipeline import Outcome, limit_headers, perform
from paper_exchange.server.rest.account import ACCOUNT_ENDPOINTS
from paper_exchange.server.rest.assets import ASSET_ENDPOINTS
from paper_exchange.server.rest.charts import CHART_ENDPOINTS
from paper_exchange.server.rest.documented import DOCUMENTED_ENDPOINTS
from paper_exchange.server.rest.market import MARKET_ENDPOINTS
from paper_exchange.server.rest.strict import parse_body
from paper_exchange.server.rest.trade import TRADE_ENDPOINTS
from paper_exchange.server.wire import envelope, error
from paper_exchange.types import Reject

ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.path: endpoint
    for endpoint in (
        *DOCUMENTED_ENDPOINTS,
        *MARKET_ENDPOINTS,
        *CHART_ENDPOINTS,
        *TRADE_ENDPOINTS,
        *ACCOUNT_ENDPOINTS,
        *ASSET_ENDPOINTS,
    )
}
HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
MAX_BODY_BYTES = 1 << 20
_JSON = "application/json; charset=utf-8"


class RestDoor:
    """Answers every HTTP request that isn't a WebSocket upgrade or a control call."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request: ban, limits, faults, signature, then the endpoint."""
        exchange = self._exchange
        path, _, query = request.raw_path.partition("?")
        if exchange.faults.lasting("connect_refuse", "rest"):
            return abort(request)
        limiter, wall = exchange.ip_limiter, wall_ms()
        if limiter.is_banned(request.remote or "", wall):
            return forbidden()
        if not limiter.allow(exchange.callers.name_of(request), wall):
            return forbidden()
        endpoint = ENDPOINTS.get(path)
        if endpoint is None:
            return _plain(404, "404 page not found")
        if endpoint.method != request.method:
            return _plain(404, "404 page not found")
        body = await request.read()
        if request.method == "GET" and body:
            return forbidden()
        fault = exchange.faults.strike("before", endpoint.name)
        if fault is not None:
            struck = await self._before(request, fault)
            if struck is not None:
                return struck
        return await self._serve(request, endpoint, query, body)

    async def _serve(
        self, request: web.BaseRequest, endpoint: Endpoint, query: str, body: bytes
    ) -> web.StreamResponse:
        exchange = self._exchange
        skew = exchange.wall_ms() - wall_ms()
        try:
            key = None
            if endpoint.signed:
                if "X-BAPI-API-KEY" not in request.headers:
                    return _plain(401, "")
                key = self._caller(request, endpoint, query, body, exchange.wall_ms())
            is_query = request.method == "GET"
            params = _query(query) if is_query else parse_body(body)
        except Reject as refusal:
            outcome = Outcome(refusal.ret_code, refusal.ret_msg, {}, {}, None)
        else:
            outcome = perform(exchange, endpoint, key, params, query=is_query)
        fault = None
        if outcome.ret_code == 0:
            fault = exchange.faults.strike("after", endpoint.name)
        if fault is not None:
            return await self._after(request, fault, outcome, skew)
        return self._reply(outcome, skew)

    def _caller(
        self, request: web.BaseRequest, endpoint: Endpoint, query: str, body: bytes, wall: int
    ) -> ApiKey:
        headers = request.headers
        refusal = self._exchange.faults.strike_named("auth", "auth_refusal", endpoint.name)
        if refusal is not None:
            raise auth_refusal(refusal)
        return self._exchange.keys.authenticate(
            headers["X-BAPI-API-KEY"],
            headers.get("X-BAPI-SIGN", ""),
            headers.get("X-BAPI-TIMESTAMP", ""),
            headers.get("X-BAPI-RECV-WINDOW", ""),
            query.encode("utf-8", "surrogateescape") if request.method == "GET" else body,
            wall,
        )

    def _reply(
        self, outcome: Outcome, skew: int, replaced: Mapping[str, str | None] | None = None
    ) -> web.Response:
        now = wall_ms() + skew
        if outcome.ret_code == 0:
            text = envelope(outcome.result, now, outcome.ret_ext)
        else:
            text = error(outcome.ret_code, outcome.ret_msg, now)
        headers: dict[str, str | None] = {
            "Content-Type": _JSON,
            **limit_headers(self._exchange, outcome.usage),
            "Traceid": self._exchange.trace_id(),
            "Timenow": str(now),
            "Ret_code": str(outcome.ret_code),
            **ignored_header(outcome),
            **(replaced or {}),
        }
        kept = {name: value for name, value in headers.items() if value is not None}
        return web.Response(body=text.encode(), headers=kept)

    async def _before(self, request: web.BaseRequest, fault: Fault) -> web.StreamResponse | None:
        """The answer of a fault, or None to go on with the request."""
        options, name = fault.options, fault.name
        if name == "delay_before":
            await asyncio.sleep(options["ms"] / 1000)
            return None
        if name == "drop_before":
            return await hold(request, options["hold_ms"])
        if name == "reset_before":
            return abort(request)
        if name == "http_403":
            self._exchange.ip_limiter.ban(request.remote or "", wall_ms(), options["seconds"])
            return forbidden()
        if name in ("http_429", "http_500"):
            return _plain(int(name[-3:]), "" if name == "http_500" else "429 Too Many Requests")
        if name == "html":
            return _html()
        if name.startswith("rate_limit"):
            return self._rate_limited(fault)
        texts = {
            "code_10000": "Server Timeout",
            "code_10016": "Server error.",
            "code_10002": _skew_text(request, options),
        }
        return self._reply(Outcome(int(name[-5:]), texts[name], {}, {}, None), 0)

    def _rate_limited(self, fault: Fault) -> web.Response:
        shift = int(fault.options.get("ms", 0))
        reset = wall_ms() + (-shift if fault.name == "rate_limit_past" else shift)
        replaced: dict[str, str | None] = {
            "X-Bapi-Limit": "10",
            "X-Bapi-Limit-Status": "0",
            "X-Bapi-Limit-Reset-Timestamp": str(reset),
        }
        if fault.name == "rate_limit_no_header":
            replaced = dict.fromkeys(replaced, None)
        outcome = Outcome(10006, "Too many visits. Exceeded the API Rate Limit.", {}, {}, None)
        return self._reply(outcome, 0, replaced)

    async def _after(
        self, request: web.BaseRequest, fault: Fault, outcome: Outcome, skew: int
    ) -> web.StreamResponse:
        name = fault.name
        if name == "drop_after":
            return await hold(request, fault.options["hold_ms"])
        if name == "reset_after":
            return abort(request)
        if name == "http_500_effect":
            return _plain(500, "")
        if name == "html_effect":
            return _html()
        if name == "delay_after":
            await asyncio.sleep(fault.options["ms"] / 1000)
            return self._reply(outcome, skew)
        if name == "truncated_json":
            whole = self._reply(outcome, skew)
            body = whole.body
            half = body[: len(body) // 2] if isinstance(body, bytes) else b""
            return web.Response(body=half, headers={"Content-Type": _JSON})
        code = 10000 if name == "code_10000_effect" else 10016
        text = "Server Timeout" if code == 10000 else "Server error."
        return self._reply(Outcome(code, text, {}, {}, outcome.usage), skew)


def auth_refusal(fault: Fault) -> Reject:
    """The refusal that an authentication fault gives, with Bybit's text for its code."""
    code = int(fault.options["code"])
    texts = {10003: "API key is invalid.", 10004: "error sign!", 33004: "Your api key has expired."}
    return Reject(code, texts.get(code, "Permission denied."))


def ignored_header(outcome: Outcome) -> dict[str, str]:
    """The ignored names as they came, percent-encoded.

    A header holds only ASCII and no line break.
    """
    if not outcome.ignored:
        return {}
    return {"X-Paper-Ignored": ",".join(quote(name) for name in outcome.ignored)}


def _query(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    params = dict(pairs)
    if len(params) != len(pairs):
        raise Reject(10001, "params error: a parameter is given twice")
    return params


def _skew_text(request: web.BaseRequest, options: Mapping[str, float]) -> str:
    now = wall_ms() + int(options.get("skew_ms", 0))
    sent = request.headers.get("X-BAPI-TIMESTAMP", "")
    window = request.headers.get("X-BAPI-RECV-WINDOW", "5000")
    return (
        "invalid request, please check your server timestamp or recv_window param. "
        f"req_timestamp[{sent}],server_timestamp[{now}],recv_window[{window}]"
    )


def forbidden() -> web.Response:
    """The answer to an address that calls too often: 403."""
    return _plain(403, "access too frequent")


def _plain(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text)


def _html() -> web.Response:
    return web.Response(text=HTML_PAGE, content_type="text/html")


def abort(request: web.BaseRequest) -> web.Response:
    """Resets the connection. It is gone before the returned response can be written."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def hold(request: web.BaseRequest, milliseconds: float) -> web.Response:
    """Holds the answer until the client gives up or the time is over, then resets the connection.

    aiohttp cancels this call when the client gives up.
    """
    await asyncio.sleep(milliseconds / 1000)
    return abort(request)
