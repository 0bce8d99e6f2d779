"""The reporting queue's tasks on a real database, each called twice."""

import pytest

import tasks.reporting
from bot.limits.service import ConfigurationService
from bot.tca.refit import ACTOR
from config.settings import Environment, Settings
from tasks.bootstrap import Services
from tests.integration.bot.tca.test_refit import move_fills, trade
from tests.support.desk import Desk

pytestmark = pytest.mark.services


@pytest.fixture
def context(desk: Desk, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Services:
    settings = Settings(
        database_url=migrated_url,  # type: ignore[arg-type]
        environment=Environment.PRODUCTION,
    )
    made = Services(settings, desk.clock)
    monkeypatch.setattr(tasks.reporting, "services", lambda: made)
    return made


def test_a_re_fit_without_trades_says_so_and_changes_nothing(context: Services) -> None:
    for _ in range(2):
        assert tasks.reporting.refit_impact().startswith("0 usable trades are too few")


@pytest.mark.long
def test_a_re_fit_feeds_the_gate_once_however_often_it_runs(desk: Desk, context: Services) -> None:
    trade(desk)
    move_fills(desk, 1.6)
    for _ in range(2):
        tasks.reporting.refit_impact()
    service = ConfigurationService(desk.db, context.settings, desk.clock)
    (version,) = service.history()
    assert version.proposed_by == ACTOR
    assert service.current().gate.impact_coefficient == pytest.approx(1.6, abs=0.01)
