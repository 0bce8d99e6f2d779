"""The thread that keeps the log: it numbers, submits, tells a fault, and goes on after it."""

from pathlib import Path

import pytest

from bot.clock import SystemClock
from models.database import Database
from tests.support.audit.log import LoggedAudit
from tests.support.waiting import eventually
from workers.audit_log import AuditLogKeeper
from workers.stop_event import StopEvent

pytestmark = pytest.mark.services


def test_it_keeps_the_log_until_it_is_stopped_and_tells_a_fault(
    db: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit, stop = LoggedAudit(db, tmp_path), StopEvent()
    keeper = AuditLogKeeper(db, SystemClock(), (audit.log, audit.own), stop)
    assert keeper.fault() is None, "it has not begun"
    audit.write(2)
    keeper.start()
    try:
        assert eventually(audit.witness.look)
        assert (audit.witnessed, keeper.fault()) == (4, None)
        audit.own.refused.write_text('{"why": "a test"}')
        assert eventually(lambda: "a test" in str(keeper.fault()))
        audit.own.refused.unlink()
        audit.write(1)
        assert eventually(audit.witness.look)
        assert eventually(lambda: keeper.fault() is None)
    finally:
        stop.set()
        keeper.join(60)
    assert keeper.fault() == "the audit log's thread has ended"
    told = [r for r in caplog.records if r.event == "the_audit_log_has_a_fault"]  # type: ignore[attr-defined]
    assert len(told) == 1


def test_a_log_that_is_damaged_or_has_no_place_for_its_files_is_a_fault(
    db: Database, tmp_path: Path
) -> None:
    audit = LoggedAudit(db, tmp_path)
    audit.write(1)
    assert audit.step() is None
    audit.damage("UPDATE audit_leaf SET hash = sha256('x') WHERE leaf = 0")
    keeper = AuditLogKeeper(db, SystemClock(), (audit.log, audit.own), StopEvent())
    keeper.look()
    assert "another root" in str(keeper.fault())
    file = tmp_path / "a file"
    file.touch()
    other = AuditLogKeeper(db, SystemClock(), (type(audit.log)(file), audit.own), StopEvent())
    other.look()
    assert "files can't be written" in str(other.fault())
