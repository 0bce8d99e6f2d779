"""At the end of an operation orders follow their positions, and each change is told once."""

from typing import Any


def test_events_of_a_fill_come_as_execution_order_position_wallet(desk: Any) -> None:
    desk.create("Buy", "1")
    desk.events()
    assert [e.topic for e in desk.seen] == ["execution", "order", "position", "wallet"]


def test_nothing_is_told_about_an_account_that_nobody_hears(desk: Any) -> None:
    desk.engine.world.is_heard = "u2".__eq__
    desk.create("Buy", "1")
    desk.create("Buy", "0.2", uid="u2")
    desk.events()
    told = [(e.uid, e.topic) for e in desk.seen]
    assert told[:2] == [("u1", "execution"), ("u1", "order")]
    assert told[2:] == [("u2", one) for one in ("execution", "order", "position", "wallet")]
    assert desk.position()["size"] == "1.000"


def test_a_reduce_only_order_is_cut_and_cancelled_with_its_position(desk: Any) -> None:
    desk.create("Buy", "1")
    exit_order = desk.create("Sell", "5", "101", reduceOnly=True)
    assert desk.order(exit_order)["qty"] == "1.000"
    desk.create("Sell", "0.4", "100", timeInForce="IOC")
    assert desk.order(exit_order)["leavesQty"] == "0.600"
    desk.create("Sell", "0.6", "100", timeInForce="IOC")
    row = desk.order(exit_order)
    assert (row["orderStatus"], row["cancelType"]) == ("Cancelled", "CancelByReduceOnly")
    assert desk.position()["side"] == ""
