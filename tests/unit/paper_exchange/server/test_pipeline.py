"""Bybit's rate-limit headers: an endpoint's own usage, else the address's limit."""

from types import SimpleNamespace
from typing import Any

from paper_exchange.server.pipeline import limit_headers
from paper_exchange.server.ratelimit import DOCUMENTED_IP_RATE, Usage


def headers(ip_rate: int, usage: Usage | None) -> dict[str, str]:
    exchange: Any = SimpleNamespace(settings=SimpleNamespace(ip_rate=ip_rate))
    return limit_headers(exchange, usage)


def test_an_endpoints_usage_is_told() -> None:
    found = headers(0, Usage(10, 3, 1700, 1))
    assert found == {
        "X-Bapi-Limit": "10",
        "X-Bapi-Limit-Status": "3",
        "X-Bapi-Limit-Reset-Timestamp": "1700",
    }


def test_without_a_limit_no_client_reads_that_none_is_left() -> None:
    for rate, told in ((0, DOCUMENTED_IP_RATE), (50, 50)):
        found = headers(rate, None)
        assert (found["X-Bapi-Limit"], found["X-Bapi-Limit-Status"]) == (str(told), str(told))
