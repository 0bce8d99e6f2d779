"""Participation: the scenarios' rows, cap, floor, and any sequence of fills and failures."""

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
from bot.execution.algorithms.pov import Pov
from bot.execution.algorithms.stepping import (
    CancelLive,
    Done,
    DoneReason,
    LiveChild,
    Place,
    Progress,
    Terms,
    Touch,
    WaitUntil,
)
from models.enums import Style, TradeSide

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal
START = datetime(2026, 8, 9, 12, tzinfo=UTC)
TERMS = Terms(TradeSide.BUY, price_limit=D(101), tick_size=D("0.5"))


def progress(total: str, *children: LiveChild, at: float = 0, horizon: float = 600) -> Progress:
    filled = sum((c.filled for c in children), D(0))
    end = START + timedelta(seconds=horizon)
    return Progress(D(total), filled, children, START, end, START + timedelta(seconds=at))


def touch(volume: str, bid: str = "100", ask: str = "100.5") -> Touch:
    return Touch(D(bid), D(ask), D(9), D(9), D(volume))


def lots(step: str = "0.1", minimum: str | None = None) -> LotRules:
    return LotRules(D(step), D(minimum or step), D(10**6), D(0))


@pytest.mark.parametrize("row", SCENARIOS["participation"], ids=lambda r: str(r["children"]))
def test_the_scenarios_rows_come_out_so(row: dict[str, Any]) -> None:
    pov = Pov(TERMS, D(repr(row["rate"])), min_child=D(row.get("min_child", "0")))
    children: list[LiveChild] = []
    volume = D(0)
    for second, (traded, expected) in enumerate(
        zip(row["market_volume"], row["children"], strict=True)
    ):
        volume += D(traded)
        now = progress(row["qty"], *children, at=10 * second)
        placed = [a for a in pov.step(now, touch(str(volume)), lots()) if isinstance(a, Place)]
        assert [a.qty for a in placed] == ([] if expected == "none" else [D(expected)])
        children += [
            LiveChild(len(children), a.qty, a.qty, a.price, a.style, now.now, True, False)
            for a in placed
        ]
    if row.get("then") == "done":
        ended = pov.step(progress(row["qty"], *children, at=30), touch(str(volume)), lots())
        assert ended == (Done(DoneReason.FILLED),)


def test_between_floor_and_cap_it_follows_the_clock() -> None:
    pov = Pov(TERMS, cap_rate=D("0.2"), floor_rate=D("0.05"))
    half_way = progress("100", at=300)
    assert pov.target(half_way, touch("1000000")) == 100
    assert pov.target(half_way, touch("400")) == 50
    assert pov.target(half_way, touch("200")) == 40
    assert pov.target(half_way, touch("1200")) == 60


def test_beyond_the_price_limit_or_without_a_book_nothing_is_placed() -> None:
    pov = Pov(TERMS, D("0.1"))
    for shown in (touch("50", "101", "101.5"), touch("50", "0", "100"), touch("50", "101", "100")):
        assert all(isinstance(a, WaitUntil) for a in pov.step(progress("10"), shown, lots()))


def test_an_open_child_counts_as_participation() -> None:
    child = LiveChild(0, D(5), D(1), D(101), Style.IOC, START, final=False, cancel_requested=False)
    actions = Pov(TERMS, D("0.1")).step(progress("10", child, at=5), touch("50"), lots())
    assert not any(isinstance(a, Place) for a in actions)
    cut = replace(child, final=True)
    actions = Pov(TERMS, D("0.1")).step(progress("10", cut, at=5), touch("50"), lots())
    assert Place(D(4), Style.IOC, D(101)) in actions


def test_after_the_deadline_what_is_live_is_cancelled_once() -> None:
    child = LiveChild(0, D(5), D(1), D(101), Style.IOC, START, final=False, cancel_requested=False)
    late = progress("10", child, at=600)
    assert CancelLive(0) in Pov(TERMS, D("0.1")).step(late, touch("50"), lots())
    asked = progress("10", replace(child, cancel_requested=True), at=600)
    (only,) = Pov(TERMS, D("0.1")).step(asked, touch("50"), lots())
    assert isinstance(only, WaitUntil)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"cap_rate": D(0)}, "cap_rate"),
        ({"cap_rate": D("1.1")}, "cap_rate"),
        ({"cap_rate": D("NaN")}, "cap_rate"),
        ({"floor_rate": D("0.2")}, "floor_rate"),
        ({"min_child": D(-1)}, "min_child"),
        ({"max_child": D(0)}, "max_child"),
        ({"min_child": D(2), "max_child": D(1)}, "max_child"),
        ({"interval_seconds": float("nan")}, "interval_seconds"),
    ],
)
def test_an_impossible_parameter_is_refused_by_name(change: dict[str, Any], name: str) -> None:
    with pytest.raises(Infeasible, match=name):
        Pov(TERMS, **{"cap_rate": D("0.1"), **change})


@given(
    total=st.integers(1, 500),
    minimum=st.integers(1, 20),
    cap=st.integers(1, 100),
    floor=st.one_of(st.none(), st.integers(0, 100)),
    largest=st.one_of(st.none(), st.integers(1, 60)),
    horizon=st.floats(1, 120),
    sell=st.booleans(),
    dust=st.sampled_from(["0", "0.5"]),
    seed=st.integers(0, 10**9),
)
def test_through_any_fills_and_failures_the_share_and_the_total_hold(
    venue: Callable[..., Any],
    total: int,
    minimum: int,
    cap: int,
    floor: int | None,
    largest: int | None,
    horizon: float,
    sell: bool,
    dust: str,
    seed: int,
) -> None:
    terms = replace(TERMS, side=TradeSide.SELL if sell else TradeSide.BUY)
    pov = Pov(
        terms,
        D(cap) / 100,
        None if floor is None else D(min(floor, cap)) / 100,
        max_child=None if largest is None else D(largest),
    )
    rules = LotRules(D(1), D(minimum), D(10**6), D(0))
    run = venue(pov, terms, rules, D(total) + D(dust), horizon, Random(seed)).run()
    for place, shown, before in zip(run.placed, run.touches, run.befores, strict=True):
        most = shown.traded_volume_since_start * pov.cap_rate
        assert before.committed + place.qty <= most
        assert largest is None or place.qty <= largest


def test_children_are_parted_by_the_interval() -> None:
    first = LiveChild(0, D(5), D(5), D(101), Style.IOC, START, final=True, cancel_requested=False)
    pov = Pov(TERMS, D("0.1"), interval_seconds=2)
    early = pov.step(progress("10", first, at=1), touch("100"), lots())
    assert early == (WaitUntil(START + timedelta(seconds=2)),)
    in_time = pov.step(progress("10", first, at=2), touch("100"), lots())
    assert Place(D(5), Style.IOC, D(101)) in in_time


def test_the_last_child_may_be_under_the_wanted_smallest_one() -> None:
    first = LiveChild(0, D(9), D(9), D(101), Style.IOC, START, final=True, cancel_requested=False)
    pov = Pov(TERMS, D("0.1"), min_child=D(2))
    actions = pov.step(progress("10", first, at=5), touch("100"), lots())
    assert Place(D(1), Style.IOC, D(101)) in actions
