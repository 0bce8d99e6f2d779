"""Exits of an account at the real paper exchange, over HTTP and on a real database."""

from decimal import Decimal

import pytest

from bot.execution.sending.sender import SendResult
from console.runtime.exchange_record import read_exchange_record
from models.enums import ChildState
from tests.support.accounts.paper_desk import Venue
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

D = Decimal
HELD = D("0.03")


def test_a_position_under_the_smallest_order_is_closed_as_a_whole(venue: Venue) -> None:
    desk = venue.desk
    venue.act("foreign_position", qty=str(HELD))
    assert eventually(venue.book) == HELD
    venue.act("instrument_change", min_qty="0.05")
    desk.reconciler.refresh_instruments()
    signal = {"position_size": "9000", "reduce_only": True, "algorithm": None}
    outcome = desk.approve("out", side="sell", signal_data=signal, priority="emergency")
    assert D(outcome["approved_qty"]) == HELD
    assert desk.send(desk.children("out")[0].child_id) is SendResult.SENT
    eventually(lambda: venue.held() == 0)
    eventually(lambda: venue.book() == 0)
    eventually(lambda: desk.children("out")[0].state == ChildState.FILLED)
    parent = desk.parent("out")
    assert (parent.state, parent.filled_qty) == ("completed", HELD)
    (order,) = read_exchange_record(venue.paper.journal_path).orders
    assert (order.qty, order.raw["qty"], order.reduce_only) == (HELD, "0", True)
    desk.check_balance()
