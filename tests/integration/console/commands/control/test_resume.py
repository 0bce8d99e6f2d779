"""A halt is lifted by those who may, and what still denies is told."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from models.repositories import portfolio
from tests.support.scene import ACCOUNT, Scene
from tests.support.trading_halts import bind, state_and_seal

D = Decimal


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
    bind(away, Environment.PRODUCTION)
    run(["halt", "--reason", "drill"])
    if said is not None:
        monkeypatch.setenv("MLRISK_ENVIRONMENT", said)
    assert run(["resume", "--reason", "please"]) == ExitCode.FAILED
    assert words in capsys.readouterr().err
    assert state_and_seal(away)[0] == "halted"


@pytest.mark.services
def test_resume_is_free_where_the_database_is_developments(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    bind(away, Environment.DEVELOPMENT)
    run(["halt", "--reason", "drill"])
    _read_wallet(away)
    assert run(["resume", "--reason", "over"]) == ExitCode.OK
    assert "ACTIVE" in capsys.readouterr().out
    assert state_and_seal(away) == ("active", False)


@pytest.mark.services
@pytest.mark.parametrize("command", ["resume", "recover"])
def test_in_development_too_a_person_ends_a_halt_where_the_limits_ask_for_one(
    away: Scene, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    bind(away, Environment.DEVELOPMENT)
    run(["halt", "--reason", "drill"])
    required = "emergency_stops.manual_recovery_required=true"
    assert run(["config", "propose", required, "--reason", "drill"]) == ExitCode.OK
    capsys.readouterr()
    act = [command, "--reason", "please"] + (["--yes"] if command == "recover" else [])
    assert run(act) != ExitCode.OK
    assert state_and_seal(away)[0] == "halted"
    assert "log in" in (told := capsys.readouterr().err) or "operator" in told


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
