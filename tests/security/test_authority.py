"""What a caller claims about himself gives him nothing: attacks on what takes authority."""

import json
import os
import pwd
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.authority import verifying
from bot.authority.actors import IMPACT_REFIT, is_signed_by
from bot.client import MLTradeExecutionPipeline
from bot.clock import SystemClock
from bot.errors import NotAuthorised
from bot.execution.orders.control import ParentControl
from bot.limits.service import ConfigurationService
from bot.safety.halting.halt import TradingHalt
from bot.state import binding
from bot.state.binding import Identity
from config.settings import Environment, Settings, TradingMode
from console.cli import run
from console.errors import ExitCode
from console.runtime.configuring import actor_of
from models.audit import AuditDraft
from models.database import Database
from models.enums import ExecutionStatus, OperatorRole, ParentState, ScopeKind, TradingState
from models.tables import AuditRow, OperatorRow, ParentOrderRow, TradeRequestRow, TradingStateRow
from tests.support.desk import Desk
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


def test_a_halt_in_staging_is_lifted_by_a_login_alone_and_the_act_is_signed(
    mlrisk: Mlrisk, db: Database, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "staging")
    TradingHalt(db, SystemClock()).halt(reason="drill", actor="test")
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
    mlrisk: Mlrisk, db: Database, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "staging")
    login = ann.on_the_command_line(tmp_path)
    resume = ("resume", "--reason", "again", *login)
    for expected in (TradingState.ACTIVE, TradingState.HALTED):
        TradingHalt(db, SystemClock()).halt(reason="drill", actor="test")
        mlrisk(*resume)
        assert state(db) is expected
    assert entry(db, "login_refused").payload["cause"] == "used code"


@pytest.mark.parametrize(
    "command", [("resume", "-r", "x"), ("config", "propose", f"{LOSS}=0.02", "-r", "x")]
)
def test_a_viewer_and_a_disabled_officer_open_no_door(
    mlrisk: Mlrisk, db: Database, ann: Person, bob: Person, tmp_path: Path,
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "staging")
    TradingHalt(db, SystemClock()).halt(reason="drill", actor="test")
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


def test_who_locks_every_operator_out_keeps_nobody_from_stopping(
    mlrisk: Mlrisk, db: Database, ann: Person, bob: Person, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A lock holds up what loosens, and nothing that tightens, stops or calls back."""
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "staging")
    with db.transaction() as session:
        until = SystemClock().now() + timedelta(hours=24)
        session.execute(update(OperatorRow).values(locked_until=until, failed_attempts=20))
    assert mlrisk("config", "propose", f"{LOSS}=0.01", "-r", "storm")[0] == ExitCode.OK
    mlrisk("halt", "--reason", "storm")
    assert state(db) is TradingState.HALTED
    resume = ("resume", "--reason", "calm", *bob.on_the_command_line(tmp_path))
    status, text = mlrisk(*resume)
    assert (status, "bob is locked until" in text) == (ExitCode.FAILED, True)
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
    mlrisk: Mlrisk, db: Database, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "staging")
    login = ann.on_the_command_line(tmp_path)
    printed = mlrisk("resume", "--reason", "x", "--json", *login)[1]
    printed += mlrisk("resume", "--reason", "x", *login)[1]
    with db.reading() as session:
        for row in session.scalars(select(AuditRow)):
            printed += json.dumps(row.payload) + row.actor + row.subject
    assert ann.passphrase not in printed
    assert ann.totp.secret not in printed
    assert f" {ann.code()} " not in printed


def test_what_lets_work_go_on_takes_a_login_and_is_signed(
    mlrisk: Mlrisk, db: Database, desk: Desk, ann: Person, tmp_path: Path
) -> None:
    """Seen: any shell resumed a paused order and released a parked request."""
    for request_id in ("r-1", "r-2"):
        assert desk.approve(request_id)["verdict"] == "allow"
    with db.transaction() as session:
        session.get_one(TradeRequestRow, "r-2").status = ExecutionStatus.PARKED
    bound = Identity("paper", "paper", "1", Environment.PRODUCTION, TradingMode.CONSERVATIVE)
    binding.bind(db, bound, SystemClock().now())
    assert mlrisk("order", "pause", "r-1", "-r", "news")[0] == ExitCode.OK

    def now() -> tuple[str, str]:
        with db.reading() as session:
            parent = session.get_one(ParentOrderRow, "r-1")
            return parent.state, session.get_one(TradeRequestRow, "r-2").status

    before = now()
    assert before == (ParentState.PAUSED, ExecutionStatus.PARKED)
    acts = (("order", "resume", "r-1"), ("parked", "release", "r-2"))
    for act in acts:
        status, text = mlrisk(*act, "-r", "calm", "--actor", "operator:ann")
        assert (status, "an operator has to log in" in text) == (ExitCode.FAILED, True)
        assert now() == before
    for act in acts:
        login = ann.on_the_command_line(tmp_path)
        assert mlrisk(*act, "-r", "calm", *login)[0] == ExitCode.OK
    assert now() == (ParentState.WORKING, ExecutionStatus.PENDING_VALIDATION)
    for kind in ("parent_resumed", "request_released"):
        signed = entry(db, kind)
        assert (signed.actor, signed.payload["reason"]) == ("operator:ann", "calm")
        assert is_signed_by(draft(signed), key_of(db, "ann"))


def test_a_proposal_is_rejected_by_an_operator_alone(
    mlrisk: Mlrisk, db: Database, ann: Person, bob: Person, tmp_path: Path
) -> None:
    propose = ("config", "propose", f"{LOSS}=0.02", "-r", "calm")
    assert mlrisk(*propose, *ann.on_the_command_line(tmp_path))[0] == ExitCode.OK
    status, text = mlrisk("config", "reject", "2", "-r", "no")
    assert (status, "an operator has to log in" in text) == (ExitCode.FAILED, True)
    reject = ("config", "reject", "2", "-r", "no", *bob.on_the_command_line(tmp_path))
    assert mlrisk(*reject)[0] == ExitCode.OK
    assert entry(db, "config_rejected").actor == "operator:bob"


@pytest.mark.parametrize("claim", ["operator:ann", " Operator:ann", "impact-refit"])
def test_no_string_of_a_callers_becomes_an_operator_or_a_program(
    db: Database, migrated_url: str, desk: Desk, ann: Person, claim: str
) -> None:
    """Seen: `pipeline.halt(actor="operator:x")` wrote an unsigned entry that claims one."""
    desk.approve("r-1")
    pipeline = MLTradeExecutionPipeline(Settings(database_url=migrated_url))  # type: ignore[arg-type]
    trading_halt = TradingHalt(db, SystemClock())
    try:
        pipeline.pause("r-1", "look", claim)
        ParentControl(db, SystemClock()).resume("r-1", reason="over", actor=claim)
        pipeline.halt("drill", claim)
    finally:
        pipeline.close()
    trading_halt.resume(reason="over", actor=claim, development=True)
    trading_halt.halt(reason="again", actor=claim)
    with db.reading() as session:
        others = select(AuditRow).where(AuditRow.kind != "operator_added")
        actors = {row.actor for row in session.scalars(others)}
        actors.add(session.get_one(TradingStateRow, (ScopeKind.GLOBAL, "*")).actor)
        assert verifying.problems(session) == []
    noted = {actor for actor in actors if claim.strip() in actor}
    assert {actor.split(":")[0] for actor in noted} == {"note", "pipeline"}


def test_a_program_is_no_string(db: Database, migrated_url: str, mlrisk: Mlrisk) -> None:
    settings = Settings(
        database_url=migrated_url,  # type: ignore[arg-type]
        environment=Environment.PRODUCTION,
        trading_mode=TradingMode.CONSERVATIVE,
    )
    service = ConfigurationService(db, settings, SystemClock())
    with pytest.raises(NotAuthorised, match="an operator has to log in"):
        service.propose({LOSS: 0.02}, actor="impact-refit", reason="calm")
    proposed = service.propose({LOSS: 0.02}, actor=IMPACT_REFIT, reason="calm")
    assert (proposed.actor, proposed.state) == ("impact-refit", "proposed")
