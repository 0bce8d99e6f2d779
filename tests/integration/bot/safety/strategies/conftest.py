"""What the tests of strategies share."""

import pytest

from bot.safety.strategies.ladder import StrategyLadder
from tests.support.desk import ACCOUNT, Desk


@pytest.fixture
def strategies(desk: Desk) -> StrategyLadder:
    """The strategies of the desk's account."""
    return StrategyLadder(desk.db, ACCOUNT, desk.limits, desk.clock)
