"""A wake-up that has expired is not worked."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.execution import EXPIRED, send_child

pytestmark = pytest.mark.services


def test_a_message_that_expired_inside_the_worker_is_not_worked() -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    send_child.push_request(expires=past.isoformat())
    try:
        assert send_child.run(1) == EXPIRED
    finally:
        send_child.pop_request()
