"""A halt is lifted by those who may, and what still denies is told."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.state import binding
from bot.state.binding import Identity
from config.settings import Environment, TradingMode
from console.cli import run
from console.errors import ExitCode
from models.repositories import portfolio
from models.tables import (
    TradingStateRow,
)
from tests.support.scene import ACCOUNT, START, Scene, read_only_engine
from workers.supervision.ports import free_port

D = Decimal


@pytest.fixture
def away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Postgres is there; Redis and the exchange are not."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return scene


def _state(scene: Scene) -> tuple[str, bool]:
    engine = read_only_engine(scene.database_url)
    try:
        with Session(engine) as session:
            row = session.scalars(select(TradingStateRow)).one()
            return row.state, row.sealed_at is not None
    finally:
        engine.dispose()


def _bind(scene: Scene, environment: Environment, mode: str = "paper") -> None:
    """As the first process did that started on the scene's database."""
    owner = Identity(ACCOUNT, mode, "17", environment, TradingMode.PAPER_TRADING)
    binding.bind(scene.db, owner, START)


@pytest.mark.services
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "resuming is free in development only"),
        ("production", "resuming is free in development only"),
        ("development", "belongs to production, and MLRISK_ENVIRONMENT says development"),
    ],
)
def test_a_halt_in_production_is_lifted_from_no_shell_whatever_it_says(
    away: Scene,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    said: str | None,
    words: str,
) -> None:
    _bind(away, Environment.PRODUCTION)
    run(["halt", "--reason", "drill"])
    if said is not None:
        monkeypatch.setenv("MLRISK_ENVIRONMENT", said)
    assert run(["resume", "--reason", "please"]) == ExitCode.FAILED
    assert words in capsys.readouterr().err
    assert _state(away)[0] == "halted"


@pytest.mark.services
def test_resume_is_free_where_the_database_is_developments(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    _bind(away, Environment.DEVELOPMENT)
    run(["halt", "--reason", "drill"])
    _read_wallet(away)
    assert run(["resume", "--reason", "over"]) == ExitCode.OK
    assert "ACTIVE" in capsys.readouterr().out
    assert _state(away) == ("active", False)


def _read_wallet(scene: Scene) -> None:
    """A reading as of the wall clock, which the commands go by."""
    money = D(100_000)
    with scene.db.transaction() as session:
        portfolio.record_equity(
            session,
            ACCOUNT,
            datetime.now(UTC),
            equity=money,
            wallet_balance=money,
            available=money,
            unrealised_pnl=D(0),
        )
