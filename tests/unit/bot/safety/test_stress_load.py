"""The load of a stress test: twice the busiest minute, in messages that a strategy could send."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decision.parsing import parse_request
from bot.safety.stress_load import DEFAULT, FLOOD, STRATEGY, Figures, Load, Messages, quantile

NOW = datetime(2026, 11, 30, tzinfo=UTC)
D = Decimal
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def test_a_load_is_twice_the_busiest_minute() -> None:
    assert Load.of(Figures(130, 11, D("70000.5"))) == Load(260, 22, D("140001.0"))


def test_a_figure_without_history_counts_as_the_default_and_is_named() -> None:
    load = Load.of(Figures(0, 11, D(0)))
    assert (load.messages, load.orders, load.volume) == (
        2 * DEFAULT.received,
        22,
        2 * DEFAULT.volume,
    )
    assert load.by_default == ("received", "volume")


def test_of_two_systems_the_larger_figures_count() -> None:
    assert Figures(9, 1, D(5)).with_most_of(Figures(3, 4, D(6))) == Figures(9, 4, D(6))


@given(
    orders=st.integers(1, 2_000),
    volume=st.decimals(1, 10**7, places=2, allow_nan=False),
    count=st.integers(1, 3),
)
def test_a_round_has_as_many_orders_and_half_of_the_volume_and_no_two_equal_ones(
    orders: int, volume: Decimal, count: int
) -> None:
    entries = Load(1, orders, volume).entries(SYMBOLS[:count])
    assert len(entries) >= orders
    assert sum(notional for _, notional in entries) >= volume / 2
    assert len(set(entries)) == len(entries)


def test_what_is_left_is_less_by_what_was_done_and_never_negative() -> None:
    load = Load(10, 8, D(1000))
    assert load.less(3, D(400)) == Load(10, 5, D(600))
    assert load.less(9, D(2000)) == Load(10, 1, D(0))


def test_every_message_is_one_that_a_strategy_could_send() -> None:
    messages = Messages("stress-1")
    entry = parse_request(messages.entry(1, "BTCUSDT", D(100), NOW))
    leave = parse_request(messages.exit(2, "BTCUSDT", D("100.001"), NOW))
    denied = parse_request(messages.denied(3, "ETHUSDT", NOW))
    assert (entry.strategy, leave.strategy, denied.strategy) == (STRATEGY, STRATEGY, FLOOD)
    assert (entry.signal_data.reduce_only, leave.signal_data.reduce_only) == (False, True)
    assert (entry.side, leave.side) == ("buy", "sell")
    assert leave.signal_data.position_size == D("100.01")
    assert denied.ml_predictions.confidence == 0
    assert len({each.request_id for each in (entry, leave, denied)}) == 3


@pytest.mark.parametrize(("share", "found"), [(0.0, 1.0), (0.5, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_quantile_is_one_of_the_values(share: float, found: float) -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], share) == found
    assert quantile([], share) is None
