"""The rounds of a stress test: entries, then exits, until the volume is traded or can't be."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.safety.stress_load import Load, Messages
from console.runtime.stress_progress import Progress
from console.runtime.stress_rounds import (
    MOST_ROUNDS,
    VAIN_EXITS,
    VAIN_ROUNDS,
    VAIN_SECONDS,
    Rounds,
)

NOW = datetime(2026, 11, 30, tzinfo=UTC)
D = Decimal
LOAD = Load(10, 2, D(1000))
NEVER_MIND = 0.0
"""The time of the test, where nothing waits for it."""


def rounds() -> Rounds:
    return Rounds(LOAD, Messages("stress-1"), ("BTCUSDT",))


def seen(volume: int = 0, sent: int = 0, held: int = 0, **changes: Any) -> Progress:
    holds = {"BTCUSDT": D(held)} if held else {}
    facts = {"undecided": 0, "under_way": 0, **changes}
    return Progress(sent=sent, volume=D(volume), held=holds, **facts)


def taken(found: Rounds) -> list[bool]:
    """Takes all that waits; says of each message whether it only reduces."""
    kinds = []
    while (message := found.take(NOW)) is not None:
        kinds.append(bool(message["signal_data"].get("reduce_only", False)))
        found.done()
    return kinds


def test_entries_come_first_then_exits_and_the_volume_ends_it() -> None:
    found = rounds()
    found.follow(seen(), NEVER_MIND, may_enter=True)
    assert taken(found) == [False, False]
    found.follow(seen(500, 2, held=500, under_way=1), NEVER_MIND, may_enter=True)
    assert taken(found) == [], "an order is under way"
    found.follow(seen(500, 2, held=500), NEVER_MIND, may_enter=True)
    assert taken(found) == [True]
    found.follow(seen(1000, 3), NEVER_MIND, may_enter=True)
    assert (found.is_over, found.why) == (True, "")


def test_a_message_beyond_the_quota_stays_in_its_place_under_a_new_id() -> None:
    found = rounds()
    found.follow(seen(), NEVER_MIND, may_enter=True)
    first, again = found.take(NOW), found.take(NOW)
    assert first is not None and again is not None
    assert first["signal_data"] == again["signal_data"]
    assert first["request_id"] != again["request_id"]


def test_rounds_in_vain_are_repeated_after_a_pause_and_then_end_it() -> None:
    found, elapsed, asked = rounds(), 0.0, 0
    while not found.is_over:
        found.follow(seen(), elapsed, may_enter=True)
        asked += bool(taken(found))
        found.follow(seen(), elapsed, may_enter=True)
        assert taken(found) == [], "it pauses"
        elapsed += VAIN_SECONDS
    assert (asked, found.why) == (VAIN_ROUNDS, "round after round traded nothing")


def test_a_round_that_trades_ends_the_count_of_those_in_vain() -> None:
    found = rounds()
    for number in range(2 * VAIN_ROUNDS):
        found.follow(seen(number // 2), number * VAIN_SECONDS, may_enter=True)
        taken(found)
        found.follow(seen(number // 2), number * VAIN_SECONDS, may_enter=True)
        taken(found)
    assert not found.is_over


def test_late_there_are_exits_and_no_entries() -> None:
    found = rounds()
    found.follow(seen(500, 2, held=500), NEVER_MIND, may_enter=False)
    assert taken(found) == [True]
    found.follow(seen(900, 3), NEVER_MIND, may_enter=False)
    assert (found.is_over, found.why) == (True, "the time was over")


def test_exits_that_close_nothing_end_it() -> None:
    found = rounds()
    for _ in range(VAIN_EXITS + 1):
        found.follow(seen(500, 2, held=500), NEVER_MIND, may_enter=True)
        taken(found)
    assert (found.is_over, found.why) == (True, "exits closed nothing")


def test_rounds_are_bounded() -> None:
    found = rounds()
    for number in range(MOST_ROUNDS + 1):
        found.follow(seen(number + 1, 0), NEVER_MIND, may_enter=True)
        taken(found)
    assert found.is_over
