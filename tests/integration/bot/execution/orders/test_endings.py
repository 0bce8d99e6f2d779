"""A child ends by the exchange's word, and its rest may be tried again."""

from decimal import Decimal

from models.enums import (
    ParentState,
)
from tests.support.desk import Desk

D = Decimal


def test_an_unfilled_rest_is_tried_again_until_it_is_filled(desk: Desk) -> None:
    desk.exchange.fill_share = D("0.5")
    desk.approve()
    for _ in range(3):
        desk.send_due()
        desk.stream()
        desk.check_balance()
        desk.pass_time(3)
    desk.exchange.fill_share = D(1)
    desk.send_due()
    desk.stream()
    assert desk.parent().state == ParentState.COMPLETED
    assert [c.attempt for c in desk.children()] == [0, 1, 2, 3]
    desk.check_balance()


def test_a_taker_that_finds_nothing_rests_in_the_end_and_its_rest_is_released(desk: Desk) -> None:
    desk.exchange.fill_share = D(0)
    desk.approve()
    for _ in range(9):
        desk.send_due()
        desk.stream()
        desk.step()
        desk.check_balance()
        desk.pass_time(4)
    for _ in range(3):
        desk.step()
        desk.stream()
    styles = [str(body["timeInForce"]) for body in desk.exchange.accepted]
    assert styles[:3] == ["IOC"] * 3
    assert "PostOnly" in styles
    assert desk.parent().state == ParentState.UNFILLED
    assert not desk.exchange.open_orders()
    desk.check_balance()
