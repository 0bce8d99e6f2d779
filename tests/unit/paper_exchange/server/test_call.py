"""A request knows its caller, and an endpoint its short name."""

from typing import Any

import pytest

from paper_exchange.server.call import Call, Endpoint


def test_a_public_call_has_no_account() -> None:
    exchange: Any = None
    with pytest.raises(RuntimeError, match="without a key"):
        _ = Call(exchange, 1).uid


def test_an_endpoint_is_named_by_its_path() -> None:
    endpoint = Endpoint("POST", "/v5/order/create", lambda _call, _params: {}, None)
    assert endpoint.name == "order/create"
