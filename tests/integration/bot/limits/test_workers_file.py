"""Limits are changed from the file that the workers run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.clock import FixedClock
from bot.errors import Refused
from bot.limits import workers_file
from bot.limits.service import ConfigurationService
from bot.limits.source import DEFAULT_CONFIG, LayeredConfig
from bot.state import binding
from bot.state.binding import Identity
from config.settings import Environment, Settings, TradingMode
from models.database import Database
from models.enums import VersionState
from models.tables import AuditRow
from tasks import startup
from tests.support.configured import settings
from tests.support.fakes import T0
from tests.support.operators import operator

ANN, BOB = operator("ann"), operator("bob")


LOSS = "circuit_breakers.daily_loss_limit"


def test_limits_are_changed_from_the_workers_file_alone(
    db: Database, clock: FixedClock, production: ConfigurationService, tmp_path: Path
) -> None:
    """From a looser file of the caller's own, what loosens looks like a tightening."""
    loose = tmp_path / "loose.yaml"
    text = DEFAULT_CONFIG.read_text(encoding="utf-8")
    loose.write_text(text.replace("daily_loss_limit: 0.015", "daily_loss_limit: 0.9"))
    callers = ConfigurationService(db, settings(config_path=loose), clock)
    owner = Identity("paper", "paper", "17", Environment.PRODUCTION, TradingMode.CONSERVATIVE)
    binding.bind(db, owner, T0)
    workers_file.note(db, LayeredConfig(settings()), T0)
    with pytest.raises(Refused, match=r"loose\.yaml is not the one that the workers run") as error:
        callers.propose({LOSS: 0.5}, actor="cli:ann", reason="tighter, as I see it")
    assert error.value.code == "other_limits_file"
    proposed = production.propose({LOSS: 0.5}, actor=ANN, reason="looser")
    assert proposed.state is VersionState.PROPOSED
    with pytest.raises(Refused, match="restart the workers with this one"):
        callers.approve(proposed.id, actor=BOB)
    assert callers.reject(proposed.id, actor=BOB, reason="no").state is VersionState.REJECTED
    workers_file.note(db, LayeredConfig(settings(config_path=loose)), T0)
    assert callers.propose({LOSS: 0.5}, actor="cli:ann", reason="x").state is VersionState.ACTIVE


pytestmark = pytest.mark.services


def test_a_worker_notes_which_limits_file_it_runs_once(db: Database, migrated_url: str) -> None:
    settings = Settings(database_url=migrated_url)  # type: ignore[arg-type]
    owner = Identity("paper", "paper", "17", settings.environment, settings.trading_mode)
    startup.prove_limits(settings)  # of nobody's database yet
    binding.bind(db, owner, datetime.now(UTC))
    for _ in range(2):
        startup.prove_limits(settings)
    with db.reading() as session:
        noted = workers_file.noted(session)
        entries = session.scalars(select(AuditRow).where(AuditRow.kind == "limits_file")).all()
    assert noted == LayeredConfig(settings).fingerprint()
    assert [entry.payload for entry in entries] == [{"before": None, "sha256": noted}]
