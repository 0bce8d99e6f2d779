"""Attacks on the way back in production: one person, no code, a bad code; and what works."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.authority.override_codes import OverrideCodes, Use
from bot.authority.verifying import problems
from bot.clock import SystemClock
from bot.safety.halting.halt import TradingHalt
from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from models.enums import OverrideAction, TradingState
from models.tables import AuditRow
from tests.support.operators import Person, add_person
from tests.support.scene import Scene
from tests.support.trading_halts import bind, state_and_seal

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]
Mlrisk = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mlrisk(away: Scene, capsys: pytest.CaptureFixture[str]) -> Mlrisk:
    """Runs a command against a halted production system: its exit status, output and errors."""
    bind(away, Environment.PRODUCTION)
    TradingHalt(away.db, SystemClock()).halt(reason="drill", actor="test")

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run(arguments)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def ann(away: Scene) -> Person:
    return add_person(away.db, SystemClock(), "ann")


@pytest.fixture
def bob(away: Scene, ann: Person) -> Person:
    return add_person(away.db, SystemClock(), "bob", by=ann.login())


def code_file(away: Scene, directory: Path, person: Person, action: OverrideAction) -> list[str]:
    codes = OverrideCodes(away.db, SystemClock())
    new = codes.create(Use(action, "global:*"), person.login(), reason="test")
    return written(directory, new.code)


def written(directory: Path, code: str) -> list[str]:
    file = directory / "code"
    file.touch(mode=0o600)
    file.write_text(f"{code}\n", encoding="utf-8")
    return ["--code-file", str(file)]


def state(away: Scene) -> str:
    return state_and_seal(away)[0]


def test_two_persons_with_codes_of_their_own_begin_a_recovery(
    away: Scene, mlrisk: Mlrisk, ann: Person, bob: Person, tmp_path: Path
) -> None:
    begin = ("recover", "--reason", "feed is back", "--yes", "--json")
    status, out, _ = mlrisk(
        *begin,
        *code_file(away, tmp_path, ann, OverrideAction.RECOVER),
        *ann.on_the_command_line(tmp_path),
    )
    said: dict[str, Any] = json.loads(out)
    assert (status, said["recovery"]["phase"], state(away)) == (
        ExitCode.HALTED,
        "pending",
        TradingState.HALTED,
    )
    assert said["preview"]["state"] == "halted"
    number = str(said["recovery"]["id"])
    confirm = ("recover", "confirm", number, "--reason", "looked at it", "--yes", "--json")
    status, _, err = mlrisk(
        *confirm,
        *code_file(away, tmp_path, ann, OverrideAction.CONFIRM),
        *ann.on_the_command_line(tmp_path),
    )
    assert (status, "a second person has to confirm it" in err) == (ExitCode.FAILED, True)
    assert state(away) == TradingState.HALTED
    status, out, _ = mlrisk(
        *confirm,
        *code_file(away, tmp_path, bob, OverrideAction.CONFIRM),
        *bob.on_the_command_line(tmp_path),
    )
    assert (status, json.loads(out)["recovery"]["confirmed_by"]) == (ExitCode.OK, "operator:bob")
    assert state(away) == TradingState.RECOVERING
    with away.db.reading() as session:
        assert problems(session) == []


@pytest.mark.parametrize("given", ["none", "wrong", "of another", "for another act"])
def test_no_login_alone_and_no_bad_code_leaves_halted(
    away: Scene, mlrisk: Mlrisk, ann: Person, bob: Person, tmp_path: Path, given: str
) -> None:
    bad = {
        "none": lambda: [],
        "wrong": lambda: written(tmp_path, "000000-AAAAA-AAAAA-AAAAA-AAAAA"),
        "of another": lambda: code_file(away, tmp_path, bob, OverrideAction.RECOVER),
        "for another act": lambda: code_file(away, tmp_path, ann, OverrideAction.CONFIRM),
    }[given]()
    login = ann.on_the_command_line(tmp_path)
    status, _, err = mlrisk("recover", "--reason", "please", "--yes", *login, *bad)
    assert status != ExitCode.OK
    assert ("override code refused" in " ".join(err.split())) == (given != "none")
    assert state(away) == TradingState.HALTED


def test_resume_in_production_names_the_recovery_and_moves_nothing(
    away: Scene, mlrisk: Mlrisk, ann: Person, tmp_path: Path
) -> None:
    status, _, err = mlrisk("resume", "--reason", "x", *ann.on_the_command_line(tmp_path))
    assert (status, "`mlrisk recover` ends a halt" in " ".join(err.split())) == (
        ExitCode.FAILED,
        True,
    )
    assert state(away) == TradingState.HALTED


def test_a_look_shows_everything_and_asks_for_nothing(away: Scene, mlrisk: Mlrisk) -> None:
    status, out, _ = mlrisk("recover", "--reason", "x", "--look")
    assert status == ExitCode.OK
    text = " ".join(out.split())
    for words in (
        "global:* is HALTED",
        "new entries of every strategy, at 10 %",
        "approvals from before: their child orders are never sent",
        "orders at the exchange:",
        "who acted since:",
    ):
        assert words in text
    with away.db.reading() as session:
        assert not session.scalars(select(AuditRow).filter_by(kind="recovery_asked")).all()
