"""The busiest minutes are counted from rows, and a stress test's own are left out."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from models.repositories.peaks import Peaks, peaks
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

DAY = timedelta(days=1)
WITHOUT = "load"


def found(desk: Desk, since: datetime) -> Peaks:
    with desk.db.reading() as session:
        return peaks(session, ACCOUNT, since, desk.clock.now() + DAY, [WITHOUT])


def trade(desk: Desk, request_id: str, strategy: str = "test") -> None:
    assert desk.approve(request_id, metadata={"strategy": strategy})["verdict"] == "allow"
    desk.send_due()
    desk.stream()


def test_the_busiest_minute_has_its_messages_orders_and_volume(desk: Desk) -> None:
    begin = desk.clock.now().replace(second=0, microsecond=0)
    trade(desk, "r-1")
    desk.pass_time(90)
    second = desk.clock.now().replace(second=0, microsecond=0)
    trade(desk, "r-2")
    trade(desk, "r-3")
    desk.approve("r-4", side="up")
    last = found(desk, begin)
    assert (last.received.most, last.received.minute) == (3, second)
    assert (last.sent.most, last.sent.minute) == (2, second)
    one_trade = desk.children("r-2")[0]
    assert last.volume.minute == second
    assert last.volume.most == sum(fill.qty * fill.price for fill in desk.exchange.fills[1:])
    assert last.volume.most > one_trade.qty


def test_what_is_older_or_of_the_test_itself_does_not_count(desk: Desk) -> None:
    trade(desk, "r-1")
    desk.pass_time(120)
    begin = desk.clock.now()
    trade(desk, "r-2", WITHOUT)
    last = found(desk, begin)
    for peak in (last.received, last.sent, last.volume):
        assert (peak.most, peak.minute) == (Decimal(0), None)
