"""A canary is a sign of life of the queue by which it came, and of no other."""

import pytest

from bot.errors import Refused
from tasks.monitoring import canary


@pytest.mark.parametrize(
    ("queue", "came_by", "problem"),
    [
        ("of-somebody", "of-somebody", "mlrisk has no queue 'of-somebody'"),
        ("execution", "validation", "a canary of queue execution came by queue 'validation'"),
    ],
)
def test_a_canary_that_proves_nothing_is_refused(queue: str, came_by: str, problem: str) -> None:
    """Whoever reaches the queue of strategies could make a dead worker look alive."""
    canary.push_request(delivery_info={"routing_key": came_by})
    try:
        with pytest.raises(Refused) as refused:
            canary.run(queue)
    finally:
        canary.pop_request()
    assert str(refused.value) == problem
