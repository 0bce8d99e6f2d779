"""A desk with a position and its monitor."""

import pytest

from bot.safety.positions.exits import PositionExits
from bot.safety.positions.monitor import PositionMonitor
from tests.support.desk import ACCOUNT, Desk


@pytest.fixture
def watching(desk: Desk) -> PositionMonitor:
    return make_monitor(desk)


def make_monitor(desk: Desk) -> PositionMonitor:
    """A monitor of the desk's account, as a worker makes it."""
    return PositionMonitor(
        db=desk.db,
        account=ACCOUNT,
        market=desk.market,
        limits=desk.limits,
        clock=desk.clock,
        exits=PositionExits(desk.admission, ACCOUNT),
        decide=desk.approval.validate_stored,
        halt=lambda reason: desk.trading_halt.halt(reason=reason, actor="position-monitor"),
    )
