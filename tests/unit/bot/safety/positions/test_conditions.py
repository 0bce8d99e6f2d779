"""When a position is closed: each boundary, and longs and shorts as mirror images."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.safety.positions import conditions
from bot.safety.positions.conditions import Cause, Confidence, Watched
from config.keys.positions import PositionRules
from tests.support.properties import examples

D = Decimal
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RULES = PositionRules()
LONG = Watched("BTCUSDT", D(1), D(100), NOW - timedelta(hours=1), D(100), best_price=D(100))


def causes(position: Watched, rules: PositionRules = RULES, now: datetime = NOW) -> list[Cause]:
    return [found.cause for found in conditions.exits(position, rules, 0.1, now)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"mark": D("95.01")}, []),
        ({"mark": D(95)}, [Cause.STOP_LOSS]),
        ({"mark": D("114.99")}, []),
        ({"mark": D(115)}, [Cause.TAKE_PROFIT]),
        ({"strategy_stop": D("99.9")}, []),
        ({"strategy_stop": D(100)}, [Cause.STRATEGY_STOP]),
        ({"strategy_stop": D(101)}, [Cause.STRATEGY_STOP]),
        ({"liquidation_price": D(90)}, []),
        ({"liquidation_price": D("90.01")}, [Cause.LIQUIDATION]),
        ({"opened_at": NOW - timedelta(hours=24) + timedelta(seconds=1)}, []),
        ({"opened_at": NOW - timedelta(hours=24)}, [Cause.AGE]),
        ({"confidences": (Confidence("s", 0.9, 0.64),)}, []),
        ({"confidences": (Confidence("s", 0.9, 0.62),)}, [Cause.CONFIDENCE]),
        ({"confidences": (Confidence("s", 0.0, 0.0),)}, []),
        ({"entry_price": None, "mark": D(1)}, []),
        ({"mark": D(94), "liquidation_price": D(90)}, [Cause.LIQUIDATION, Cause.STOP_LOSS]),
    ],
)
def test_a_limit_itself_closes_and_a_step_before_it_does_not(
    changes: dict[str, object], expected: list[Cause]
) -> None:
    assert causes(replace(LONG, **changes)) == expected


def test_a_trailing_stop_counts_from_the_best_price_and_is_off_by_default() -> None:
    fallen = replace(LONG, entry_price=D(80), mark=D(90), best_price=D(100))
    assert causes(fallen, replace(RULES, take_profit=D(1))) == []
    rules = replace(RULES, take_profit=D(1), trailing_stop=D("0.1"))
    assert causes(fallen, rules) == [Cause.TRAILING_STOP]
    assert causes(replace(fallen, mark=D("90.01")), rules) == []
    # A better price than the best one so far is no fall.
    assert causes(replace(fallen, mark=D(101)), rules) == []


def test_only_the_strategy_whose_confidence_fell_is_closed() -> None:
    (found,) = conditions.exits(
        replace(LONG, confidences=(Confidence("a", 0.9, 0.3), Confidence("b", 0.9, 0.9))),
        RULES,
        0.1,
        NOW,
    )
    assert (found.cause, found.strategy) == (Cause.CONFIDENCE, "a")


def test_the_drawdown_counts_from_the_best_value() -> None:
    assert conditions.drawdown(replace(LONG, mark=D("80.01")), RULES) is None
    found = conditions.drawdown(replace(LONG, mark=D(80)), RULES)
    assert found is not None
    assert (found.value, found.limit) == ("0.200000", "0.2")


def test_people_are_alerted_before_the_stop() -> None:
    assert conditions.alerts(replace(LONG, mark=D("97.01")), RULES) == []
    assert [f.cause for f in conditions.alerts(replace(LONG, mark=D(97)), RULES)] == [Cause.LOSS]


def test_a_crowd_is_more_than_the_limit() -> None:
    assert conditions.crowd(LONG, 3, 3) is None
    found = conditions.crowd(LONG, 4, 3)
    assert found is not None
    assert (found.value, found.limit) == ("4", "3")


@settings(max_examples=examples(300))
@given(
    move=st.decimals("-0.9", "0.9", places=4),
    best=st.decimals("0", "0.9", places=4),
    hours=st.floats(0, 100),
)
def test_a_short_is_the_mirror_image_of_a_long(move: Decimal, best: Decimal, hours: float) -> None:
    opened_at = NOW - timedelta(hours=hours)
    long = replace(LONG, mark=D(100) * (1 + move), opened_at=opened_at)
    short = replace(long, qty=D(-1), mark=D(100) * (1 - move))
    assert causes(long) == causes(short)
    assert len(conditions.alerts(long, RULES)) == len(conditions.alerts(short, RULES))
    assert conditions.better(1, D(100), D(100) * (1 + best)) >= D(100)
    assert conditions.better(-1, D(100), D(100) * (1 - best)) <= D(100)


@settings(max_examples=examples(300))
@given(
    side=st.sampled_from([1, -1]),
    entry=st.decimals("1", "100000", places=2),
    at=st.none() | st.decimals("1", "100000", places=2),
)
def test_a_stop_is_never_looser_than_the_configured_loss(
    side: int, entry: Decimal, at: Decimal | None
) -> None:
    price = conditions.stop_price(side, entry, RULES, at)
    assert (entry - price) * side <= entry * RULES.stop_loss
    assert at is None or (price - at) * side >= 0
