"""When a system counts as silent, by a clock that the tests turn."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from workers.watchdog.silence import SILENCE_SECONDS, START_SECONDS, Silence

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LOOK = 0.5


def listening(seconds: float = 5.0) -> tuple[Silence, float]:
    """A watchdog that has heard a sign each second, the last one a second before the moment."""
    silence, moment = Silence(), 0.0
    while moment < seconds:
        silence.hear(T0 + timedelta(seconds=int(moment)))
        assert not silence.look(moment)
        moment += LOOK
    return silence, moment


def silent_after(silence: Silence, moment: float, *, most: float = 120.0) -> float:
    begun = moment
    while moment - begun < most:
        if silence.look(moment):
            return moment - begun
        moment += LOOK
    return most


def test_ten_seconds_without_a_new_sign_are_silence() -> None:
    silence, moment = listening()
    assert SILENCE_SECONDS - 2 <= silent_after(silence, moment) <= SILENCE_SECONDS + LOOK


def test_an_old_sign_read_again_is_no_sign_of_life() -> None:
    silence, moment = listening()
    last = T0 + timedelta(seconds=int(moment - LOOK))
    for step in range(40):
        silence.hear(last)
        found = silence.look(moment + step * LOOK)
    assert found


def test_a_system_that_starts_has_a_minute_for_its_first_sign() -> None:
    silence = Silence()
    silence.hear(T0)  # of the run before
    assert abs(silent_after(silence, 0.0) - START_SECONDS) <= 2 * LOOK


def test_a_system_that_never_speaks_is_silent_after_the_start() -> None:
    assert silent_after(Silence(), 0.0) <= START_SECONDS + 2 * LOOK


def test_a_new_sign_ends_the_silence() -> None:
    silence, moment = listening()
    while not silence.look(moment):
        moment += LOOK
    silence.hear(T0 + timedelta(hours=1))
    assert not silence.look(moment + LOOK)


def test_a_watchdog_that_stood_still_blames_nobody() -> None:
    """It was frozen for an hour, and the system was not."""
    silence, moment = listening()
    assert not silence.look(moment + 3600)
    assert silent_after(silence, moment + 3600) >= SILENCE_SECONDS - 3


def test_a_clock_that_goes_back_counts_nothing() -> None:
    silence, moment = listening()
    before = silence.seconds
    silence.look(moment - 100)
    assert silence.seconds == before


@pytest.mark.parametrize("seed", range(3))
def test_a_day_with_a_twentieth_of_the_signs_lost_has_no_false_act(seed: int) -> None:
    """24 h at speed: signs each second with jitter, one of twenty lost on the way, and reads that
    fail as often."""
    chance = random.Random(seed)
    silence, newest, sign_at, moment = Silence(), None, 0.0, 0.0
    while moment < 24 * 3600:
        if moment >= sign_at:
            sign_at = moment + 1 + chance.random()
            if chance.random() >= 0.05:
                newest = T0 + timedelta(seconds=moment)
        silence.hear(None if chance.random() < 0.05 else newest)
        assert not silence.look(moment), moment
        moment += LOOK
