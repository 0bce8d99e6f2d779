"""The lines of `mlrisk doctor` about alerts and channels."""

import pytest

from bot.safety.alerts import channels
from bot.safety.alerts.telling import Channel
from config.settings import Settings
from console.views.doctor.alert_lines import NOBODY, alert_lines
from models.database import Database
from models.enums import AlertLevel
from tests.support.fakes import T0

pytestmark = pytest.mark.services


def test_doctor_says_that_nobody_is_told_and_which_channel_fails(
    db: Database, migrated_url: str
) -> None:
    settings = Settings(database_url=migrated_url, paper_url="http://127.0.0.1:1")  # type: ignore[arg-type]
    waiting, nobody = alert_lines(settings)
    assert (waiting.ok, waiting.warning, waiting.detail) == (True, False, "none is open")
    assert (nobody.ok, nobody.warning, nobody.detail) == (True, True, NOBODY)
    with db.unit_of_work() as uow:
        uow.audit("paper", "order_lost", "r-1", "test", {}, T0)
        uow.commit()
    with db.transaction() as session:
        channels.declare(session, (Channel("desk", AlertLevel.INFO),), {"desk": "mailto"}, T0)
        for _ in range(channels.FAILED_OFTEN):
            channels.note(session, "desk", "paper", "away", T0)
    waiting, desk = alert_lines(settings)
    assert waiting.warning
    assert waiting.detail.startswith("1 critical, 1 warning wait for an operator")
    assert (desk.name, desk.ok) == ("alert channel desk", False)
    assert desk.detail.startswith("3 attempts failed in a row: away (mailto, from info on")
