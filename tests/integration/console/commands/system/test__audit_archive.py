"""`mlrisk audit archive`: a month goes into a file, and each command says where payloads are."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clock import FixedClock, SystemClock
from console.errors import ExitCode
from models.database import Database
from tests.integration.console.commands.commanding import Mlrisk
from tests.support.audit.archives import MONTHS, write_months
from tests.support.audit.log import LoggedAudit
from tests.support.desk import Desk
from tests.support.operators import add_person

pytestmark = pytest.mark.services
MONTH = MONTHS[0]
VERDICT = "deny"
"""There is no lease to trade at that time."""


@pytest.fixture
def audit(db: Database, tmp_path: Path) -> LoggedAudit:
    """A real decision in the first of three old months."""
    clock = FixedClock(datetime(2024, 1, 15, 9, tzinfo=UTC))
    assert Desk(db, clock=clock).approve("r-1")["verdict"] == VERDICT
    made = LoggedAudit(db, tmp_path)
    write_months(made)
    return made


@contextmanager
def kept(audit: LoggedAudit) -> Iterator[None]:
    """The log and its witness at work, as in the processes of a running system."""
    stop = threading.Event()
    failed: list[str] = []

    def work() -> None:
        while not stop.wait(0.05):
            if said := audit.step():
                failed.append(said)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert failed == []


def test_a_month_is_archived_read_and_proven_from_its_file(
    audit: LoggedAudit, mlrisk: Mlrisk, tmp_path: Path
) -> None:
    to = tmp_path / "archives"
    command = ("audit", "archive", "--month", MONTH, "--to", str(to), "--json")
    _, planned = mlrisk(*command, "--dry-run")
    assert (planned["dry_run"], planned["in_database"] > 6) == (True, True)
    assert not to.exists()
    with kept(audit):
        status, done = mlrisk(*command)
    assert (status, done["removed"]) == (ExitCode.OK, planned["in_database"])
    file = Path(done["file"])
    status, verified = mlrisk("audit", "verify", "--full", "--archive", str(to), "--json")
    assert (status, verified["good"], verified["archived"]) == (0, True, done["removed"])

    search = ("audit", "search", "--kind", "decision", "--subject", "r-1", "--json")
    (entry,) = mlrisk(*search)[1]["entries"]
    assert entry["payload"] == {"archived": MONTH}
    assert entry["archive"] == {"month": MONTH, "file": file.name, "sha256": done["sha256"]}
    (entry,) = mlrisk(*search, "--archive", str(to))[1]["entries"]
    assert entry["payload"]["verdict"] == VERDICT
    assert f"(in {file.name}, sha256" in mlrisk(*search[:-1])[1]

    status, said = mlrisk("audit", "prove", "r-1")
    assert (status, file.name in said, "--archive" in said) == (ExitCode.FAILED, True, True)
    proof, program = tmp_path / "proof.json", tmp_path / "away" / "verifier.py"
    program.parent.mkdir()
    words = ("audit", "prove", "r-1", "--archive", str(to), "--out", str(proof), "--json")
    status, keys = mlrisk(*words)
    assert status == ExitCode.OK
    told = json.loads(proof.read_text())
    assert json.loads(told["documents"]["decision"])["verdict"] == VERDICT
    assert mlrisk("audit", "prove", f"{MONTHS[1]}/0", "--json")[0] == ExitCode.OK
    assert mlrisk("audit", "verifier", "--out", str(program))[0] == ExitCode.OK
    for each in (proof, file):
        given = [sys.executable, "-I", str(program), str(each)]
        given += ["--log-key", keys["log_key"], "--witness-key", keys["witness_key"]]
        ended = subprocess.run(given, cwd="/", capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert json.loads(ended.stdout)["proven"] is True

    replayed = mlrisk("replay", "--from", "2024-01-15", "--to", "2024-01-16", "--json")[1]
    assert (replayed["decisions"], replayed["archived"]) == (1, {MONTH: 1})
    assert "in the archive of 2024-01" in mlrisk("replay", "--from", "2024-01-15")[1]


def test_a_changed_cut_or_missing_archive_is_named_by_verify(
    audit: LoggedAudit, mlrisk: Mlrisk, tmp_path: Path
) -> None:
    to = tmp_path / "archives"
    with kept(audit):
        assert mlrisk("audit", "archive", "--month", MONTH, "--to", str(to))[0] == ExitCode.OK
    (file,) = to.iterdir()
    whole = file.read_bytes()
    verify = ("audit", "verify", "--archive", str(to))
    for content, words in (
        (whole[:-1], "cut or changed"),
        (whole[:-8] + b"12345678", "cut or changed"),
        (whole + b"\0", "another file than the audit declares"),
        (None, "is missing"),
    ):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        status, said = mlrisk(*verify)
        assert (status, f"archive: the archive of {MONTH}" in said) == (ExitCode.FAILED, True)
        assert words in " ".join(said.split())
    assert mlrisk("audit", "verify")[0] == ExitCode.OK
    file.write_bytes(whole)
    assert mlrisk(*verify)[0] == ExitCode.OK


def test_without_the_witness_nothing_is_removed_and_the_next_run_goes_on(
    audit: LoggedAudit, mlrisk: Mlrisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.runtime.audit.archives.WITNESS_SECONDS", 0.0)
    command = ("audit", "archive", "--month", MONTH, "--to", str(tmp_path))
    status, said = mlrisk(*command)
    assert (status, "nothing is removed" in said) == (ExitCode.FAILED, True)
    assert audit.step() is None
    status, said = mlrisk(*command)
    assert (status, "payloads left the database" in said) == (ExitCode.OK, True)
    assert mlrisk("audit", "archive", "--month", "2098-01", "--to", str(tmp_path))[0] != ExitCode.OK


@pytest.mark.usefixtures("quick_passphrases", "standing_codes")
def test_in_production_a_risk_officer_signs_it(
    db: Database, mlrisk: Mlrisk, tmp_path: Path
) -> None:
    audit = LoggedAudit(db, tmp_path)
    write_months(audit)
    ann = add_person(db, SystemClock(), "ann")
    command = ("audit", "archive", "--month", MONTH, "--to", str(tmp_path / "archives"))
    status, said = mlrisk(*command, production=True)
    assert (status != ExitCode.OK, "has to log in" in said) == (True, True)
    assert not list(tmp_path.glob("archives/audit-*"))
    login = ann.on_the_command_line(tmp_path)
    with kept(audit):
        status, said = mlrisk(*command, *login, production=True)
    assert (status, "6 payloads left" in said) == (ExitCode.OK, True), said
    verify = ("audit", "verify", "--json")
    assert mlrisk(*verify, production=True)[1]["good"] is True
    (entry,) = mlrisk("audit", "search", "--kind", "audit_archived", "--json")[1]["entries"]
    assert entry["actor"] == "operator:ann"
