"""An answer that takes too long is done without."""

import threading

import pytest

from console.web.bounded import within
from tests.support.waiting import PATIENCE_SECONDS


def test_an_answer_in_time_is_given_and_its_error_raised() -> None:
    assert within(PATIENCE_SECONDS, lambda: "yes", "no") == "yes"

    def fails() -> str:
        raise TimeoutError("a defect")

    with pytest.raises(TimeoutError, match="a defect"):
        within(PATIENCE_SECONDS, fails, "no")


def test_nobody_waits_for_an_answer_that_takes_too_long() -> None:
    may_end = threading.Event()
    try:
        assert within(0.01, lambda: may_end.wait(PATIENCE_SECONDS), None) is None
    finally:
        may_end.set()
