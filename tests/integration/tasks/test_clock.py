"""A process compares its clock with a real exchange's."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.state import fitness
from config.settings import Settings
from paper_exchange.testing import PaperExchangeProcess
from tasks.bootstrap import Services

pytestmark = pytest.mark.services


class SlowClock(SystemClock):
    """So much behind the machine's."""

    behind = timedelta()

    def now(self) -> datetime:
        return super().now() - self.behind


def test_new_risk_stops_while_our_clock_is_wrong_and_goes_on_by_itself(
    migrated_url: str, tmp_path: Path
) -> None:
    clock = SlowClock()
    with PaperExchangeProcess("--market", "synthetic", "--symbols", "BTCUSDT", home=tmp_path) as it:
        settings = Settings(
            database_url=migrated_url, exchange_url=it.url, symbols="BTCUSDT", home=tmp_path
        )
        services = Services(settings, clock)

        def why_not() -> str | None:
            with services.db.reading() as session:
                known = fitness.stored(session, settings.account)
            return fitness.problem(known, clock.now())

        assert services.check_fitness().ok
        assert services.watch_clock()
        assert why_not() is None
        clock.behind = timedelta(hours=1)
        assert not services.watch_clock()
        told = why_not()
        assert told is not None
        assert told.startswith("clock_offset: our clock is at least 3")
        clock.behind = timedelta()
        assert services.watch_clock()
        assert why_not() is None
