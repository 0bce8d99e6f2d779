"""Which end of a process counts against the message that it worked."""

import pytest
from billiard.einfo import ExceptionInfo  # type: ignore[import-untyped]
from billiard.exceptions import (  # type: ignore[import-untyped]
    TimeLimitExceeded,
    WorkerLostError,
)

from workers.celery.dying import cause_of_death


def lost(end: str) -> WorkerLostError:
    """As billiard words it."""
    return WorkerLostError(f"Worker exited prematurely: {end} Job: 15.")


@pytest.mark.parametrize("end", ["signal 9 (SIGKILL)", "signal 11 (SIGSEGV)", "exitcode 139"])
def test_a_killed_crashed_or_ended_process_counts(end: str) -> None:
    assert cause_of_death(lost(end)) == end


@pytest.mark.parametrize("end", ["signal 15 (SIGTERM)", "signal 2 (SIGINT)", "signal 1 (SIGHUP)"])
def test_a_process_that_was_told_to_stop_counts_for_nothing(end: str) -> None:
    assert cause_of_death(lost(end)) is None


def test_it_is_read_as_billiard_hands_it_on() -> None:
    try:
        raise lost("signal 9 (SIGKILL)")
    except WorkerLostError:
        assert cause_of_death(ExceptionInfo().exception) == "signal 9 (SIGKILL)"


def test_a_time_limit_and_an_error_of_the_task_count_for_nothing() -> None:
    """A frozen server makes every task run into its limit."""
    assert cause_of_death(TimeLimitExceeded(60)) is None
    assert cause_of_death(ValueError("signal 9")) is None
