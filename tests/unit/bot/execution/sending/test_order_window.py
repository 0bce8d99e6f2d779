"""The moving window of order writes, by itself: its bound, its queue, its reserve for exits."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bot.execution.sending.order_window import (
    WINDOW_MS,
    AllowedRate,
    Caps,
    OrderWindow,
    own_caps,
    shared_caps,
)

CAPS = Caps(every=10, ordinary=8)


def most_in_a_window(moments: Sequence[int]) -> int:
    return max(
        (sum(start <= moment < start + WINDOW_MS for moment in moments) for start in moments),
        default=0,
    )


def drain(window: OrderWindow, orders: int, caps: Caps, *, lateness: int = 0) -> list[int]:
    """Moments at which the orders go, all of which come at 0 and return when they are told to."""
    due = [(0, number) for number in range(orders)]
    gone = []
    while due:
        due.sort()
        now, number = due.pop(0)
        wait = window.take(now, f"order-{number}", caps, is_exit=False)
        if wait == 0:
            gone.append(now)
        else:
            due.append((now + wait + lateness, number))
    return gone


@given(
    calls=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 30), st.integers(0, 400)),  # ms since the call before
            st.integers(0, 30),  # the order
            st.booleans(),
            st.sampled_from(["take", "take", "take", "take", "close"]),
        ),
        max_size=120,
    ),
    every=st.integers(1, 12),
    reserve=st.integers(0, 12),
)
def test_no_sequence_of_calls_exceeds_the_rate_in_any_window(
    calls: list[tuple[int, int, bool, str]], every: int, reserve: int
) -> None:
    caps = shared_caps(every, reserve)
    window = OrderWindow()
    now, went, closed_until = 0, [], 0
    for after, order, is_exit, act in calls:
        now += after
        if act == "close":
            window.close_until(now + 300)
            closed_until = max(closed_until, now + 300)
        else:
            before = window.sent_within(now)
            wait = window.take(now, str(order), caps, is_exit=is_exit)
            assert wait >= 0
            if wait == 0:
                assert now >= closed_until
                assert before < caps.of(is_exit=is_exit)
                went.append(now)
    assert most_in_a_window(went) <= every


@given(
    cap=st.integers(1, 12),
    orders=st.integers(1, 60),
    lateness=st.integers(0, 150),
)
def test_whoever_comes_back_when_told_goes_after_a_bounded_time(
    cap: int, orders: int, lateness: int
) -> None:
    gone = drain(OrderWindow(), orders, Caps(cap, cap), lateness=lateness)
    assert len(gone) == orders
    assert most_in_a_window(gone) <= cap
    assert gone[-1] <= (orders / cap + 2) * (WINDOW_MS + cap + lateness)


def test_a_burst_of_fifty_drains_at_the_full_rate_and_nobody_asks_more_than_twice() -> None:
    window = OrderWindow()
    waits = [window.take(0, str(n), CAPS, is_exit=False) for n in range(50)]
    assert waits.count(0) == 8
    places = waits[8:]
    assert len(set(places)) == len(places)
    assert places == sorted(places)
    steps = {later - earlier for earlier, later in itertools.pairwise(places)}
    assert steps == {132}  # 1050 ms / 8, rounded up
    for number, place in enumerate(places, 8):
        assert window.take(place, str(number), CAPS, is_exit=False) == 0


def test_a_newcomer_queues_behind_those_who_wait() -> None:
    window = OrderWindow()
    waits = [window.take(0, str(n), CAPS, is_exit=False) for n in range(12)]
    # The first window is over, four wait for their places, and there is room for eight.
    now = WINDOW_MS
    newcomer = window.take(now, "newcomer", CAPS, is_exit=False)
    assert now + newcomer > waits[-1]
    assert [window.take(waits[n], str(n), CAPS, is_exit=False) for n in range(8, 12)] == [0] * 4


def test_asking_too_early_keeps_the_place() -> None:
    window = OrderWindow()
    waits = [window.take(0, str(n), CAPS, is_exit=False) for n in range(12)]
    assert window.take(100, "9", CAPS, is_exit=False) == waits[9] - 100
    assert window.take(waits[9], "9", CAPS, is_exit=False) == 0


def test_exits_use_what_ordinary_orders_must_leave_and_overtake_their_queue() -> None:
    window = OrderWindow()
    waits = [window.take(0, str(n), CAPS, is_exit=False) for n in range(50)]
    assert [window.take(1, f"exit-{n}", CAPS, is_exit=True) for n in range(2)] == [0, 0]
    third = window.take(1, "exit-2", CAPS, is_exit=True)
    assert 0 < third <= min(wait for wait in waits if wait)


def test_who_comes_back_to_a_full_window_waits_in_the_order_of_the_places() -> None:
    window = OrderWindow()
    waits = [window.take(0, str(n), CAPS, is_exit=False) for n in range(11)]
    for number in range(10):  # exits take the whole second window
        assert window.take(WINDOW_MS, f"exit-{number}", CAPS, is_exit=True) == 0
    late = waits[10] + 1
    again = [window.take(late, str(n), CAPS, is_exit=False) for n in (10, 9, 8)]
    assert again == sorted(again, reverse=True)
    assert len(set(again)) == 3
    assert min(again) > 0


def test_who_is_held_up_by_exits_for_seconds_keeps_the_place() -> None:
    window = OrderWindow()
    for number in range(12):
        window.take(0, str(number), CAPS, is_exit=False)
    now = WINDOW_MS
    for _ in range(5):
        for number in range(10):
            assert window.take(now, f"exit-{now}-{number}", CAPS, is_exit=True) == 0
        assert window.take(now + 900, "8", CAPS, is_exit=False) > 0
        now += WINDOW_MS
    for number in range(50):
        window.take(now - 1, f"newcomer-{number}", CAPS, is_exit=False)
    assert window.take(now, "8", CAPS, is_exit=False) == 0


def test_nothing_goes_while_it_is_closed_and_those_who_ask_get_different_times() -> None:
    window = OrderWindow(closed_until=700)
    waits = [window.take(0, str(n), CAPS, is_exit=n % 2 == 0) for n in range(6)]
    assert min(waits) == 700
    exits, ordinary = waits[::2], waits[1::2]
    assert len(set(exits)) == 3
    assert len(set(ordinary)) == 3


@given(
    calls=st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=120),
    cap=st.integers(1, 12),
)
def test_a_pace_keeps_the_rate_in_any_window_and_tells_when_there_is_room(
    calls: list[tuple[int, bool]], cap: int
) -> None:
    pace = AllowedRate()
    now, moments, closed_until = 0, [], 0
    for after, close in calls:
        now += after
        if close:
            pace.close_until(now + 200)
            closed_until = max(closed_until, now + 200)
        wait = pace.take(now, cap)
        # Who asks in vain takes nothing: at the told time there is room, however many ask before.
        assert all(pace.take(now, cap) == wait for _ in range(3)) or wait == 0
        now += wait
        assert wait == 0 or pace.take(now, cap) == 0
        moments.append(now)
        assert now >= closed_until
    assert most_in_a_window(moments) <= cap


@given(
    rate=st.integers(1, 60),
    reserve=st.integers(0, 60),
    processes=st.integers(1, 60),
)
def test_the_shares_of_all_processes_stay_within_the_whole(
    rate: int, reserve: int, processes: int
) -> None:
    own = own_caps(rate, reserve, processes)
    assert own.every * processes <= max(rate, processes)
    assert 1 <= own.ordinary <= own.every
    whole = shared_caps(rate, reserve)
    assert whole.every == rate
    assert 1 <= whole.ordinary <= whole.every


def test_the_default_leaves_every_process_one_place_for_exits() -> None:
    assert own_caps(10, 2, 5) == Caps(every=2, ordinary=1)
