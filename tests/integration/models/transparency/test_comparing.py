"""An archive is compared with its declaration and with what is left of its entries."""

from pathlib import Path

import pytest

from models.archived import Archived, file_of
from models.database import Database
from models.transparency.comparing import faults_of
from tests.support.audit.archives import MONTHS, archive, write_months
from tests.support.audit.log import LoggedAudit

pytestmark = pytest.mark.services


@pytest.fixture
def audit(db: Database, tmp_path: Path) -> LoggedAudit:
    made = LoggedAudit(db, tmp_path)
    write_months(made)
    return made


def test_each_damage_to_an_archive_and_to_what_is_left_is_named(
    audit: LoggedAudit, tmp_path: Path
) -> None:
    for month in MONTHS:
        archive(audit, month, tmp_path)
    (tmp_path / file_of(MONTHS[0])).unlink()
    second = tmp_path / file_of(MONTHS[1])
    second.write_bytes(second.read_bytes()[:-20])
    audit.damage("UPDATE audit_entry SET actor = 'x' WHERE chain = 'paper' AND seq = 10")
    with audit.db.reading() as session:
        archived = Archived(session)
        found = [fault.text for fault in faults_of(session, archived, tmp_path)]
    assert len(found) == 3
    assert "the archive of 2024-01" in found[0]
    assert "is missing" in found[0]
    assert "the archive of 2024-02" in found[1]
    assert "cut or changed" in found[1]
    assert found[2] == "paper: entry 10 is not as its archive has it"
    third = tmp_path / file_of(MONTHS[2])
    third.write_bytes(second.read_bytes())
    with audit.db.reading() as session:
        archived = Archived(session)
        assert len(list(faults_of(session, archived, tmp_path))) == 3
