"""Catch-up: late and returned quantity comes back under a bound, never after the deadline."""

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
from bot.execution.algorithms.base import LotRules, Slice
from bot.execution.algorithms.catch_up import CatchUp
from bot.execution.algorithms.stepping import (
    Done,
    DoneReason,
    LiveChild,
    Place,
    Progress,
    Style,
    Terms,
    Touch,
    WaitUntil,
)
from bot.execution.algorithms.twap import TwapParams, plan
from models.enums import TradeSide

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal
START = datetime(2026, 8, 9, 12, tzinfo=UTC)
TERMS = Terms(TradeSide.BUY, price_limit=D(101), tick_size=D("0.5"))

RULES = LotRules(D("0.001"), D("0.001"), D(10**6), D(0))
BOOK = Touch(D(100), D("100.5"), D(9), D(9), D(10**6))


def twap(total: str, horizon: float, interval: float, rules: LotRules = RULES) -> tuple[Slice, ...]:
    return plan(TwapParams(horizon, interval), D(total), D(100), rules).slices


def final(slot: int, qty: str, filled: str, at: float) -> LiveChild:
    placed_at = START + timedelta(seconds=at)
    return LiveChild(slot, D(qty), D(filled), D(101), Style.IOC, placed_at, True, False)


def progress(total: str, *children: LiveChild, at: float, horizon: float = 600) -> Progress:
    filled = sum((c.filled for c in children), D(0))
    end = START + timedelta(seconds=horizon)
    return Progress(D(total), filled, children, START, end, START + timedelta(seconds=at))


def sizes(actions: tuple[Any, ...]) -> list[Decimal]:
    return [a.qty for a in actions if isinstance(a, Place)]


def test_slices_on_time_are_placed_as_planned() -> None:
    algorithm = CatchUp(TERMS, twap("1", 600, 60), 60)
    assert sizes(algorithm.step(progress("1", at=0), BOOK, RULES)) == [D("0.1")]
    first = final(0, "0.1", "0.1", 0)
    actions = algorithm.step(progress("1", first, at=1), BOOK, RULES)
    assert actions == (WaitUntil(START + timedelta(seconds=60)),)
    assert sizes(algorithm.step(progress("1", first, at=60), BOOK, RULES)) == [D("0.1")]


def test_the_scenarios_overdue_slots_are_caught_up_under_the_bound() -> None:
    row = SCENARIOS["catch_up"]
    assert "bounded by max_catch_up (default 3 x the planned slice)" in row[0]["expect"]
    slices = twap("1", 600, 60)
    first = final(0, "0.1", "0.1", 0)
    # Slots 1 to 5 fell due in the outage: five slices are late, three go out, two follow later.
    late = progress("1", first, at=300)
    assert sizes(CatchUp(TERMS, slices, 60).step(late, BOOK, RULES)) == [D("0.3")]
    after = progress("1", first, final(1, "0.3", "0.3", 300), at=301)
    assert sizes(CatchUp(TERMS, slices, 60).step(after, BOOK, RULES)) == []
    following = replace(after, now=START + timedelta(seconds=360))
    assert sizes(CatchUp(TERMS, slices, 60).step(following, BOOK, RULES)) == [D("0.3")]


def test_three_overdue_slots_obey_the_participation_cap_and_the_deadline() -> None:
    slices = twap("1", 600, 60)
    first = final(0, "0.1", "0.1", 0)
    capped = CatchUp(TERMS, slices, 60, participation_cap=D("0.1"))
    late = progress("1", first, at=180)
    for volume, expected in (("100", "0.3"), ("2.5", "0.15"), ("0", "0.1")):
        shown = replace(BOOK, traded_volume_since_start=D(volume))
        assert sizes(capped.step(late, shown, RULES)) == [D(expected)]
    too_late = progress("1", first, at=600)
    assert capped.step(too_late, BOOK, RULES) == (Done(DoneReason.DEADLINE),)


def test_the_scenarios_child_denied_before_acceptance_goes_back_to_the_parent() -> None:
    (text,) = [r["child_denied"] for r in SCENARIOS["twap"] if "child_denied" in r]
    assert text == "parent 1.000, child 0.300 done, child 0.400 denied before acceptance"
    done, denied = final(0, "0.300", "0.300", 0), final(1, "0.400", "0", 60)
    row = progress("1.000", done, replace(denied, final=False), at=60)
    assert (row.filled, row.open_qty, row.remaining) == (D("0.300"), D("0.400"), D("0.300"))
    row = progress("1.000", done, denied, at=60)
    assert (row.filled, row.open_qty, row.remaining) == (D("0.300"), D(0), D("0.700"))


def test_the_scenarios_child_cut_by_the_venue_gives_its_rest_back() -> None:
    (text,) = [
        r["child_accepted_then_cut"] for r in SCENARIOS["twap"] if "child_accepted_then_cut" in r
    ]
    assert text == "child 0.400 accepted, 0.100 filled, rest cancelled by the venue"
    cut = final(0, "0.400", "0.100", 0)
    accepted = progress("1.000", replace(cut, final=False), at=1)
    assert (accepted.open_qty, accepted.remaining) == (D("0.300"), D("0.600"))
    row = progress("1.000", cut, at=1)
    assert row.remaining - accepted.remaining == D("0.300")
    algorithm = CatchUp(TERMS, (Slice(0, 0, D("0.4")), Slice(1, 300, D("0.6"))), 60)
    again = replace(row, now=START + timedelta(seconds=60))
    assert sizes(algorithm.step(again, BOOK, RULES)) == [D("0.300")]


def test_outside_the_price_limit_it_pauses() -> None:
    beyond = Touch(D(102), D(103), D(9), D(9), D(0))
    algorithm = CatchUp(TERMS, twap("1", 600, 60), 60)
    assert sizes(algorithm.step(progress("1", at=0), beyond, RULES)) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"spacing_seconds": 0.0}, "spacing_seconds"),
        ({"max_catch_up": D("0.5")}, "max_catch_up"),
        ({"max_catch_up": D("NaN")}, "max_catch_up"),
        ({"participation_cap": D(0)}, "participation_cap"),
        ({"slices": ()}, "slices"),
    ],
)
def test_an_impossible_parameter_is_refused_by_name(change: dict[str, Any], name: str) -> None:
    values = {"slices": twap("1", 600, 60), "spacing_seconds": 60.0, **change}
    with pytest.raises(Infeasible, match=name):
        CatchUp(TERMS, **values)


@given(
    total=st.integers(20, 500),
    minimum=st.integers(1, 20),
    slots=st.integers(1, 20),
    factor=st.sampled_from([D(1), D(2), D(3)]),
    cap=st.one_of(st.none(), st.integers(1, 100)),
    dust=st.sampled_from(["0", "0.5"]),
    horizon=st.floats(1, 120),
    seed=st.integers(0, 10**9),
)
def test_through_any_fills_and_failures_each_child_is_bounded_and_the_total_holds(
    venue: Callable[..., Any],
    total: int,
    minimum: int,
    slots: int,
    factor: Decimal,
    cap: int | None,
    dust: str,
    horizon: float,
    seed: int,
) -> None:
    rules = LotRules(D(1), D(minimum), D(10**6), D(0))
    approved = D(total) + D(dust)
    slices = plan(TwapParams(horizon, horizon / slots, slots), approved, D(100), rules).slices
    share = None if cap is None else D(cap) / 100
    algorithm = CatchUp(TERMS, slices, horizon / slots, factor, share)
    run = venue(algorithm, TERMS, rules, approved, horizon, Random(seed)).run()
    assert run.deadline == START + timedelta(seconds=horizon)
    previous: datetime | None = None
    for place, before, shown in zip(run.placed, run.befores, run.touches, strict=True):
        due = [s for s in slices if START + timedelta(seconds=s.offset_seconds) <= before.now]
        assert before.committed + place.qty <= sum(s.qty for s in due)
        assert place.qty <= due[-1].qty * factor
        if share is not None and place.qty > due[-1].qty:
            most = shown.traded_volume_since_start * share
            assert before.committed + place.qty <= most
        if previous is not None and place.qty > due[-1].qty:
            assert before.now - previous >= timedelta(seconds=horizon / slots)
        previous = before.now


@given(total=st.integers(20, 500), slots=st.integers(1, 20), horizon=st.floats(1, 600))
def test_where_nothing_fails_the_plan_is_carried_out_to_the_last_lot(
    venue: Callable[..., Any], total: int, slots: int, horizon: float
) -> None:
    rules = LotRules(D(1), D(1), D(10**6), D(0))
    slices = plan(TwapParams(horizon, horizon / slots, slots), D(total), D(100), rules).slices
    terms = replace(TERMS, price_limit=D(10**6))
    algorithm = CatchUp(terms, slices, horizon / slots)
    calm = venue(algorithm, terms, rules, D(total), horizon + 5, Random(1), calm=True)
    calm.mid_ticks = -10_000
    run = calm.run()
    assert [place.qty for place in run.placed] == [s.qty for s in slices]
    assert run.done == Done(DoneReason.FILLED)


def test_when_no_more_falls_due_an_unsendable_rest_does_not_hold_back_the_sendable_part() -> None:
    rules = LotRules(D(1), D(3), D(10**6), D(0))
    slices = (Slice(0, 0, D(3)), Slice(1, 60, D(4)))
    algorithm = CatchUp(TERMS, slices, 60, max_catch_up=D(1))
    row = progress("7", final(0, "3", "2", 0), at=200)
    assert sizes(algorithm.step(row, BOOK, rules)) == [D(4)]
