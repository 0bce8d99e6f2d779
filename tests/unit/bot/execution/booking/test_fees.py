"""Fees have a value in the quote coin, or are kept apart until they have one."""

from decimal import Decimal

import pytest

from bot.execution.booking import fees

D = Decimal


@pytest.mark.parametrize(
    ("symbol", "coin", "worth"),
    [
        ("BTCPERP", "USDC", "2"),
        ("BTC-26DEC25", "BTC", "200"),
        ("ETHUSDT-26DEC25", "USDT", "2"),
        ("BTCDOMUSDT", "BTC", None),
        ("1000PEPEUSDT", "1000", None),
    ],
)
def test_a_coin_is_told_by_its_whole_name(symbol: str, coin: str, worth: str | None) -> None:
    found = fees.in_quote(symbol, coin, D(2), D(100))
    assert found == (None if worth is None else D(worth))
