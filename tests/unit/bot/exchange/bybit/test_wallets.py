"""The totals of an account in Bybit's rows."""

from decimal import Decimal
from typing import Any

import pytest

from bot.exchange.bybit.frames import StreamEvent, events
from bot.exchange.bybit.parse import UnreadableRow
from bot.exchange.protocol import Wallet

D = Decimal


def typed(frame: dict[str, Any]) -> list[StreamEvent]:
    return list(events(frame, category="linear", settle_coin="USDT"))


def test_a_wallet_is_read_from_totals_and_in_isolated_mode_from_the_settle_coin() -> None:
    totals = {
        "totalEquity": "1000",
        "totalWalletBalance": "990",
        "totalAvailableBalance": "800",
        "totalInitialMargin": "150",
        "totalMaintenanceMargin": "20",
        "totalPerpUPL": "10",
    }
    coin = {
        "coin": "USDT",
        "equity": "500",
        "walletBalance": "490",
        "totalPositionIM": "50",
        "totalOrderIM": "5",
        "totalPositionMM": "7",
        "unrealisedPnl": "10",
        "locked": "1",
        "bonus": "",
    }
    (cross,) = typed({"topic": "wallet", "data": [totals | {"coin": [coin]}]})
    assert cross == Wallet(D(1000), D(990), D(800), D(150), D(20), D(10))
    empty = dict.fromkeys(totals, "")
    (isolated,) = typed({"topic": "wallet", "data": [empty | {"coin": [coin]}]})
    assert isolated == Wallet(D(500), D(490), D(434), D(55), D(7), D(10), settle_coin_only=True)
    odd = [
        {"coin": "BTC", "equity": "0.5", "usdValue": "45000"},
        {"coin": "ETH", "equity": "0", "usdValue": "0"},
        {"coin": "ODD", "equity": "1", "usdValue": "much"},
    ]
    (rich,) = typed({"topic": "wallet", "data": [totals | {"coin": [coin, *odd]}]})
    assert isinstance(rich, Wallet)
    assert rich.prices == {"BTC": D(90_000)}
    with pytest.raises(UnreadableRow):
        typed({"topic": "wallet", "data": [empty | {"coin": []}]})
