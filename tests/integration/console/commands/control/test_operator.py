"""`mlrisk operator` on a real database: who may add whom, and what is shown."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import pytest
from sqlalchemy import select, update

from bot.authority import codes
from console.cli import run
from console.errors import ExitCode
from models.database import Database
from models.tables import AuditRow, OperatorRow
from tests.support.operators import PASSPHRASE

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]

Mlrisk = Callable[..., tuple[int, str, str]]
"""Runs a command with lines on its standard input: its exit status, output and errors."""


@pytest.fixture
def mlrisk(
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Mlrisk:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)

    def call(*arguments: str, lines: tuple[str, ...] = ()) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        capsys.readouterr()
        status = run(arguments)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def add(mlrisk: Mlrisk, name: str, *more: str, lines: tuple[str, ...] = ()) -> Any:
    status, out, err = mlrisk(
        *("operator", "add", name, "--json", "--passphrase-file", "-", *more),
        lines=(*lines, PASSPHRASE),
    )
    assert (status, err) == (ExitCode.OK, "")
    return json.loads(out)


def login(db: Database, added: Any) -> tuple[str, str]:
    """Passphrase and a code that was not used yet."""
    with db.transaction() as session:
        session.execute(update(OperatorRow).values(totp_step=None))
    totp = pyotp.parse_uri(added["otpauth_uri"])
    assert isinstance(totp, pyotp.TOTP)
    return PASSPHRASE, totp.generate_otp(codes.step_of(datetime.now(UTC)))


def as_ann(name: str = "ann") -> tuple[str, ...]:
    return ("--operator", name, "--login-file", "-")


def entries(db: Database) -> list[AuditRow]:
    with db.reading() as session:
        return list(session.scalars(select(AuditRow).order_by(AuditRow.seq)))


def test_the_first_operator_is_a_risk_officer_and_needs_no_login(
    mlrisk: Mlrisk, db: Database
) -> None:
    status, _, err = mlrisk(
        *("operator", "add", "ann", "--role", "operator", "--passphrase-file", "-"),
        lines=(PASSPHRASE,),
    )
    assert status == ExitCode.FAILED
    assert "the first operator has to be a risk_officer" in err
    ann = add(mlrisk, "Ann", "--role", "risk_officer")
    assert (ann["name"], ann["role"]) == ("ann", "risk_officer")
    assert ann["otpauth_uri"].startswith("otpauth://totp/mlrisk:ann?secret=")
    entry = entries(db)[-1]
    assert (entry.kind, entry.subject) == ("operator_added", "operator:ann")
    assert entry.payload == {"role": "risk_officer", "key": ann["key"]}


def test_everybody_after_the_first_takes_a_risk_officers_login(
    mlrisk: Mlrisk, db: Database
) -> None:
    ann = add(mlrisk, "ann", "--role", "risk_officer")
    new = ("operator", "add", "bob", "--role", "operator", "--passphrase-file", "-")
    status, out, err = mlrisk(*new, lines=(PASSPHRASE,))
    assert (status, out) == (ExitCode.USAGE, "")
    assert "secrets are typed at a terminal" in err
    assert mlrisk(*new, *as_ann(), lines=(PASSPHRASE, "000000", PASSPHRASE))[0] == ExitCode.FAILED
    bob = add(mlrisk, "bob", "--role", "operator", *as_ann(), lines=login(db, ann))
    status, _, err = mlrisk(
        *("operator", "add", "eve", "--role", "viewer", "--passphrase-file", "-", *as_ann("bob")),
        lines=(*login(db, bob), PASSPHRASE),
    )
    assert status == ExitCode.FAILED
    assert "takes a risk_officer, and bob is a operator" in err
    assert [e.actor for e in entries(db) if e.kind == "operator_added"][1] == "operator:ann"


def test_the_list_says_who_they_are_and_shows_no_secret(mlrisk: Mlrisk, db: Database) -> None:
    assert "there is no operator" in mlrisk("operator", "list")[1]
    ann = add(mlrisk, "ann", "--role", "risk_officer")
    add(mlrisk, "bob", "--role", "viewer", *as_ann(), lines=login(db, ann))
    status, out, _ = mlrisk(
        *("operator", "disable", "bob", "--reason", "has left", *as_ann()), lines=login(db, ann)
    )
    assert (status, out) == (ExitCode.OK, "operator bob is disabled\n")
    text = mlrisk("operator", "list")[1]
    assert "ann: risk_officer, active, last login 20" in text
    assert "bob: viewer, disabled, last login never" in text
    rows = json.loads(mlrisk("operator", "list", "--json")[1])["operators"]
    assert [(row["name"], row["state"]) for row in rows] == [("ann", "active"), ("bob", "disabled")]
    assert rows[1]["disabled_by"] == "operator:ann"
    secret = ann["otpauth_uri"].partition("secret=")[2].partition("&")[0]
    assert secret not in text + json.dumps(rows)


def test_the_last_risk_officer_can_not_be_disabled_and_no_name_comes_twice(
    mlrisk: Mlrisk, db: Database
) -> None:
    ann = add(mlrisk, "ann", "--role", "risk_officer")
    disable = ("operator", "disable", "ann", "--reason", "x", *as_ann())
    status, _, err = mlrisk(*disable, lines=login(db, ann))
    assert status == ExitCode.FAILED
    assert "ann is the last risk officer" in err
    bob = add(mlrisk, "bob", "--role", "risk_officer", *as_ann(), lines=login(db, ann))
    disable = ("operator", "disable", "ann", "--reason", "x", *as_ann("bob"))
    assert mlrisk(*disable, lines=login(db, bob))[0] == ExitCode.OK
    status, _, err = mlrisk(
        *("operator", "add", "ann", "--role", "viewer", "--passphrase-file", "-", *as_ann("bob")),
        lines=(*login(db, bob), PASSPHRASE),
    )
    assert status == ExitCode.FAILED
    assert "names are never given twice" in err


def test_an_operator_may_reset_himself_and_a_viewer_nobody_else(
    mlrisk: Mlrisk, db: Database
) -> None:
    ann = add(mlrisk, "ann", "--role", "risk_officer")
    bob = add(mlrisk, "bob", "--role", "viewer", *as_ann(), lines=login(db, ann))
    reset = ("operator", "reset", "--reason", "new phone", "--passphrase-file", "-", "--json")
    status, out, _ = mlrisk(*reset, "bob", *as_ann("bob"), lines=(*login(db, bob), PASSPHRASE))
    assert status == ExitCode.OK
    assert json.loads(out)["key"] != bob["key"]
    status, _, err = mlrisk(
        *reset, "ann", *as_ann("bob"), lines=(*login(db, json.loads(out)), PASSPHRASE)
    )
    assert status == ExitCode.FAILED
    assert "takes a risk_officer" in err


def test_the_first_operator_of_production_is_its_home_owners(
    mlrisk: Mlrisk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "production")
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "nobody's"))
    status, _, err = mlrisk(
        *("operator", "add", "ann", "--role", "risk_officer", "--passphrase-file", "-"),
        lines=(PASSPHRASE,),
    )
    assert status == ExitCode.FAILED
    assert "added by the user who owns its home directory" in err
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    assert add(mlrisk, "ann", "--role", "risk_officer")["name"] == "ann"


def test_a_file_of_secrets_that_others_can_read_is_refused(mlrisk: Mlrisk, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    file.chmod(0o644)
    command = ("operator", "add", "ann", "--role", "risk_officer", "--passphrase-file", str(file))
    status, _, err = mlrisk(*command)
    assert status == ExitCode.USAGE
    assert "chmod 600" in err
    file.chmod(0o600)
    status, out, err = mlrisk(*command)
    assert (status, err) == (ExitCode.OK, "")
    assert "for the authenticator app, shown once: otpauth://totp/" in out
    assert PASSPHRASE not in out


def test_a_name_that_is_none_and_a_weak_passphrase_are_refused(mlrisk: Mlrisk) -> None:
    command = ("operator", "add", "--role", "risk_officer", "--passphrase-file", "-")
    status, _, err = mlrisk(*command, "a n n", lines=(PASSPHRASE,))
    assert (status, "is no operator's name" in err) == (ExitCode.FAILED, True)
    status, _, err = mlrisk(*command, "ann", lines=("short",))
    assert (status, "has 12 to 1024 characters" in err) == (ExitCode.FAILED, True)


def test_the_acts_are_listed_with_what_their_signatures_say(mlrisk: Mlrisk, db: Database) -> None:
    ann = add(mlrisk, "ann", "--role", "risk_officer")
    add(mlrisk, "bob", "--role", "viewer", *as_ann(), lines=login(db, ann))
    status, out, _ = mlrisk("operator", "acts")
    assert status == ExitCode.OK
    assert "operator:ann operator_added operator:bob (signed)" in out
    with db.unit_of_work() as uow:
        uow.audit(
            "global", "resumed", "global:*", "operator:ann", {"reason": "x"}, datetime.now(UTC)
        )
        uow.commit()
    status, out, _ = mlrisk("operator", "acts", "--json")
    assert status == ExitCode.FAILED
    facts = json.loads(out)
    assert [act["problem"] is None for act in facts["acts"]] == [True, True, False]
    assert "not signed with the key of whom it names" in facts["problems"][0]
