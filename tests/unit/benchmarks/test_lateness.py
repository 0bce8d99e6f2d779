"""A TWAP of the benchmark lives until its last slice."""

import random

from benchmarks.lateness import twap
from bot.decision import parsing


def test_a_twap_is_asked_for_until_after_its_last_slice() -> None:
    request = parsing.parse_request(twap(40.0, 3, random.Random(3)))
    assert request.expires_at is not None
    assert (request.expires_at - request.created_at).total_seconds() > 40 * 3
