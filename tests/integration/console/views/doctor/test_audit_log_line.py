"""The doctor's line about the audit log says what a person should look at."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings
from console.views.doctor.audit_log_line import audit_log_line
from models.database import Database
from tests.support.audit.log import LoggedAudit

pytestmark = pytest.mark.services


def test_a_witness_that_refuses_is_a_fault_and_one_that_is_late_a_warning(
    db: Database, migrated_url: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, database_url=SecretStr(migrated_url))
    audit = LoggedAudit(db, tmp_path)
    assert audit_log_line(settings).detail == "0 entries, 0 of them witnessed"
    audit.write(2)
    assert audit.step() is None
    line = audit_log_line(settings)
    assert (line.ok, line.warning) == (True, False)
    assert line.detail == "4 entries, 4 of them witnessed"
    audit.write(1)
    audit.extend()
    assert not audit_log_line(settings).warning, "it has a minute"
    audit.damage("UPDATE audit_tree SET at = at - interval '2 minutes' WHERE size = 6")
    line = audit_log_line(settings)
    assert (line.ok, line.warning, "does the watchdog run" in line.detail) == (True, True, True)
    audit.own.refused.write_text("{}")
    line = audit_log_line(settings)
    assert (line.ok, line.down, "refuses" in line.detail) == (False, False, True)
    audit.own.refused.unlink()
    audit.own.cosigned.write_text("nothing")
    assert not audit_log_line(settings).ok
