"""A decided cancel is sent once the child is at the exchange, and again while nobody confirms."""

from datetime import timedelta

import pytest

from bot.execution.working.step_cancels import CANCEL_AGAIN, cancels_to_send
from models.enums import ChildState
from tests.unit.bot.execution.working.stepped import NOW, child, parent


def test_only_a_decided_cancel_of_a_child_at_the_exchange_is_sent() -> None:
    children = [
        child(1, cancel_requested_at=NOW),
        child(2),
        child(3, cancel_requested_at=NOW, state=ChildState.PLANNED),
        child(4, cancel_requested_at=NOW, state=ChildState.FILLED),
        child(5, cancel_requested_at=NOW, state=ChildState.ACKED),
    ]
    due = cancels_to_send(parent(), children, NOW)
    assert [cancel.order_link_id for cancel in due] == ["mr-1", "mr-5"]
    assert [one.cancels for one in children] == [1, 0, 0, 0, 1]


@pytest.mark.parametrize("sent", [1, 2, 3])
def test_each_further_try_waits_for_longer(sent: int) -> None:
    asked = child(1, cancel_requested_at=NOW, cancels=sent)
    early = NOW + sent * CANCEL_AGAIN - timedelta(milliseconds=1)
    assert cancels_to_send(parent(), [asked], early) == []
    assert len(cancels_to_send(parent(), [asked], NOW + sent * CANCEL_AGAIN)) == 1
    assert asked.cancels == sent + 1
