"""What holds a due child back, and what late slices may do after any outage."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.sending.deferral import (
    LATE_AFTER,
    LOOK_AGAIN,
    PAUSE_LOOK,
    UNFIT_LOOK,
    Deferral,
    DueChild,
    Sent,
    find_deferral,
    is_late,
    looks_back,
    shrunk_qty,
    window,
)
from config.keys.working import WorkingRules
from models.documents.orders import Throttle, ThrottleKind
from models.enums import ParentState
from tests.support.fakes import T0
from tests.unit.bot.execution.interrupted import Interrupted, child_of, parent_of

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal
RULES = WorkingRules()
QUIET = DueChild(
    now=T0,
    far_touch=D(100),
    limit=D(101),
    traded_since_start=D(10**6),
    sent=(),
    on_time=D(0),
    unfit=None,
    exit_under_way=False,
)
PARENT = parent_of(D(10))
SLICE = child_of(PARENT, D(1))


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def pace(speed: str = "1", size: str = "1") -> Throttle:
    return Throttle(ThrottleKind.SLOW, D(speed), D(size), "volatility", "2", "1.5", T0)


def late(**changes: Any) -> DueChild:
    """Seen 100 s after the plan's time."""
    return replace(QUIET, now=after(100), **changes)


# One child


def test_nothing_holds_a_child_on_its_time_in_a_quiet_market() -> None:
    assert find_deferral(PARENT, SLICE, QUIET, None, RULES) is None


@pytest.mark.parametrize("stepped", [False, True])
def test_the_operators_pause_holds_exits_too(stepped: bool) -> None:
    paused = parent_of(D(1), reduce_only=True, state=ParentState.PAUSED, stepped=stepped)
    found = find_deferral(paused, child_of(paused, D(1)), QUIET, None, RULES)
    assert found == Deferral(T0 + PAUSE_LOOK, "paused by the operator")


def test_an_emergency_exit_goes_before_what_adds_risk_only() -> None:
    seen = replace(QUIET, exit_under_way=True)
    found = find_deferral(PARENT, SLICE, seen, None, RULES)
    assert found == Deferral(T0 + LOOK_AGAIN, "an exit of this symbol goes first")
    exiting = parent_of(D(1), reduce_only=True)
    assert find_deferral(exiting, child_of(exiting, D(1)), seen, None, RULES) is None


def test_an_account_that_must_not_trade_holds_what_adds_and_no_exit() -> None:
    seen = replace(QUIET, unfit="disk_nearly_full: no room")
    found = find_deferral(PARENT, SLICE, seen, None, RULES)
    told = "the account must not trade: disk_nearly_full: no room"
    assert found == Deferral(T0 + UNFIT_LOOK, told)
    exiting = parent_of(D(1), reduce_only=True)
    assert find_deferral(exiting, child_of(exiting, D(1)), seen, None, RULES) is None


@pytest.mark.parametrize(
    ("side", "touch", "style", "held"),
    [
        ("buy", "101", "ioc", False),
        ("buy", "101.1", "ioc", True),
        ("buy", "101.1", "post_only", False),
        ("buy", None, "ioc", False),
        ("sell", "101", "ioc", False),
        ("sell", "100.9", "ioc", True),
        ("sell", "100.9", "limit", False),
    ],
)
def test_what_would_cross_waits_while_the_touch_is_beyond_the_limit(
    side: str, touch: str | None, style: str, held: bool
) -> None:
    parent = parent_of(D(1), side=side)
    seen = replace(QUIET, far_touch=None if touch is None else D(touch))
    found = find_deferral(parent, child_of(parent, D(1), style=style), seen, None, RULES)
    expected = Deferral(T0 + LOOK_AGAIN, "the market is beyond the limit of 101")
    assert found == (expected if held else None)


@pytest.mark.parametrize("stepped", [False, True])
def test_a_pace_without_speed_holds_everything(stepped: bool) -> None:
    parent = parent_of(D(1), stepped=stepped)
    found = find_deferral(parent, child_of(parent, D(1)), QUIET, pace("0"), RULES)
    assert found == Deferral(T0 + LOOK_AGAIN, "slow: volatility 2 (from 1.5)")


def test_a_slower_pace_stretches_the_time_since_the_youngest_child() -> None:
    seen = replace(QUIET, now=after(100), sent=[Sent(D(1), after(10)), Sent(D(1), after(40))])
    second = child_of(PARENT, D(1), after(100))
    assert find_deferral(PARENT, second, seen, pace("0.5"), RULES) == Deferral(
        after(160), pace().sentence
    )
    assert find_deferral(PARENT, second, replace(seen, now=after(160)), pace("0.5"), RULES) is None
    for speed in ("1", "2"):
        assert find_deferral(PARENT, second, seen, pace(speed), RULES) is None


def test_a_stepped_parent_is_paced_by_its_own_steps() -> None:
    stepped = parent_of(D(10), stepped=True)
    seen = late(sent=[Sent(D(1), after(99))] * 9)
    assert find_deferral(stepped, child_of(stepped, D(1)), seen, pace("0.5"), RULES) is None


def test_only_a_late_slice_or_a_slower_pace_asks_what_went_out() -> None:
    stepped = parent_of(D(1), stepped=True)
    assert not looks_back(stepped, child_of(stepped, D(1)), pace("0.5"), after(100))
    assert not looks_back(PARENT, SLICE, pace("2"), T0)
    assert looks_back(PARENT, SLICE, pace("0.5"), T0)
    assert looks_back(PARENT, SLICE, None, after(100))


def test_a_slice_is_late_after_a_second_and_another_attempt_never_is() -> None:
    assert not is_late(SLICE, T0 + LATE_AFTER)
    assert is_late(SLICE, T0 + LATE_AFTER + timedelta.resolution)
    assert not is_late(child_of(PARENT, D(1), attempt=1), after(100))


# Late slices


def test_a_late_slice_waits_until_the_oldest_of_this_interval_has_left_it() -> None:
    seen = late(sent=[Sent(D(1), after(s)) for s in (70, 50, 90)])
    found = find_deferral(PARENT, SLICE, seen, None, RULES)
    assert found == Deferral(after(110), "late: at most 3.0 slices in one interval")
    assert find_deferral(PARENT, SLICE, replace(seen, now=after(110)), None, RULES) is None


def test_the_place_of_the_next_slice_is_kept() -> None:
    seen = late(sent=[Sent(D(1), after(90))], on_time=D(1))
    assert find_deferral(PARENT, SLICE, seen, None, RULES) is None
    held = find_deferral(PARENT, SLICE, replace(seen, sent=[*seen.sent, *seen.sent]), None, RULES)
    assert held is not None and held.until == after(150)


def test_a_bound_without_room_for_two_slices_lets_late_ones_go_after_the_plan_only() -> None:
    rules = replace(RULES, max_catch_up=D("1.5"))
    held = find_deferral(PARENT, SLICE, late(on_time=D(1)), None, rules)
    assert held is not None and held.until == after(100) + LOOK_AGAIN
    assert find_deferral(PARENT, SLICE, late(), None, rules) is None


def test_uneven_slices_are_measured_by_the_largest_at_hand() -> None:
    for changes in ({"on_time": D(9)}, {"sent": [Sent(D(9), after(90))]}):
        assert find_deferral(PARENT, SLICE, late(**changes), None, RULES) is None
    big = child_of(PARENT, D(9))
    assert find_deferral(PARENT, big, late(sent=[Sent(D(1), after(90))] * 18), None, RULES) is None
    assert (
        find_deferral(PARENT, big, late(sent=[Sent(D(1), after(90))] * 19), None, RULES) is not None
    )


@pytest.mark.parametrize(
    ("traded", "filled", "held"),
    [("100", "8", False), ("100", "9", True), ("99", "8", True), (None, "0", True)],
)
def test_a_second_late_slice_stays_within_its_share_of_what_was_traded(
    traded: str | None, filled: str, held: bool
) -> None:
    parent = parent_of(D(100))
    parent.filled_qty = D(filled)
    volume = None if traded is None else D(traded)
    seen = late(sent=[Sent(D(1), after(90))], traded_since_start=volume)
    found = find_deferral(parent, child_of(parent, D(1)), seen, None, RULES)
    expected = Deferral(after(101), "late: its share of the traded volume is used up")
    assert found == (expected if held else None)
    assert (
        find_deferral(parent, child_of(parent, D(1)), replace(seen, sent=()), None, RULES) is None
    )
    uncapped = replace(RULES, participation_cap=None)
    assert find_deferral(parent, child_of(parent, D(1)), seen, None, uncapped) is None


def test_an_unknown_volume_does_not_hold_an_exit() -> None:
    exiting = parent_of(D(10), reduce_only=True)
    seen = late(sent=[Sent(D(1), after(90))], traded_since_start=None)
    assert find_deferral(exiting, child_of(exiting, D(1)), seen, None, RULES) is None


def ten_minutes(outage_seconds: float, volume_per_second: str | None) -> Interrupted:
    """The scenario's TWAP of ten slices, away from 30 s on."""
    parent = parent_of(D(1))
    children = [child_of(parent, D("0.1"), after(60 * s), slot=s) for s in range(10)]
    away = [(after(30), after(30 + outage_seconds))]
    volume = None if volume_per_second is None else D(volume_per_second)
    return Interrupted(parent, children, RULES, away, volume, 0.1, Random(1)).run()


def test_the_scenarios_overdue_slots_are_caught_up_under_the_bound() -> None:
    (row,) = SCENARIOS["catch_up"]
    assert row["late"] == "3 slots overdue after an outage"
    assert row["expect"] == (
        "bounded by max_catch_up (default 3 x the planned slice) and by the participation cap; "
        "never after the deadline"
    )
    back = after(200)  # the slots of 60, 120 and 180 s are overdue, that of 240 s comes next
    deep = ten_minutes(170, "100")
    assert deep.sent_within(back, after(239)) == D("0.2")
    assert deep.sent_within(back, after(259)) == D("0.3")
    assert deep.sent_within(after(0), after(600)) == D(1)
    for volume in ("0", "0.0125", None):  # 0.0125: room for 0.25 in all when it is back
        thin = ten_minutes(170, volume)
        assert thin.sent_within(back, after(239)) == D("0.1")
    away_too_long = ten_minutes(600, "100")
    assert [claim.child.slot for claim in away_too_long.sent] == [0]


@st.composite
def interrupted(draw: st.DrawFn, slack_seconds: int | None = None) -> Interrupted:
    """Any plan of even or uneven slices, one spacing or more apart, after any two outages."""
    even = st.builds(lambda count, qty: [qty] * count, st.integers(4, 10), st.integers(1, 9))
    sizes = draw(even | st.lists(st.integers(1, 9), min_size=1, max_size=10))
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 2]), min_size=len(sizes), max_size=len(sizes)))
    spacing = draw(st.integers(2, 8))
    starts = [sum(gaps[:n]) * spacing for n in range(len(sizes) + 1)]
    moments = st.integers(0, 10 * starts[-1]).map(lambda tenths: tenths / 10)
    outages = [
        (after(start), after(start + seconds))
        for start, seconds in draw(st.lists(st.tuples(moments, moments), max_size=2))
    ]
    end = starts[-1] + draw(st.integers(0, 40))
    if slack_seconds is not None:
        latest = max([after(end), *(to for _, to in outages)])
        end = (latest - T0).total_seconds() + slack_seconds * len(sizes)
    # Around what a tenth of it gives the plan just enough room.
    volume = draw(st.none() | st.sampled_from([0, 5, 10, 20, 100]))
    parent = parent_of(D(sum(sizes)), spacing_seconds=spacing, horizon_seconds=end)
    return Interrupted(
        parent,
        [child_of(parent, D(q), after(s)) for q, s in zip(sizes, starts, strict=False)],
        replace(
            RULES,
            max_catch_up=D(draw(st.sampled_from(["1", "1.5", "2", "3", "3", "5"]))),
            participation_cap=draw(st.sampled_from([None, D("0.1")])),
        ),
        outages,
        None if volume is None else D(volume * sum(sizes)) / starts[-1],
        draw(st.floats(0, 2)),
        Random(draw(st.integers(0, 10**9))),
    ).run()


@given(interrupted())
def test_no_late_slice_goes_out_in_an_interval_that_is_full(run: Interrupted) -> None:
    """Two slices on their time, the former up to a second late, may be that much less than a
    spacing apart: only one of them has its place kept."""
    most = run.rules.max_catch_up * run.largest
    for late_one in (claim for claim in run.sent if claim.is_late):
        assert run.sent_within(late_one.at - run.spacing, late_one.at) <= most
        for first in run.sent:
            last = first.at + run.spacing - LATE_AFTER
            if first.at <= late_one.at < last:
                upto = last - timedelta.resolution
                assert run.sent_within(first.at - timedelta.resolution, upto) <= most


@given(interrupted())
def test_a_slice_on_its_time_is_never_held(run: Interrupted) -> None:
    assert all(claim.is_late for claim in run.claims if claim.deferral is not None)


@given(interrupted())
def test_late_slices_keep_to_the_share_of_the_volume_but_for_one_in_an_interval(
    run: Interrupted,
) -> None:
    cap = run.rules.participation_cap
    for n, claim in enumerate(run.sent):
        alone = n == 0 or claim.at - run.sent[n - 1].at >= run.spacing
        if claim.is_late and cap is not None and not alone:
            out = sum((c.child.qty for c in run.sent[: n + 1]), D(0))
            assert claim.traded is not None and out <= claim.traded * cap


@given(interrupted())
def test_nothing_goes_out_after_the_deadline_and_every_hold_ends(run: Interrupted) -> None:
    assert all(claim.at < run.parent.deadline_at for claim in run.sent)
    assert all(
        claim.deferral.until > claim.at for claim in run.claims if claim.deferral is not None
    )


@given(interrupted(slack_seconds=10))
def test_given_an_interval_and_two_seconds_for_each_slice_everything_goes_out(
    run: Interrupted,
) -> None:
    assert sum((claim.child.qty for claim in run.sent), D(0)) == run.parent.approved_qty


# What a claim must read


seconds = st.floats(-200, 0).map(after)
parts = st.builds(Sent, st.integers(1, 9).map(D), seconds)
paces = st.one_of(st.none(), st.sampled_from(["0", "0.25", "0.5", "1", "2"]).map(pace))


@given(
    planned_at=seconds | st.just(T0),
    attempt=st.integers(0, 1),
    stepped=st.booleans(),
    at_pace=paces,
    sent=st.lists(parts, max_size=8),
    on_time=st.integers(0, 9).map(D),
)
def test_what_a_claim_does_not_look_back_for_would_change_nothing(
    planned_at: datetime,
    attempt: int,
    stepped: bool,
    at_pace: Throttle | None,
    sent: list[Sent],
    on_time: Decimal,
) -> None:
    parent = parent_of(D(100), spacing_seconds=20, stepped=stepped)
    child = child_of(parent, D(2), planned_at, attempt=attempt)
    since = T0 - window(parent, at_pace)
    read = [one for one in sent if one.sent_at > since]
    if not looks_back(parent, child, at_pace, T0):
        read = []
    everything = find_deferral(
        parent, child, replace(QUIET, sent=sent, on_time=on_time), at_pace, RULES
    )
    assert everything == find_deferral(
        parent, child, replace(QUIET, sent=read, on_time=on_time), at_pace, RULES
    )


@pytest.mark.parametrize(
    ("at_pace", "expected"),
    [(None, 60), (pace("0"), 60), (pace("0.5"), 120), (pace("1"), 60), (pace("2"), 60)],
)
def test_a_slower_pace_looks_further_back(at_pace: Throttle | None, expected: float) -> None:
    assert window(PARENT, at_pace) == timedelta(seconds=expected)


# Smaller slices


@given(
    lots=st.integers(1, 500),
    least=st.integers(1, 50),
    size=st.sampled_from(["0.1", "0.5", "0.9"]),
    attempt=st.integers(0, 4),
)
def test_a_shrunk_child_and_its_rest_can_both_be_sent(
    lots: int, least: int, size: str, attempt: int
) -> None:
    lot = D("0.001")
    child = child_of(PARENT, lots * lot, attempt=attempt)
    now = shrunk_qty(child, pace(size=size), lot, least * lot)
    rest = child.qty - now
    if rest:
        assert min(now, rest) >= least * lot
        assert now % lot == 0 and child.qty * D(size) - lot < now <= child.qty * D(size)
    else:
        kept = child.qty * D(size) // lot * lot
        assert attempt >= 3 or kept < least * lot or child.qty - kept < least * lot


def test_without_a_shrinking_pace_a_child_goes_as_planned() -> None:
    for at_pace in (None, pace("0.5"), pace(size="1")):
        assert shrunk_qty(SLICE, at_pace, D("0.001"), D("0.001")) == 1
    assert shrunk_qty(SLICE, pace(size="0.5"), D("0.001"), D("0.001")) == D("0.5")
