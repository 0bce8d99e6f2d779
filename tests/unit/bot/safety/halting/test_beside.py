"""A step beside others: it runs while they hang, and knows when they are over."""

import threading
from collections.abc import Callable

from bot.safety.halting.beside import Beside
from tests.support.waiting import PATIENCE_SECONDS, eventually


def test_a_step_ends_while_its_block_still_waits_for_it() -> None:
    ended = threading.Event()

    def step(goes_on: Callable[[], bool]) -> bool:
        seen = goes_on()
        ended.set()
        return seen

    with Beside(step) as beside:
        assert ended.wait(PATIENCE_SECONDS), "the block waits for it, and not the other way round"
    assert beside.result() is True


def test_a_step_that_waits_is_told_when_the_block_is_over() -> None:
    def step(goes_on: Callable[[], bool]) -> str:
        eventually(lambda: not goes_on(), "the end of the block")
        return "told"

    with Beside(step) as beside:
        pass
    assert beside.result() == "told"
