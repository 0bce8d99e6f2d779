"""`mlrisk audit`: damage is named, entries are found, and one decision convinces a third party."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import ExitCode
from tests.integration.console.commands.commanding import Mlrisk
from tests.support.audit.log import LoggedAudit
from tests.support.desk import Desk

pytestmark = pytest.mark.services


@pytest.fixture
def audit(desk: Desk, tmp_path: Path) -> LoggedAudit:
    """A decision among other entries; the witness has seen all of them."""
    assert desk.approve("r-1")["verdict"] == "allow"
    made = LoggedAudit(desk.db, tmp_path)
    made.write(2)
    assert made.step() is None
    return made


def test_a_third_party_verifies_a_decision_without_mlrisk(
    audit: LoggedAudit, mlrisk: Mlrisk, tmp_path: Path
) -> None:
    proof, verifier = tmp_path / "proof.json", tmp_path / "away" / "verifier.py"
    verifier.parent.mkdir()
    status, facts = mlrisk("audit", "prove", "r-1", "--out", str(proof), "--json")
    assert status == ExitCode.OK
    assert mlrisk("audit", "verifier", "--out", str(verifier))[0] == ExitCode.OK
    keys = ["--log-key", facts["log_key"], "--witness-key", facts["witness_key"]]
    words = [sys.executable, "-I", str(verifier), str(proof), *keys]
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    entry = json.loads(done.stdout)["entry"]
    assert (entry["kind"], entry["subject"], entry["payload"]["verdict"]) == (
        "decision",
        "r-1",
        "allow",
    )
    told = json.loads(proof.read_text())
    assert json.loads(told["documents"]["decision"])["verdict"] == "allow"
    told["documents"]["decision"] = told["documents"]["decision"].replace("allow", "deny")
    proof.write_text(json.dumps(told))
    assert subprocess.run(words, cwd="/", capture_output=True, check=False).returncode == 1


def test_what_can_t_be_proven_yet_or_at_all_is_said(
    desk: Desk, audit: LoggedAudit, mlrisk: Mlrisk
) -> None:
    assert mlrisk("audit", "prove", "nobody")[0] == ExitCode.FAILED
    desk.approve("r-2")
    status, said = mlrisk("audit", "prove", "r-2")
    assert (status, "not signed this entry yet" in said) == (ExitCode.FAILED, True)
    assert audit.step() is None
    assert mlrisk("audit", "prove", "r-2", "--json")[1]["entry"]["subject"] == "r-2"
    audit.damage("UPDATE audit_entry SET actor = 'x' WHERE subject = 'r-2' AND kind = 'decision'")
    status, said = mlrisk("audit", "prove", "r-2")
    assert (status, "can't be proven" in said) == (ExitCode.FAILED, True)


@pytest.mark.parametrize("name", ["audit-witness/public/cosigned", "audit-log/public/log.vkey"])
def test_a_file_of_log_or_witness_that_cant_be_read_is_told_in_a_line(
    audit: LoggedAudit, mlrisk: Mlrisk, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(b"\xff")
    for command in (("verify",), ("prove", "r-1")):
        status, said = mlrisk("audit", *command)
        assert (status, f"{file} is no text" in said) == (ExitCode.FAILED, True)
    file.unlink()
    file.mkdir()
    for command in (("verify",), ("prove", "r-1")):
        status, said = mlrisk("audit", *command)
        assert (status, str(file) in said) == (ExitCode.FAILED, True)


def test_a_verification_reads_what_is_new_and_names_damage(
    audit: LoggedAudit, mlrisk: Mlrisk
) -> None:
    status, first = mlrisk("audit", "verify", "--json")
    assert (status, first["good"], first["verified_before"]) == (ExitCode.OK, True, 0)
    assert first["read"] == first["size"] == first["witnessed"] == audit.witnessed
    audit.write(1)
    assert audit.step() is None
    status, second = mlrisk("audit", "verify", "--json")
    assert (second["verified_before"], second["read"]) == (first["size"], 2)
    full = mlrisk("audit", "verify", "--full", "--json")[1]
    assert (full["verified_before"], full["read"]) == (0, second["size"])
    audit.damage("DELETE FROM audit_entry WHERE chain = 'global' AND seq = 1")
    status, found = mlrisk("audit", "verify", "--json")
    assert (status, found["good"]) == (ExitCode.FAILED, False)
    assert ("deleted", "global", 1) in [
        (f["kind"], f["chain"], f["entry"]) for f in found["faults"]
    ]
    status, said = mlrisk("audit", "verify", "--full")
    assert "global: entry 1 was deleted" in said
    assert "THE AUDIT IS DAMAGED" in said


def test_a_consistent_rewriting_is_named_by_its_entry(audit: LoggedAudit, mlrisk: Mlrisk) -> None:
    audit.rewrite("UPDATE audit_entry SET actor = 'x' WHERE chain = 'global' AND seq = 2")
    audit.start()
    audit.step()
    status, found = mlrisk("audit", "verify", "--json")
    assert status == ExitCode.FAILED
    named = {(f["kind"], f["chain"], f["entry"]) for f in found["faults"]}
    assert {("changed", "global", 2), ("refused", None, None)} <= named


def test_entries_are_searched_and_exported(
    audit: LoggedAudit, mlrisk: Mlrisk, tmp_path: Path
) -> None:
    search = ("audit", "search", "--kind", "decision", "--subject", "r-1")
    found = mlrisk(*search, "--json")[1]["entries"]
    assert [(entry["kind"], entry["subject"]) for entry in found] == [("decision", "r-1")]
    assert "decision r-1 by gate" in mlrisk(*search)[1]
    assert "no entry fits" in mlrisk("audit", "search", "--actor", "nobody")[1]
    assert mlrisk("audit", "search", "--since", "1h", "--limit", "1", "--json")[0] == ExitCode.OK
    audit.write(1)
    file = tmp_path / "audit.jsonl"
    facts = mlrisk("audit", "export", str(file), "--json")[1]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == facts["entries"] == audit.witnessed + 2
    assert [line["leaf"] for line in lines] == [*range(audit.witnessed), None, None]


def test_without_a_witness_the_audit_verifies_by_itself(
    desk: Desk, mlrisk: Mlrisk, tmp_path: Path
) -> None:
    desk.approve("r-1")
    status, facts = mlrisk("audit", "verify", "--json")
    assert (status, facts["size"], facts["waiting"] > 0) == (ExitCode.OK, None, True)
    assert mlrisk("audit", "prove", "r-1")[0] == ExitCode.FAILED
    made = LoggedAudit(desk.db, tmp_path)
    made.extend()
    assert mlrisk("audit", "verify", "--json")[1]["witnessed"] == 0
