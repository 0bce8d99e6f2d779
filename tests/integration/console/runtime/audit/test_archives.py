"""Payloads that are in archives are read from their files, and from no other."""

from pathlib import Path

import pytest
from sqlalchemy import select

from config.settings import Settings
from console.errors import CommandError
from console.runtime.audit.archives import ArchivedPayloads, payload_in
from models.archived import file_of
from models.database import Database
from models.tables import AuditRow
from tests.support.audit.archives import MONTHS, archive, write_months
from tests.support.audit.log import LoggedAudit

pytestmark = pytest.mark.services


def test_a_leaf_is_read_from_the_database_or_from_its_declared_file(
    db: Database, tmp_path: Path
) -> None:
    audit = LoggedAudit(db, tmp_path)
    write_months(audit)
    declared = archive(audit, MONTHS[0], tmp_path)
    settings = Settings(home=tmp_path)
    with db.reading() as session:
        query = select(AuditRow).where(AuditRow.chain == "paper").order_by(AuditRow.seq)
        away, _, kept, *_ = session.scalars(query).all()
        without = ArchivedPayloads(session, settings, None)
        assert (without.archive_of(away), without.archive_of(kept)) == (declared, None)
        assert payload_in(without.leaf(kept)) == kept.payload
        assert without.leaves([away, kept]) == {}
        with pytest.raises(CommandError, match=r"--archive"):
            without.leaf(away)
        found = ArchivedPayloads(session, settings, tmp_path)
        assert payload_in(found.leaf(away)) == {"n": 0, "in": MONTHS[0]}
        file = tmp_path / file_of(MONTHS[0])
        whole = file.read_bytes()
        for content in (whole + b"\0", whole[:-1], None):
            file.unlink(missing_ok=True)
            if content is not None:
                file.write_bytes(content)
            with pytest.raises(CommandError, match="the archive can't be read"):
                found.leaf(away)
