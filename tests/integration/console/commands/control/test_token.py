"""`mlrisk token` makes, lists and revokes tokens, and shows a secret once."""

import json
from pathlib import Path

import pytest

from bot.authority import tokens
from bot.clock import SystemClock
from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from models.enums import OperatorRole
from tests.support.api import tokens_of
from tests.support.operators import add_person
from tests.support.scene import Scene
from tests.support.trading_halts import bind

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]


def test_a_token_is_made_shown_once_listed_and_revoked(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    bind(away, Environment.DEVELOPMENT)
    assert run(["token", "list"]) == ExitCode.OK
    assert "there is no token" in capsys.readouterr().out
    made = ["token", "create", "strategy", "momentum", "--reason", "its host", "--days", "7"]
    assert run(made) == ExitCode.OK
    token, told = capsys.readouterr().out.splitlines()
    assert told.startswith("shown once: token ")
    parsed = tokens.parse(token)
    assert parsed is not None and tokens_of(away.db).find(*parsed) is not None
    assert run(["token", "list", "--json"]) == ExitCode.OK
    shown = capsys.readouterr().out
    (listed,) = json.loads(shown)["tokens"]
    assert (listed["id"], listed["state"], listed["holder"]) == (parsed[0], "good", "momentum")
    assert parsed[1] not in shown
    assert run(["token", "revoke", parsed[0], "--reason", "sold"]) == ExitCode.OK
    assert "is revoked" in capsys.readouterr().out
    assert tokens_of(away.db).find(*parsed) is None
    assert run(["token", "list"]) == ExitCode.OK
    assert "revoked" in capsys.readouterr().out
    assert run(["token", "revoke", "x", "--reason", "sold"]) == ExitCode.FAILED


def test_in_production_it_takes_a_login(
    away: Scene, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bind(away, Environment.PRODUCTION)
    ann = add_person(away.db, SystemClock(), "ann")
    bob = add_person(away.db, SystemClock(), "bob", OperatorRole.OPERATOR, by=ann.login())
    made = ["token", "create", "strategy", "momentum", "--reason", "test", "--json"]
    assert run(made) == ExitCode.FAILED
    assert "an operator has to log in" in capsys.readouterr().err
    assert run([*made, *bob.on_the_command_line(tmp_path)]) == ExitCode.OK
    said = json.loads(capsys.readouterr().out)
    assert said["created_by"] == "operator:bob"
    another = ["token", "create", "operator", "ann", "--reason", "test"]
    assert run([*another, *bob.on_the_command_line(tmp_path)]) == ExitCode.FAILED
    assert "takes a risk_officer" in capsys.readouterr().err
