"""Iceberg: the scenarios' rows, one visible child at a time, and the lost-order guard."""

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
from bot.execution.algorithms.iceberg import Iceberg
from bot.execution.algorithms.stepping import (
    CancelLive,
    Done,
    DoneReason,
    LiveChild,
    Place,
    Progress,
    Terms,
    Touch,
)
from models.enums import Style, TradeSide

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal
START = datetime(2026, 8, 9, 12, tzinfo=UTC)
TERMS = Terms(TradeSide.BUY, price_limit=D(101), tick_size=D("0.5"))


GUARDED = Touch(D(100), D("100.5"), D(9), D(9), D(0))


@pytest.mark.parametrize("row", SCENARIOS["iceberg"], ids=lambda r: f"{r['qty']}-{r['display']}")
def test_the_scenarios_rows_come_out_so(row: dict[str, Any], venue: Callable[..., Any]) -> None:
    rules = LotRules(D("0.1"), D("0.1"), D(10**6), D(0))
    iceberg = Iceberg(TERMS, D(row["display"]))
    run = venue(iceberg, TERMS, rules, D(row["qty"]), 600, Random(1), calm=True).run()
    assert [place.qty for place in run.placed] == [D(child) for child in row["children"]]
    assert run.done == Done(DoneReason.FILLED)


def step(*children: LiveChild, at: float, shown: Touch = GUARDED) -> tuple[Any, ...]:
    filled = sum((c.filled for c in children), D(0))
    now, end = START + timedelta(seconds=at), START + timedelta(seconds=600)
    rules = LotRules(D(1), D(1), D(10**6), D(0))
    row = Progress(D(25), filled, children, START, end, now)
    return Iceberg(TERMS, D(10)).step(row, shown, rules)


CHILD = LiveChild(0, D(10), D(4), D(100), Style.LIMIT, START, final=False, cancel_requested=False)


def test_the_next_child_waits_until_the_former_is_final() -> None:
    assert not any(isinstance(a, Place) for a in step(CHILD, at=9))
    almost = replace(CHILD, filled=D(10))
    assert not any(isinstance(a, Place) for a in step(almost, at=9))
    cut = replace(CHILD, final=True)
    assert Place(D(10), Style.LIMIT, D(100)) in step(cut, at=9)


def test_a_live_child_that_the_touch_has_crossed_is_asked_to_cancel() -> None:
    crossed = Touch(D(99), D(100), D(9), D(9), D(0))
    assert CancelLive(0) in step(CHILD, at=9, shown=crossed)
    assert CancelLive(0) not in step(CHILD, at=1, shown=crossed)
    assert CancelLive(0) not in step(CHILD, at=9)
    asked = replace(CHILD, cancel_requested=True)
    assert CancelLive(0) not in step(asked, at=9, shown=crossed)


def test_a_child_never_costs_more_than_the_limit() -> None:
    above = Touch(D(110), D(111), D(9), D(9), D(0))
    assert Place(D(10), Style.LIMIT, D(101)) in step(at=1, shown=above)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"display": D(0)}, "display"),
        ({"display": D("NaN")}, "display"),
        ({"size_distortion": 1.0, "seed": 1}, "size_distortion"),
        ({"size_distortion": 0.2}, "seed"),
        ({"price": D(102)}, "price"),
        ({"guard_seconds": -1.0}, "guard_seconds"),
    ],
)
def test_an_impossible_parameter_is_refused_by_name(change: dict[str, Any], name: str) -> None:
    with pytest.raises(Infeasible, match=name):
        Iceberg(TERMS, **{"display": D(10), **change})


@given(
    total=st.integers(1, 500),
    display=st.integers(1, 60),
    minimum=st.integers(1, 20),
    distortion=st.sampled_from([0.0, 0.2, 0.55, 0.99]),
    horizon=st.floats(1, 200),
    sell=st.booleans(),
    dust=st.sampled_from(["0", "0.5"]),
    seed=st.integers(0, 10**9),
)
def test_through_any_fills_and_failures_one_child_is_visible_and_the_total_holds(
    venue: Callable[..., Any],
    total: int,
    display: int,
    minimum: int,
    distortion: float,
    horizon: float,
    sell: bool,
    dust: str,
    seed: int,
) -> None:
    terms = replace(TERMS, side=TradeSide.SELL if sell else TradeSide.BUY)
    iceberg = Iceberg(terms, D(display), size_distortion=distortion, seed=seed)
    rules = LotRules(D(1), D(minimum), D(10**6), D(0))
    run = venue(iceberg, terms, rules, D(total) + D(dust), horizon, Random(seed), most_live=1).run()
    most = max(D(display) * (1 + D(repr(distortion))), D(minimum))
    assert all(place.qty < most + minimum for place in run.placed)


def test_a_random_display_stays_in_its_range(venue: Callable[..., Any]) -> None:
    rules = LotRules(D("0.1"), D("0.1"), D(10**6), D(0))
    iceberg = Iceberg(TERMS, D(10), size_distortion=0.2, seed=3)
    run = venue(iceberg, TERMS, rules, D(500), 3600, Random(1), calm=True).run()
    sizes = [place.qty for place in run.placed]
    assert sum(sizes) == 500
    assert all(8 <= size <= 12 for size in sizes[:-1])
    assert len(set(sizes)) > 10
