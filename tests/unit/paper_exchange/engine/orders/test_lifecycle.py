"""An order ends once, and what ends it is named."""

from typing import Any

import pytest

from paper_exchange.types import Reject


def refused(code: int, call: Any, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(Reject) as caught:
        call(*args, **kwargs)
    assert caught.value.ret_code == code, caught.value


def test_a_post_only_that_would_take_is_cancelled(desk: Any) -> None:
    row = desk.order(desk.create("Buy", "1", "100.1", timeInForce="PostOnly"))
    assert (row["orderStatus"], row["rejectReason"]) == (
        "Cancelled",
        "EC_PostOnlyWillTakeLiquidity",
    )
    row = desk.order(desk.create("Buy", "1", "100.0", timeInForce="PostOnly"))
    assert row["orderStatus"] == "New"


def test_a_cancel_ends_the_order_and_a_second_one_is_refused(desk: Any) -> None:
    order = desk.create("Buy", "1", "99")
    desk.cancel(order)
    row = desk.order(order)
    assert (row["orderStatus"], row["cancelType"], row["rejectReason"]) == (
        "Cancelled",
        "CancelByUser",
        "EC_PerCancelRequest",
    )
    refused(110001, desk.cancel, order)


def test_a_cancel_that_lost_the_race_sends_a_second_filled(make_desk: Any) -> None:
    desk = make_desk(effect_delay_ms=3)
    desk.book(bids=[("100.0", "1")], asks=[("100.2", "1")], snapshot=True)
    order = desk.create("Buy", "1", "100.1")
    desk.wait(3)
    desk.cancel(order)
    desk.trade("100.1", "1", "Sell")
    desk.wait(3)
    rows = [(e["orderStatus"], e["cancelType"]) for e in desk.events("order")]
    assert rows == [("New", "UNKNOWN"), ("Filled", "UNKNOWN"), ("Filled", "CancelByUser")]
