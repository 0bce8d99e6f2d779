"""One request through rules, budget and handler, whether it came by HTTP or WebSocket."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paper_exchange.server.auth import ApiKey
from paper_exchange.server.call import Call, Endpoint
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.exchange import Exchange
from paper_exchange.server.ratelimit import Usage
from paper_exchange.server.rest.strict import check_body, check_query
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


def perform(
    exchange: Exchange,
    endpoint: Endpoint,
    key: ApiKey | None,
    params: Mapping[str, Any],
    *,
    query: bool,
) -> Outcome:
    """Never raises: what goes wrong inside becomes 10016, as at Bybit, and is logged."""
    usage: Usage | None = None
    try:
        if endpoint.writes and key is not None and key.read_only:
            raise Reject(10005, "Permission denied, please check your API key permissions.")
        call = Call(exchange, exchange.venue.catch_up(), key)
        if endpoint.signed:
            usage = _budget(exchange, call, endpoint, params)
            if not usage.allowed:
                raise Reject(10006, "Too many visits. Exceeded the API Rate Limit.")
        strict = exchange.settings.strict
        if query:
            checked = check_query(params, endpoint.rules, strict=strict)
        else:
            call.shortest = exchange.faults.lasting("strict_decimals", endpoint.name)
            checked = check_body(params, endpoint.rules, strict=strict, shortest=call.shortest)
        result = endpoint.handler(call, checked)
    except Reject as refusal:
        return Outcome(refusal.ret_code, refusal.ret_msg, {}, {}, usage)
    except Exception:
        log.exception(
            "internal error while serving a request",
            extra={"event": "paper.internal_error", "endpoint": endpoint.name},
        )
        return Outcome(10016, "Internal server error.", {}, {}, usage)
    return Outcome(0, "OK", result, call.ret_ext, usage)


def _budget(exchange: Exchange, call: Call, endpoint: Endpoint, params: Mapping[str, Any]) -> Usage:
    """Batches pay per order."""
    cost = 1
    if endpoint.batch and isinstance(params.get("request"), list):
        cost = max(1, len(params["request"]))
    return exchange.take_budget(call, endpoint, str(params.get("category", "")), cost)


def limit_headers(exchange: Exchange, outcome_usage: Usage | None) -> dict[str, str]:
    """Bybit's rate-limit headers: the endpoint's usage, or else the address's limit."""
    usage = outcome_usage
    if usage is None or usage.limit == 0:
        now = str(wall_ms())
        return {
            "X-Bapi-Limit": str(exchange.settings.ip_rate),
            "X-Bapi-Limit-Status": str(exchange.settings.ip_rate),
            "X-Bapi-Limit-Reset-Timestamp": now,
        }
    return {
        "X-Bapi-Limit": str(usage.limit),
        "X-Bapi-Limit-Status": str(usage.remaining),
        "X-Bapi-Limit-Reset-Timestamp": str(usage.reset_ms),
    }
