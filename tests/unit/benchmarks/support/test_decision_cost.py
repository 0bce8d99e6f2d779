"""The trades whose cost is measured are small, and keep the schema of messages."""

import random

from benchmarks.support.decision_cost import small_trade
from bot.decision import parsing


def test_small_trades_are_requests_of_their_own() -> None:
    chance = random.Random(7)
    trades = [small_trade(chance) for _ in range(20)]
    assert len({trade["request_id"] for trade in trades}) == 20
    assert all(parsing.parse_request(trade).request_id == trade["request_id"] for trade in trades)
