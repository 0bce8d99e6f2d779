"""Passive then cross: joins, improves, re-prices after a confirmed cancel, crosses in time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.passive import Passive
from bot.execution.algorithms.stepping import CancelLive, LiveChild, Place, Progress, Terms, Touch
from models.enums import Style, TradeSide

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal
START = datetime(2026, 8, 9, 12, tzinfo=UTC)
TERMS = Terms(TradeSide.BUY, price_limit=D(101), tick_size=D("0.5"))

RULES = LotRules(D(1), D(1), D(10**6), D(0))
WIDE = Touch(D(99), D(100), D(9), D(9), D(0))
TIGHT = Touch(D("99.5"), D(100), D(9), D(9), D(0))
CHILD = LiveChild(
    0, D(10), D(0), D(99), Style.POST_ONLY, START, final=False, cancel_requested=False
)


def step(
    *children: LiveChild, at: float, shown: Touch = WIDE, algorithm: Passive | None = None
) -> tuple[Any, ...]:
    filled = sum((c.filled for c in children), D(0))
    end = START + timedelta(seconds=100)
    row = Progress(D(10), filled, children, START, end, START + timedelta(seconds=at))
    return (algorithm or Passive(TERMS)).step(row, shown, RULES)


def placed(actions: tuple[Any, ...]) -> list[Place]:
    return [a for a in actions if isinstance(a, Place)]


def test_it_joins_the_touch_first() -> None:
    assert placed(step(at=0)) == [Place(D(10), Style.POST_ONLY, D(99))]


def test_later_it_improves_by_a_tick_where_the_spread_allows() -> None:
    assert placed(step(at=60)) == [Place(D(10), Style.POST_ONLY, D("99.5"))]
    assert placed(step(at=60, shown=TIGHT)) == [Place(D(10), Style.POST_ONLY, D("99.5"))]


def test_a_replacement_waits_until_the_cancel_is_confirmed() -> None:
    asked = step(CHILD, at=10, shown=TIGHT)
    assert CancelLive(0) in asked and not placed(asked)
    pending = step(replace(CHILD, cancel_requested=True), at=11, shown=TIGHT)
    assert CancelLive(0) not in pending and not placed(pending)
    filled_meanwhile = replace(CHILD, cancel_requested=True, filled=D(4), final=True)
    assert placed(step(filled_meanwhile, at=12, shown=TIGHT)) == [
        Place(D(6), Style.POST_ONLY, D("99.5"))
    ]


def test_a_child_at_or_before_the_touch_keeps_its_place() -> None:
    fallen = Touch(D(98), D(100), D(9), D(9), D(0))
    assert CancelLive(0) not in step(CHILD, at=10)
    assert CancelLive(0) not in step(CHILD, at=10, shown=fallen)
    assert CancelLive(0) not in step(CHILD, at=1, shown=TIGHT)


def test_it_does_not_outbid_itself() -> None:
    alone = replace(WIDE, bid_size=D(10))
    assert CancelLive(0) not in step(CHILD, at=60, shown=alone)
    assert CancelLive(0) in step(CHILD, at=60, shown=replace(WIDE, bid_size=D(11)))


def test_before_the_deadline_the_rest_crosses_at_the_price_limit() -> None:
    assert CancelLive(0) in step(CHILD, at=95)
    back = replace(CHILD, filled=D(3), cancel_requested=True, final=True)
    assert placed(step(back, at=96)) == [Place(D(7), Style.IOC, D(101))]


def test_it_does_not_cross_beyond_the_price_limit() -> None:
    beyond = Touch(D(102), D(103), D(9), D(9), D(0))
    assert placed(step(at=96, shown=beyond)) == [Place(D(10), Style.POST_ONLY, D(101))]


def test_a_refused_post_only_child_is_not_repeated_at_once() -> None:
    refused = replace(CHILD, final=True)
    assert not placed(step(refused, at=1))
    assert placed(step(refused, at=2))


def test_a_rest_under_the_minimum_stays_in_the_queue_until_the_deadline() -> None:
    rules = LotRules(D(1), D(3), D(10**6), D(0))
    almost = replace(CHILD, filled=D(8))
    end = START + timedelta(seconds=100)
    row = Progress(D(10), D(8), (almost,), START, end, START + timedelta(seconds=96))
    assert CancelLive(0) not in Passive(TERMS).step(row, WIDE, rules)
    assert CancelLive(0) in Passive(TERMS).step(replace(row, now=end), WIDE, rules)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"cross_margin_seconds": -1.0}, "cross_margin_seconds"),
        ({"improve_after": D("1.5")}, "improve_after"),
        ({"requote_seconds": float("inf")}, "requote_seconds"),
        ({"retry_seconds": 0.0}, "retry_seconds"),
        ({"max_child": D(0)}, "max_child"),
    ],
)
def test_an_impossible_parameter_is_refused_by_name(change: dict[str, Any], name: str) -> None:
    with pytest.raises(Infeasible, match=name):
        Passive(TERMS, **change)


@given(
    total=st.integers(1, 500),
    minimum=st.integers(1, 20),
    largest=st.one_of(st.none(), st.integers(1, 60)),
    margin=st.floats(0, 60),
    horizon=st.floats(1, 120),
    sell=st.booleans(),
    dust=st.sampled_from(["0", "0.5"]),
    seed=st.integers(0, 10**9),
)
def test_through_any_fills_and_failures_one_child_lives_and_the_total_holds(
    venue: Callable[..., Any],
    total: int,
    minimum: int,
    largest: int | None,
    margin: float,
    horizon: float,
    sell: bool,
    dust: str,
    seed: int,
) -> None:
    terms = replace(TERMS, side=TradeSide.SELL if sell else TradeSide.BUY)
    passive = Passive(terms, margin, max_child=None if largest is None else D(largest))
    rules = LotRules(D(1), D(minimum), D(10**6), D(0))
    run = venue(passive, terms, rules, D(total) + D(dust), horizon, Random(seed), most_live=1).run()
    for place, shown in zip(run.placed, run.touches, strict=True):
        if place.style is Style.POST_ONLY:
            assert not terms.crosses(place.price, shown)
        assert largest is None or place.qty < max(largest, minimum) + minimum


def test_a_rest_under_the_minimum_is_not_repriced() -> None:
    rules = LotRules(D(1), D(3), D(10**6), D(0))
    almost = replace(CHILD, filled=D(8))
    end = START + timedelta(seconds=100)
    row = Progress(D(10), D(8), (almost,), START, end, START + timedelta(seconds=10))
    assert CancelLive(0) not in Passive(TERMS).step(row, TIGHT, rules)


def test_a_crossing_child_that_found_too_little_is_repeated_after_a_pause() -> None:
    at = START + timedelta(seconds=96)
    short = LiveChild(0, D(10), D(4), D(101), Style.IOC, at, final=True, cancel_requested=False)
    assert not placed(step(short, at=96.25))
    assert placed(step(short, at=96.5)) == [Place(D(6), Style.IOC, D(101))]
