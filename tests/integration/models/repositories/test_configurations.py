"""Versions of the limits as the database keeps them."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from bot.clock import FixedClock
from bot.limits.service import ConfigurationService
from config.settings import Environment, Settings, TradingMode
from models.database import Database
from models.enums import VersionState
from models.tables import ConfigVersionRow
from tests.support.fakes import T0

LOSS = "circuit_breakers.daily_loss_limit"


def settings(environment: Environment = Environment.PRODUCTION, **more: Any) -> Settings:
    return Settings(environment=environment, trading_mode=TradingMode.CONSERVATIVE, **more)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def development(db: Database, clock: FixedClock) -> ConfigurationService:
    return ConfigurationService(db, settings(Environment.DEVELOPMENT), clock)


def test_the_database_itself_refuses_a_second_active_version_and_a_lone_approver(
    db: Database, development: ConfigurationService
) -> None:
    development.propose({LOSS: 0.01}, actor="cli:ann", reason="one")
    development.propose({LOSS: 0.009}, actor="cli:ann", reason="two")
    with pytest.raises(IntegrityError), db.transaction() as session:
        session.execute(update(ConfigVersionRow).values(state=VersionState.ACTIVE))
    with pytest.raises(IntegrityError), db.transaction() as session:
        session.execute(update(ConfigVersionRow).values(approved_by="cli:ann"))
