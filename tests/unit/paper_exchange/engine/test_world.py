"""The engine's shared state: unknown things are refused, ids repeat, timers keep their order."""

import heapq

import pytest

from paper_exchange.engine.settings import AccountConfig, EngineSettings
from paper_exchange.engine.world import SPOT_ID_BASE, World
from paper_exchange.market.factory import open_source
from paper_exchange.types import Reject

SPECS = open_source("synthetic", seed=1, symbols=("BTCUSDT",)).instruments()


def world(seed: int = 7) -> World:
    return World(SPECS, {"a": AccountConfig("a")}, EngineSettings(seed=seed))


def test_an_unknown_account_product_and_symbol_are_refused() -> None:
    made = world()
    assert made.account("a").uid == "a"
    with pytest.raises(Reject, match="API key"):
        made.account("b")
    with pytest.raises(Reject):
        made.market("option", "BTCUSDT")
    with pytest.raises(Reject):
        made.market_of({"category": "linear", "symbol": "GONEUSDT"})


def test_the_same_seed_and_history_give_the_same_ids() -> None:
    first, second, other = world(), world(), world(seed=8)
    ids = [first.uuid("order") for _ in range(3)]
    assert ids == [second.uuid("order") for _ in range(3)]
    assert len(set(ids)) == 3
    assert other.uuid("order") not in ids
    assert int(first.numeric_id()) > SPOT_ID_BASE


def test_effects_of_one_time_run_in_the_order_of_scheduling() -> None:
    made = world()
    made.now = 100
    made.schedule(50, "second", 1)
    made.schedule_at(120, "first")
    made.schedule_at(150, "third")
    actions = [heapq.heappop(made.timers)[2] for _ in range(3)]
    assert actions == ["first", "second", "third"]


def test_a_stable_coin_is_worth_one_and_an_unknown_coin_nothing() -> None:
    made = world()
    assert made.usd_price("USDT") == 1
    assert made.usd_price("GONE") == 0
    assert made.pricing_market("GONE") is None
