"""The newest loud entries of the audit, and no quiet ones."""

from datetime import timedelta

import pytest

from bot.clock import SystemClock
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.halt import TradingHalt
from console.web.alerts import SHOWN, WINDOW, newest_alerts
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_a_halt_is_critical_and_a_decision_is_no_alert(scene: Scene) -> None:
    scene.trade("r-1")
    for _ in range(SHOWN):
        TradingHalt(scene.db, SystemClock()).halt(reason="drill", actor="test")
        TradingHalt(scene.db, SystemClock()).resume(reason="x", actor="test", development=True)
    now = SystemClock().now()
    with scene.db.reading() as session:
        found = newest_alerts(session, now)
        assert newest_alerts(session, now + WINDOW + timedelta(hours=1)) == ()
    assert {(each.level, each.kind) for each in found} == {(AlertLevel.CRITICAL, "halted")}
    assert len(found) == SHOWN
    assert found[0].at >= found[-1].at
    assert found[0].reason == "drill"
