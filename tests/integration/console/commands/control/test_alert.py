"""`mlrisk alert` lists, shows and acknowledges, for people and for programs."""

import json

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
