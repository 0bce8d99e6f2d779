"""Commands that act are told when the settings are not those of the database."""

import json

import pytest

from bot.state import binding
from bot.state.binding import Identity
from config.settings import Settings
from console.cli import run
from console.errors import CommandError, ExitCode
from console.runtime.system import _refuse_anothers
from tests.support.desk import Desk
from tests.support.fakes import T0
from workers.supervision.ports import free_port


@pytest.fixture(autouse=True)
def bound(desk: Desk, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    binding.bind(desk.db, Identity("paper", "paper", "17"), T0)
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return desk


def test_a_start_with_another_account_says_what_to_do(migrated_url: str) -> None:
    _refuse_anothers(migrated_url, Settings(account="paper"))
    with pytest.raises(CommandError, match="the right MLRISK_ACCOUNT") as refused:
        _refuse_anothers(migrated_url, Settings(account="other"))
    assert refused.value.exit_code == ExitCode.USAGE


def test_a_halt_holds_and_cancels_nothing_with_another_accounts_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLRISK_ACCOUNT", "other")
    assert run(["halt", "--reason", "drill", "--cancel", "--json"]) == ExitCode.FAILED
    report = json.loads(capsys.readouterr().out)
    assert report["state"] == "halted"
    assert any("no order was cancelled" in problem for problem in report["problems"])


def test_an_order_is_cancelled_by_its_own_account_only(
    bound: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bound.approve_twap()
    monkeypatch.setenv("MLRISK_ACCOUNT", "other")
    assert run(["order", "cancel", "r-1", "--reason", "wrong"]) == ExitCode.FAILED
    assert "belongs to account paper" in capsys.readouterr().err
    monkeypatch.setenv("MLRISK_ACCOUNT", "paper")
    assert run(["order", "cancel", "r-1", "--reason", "wrong"]) == ExitCode.OK
