"""A stop that the system asks for itself: latched in one transaction, followed from its row."""

import pytest
from sqlalchemy import select

from bot.safety import emergency_stop
from bot.safety.emergency_stop import request_emergency_stop
from models.tables import AuditRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services

RESTING = {"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 120}


def test_a_requested_stop_is_followed_from_its_row(desk: Desk) -> None:
    assert desk.approve(signal_data=RESTING)["verdict"] != "deny"
    desk.step()
    with desk.db.unit_of_work() as uow:
        assert not request_emergency_stop(uow, "audit fails", desk.clock.now(), flatten=True)
        assert request_emergency_stop(uow, "audit fails", desk.clock.now())
        uow.commit()
    assert len(desk.exchange.open_orders()) == 1
    assert emergency_stop.follow(lambda: desk.trading_halt, desk.db) == 1
    assert desk.exchange.open_orders() == []
    assert emergency_stop.follow(pytest.fail, desk.db) == 0
    with desk.db.reading() as session:
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == "halted")).one()
    assert (entry.payload["automatic"], entry.payload["flatten"]) == (True, True)
