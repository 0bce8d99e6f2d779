"""Takes one request through rules, budget and handler, from HTTP and WebSocket alike."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paper_exchange.server.auth import ApiKey
from paper_exchange.server.call import Call, Endpoint
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.exchange import Exchange
from paper_exchange.server.ratelimit import DOCUMENTED_IP_RATE, TOO_MANY, Usage
from paper_exchange.server.rest.strict import SERVED, Strictness, check_body, check_query
from paper_exchange.types import Reject

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer before it gets its envelope."""

    ret_code: int
    ret_msg: str
    result: Mapping[str, Any]
    ret_ext: Mapping[str, Any]
    usage: Usage | None
    ignored: Sequence[str] = ()
    """The request's parameter names that the endpoint does not know."""


def perform(
    exchange: Exchange,
    endpoint: Endpoint,
    key: ApiKey | None,
    params: Mapping[str, Any],
    *,
    query: bool,
) -> Outcome:
    """Performs one request and never raises.

    An internal error becomes 10016, as at Bybit, and is logged.
    """
    usage: Usage | None = None
    how = Strictness(
        strict=exchange.settings.strict,
        shortest=not query and exchange.faults.lasting("strict_decimals", endpoint.name),
    )
    try:
        if endpoint.writes and key is not None and key.read_only:
            raise Reject(10005, "Permission denied, please check your API key permissions.")
        call = Call(exchange, exchange.venue.catch_up(), key, how=how)
        if endpoint.signed:
            usage = _budget(exchange, call, endpoint, params)
            if not usage.allowed:
                raise Reject(*TOO_MANY)
            call.granted = usage.granted
        result = _answer(call, endpoint, params, query=query)
    except Reject as refusal:
        ignored = _note_ignored(exchange, endpoint, how)
        return Outcome(refusal.ret_code, refusal.ret_msg, {}, {}, usage, ignored)
    except Exception:
        log.exception(
            "internal error while serving a request",
            extra={"event": "paper.internal_error", "endpoint": endpoint.name},
        )
        return Outcome(10016, "Internal server error.", {}, {}, usage)
    return Outcome(0, "OK", result, call.ret_ext, usage, _note_ignored(exchange, endpoint, how))


def _answer(
    call: Call, endpoint: Endpoint, params: Mapping[str, Any], *, query: bool
) -> Mapping[str, Any]:
    if endpoint.rules is None:
        return endpoint.handler(call, params)
    check = check_query if query else check_body
    checked = check(params, endpoint.rules, call.how)
    if checked.get("category", SERVED[0]) not in SERVED:
        return _without_markets(endpoint, checked)
    return endpoint.handler(call, checked)


def _without_markets(endpoint: Endpoint, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer for `inverse` and `option`. These categories exist and hold nothing here."""
    if endpoint.path == "/v5/order/cancel-all":
        return {"list": [], "success": "1"}
    if endpoint.writes or "symbol" in params:
        raise Reject(10001, "params error: symbol invalid")
    return {"category": params["category"], "list": [], "nextPageCursor": ""}


def _note_ignored(exchange: Exchange, endpoint: Endpoint, how: Strictness) -> Sequence[str]:
    """The ignored names. They are journaled when this endpoint ignores them for the first time."""
    names = tuple(sorted(how.ignored))
    fresh = [name for name in names if exchange.is_news(endpoint.name, name)]
    if fresh:
        exchange.venue.journal("ignored", {"endpoint": endpoint.name, "parameters": fresh})
    return names


def _budget(exchange: Exchange, call: Call, endpoint: Endpoint, params: Mapping[str, Any]) -> Usage:
    """Takes from the caller's budget. A batch costs one request per order."""
    cost = 1
    if endpoint.batch and isinstance(params.get("request"), list):
        cost = max(1, len(params["request"]))
    return exchange.take_budget(call, endpoint, str(params.get("category", "")), cost)


def limit_headers(exchange: Exchange, outcome_usage: Usage | None) -> dict[str, str]:
    """Bybit's rate-limit headers: the endpoint's usage, or else the address's limit."""
    usage = outcome_usage
    if usage is None:
        # Without a limit, a client that paces itself by these headers must not read "none left".
        limit = exchange.settings.ip_rate or DOCUMENTED_IP_RATE
        usage = Usage(limit, limit, wall_ms(), 1)
    return {
        "X-Bapi-Limit": str(usage.limit),
        "X-Bapi-Limit-Status": str(usage.remaining),
        "X-Bapi-Limit-Reset-Timestamp": str(usage.reset_ms),
    }
