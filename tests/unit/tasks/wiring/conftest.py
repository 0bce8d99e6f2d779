"""The services of a process with servers that nobody asks while services are made."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clock import FixedClock
from config.settings import Settings
from tasks.bootstrap import Services
from tests.support.fakes import FakeExchange, FakeLimits

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    settings = Settings(
        home=tmp_path,
        database_url=f"postgresql+psycopg://me:pw@{NOWHERE}/none",
        redis_url=f"redis://{NOWHERE}/0",
        market_key="m" * 16,
    )
    clock = FixedClock(datetime(2026, 11, 30, 12, tzinfo=UTC))
    made = Services(settings, clock)
    # The real one proves first that its account is the database's.
    made.__dict__["exchange"] = FakeExchange(clock)
    made.__dict__["limits"] = FakeLimits()
    return made
