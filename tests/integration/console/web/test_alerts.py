"""The alerts of the page, and their acknowledgement in the browser."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.authority.verifying import problems
from bot.clock import SystemClock
from bot.safety.halting.halt import TradingHalt
from config.settings import Environment
from console.web.alerts import SHOWN, WINDOW, newest_alerts
from models.enums import AlertLevel, AlertState, OperatorRole
from models.tables import AlertRow
from tests.support.operators import Person, add_person
from tests.support.scene import Scene
from tests.support.trading_halts import bind
from tests.support.web import Entered

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases")]


def the_alert(scene: Scene) -> AlertRow:
    with scene.db.reading() as session:
        return session.scalars(select(AlertRow).where(AlertRow.kind == "halted")).one()


def test_a_halt_is_one_critical_alert_and_a_decision_is_none(scene: Scene) -> None:
    scene.trade("r-1")
    for _ in range(SHOWN):
        TradingHalt(scene.db, SystemClock()).halt(reason="drill", actor="test")
        TradingHalt(scene.db, SystemClock()).resume(reason="x", actor="test", development=True)
    TradingHalt(scene.db, SystemClock()).halt(reason="drill", actor="test")
    now = SystemClock().now()
    with scene.db.reading() as session:
        found = newest_alerts(session, now)
        later = newest_alerts(session, now + WINDOW + timedelta(hours=1))
    assert found[0].level is AlertLevel.CRITICAL
    assert found[0].state is AlertState.OPEN
    assert "drill" in found[0].text
    # What waits for an operator never grows old.
    assert AlertState.OPEN in {each.state for each in later}
    assert AlertState.CLEARED not in {each.state for each in later}
    assert len(found) <= SHOWN


def test_an_operator_acknowledges_in_production_signed_and_a_viewer_may_not(
    entered: Entered, ann: Person, scene: Scene
) -> None:
    bind(scene, Environment.PRODUCTION)
    TradingHalt(scene.db, SystemClock()).halt(reason="<b>drill</b>", actor="test")
    number = the_alert(scene).alert_id
    viewer = add_person(scene.db, SystemClock(), "vic", by=ann.login(), role=OperatorRole.VIEWER)
    looks = entered(viewer)
    csrf = looks.csrf(f"/alerts/{number}")
    refused = looks.post(f"/alerts/{number}/acknowledge", csrf=csrf, reason="seen")
    assert (refused.status_code, the_alert(scene).state) == (403, AlertState.OPEN)

    browser = entered(ann)
    page = browser.get(f"/alerts/{number}").text
    assert "&lt;b&gt;drill&lt;/b&gt;" in page and "<b>drill" not in page
    csrf = browser.csrf(f"/alerts/{number}")
    assert browser.post(f"/alerts/{number}/acknowledge", csrf="x", reason="seen").status_code == 403
    done = browser.post(f"/alerts/{number}/acknowledge", csrf=csrf, reason="seen")
    assert (done.status_code, done.headers["location"]) == (303, "/")
    row = the_alert(scene)
    assert (row.state, row.acknowledged_by) == (AlertState.ACKNOWLEDGED, "operator:ann")
    with scene.db.reading() as session:
        assert problems(session) == []
    assert browser.get("/alerts/999999").status_code == 404
