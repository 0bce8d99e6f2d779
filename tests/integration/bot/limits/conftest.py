"""Configuration services of a production and of a development system."""

import pytest

from bot.clock import FixedClock
from bot.limits.service import ConfigurationService
from config.settings import Environment
from models.database import Database
from tests.support.configured import settings
from tests.support.fakes import T0


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def production(db: Database, clock: FixedClock) -> ConfigurationService:
    return ConfigurationService(db, settings(), clock)


@pytest.fixture
def development(db: Database, clock: FixedClock) -> ConfigurationService:
    return ConfigurationService(db, settings(Environment.DEVELOPMENT), clock)
