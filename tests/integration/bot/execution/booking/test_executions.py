"""Executions that the stream has missed are read from the exchange."""

from tests.support.desk import Desk


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


def test_fills_missed_by_the_stream_are_found_by_reconciling(desk: Desk) -> None:
    sent(desk)
    report = desk.reconciler.reconcile_account()
    assert report.new_fills == 1
    assert report.position_differences == {}
    assert desk.position() == desk.parent().approved_qty
