"""The pause after an attempt that was not taken: doubled, bounded, spread and always the same."""

from itertools import pairwise

import pytest

from bot.errors import Throttled
from bot.execution.sending.retrying import (
    LONGEST_BACKOFF_SECONDS,
    LONGEST_EXIT_BACKOFF_SECONDS,
    not_taken_delay,
)
from models.tables import ChildOrderRow


def child(posts: int, *, exits: bool = False, link: str = "a-1") -> ChildOrderRow:
    return ChildOrderRow(order_link_id=link, posts=posts, reduce_only=exits)


def pause(posts: int, *, asked: float = 0.5, exits: bool = False, link: str = "a-1") -> float:
    error = Throttled("slow down", after_seconds=asked)
    return not_taken_delay(child(posts, exits=exits, link=link), error).total_seconds()


@pytest.mark.parametrize("exits", [False, True])
def test_a_pause_lies_between_what_is_asked_for_and_its_bound(exits: bool) -> None:
    longest = LONGEST_EXIT_BACKOFF_SECONDS if exits else LONGEST_BACKOFF_SECONDS
    for posts in (0, 1, 2, 3, 10, 1000):
        assert 0.5 <= pause(posts, exits=exits) <= longest
    assert pause(1, asked=30.0, exits=exits) == 30.0, "the exchange's word is kept"


def test_later_attempts_wait_longer_and_those_who_failed_together_come_apart() -> None:
    bounds = [0.5 * 2**n for n in range(4)]
    for posts, bound in enumerate(bounds, start=1):
        assert max(0.5, bound / 2) <= pause(posts) <= bound
    assert all(one <= two for one, two in pairwise(sorted(bounds)))
    spread = {pause(4, link=f"a-{number}") for number in range(20)}
    assert len(spread) > 10
    assert pause(4) == pause(4), "the same attempt waits equally long"
