"""`mlrisk alert` lists, shows and acknowledges, for people and for programs."""

import json
from datetime import timedelta

import pytest

from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from tests.support.scene import ACCOUNT, Scene
from tests.support.trading_halts import bind


@pytest.mark.services
def test_an_alert_is_listed_shown_and_acknowledged(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    bind(away, Environment.DEVELOPMENT)
    with away.db.unit_of_work() as uow:
        facts = {"why": "gone [bold]\x1b[31mred"}
        uow.audit(ACCOUNT, "order_lost", "r-1", "test", facts, away.clock.now())
        uow.commit()
    assert run(["alert", "list", "--json"]) == ExitCode.OK
    (found,) = json.loads(capsys.readouterr().out)["alerts"]
    assert (found["level"], found["state"], found["count"]) == ("critical", "open", 1)
    number = str(found["id"])
    assert run(["alert", "show", number]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "gone [bold]\\x1b[31mred" in shown
    assert "no channel has told anybody" in shown
    assert run(["alert", "ack", number, "--reason", "looked at"]) == ExitCode.OK
    assert "is acknowledged by" in capsys.readouterr().out
    assert run(["alert", "show", number, "--json"]) == ExitCode.OK
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["acknowledge_reason"]) == ("acknowledged", "looked at")
    assert run(["alert", "ack", "999", "--reason", "x"]) == ExitCode.FAILED
    assert "no alert 999 is known" in capsys.readouterr().err
    assert run(["alert", "show", "999"]) == ExitCode.FAILED
    assert run(["alert", "list"]) == ExitCode.OK
    assert "order is neither open nor filled" in capsys.readouterr().out


@pytest.mark.services
def test_cleared_alerts_hide_none_that_waits_for_an_operator(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    now = away.clock.now()
    with away.db.unit_of_work() as uow:
        uow.audit(ACCOUNT, "order_lost", "r-1", "test", {}, now - timedelta(minutes=5))
        facts = {"breaker": "volatility_spike", "reason": "drill"}
        uow.audit(ACCOUNT, "breaker_tripped", f"account:{ACCOUNT}", "test", facts, now)
        uow.commit()
    with away.db.unit_of_work() as uow:
        uow.audit(ACCOUNT, "breaker_reset", f"account:{ACCOUNT}", "test", facts, now)
        uow.commit()
    assert run(["alert", "list", "--all", "--limit", "1", "--json"]) == ExitCode.OK
    (found,) = json.loads(capsys.readouterr().out)["alerts"]
    assert (found["kind"], found["state"]) == ("order_lost", "open")
