"""Disconnect protection: windows are bounded, and shown as Bybit shows them."""

from typing import Any

import pytest

from paper_exchange.server.streams.dcp import DisconnectProtection
from paper_exchange.types import Reject

NOBODY: Any = None


def test_a_configured_window_is_shown() -> None:
    guard = DisconnectProtection(NOBODY)
    assert guard.describe("u-1") == []
    guard.configure("u-1", "DERIVATIVES", 10)
    guard.configure("u-1", "DERIVATIVES", 30)
    assert guard.describe("u-1") == [
        {"product": "DERIVATIVES", "dcpStatus": "ON", "timeWindow": "30"}
    ]
    assert guard.describe("u-2") == []


@pytest.mark.parametrize(
    ("product", "seconds"), [("FUTURES", 10), ("SPOT", 2), ("SPOT", 301), ("SPOT", 0)]
)
def test_another_product_or_window_is_refused(product: str, seconds: int) -> None:
    guard = DisconnectProtection(NOBODY)
    with pytest.raises(Reject) as refused:
        guard.configure("u-1", product, seconds)
    assert refused.value.ret_code == 10001
    assert guard.describe("u-1") == []
