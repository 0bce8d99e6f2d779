"""The shared words of stepped algorithms: derived quantities, limits by side, unsendable rests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.stepping import (
    Done,
    DoneReason,
    LiveChild,
    Progress,
    Tail,
    Terms,
    Touch,
    WaitUntil,
    child_lots,
    outside_of_work,
    wait,
)
from models.enums import Style, TradeSide

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal
START = datetime(2026, 8, 9, 12, tzinfo=UTC)
END = START + timedelta(seconds=100)
BUY = Terms(TradeSide.BUY, price_limit=D(101), tick_size=D("0.5"))
SELL = Terms(TradeSide.SELL, price_limit=D(99), tick_size=D("0.5"))
RULES = LotRules(D(1), D(3), D(10), D(0))
CHILD = LiveChild(0, D(4), D(1), D(101), Style.IOC, START, final=False, cancel_requested=False)
ROW = Progress(D(10), D(1), (CHILD,), START, END, START)


def test_what_is_open_is_not_the_parents_to_place_again() -> None:
    assert (ROW.open_qty, ROW.remaining, ROW.committed, ROW.next_slot) == (D(3), D(6), D(4), 1)
    ended = replace(ROW, children=(replace(CHILD, final=True),))
    assert (ended.open_qty, ended.remaining, ended.next_slot) == (D(0), D(9), 1)


def test_the_scenarios_child_denied_before_acceptance_goes_back_to_the_parent() -> None:
    (text,) = [r["child_denied"] for r in SCENARIOS["twap"] if "child_denied" in r]
    assert text == "parent 1.000, child 0.300 done, child 0.400 denied before acceptance"
    done = replace(CHILD, qty=D("0.300"), filled=D("0.300"), final=True)
    sent = replace(CHILD, slot=1, qty=D("0.400"), filled=D(0))
    row = replace(ROW, total=D("1.000"), filled=D("0.300"), children=(done, sent))
    assert (row.open_qty, row.remaining) == (D("0.400"), D("0.300"))
    denied = replace(row, children=(done, replace(sent, final=True)))
    assert (denied.open_qty, denied.remaining) == (D(0), D("0.700"))


def test_the_scenarios_child_cut_by_the_venue_gives_its_rest_back() -> None:
    name = "child_accepted_then_cut"
    (text,) = [r[name] for r in SCENARIOS["twap"] if name in r]
    assert text == "child 0.400 accepted, 0.100 filled, rest cancelled by the venue"
    accepted = replace(CHILD, qty=D("0.400"), filled=D("0.100"))
    row = replace(ROW, total=D("1.000"), filled=D("0.100"), children=(accepted,))
    assert (row.open_qty, row.remaining) == (D("0.300"), D("0.600"))
    cut = replace(row, children=(replace(accepted, final=True),))
    assert cut.remaining - row.remaining == D("0.300")


def test_time_passes_from_zero_to_one_and_no_further() -> None:
    shares = [replace(ROW, now=START + timedelta(seconds=s)).elapsed_share for s in (-5, 25, 500)]
    assert shares == [0, D("0.25"), 1]
    assert replace(ROW, deadline_at=START).elapsed_share == 1


def test_the_limit_and_the_touch_are_seen_from_the_parents_side() -> None:
    touch = Touch(D(99), D("101.5"), D(1), D(2), D(0))
    assert (touch.near(TradeSide.BUY), touch.far(TradeSide.BUY)) == (D(99), D("101.5"))
    assert not BUY.within_limit(touch.far(TradeSide.BUY))
    assert SELL.within_limit(touch.far(TradeSide.SELL))
    assert BUY.crosses(D("101.5"), touch) and not BUY.crosses(D(101), touch)
    assert SELL.crosses(D(99), touch) and not SELL.crosses(D("99.5"), touch)


def test_an_empty_or_crossed_book_is_not_usable() -> None:
    usable = Touch(D(99), D(100), D(1), D(1), D(0))
    assert usable.usable
    assert not replace(usable, bid=D(0)).usable
    assert not replace(usable, ask=D(99)).usable


def test_before_the_start_and_at_the_end_there_is_no_work() -> None:
    idle = replace(ROW, filled=D(0), children=())
    early = replace(idle, now=START - timedelta(seconds=5))
    assert outside_of_work(early, BUY, RULES) == (WaitUntil(START),)
    assert outside_of_work(idle, BUY, RULES) is None
    full = replace(idle, filled=D(10))
    assert outside_of_work(full, BUY, RULES) == (Done(DoneReason.FILLED),)
    over = replace(idle, now=END)
    assert outside_of_work(over, BUY, RULES) == (Done(DoneReason.DEADLINE),)
    stub = replace(idle, filled=D(8))
    assert outside_of_work(stub, BUY, RULES) == (Done(DoneReason.UNDER_MINIMUM),)


def test_no_wait_is_longer_than_to_the_deadline() -> None:
    late = replace(ROW, now=END - timedelta(seconds=0.25))
    assert wait(late).at == END
    assert wait(ROW).at == START + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("wanted", "remaining", "tail", "lots"),
    [
        (5, 10, Tail.WAIT, 5),
        (8, 10, Tail.WAIT, 7),
        (3, 5, Tail.TAKE, 5),
        (3, 5, Tail.WAIT, 0),
        (3, 5, Tail.LEAVE, 3),
        (2, 10, Tail.TAKE, 0),
        (20, 12, Tail.TAKE, 9),
        (20, 4, Tail.TAKE, 4),
    ],
)
def test_a_child_leaves_nothing_or_what_can_be_sent(
    wanted: int, remaining: int, tail: Tail, lots: int
) -> None:
    row = Progress(D(remaining), D(0), (), START, END, START)
    assert child_lots(D(wanted), row, RULES, 3, tail) == lots


@given(
    wanted=st.integers(0, 300),
    remaining=st.integers(0, 300),
    minimum=st.integers(1, 50),
    room=st.integers(0, 300),
    tail=st.sampled_from(Tail),
)
def test_any_child_is_zero_or_inside_every_bound(
    wanted: int, remaining: int, minimum: int, room: int, tail: Tail
) -> None:
    rules = LotRules(D(1), D(minimum), D(minimum + room), D(0))
    row = Progress(D(remaining), D(0), (), START, END, START)
    lots = child_lots(D(wanted), row, rules, minimum, tail)
    assert lots == 0 or minimum <= lots <= min(remaining, minimum + room)
    if tail is not Tail.TAKE:
        assert lots <= wanted


@pytest.mark.parametrize(
    ("limit", "tick", "name"),
    [("0", "1", "price_limit"), ("NaN", "1", "price_limit"), ("1", "0", "tick_size")],
)
def test_impossible_terms_are_refused_by_name(limit: str, tick: str, name: str) -> None:
    with pytest.raises(Infeasible, match=name):
        Terms(TradeSide.BUY, D(limit), D(tick))


def test_a_rest_over_the_venues_maximum_is_not_taken_along() -> None:
    rules = LotRules(D(1), D(6), D(8), D(0))
    row = Progress(D(9), D(0), (), START, END, START)
    assert child_lots(D(8), row, rules, 6, Tail.TAKE) == 8


def test_the_minimum_holds_at_the_price_limit_too() -> None:
    rules = LotRules(D(1), D(1), D(10), D(199))
    assert SELL.min_lots(rules, D(100)) == 3
    assert rules.min_child_lots(D(100)) == 2
