"""A process watches the room on its disk, with a real exchange and real rows."""

from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.state import fitness
from config.settings import Settings
from paper_exchange.testing import PaperExchangeProcess
from tasks.bootstrap import Services

pytestmark = pytest.mark.services


def test_new_risk_stops_for_want_of_room_and_goes_on_by_itself(
    migrated_url: str, tmp_path: Path
) -> None:
    def known() -> fitness.Fitness | None:
        with services.db.reading() as session:
            return fitness.stored(session, settings.account)

    with PaperExchangeProcess(
        *("--market", "synthetic", "--symbols", "BTCUSDT", "--balances", "USDT=100000"),
        home=tmp_path,
    ) as venue:
        settings = Settings(
            database_url=migrated_url, exchange_url=venue.url, symbols="BTCUSDT", home=tmp_path
        )
        services = Services(settings, SystemClock())
        assert services.check_fitness().ok
        services.watch_room()
        before = known()
        # The kernel's own file system has no byte free.
        full = Services(settings.model_copy(update={"home": Path("/proc")}), SystemClock())
        full.watch_room()
        found = known()
        assert found is not None
        assert not found.ok
        assert found.reasons.startswith("disk_nearly_full: ")
        services.watch_room()
        found = known()
        assert found is not None
        assert before is not None
        assert found.ok
        assert found.asked_at > before.asked_at
