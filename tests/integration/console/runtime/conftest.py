"""A well system, for the questions about it."""

import pytest
from sqlalchemy import update

from models.enums import ChildState
from models.tables import ChildOrderRow, HeartbeatRow
from tests.integration.console.runtime.vitals.ward import FEED, SYMBOL, Ward
from tests.support.desk import Desk


@pytest.fixture
def ward(desk: Desk) -> Ward:
    desk.approve()
    desk.send_due()
    desk.pass_time(120)
    desk.reconciler.refresh_instruments()
    now = desk.clock.now()
    with desk.db.transaction() as session:
        for name, details in (("feed", FEED), ("reconciliation", {})):
            session.add(HeartbeatRow(name=name, pid=1, at=now, details=details))
        session.execute(update(ChildOrderRow).values(state=ChildState.FILLED, final_at=now))
    return Ward(desk, {SYMBOL: desk.market.get(SYMBOL)})
