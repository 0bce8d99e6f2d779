"""A reset breaker is the way back to trading."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.safety.breakers import tier_history
from bot.safety.emergency.trigger_rows import TriggerRows
from bot.safety.emergency.triggers import several_breakers
from bot.state import breakers
from config.keys.emergency import EmergencyRules
from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from models.repositories import portfolio
from models.tables import (
    AccountBindingRow,
)
from tests.support.scene import ACCOUNT, Scene
from tests.support.trading_halts import bind

D = Decimal


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


def _become(scene: Scene, *, mode: str) -> None:
    with scene.db.transaction() as session:
        session.get_one(AccountBindingRow, 1).mode = mode


@pytest.mark.services
def test_resume_says_what_still_denies_and_a_reset_breaker_is_the_way_back(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _read_wallet(away)
    bind(away, Environment.DEVELOPMENT)
    with away.db.unit_of_work() as uow:
        found = breakers.Finding("data_quality_issue", "1", "0", "positions disagree")
        breakers.trip(uow, ACCOUNT, found, actor="test", now=away.clock.now())
        uow.commit()
    assert run(["resume", "--reason", "over", "--json"]) == ExitCode.HALTED
    facts = json.loads(capsys.readouterr().out)
    assert facts["trading"] is False
    assert "mlrisk breaker reset data_quality_issue" in facts["still_denying"][0]
    reset = ["breaker", "reset", "data_quality_issue", "--reason", "looked at"]
    _become(away, mode="live")
    assert run(reset) == ExitCode.FAILED
    assert "an operator has to log in" in capsys.readouterr().err
    _become(away, mode="paper")
    assert run(reset) == ExitCode.OK
    assert "ACTIVE" in capsys.readouterr().out
    assert run(["breaker", "list"]) == ExitCode.OK
    assert "reset: looked at" in capsys.readouterr().out


@pytest.mark.services
def test_the_report_has_the_stored_trips_and_the_list_has_the_triggers(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    bind(away, Environment.DEVELOPMENT)
    now = datetime.now(UTC)
    with away.db.unit_of_work() as uow:
        found = breakers.Finding("data_quality_issue", "1", "0", "positions disagree")
        breakers.trip(uow, ACCOUNT, found, actor="test", now=now)
        rows = TriggerRows(uow, ACCOUNT, now)
        rows.note(several_breakers([], EmergencyRules(), None, now))
        tier_history.note(
            uow, ACCOUNT, "test", None, {"tier": "yellow"}, now - timedelta(minutes=9)
        )
        uow.commit()
    assert run(["breakers", "report", "--since", "1h", "--json"]) == ExitCode.OK
    facts = json.loads(capsys.readouterr().out)
    assert facts["drawdown_tier_seconds"]["yellow"] >= 540.0
    (row,) = facts["breakers"]
    assert (row["kind"], row["trips"], row["false_trips"]) == ("data_quality_issue", 1, 0)
    assert run(["breaker", "list", "--json"]) == ExitCode.OK
    (trigger,) = json.loads(capsys.readouterr().out)["emergency_triggers"]
    assert (trigger["kind"], trigger["fired_at"]) == ("several_breakers", None)
