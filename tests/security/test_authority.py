"""What a caller claims about himself gives him nothing: attacks on what takes authority."""

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.authority.actors import is_signed_by
from bot.clock import SystemClock
from bot.execution.halt import Halter
from console.cli import run
from console.configuring import actor_of
from console.errors import ExitCode
from models.audit import AuditDraft
from models.database import Database
from models.enums import OperatorRole, ScopeKind, TradingState
from models.tables import AuditRow, OperatorRow, TradingStateRow
from tests.support.operators import Person, add_person

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]

LOSS = "circuit_breakers.daily_loss_limit"
Mlrisk = Callable[..., tuple[int, str]]


@pytest.fixture
def mlrisk(
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Mlrisk:
    """Runs a command in production: its exit status, and all that it prints."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_TRADING_MODE", "conservative")
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "production")

    def call(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = run(arguments)
        printed = capsys.readouterr()
        return status, " ".join((printed.out + printed.err).split())

    return call


@pytest.fixture
def ann(db: Database) -> Person:
    return add_person(db, SystemClock(), "ann")


@pytest.fixture
def bob(db: Database, ann: Person) -> Person:
    return add_person(db, SystemClock(), "bob", by=ann.login())


def state(db: Database) -> TradingState:
    with db.reading() as session:
        return TradingState(session.get_one(TradingStateRow, (ScopeKind.GLOBAL, "*")).state)


def entry(db: Database, kind: str) -> AuditRow:
    with db.reading() as session:
        found = select(AuditRow).where(AuditRow.kind == kind).order_by(AuditRow.seq.desc())
        return session.scalars(found).first() or AuditRow()


def key_of(db: Database, name: str) -> str:
    with db.reading() as session:
        return session.scalars(select(OperatorRow.public_key).filter_by(name=name)).one()


def draft(row: AuditRow, **changes: Any) -> AuditDraft:
    values = {
        "chain": row.chain,
        "kind": row.kind,
        "subject": row.subject,
        "actor": row.actor,
        "payload": row.payload,
        "at": row.at,
    }
    return AuditDraft(**{**values, **changes})


@pytest.mark.parametrize("name", ["other", "operator:bob", "bob) operator:bob", "impact-refit"])
def test_one_person_can_not_approve_as_two(
    mlrisk: Mlrisk, ann: Person, bob: Person, tmp_path: Path, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    propose = ("config", "propose", f"{LOSS}=0.02", "-r", "calm")
    assert mlrisk(*propose, *ann.on_the_command_line(tmp_path))[0] == ExitCode.OK
    approve = ("config", "approve", "2", "--actor", name)
    monkeypatch.setenv("LOGNAME", "boss")
    status, text = mlrisk(*approve)
    assert (status, "an operator has to log in" in text) == (ExitCode.FAILED, True)
    status, text = mlrisk(*approve, *ann.on_the_command_line(tmp_path))
    assert (status, "a second person has to approve it" in text) == (ExitCode.FAILED, True)
    # Bob's name with Ann's passphrase and code is nobody.
    stolen = ann.on_the_command_line(tmp_path)
    stolen[1] = "bob"
    assert mlrisk(*approve, *stolen)[0] == ExitCode.FAILED
    assert mlrisk("config", "approve", "2", *bob.on_the_command_line(tmp_path))[0] == ExitCode.OK


def test_a_halt_in_production_is_lifted_by_a_login_alone_and_the_act_is_signed(
    mlrisk: Mlrisk, db: Database, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Halter(db, SystemClock()).halt(reason="drill", actor="test")
    monkeypatch.setenv("LOGNAME", "boss")
    resume = ("resume", "--reason", "feed is back")
    status, text = mlrisk(*resume)
    assert (status, "an operator has to log in" in text) == (ExitCode.FAILED, True)
    assert state(db) is TradingState.HALTED
    mlrisk(*resume, *ann.on_the_command_line(tmp_path))
    assert state(db) is TradingState.ACTIVE
    act = entry(db, "resumed")
    assert (act.actor, act.payload["reason"]) == ("operator:ann", "feed is back")
    assert act.payload["signed"]["note"].endswith("(note: boss)")
    key = key_of(db, "ann")
    assert is_signed_by(draft(act), key)
    for changes in (
        {"actor": "operator:bob"},
        {"subject": "account:other"},
        {"kind": "halted"},
        {"at": act.at.replace(year=2020)},
        {"payload": {**act.payload, "reason": "another"}},
        {"payload": {"reason": "feed is back"}},
    ):
        assert not is_signed_by(draft(act, **changes), key)


def test_a_code_lifts_one_halt_and_not_the_next(
    mlrisk: Mlrisk, db: Database, ann: Person, tmp_path: Path
) -> None:
    login = ann.on_the_command_line(tmp_path)
    resume = ("resume", "--reason", "again", *login)
    for expected in (TradingState.ACTIVE, TradingState.HALTED):
        Halter(db, SystemClock()).halt(reason="drill", actor="test")
        mlrisk(*resume)
        assert state(db) is expected
    assert entry(db, "login_refused").payload["cause"] == "used code"


@pytest.mark.parametrize(
    "command", [("resume", "-r", "x"), ("config", "propose", f"{LOSS}=0.02", "-r", "x")]
)
def test_a_viewer_and_a_disabled_officer_open_no_door(
    mlrisk: Mlrisk, db: Database, ann: Person, bob: Person, tmp_path: Path, command: tuple[str, ...]
) -> None:
    Halter(db, SystemClock()).halt(reason="drill", actor="test")
    eve = add_person(db, SystemClock(), "eve", OperatorRole.VIEWER, by=ann.login())
    status, text = mlrisk(*command, *eve.on_the_command_line(tmp_path))
    assert (status, "and eve is a viewer" in text) == (ExitCode.FAILED, True)
    disable = ("operator", "disable", "bob", "-r", "has left")
    assert mlrisk(*disable, *ann.on_the_command_line(tmp_path))[0] == ExitCode.OK
    status, text = mlrisk(*command, *bob.on_the_command_line(tmp_path))
    assert (status, "login refused" in text) == (ExitCode.FAILED, True)
    assert state(db) is TradingState.HALTED


def test_tightening_and_the_halt_ask_nobody(mlrisk: Mlrisk, db: Database) -> None:
    assert mlrisk("config", "propose", f"{LOSS}=0.01", "-r", "storm")[0] == ExitCode.OK
    mlrisk("halt", "--reason", "storm")
    assert state(db) is TradingState.HALTED


def test_an_account_without_an_entry_in_the_password_file_halts(
    mlrisk: Mlrisk, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    mlrisk("halt", "--reason", "storm")
    assert state(db) is TradingState.HALTED
    assert entry(db, "halted").actor == f"cli:uid {os.geteuid()}"


def test_a_name_that_the_caller_gives_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    account = pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setenv("LOGNAME", account)
    assert actor_of(None) == f"cli:{account}"
    assert actor_of(" other ") == f"cli:{account} (note: other)"
    monkeypatch.setenv("LOGNAME", "boss")
    assert actor_of(None) == f"cli:{account} (note: boss)"


def test_no_secret_of_a_login_is_printed_or_recorded(
    mlrisk: Mlrisk, db: Database, ann: Person, tmp_path: Path
) -> None:
    login = ann.on_the_command_line(tmp_path)
    printed = mlrisk("resume", "--reason", "x", "--json", *login)[1]
    printed += mlrisk("resume", "--reason", "x", *login)[1]
    with db.reading() as session:
        for row in session.scalars(select(AuditRow)):
            printed += json.dumps(row.payload) + row.actor + row.subject
    assert ann.passphrase not in printed
    assert ann.totp.secret not in printed
    assert f" {ann.code()} " not in printed
