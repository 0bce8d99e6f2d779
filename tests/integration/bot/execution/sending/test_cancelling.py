"""Cancels are counted by the rate limiter, which learns of refusals for speed."""

from decimal import Decimal

from bot.errors import Throttled
from tests.support.desk import Desk

D = Decimal


def test_a_call_back_that_is_too_fast_is_told_to_the_cancels_budget(desk: Desk) -> None:
    desk.exchange.fill_share = D(0)
    desk.approve()
    desk.send(desk.child().child_id)
    desk.stream()
    child = desk.children()[0]
    desk.exchange.reopen(child.order_link_id)
    too_fast = Throttled("too many visits", code="ret_10006", after_seconds=0.7)
    desk.exchange.cancel_faults.append((too_fast, False))
    assert desk.reconciler.reconcile_account().called_back == ()
    assert (desk.rate_limiter.cancel_throttles, desk.rate_limiter.throttles) == ([0.7], [])
    assert desk.reconciler.reconcile_account().called_back == (child.order_link_id,)
