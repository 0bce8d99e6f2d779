"""Ctrl-C and SIGTERM become one wish; during a start it interrupts, later it only sets an event."""

import os
import signal

import pytest

from console.signals import stop_wish


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_event_and_nothing_else(number: signal.Signals) -> None:
    with stop_wish() as wish:
        os.kill(os.getpid(), number)
        assert wish.event.wait(60)
        assert wish.number is number


def test_a_signal_interrupts_a_start_once_and_lets_the_clean_up_end() -> None:
    with stop_wish() as wish:
        with pytest.raises(KeyboardInterrupt), wish.interrupting():
            os.kill(os.getpid(), signal.SIGTERM)
        with wish.interrupting():
            os.kill(os.getpid(), signal.SIGINT)
        assert wish.event.is_set()


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_wish():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
