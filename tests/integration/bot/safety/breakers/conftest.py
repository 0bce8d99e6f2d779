"""What the tests of the breakers share."""

import pytest

from config.keys.emergency import EmergencyRules
from tests.support.accounts.breakers import Watch
from tests.support.desk import Desk


@pytest.fixture
def watch(desk: Desk) -> Watch:
    """An evaluator whose account has 100,000 USDT. A losing streak trips its breaker alone, as in
    development."""
    watch = Watch(desk)
    desk.limits.change(emergency=EmergencyRules(losing_streak_halts=False))
    watch.equity("100000")
    return watch
