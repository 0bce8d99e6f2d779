"""`mlrisk doctor` shows whether the account may trade, and its exit status says so."""

from datetime import UTC, datetime

import pytest

from bot.state import binding, fitness
from bot.state.binding import Identity
from bot.state.fitness import Fitness
from config.settings import Settings
from console.views.doctor.fitness_line import fitness_line
from models.database import Database
from tests.support.desk import Desk


@pytest.fixture
def settings(migrated_url: str) -> Settings:
    return Settings(database_url=migrated_url)  # type: ignore[arg-type]


def test_nobody_asked_yet(db: Database, settings: Settings) -> None:
    line = fitness_line(settings)
    assert not line.ok
    assert "has not asked the exchange yet" in line.detail


def test_an_old_answer(desk: Desk, settings: Settings) -> None:
    """The desk's clock stands days before the database's."""
    assert not fitness_line(settings).ok


def test_an_account_that_may_trade(db: Database, settings: Settings) -> None:
    binding.bind(db, Identity("paper", "paper", "17"), datetime.now(UTC))
    fitness.record(db, "paper", Fitness(True, datetime.now(UTC)))
    line = fitness_line(settings)
    assert line.ok
    assert "exchange account 17" in line.detail


def test_an_account_that_may_not(db: Database, settings: Settings) -> None:
    fitness.record(db, "paper", Fitness(False, datetime.now(UTC), "hedge_mode: for BTCUSDT"))
    line = fitness_line(settings)
    assert (line.ok, line.detail) == (False, "hedge_mode: for BTCUSDT")


def test_another_accounts_database(db: Database, settings: Settings) -> None:
    fitness.record(db, "paper", Fitness(True, datetime.now(UTC)))
    binding.bind(db, Identity("other", "paper", "17"), datetime.now(UTC))
    line = fitness_line(settings.model_copy(update={"account": "paper"}))
    assert not line.ok
    assert "belongs to account other" in line.detail
