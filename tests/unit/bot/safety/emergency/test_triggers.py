"""The triggers of the emergency stop: each fires at its threshold, and names what it saw."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.safety.emergency.triggers import (
    CHANGED_LOOKS,
    Lasting,
    SeenTrip,
    TriggerKind,
    audit_changed,
    failing_models,
    losing_streak,
    several_breakers,
    stays_away,
)
from config.keys.emergency import EmergencyRules
from tests.support.properties import examples

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RULES = EmergencyRules(breakers_at_once=3, breakers_window_minutes=15, failing_models=2)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def trips(*found: tuple[str, float]) -> list[SeenTrip]:
    return [SeenTrip(kind, ago(minutes)) for kind, minutes in found]


@pytest.mark.parametrize(
    ("found", "fires"),
    [
        ((("a", 1), ("b", 2)), False),
        ((("a", 1), ("b", 2), ("c", 14.9)), True),
        ((("a", 1), ("b", 2), ("c", 15)), False),
        ((("a", 1), ("a", 2), ("a", 3), ("b", 4)), False),
        ((("a", 1), ("b", 2), ("cooldown", 3), ("low_profit", 3)), False),
    ],
)
def test_so_many_kinds_within_the_window_fire(
    found: tuple[tuple[str, float], ...], fires: bool
) -> None:
    judged = several_breakers(trips(*found), RULES, None, NOW)
    assert judged.fires is fires
    if fires:
        assert judged.since == ago(14.9)
        assert judged.sentence == (
            "several_breakers: 3 kinds of breaker tripped (a, b, c); the threshold is 3 within 15 "
            "minutes, since 2026-03-01 11:45:06 UTC"
        )


def test_what_tripped_before_a_persons_recovery_counts_no_more() -> None:
    found = trips(("a", 1), ("b", 5), ("c", 9))
    assert several_breakers(found, RULES, None, NOW).fires
    assert not several_breakers(found, RULES, ago(5), NOW).fires
    assert not losing_streak(ago(5), "5 in a row", 5, RULES, ago(5)).fires
    assert losing_streak(ago(4), "5 in a row", 5, RULES, ago(5)).fires
    stopped = {"one": ago(5), "two": ago(1)}
    assert failing_models(stopped, RULES, None).fires
    assert not failing_models(stopped, RULES, ago(5)).fires


def test_a_trigger_that_is_switched_off_never_fires() -> None:
    off = EmergencyRules(losing_streak_halts=False, breakers_at_once=None, failing_models=None)
    assert not several_breakers(trips(("a", 1), ("b", 1), ("c", 1), ("d", 1)), off, None, NOW).fires
    assert not losing_streak(ago(1), "9 in a row", 5, off, None).fires
    assert not failing_models({"one": ago(1), "two": ago(1)}, off, None).fires
    long = Lasting(ago(600), NOW, 36_000.0, 7_000)
    assert not stays_away(TriggerKind.EXCHANGE_LOST, "away", long, None).fires


def test_something_that_stays_away_fires_at_its_deadline() -> None:
    count: Lasting | None = None
    for second in range(0, 301, 3):
        count = Lasting.counted(count, NOW + timedelta(seconds=second), lasts=True)
        judged = stays_away(TriggerKind.EXCHANGE_LOST, "the exchange is silent", count, 300.0)
        assert judged.fires is (second >= 300)
    assert judged.since == NOW
    assert judged.value == "the exchange is silent for 300 s"
    assert not Lasting.counted(count, NOW + timedelta(seconds=303), lasts=False).looks


def test_a_count_survives_its_row() -> None:
    count = Lasting(ago(3), NOW, 17.5, 4)
    assert Lasting.from_json(count.to_json()) == count
    assert Lasting.from_json(None) is None
    assert Lasting.from_json({}) is None


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.floats(-7_200, 7_200), min_size=1, max_size=20))
def test_a_clock_that_jumps_adds_a_few_seconds_a_look_at_most(jumps: list[float]) -> None:
    count, at = Lasting.counted(None, NOW, lasts=True), NOW
    for jump in jumps:
        at += timedelta(seconds=jump)
        count = Lasting.counted(count, at, lasts=True)
    assert 0 <= count.seconds <= 15 * len(jumps)


def test_a_changed_audit_fires_when_looks_agree_and_at_once_after_a_verification() -> None:
    count: Lasting | None = None
    for look in range(1, CHANGED_LOOKS + 1):
        count = Lasting.counted(count, NOW, lasts=True)
        assert audit_changed(["entry 7"], count).fires is (look == CHANGED_LOOKS)
    first = Lasting.counted(None, NOW, lasts=True)
    assert audit_changed(["entry 7"], first, at_once=True).fires
    assert not audit_changed([], first, at_once=True).fires
