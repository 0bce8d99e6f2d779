"""The volume since a parent's start is counted over restarts of the feed, and never too high."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.execution.sending.volume_counter import counted, started
from bot.risk.snapshot import MarketView
from tests.unit.bot.risk.cases import NOW, market

D = Decimal


def view(traded: str | None, restarts: int = 0) -> MarketView:
    return market(
        traded_qty=None if traded is None else D(traded),
        traded_since=NOW - timedelta(hours=1) + restarts * timedelta(minutes=5),
    )


def test_the_count_begins_at_the_parents_start() -> None:
    mark = started(view("100"))
    assert counted(mark, view("130"))[0] == 30


def test_what_is_counted_already_is_not_counted_twice() -> None:
    mark = started(view("100"))
    _, mark = counted(mark, view("130"))
    assert counted(mark, view("130"))[0] == 30


def test_a_feed_that_began_anew_is_counted_from_its_zero() -> None:
    mark = started(view("100"))
    _, mark = counted(mark, view("130"))
    assert counted(mark, view("7", restarts=1))[0] == 37


def test_a_counter_that_ran_backwards_takes_nothing_off() -> None:
    mark = started(view("100"))
    _, mark = counted(mark, view("130"))
    assert counted(mark, view("90"))[0] == 30


def test_without_a_market_the_last_count_stands() -> None:
    mark = started(view("100"))
    _, mark = counted(mark, view("130"))
    assert counted(mark, None) == (D(30), mark)
    assert counted(mark, view(None)) == (D(30), mark)


def test_a_parent_that_began_without_a_market_counts_from_the_first_one() -> None:
    assert started(None) is None
    total, mark = counted(None, view("100"))
    assert total == 0
    assert counted(mark, view("104"))[0] == 4


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans(), st.booleans()), max_size=20))
def test_the_count_is_what_a_listening_feed_saw(
    steps: list[tuple[int, bool, bool]],
) -> None:
    counter, restarts, truth = 50, 0, 0
    mark = started(view("50"))
    for traded, restarted, looked in steps:
        if restarted:
            _, mark = counted(mark, view(str(counter), restarts))
            counter, restarts = 0, restarts + 1
        counter += traded
        truth += traded
        if looked:
            total, mark = counted(mark, view(str(counter), restarts))
            assert total == truth
