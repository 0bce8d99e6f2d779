"""The drill of backup and restore with Postgres' tools, and what verification says after it."""

import subprocess
from pathlib import Path

import pytest

from models.database import Database
from tests.support.audit.log import LoggedAudit
from tests.support.services import PostgresServer
from workers.embedded import postgres as embedded

pytestmark = pytest.mark.services


def run(tool: str, *words: str) -> None:
    command = [str(embedded.binary(tool)), *words]
    subprocess.run(command, check=True, capture_output=True)


def test_a_restored_backup_verifies_and_the_entries_that_it_lacks_are_told(
    postgres: PostgresServer, db: Database, migrated_url: str, tmp_path: Path
) -> None:
    audit = LoggedAudit(db, tmp_path)
    audit.write(3)
    assert audit.step() is None
    dump = tmp_path / "backup"
    run("pg_dump", "--format=custom", f"--file={dump}", migrated_url.replace("+psycopg", ""))
    url = postgres.create_database()
    back = Database(url, pool_size=1)
    try:
        run("pg_restore", "--no-owner", f"--dbname={url.replace('+psycopg', '')}", str(dump))
        restored = LoggedAudit(back, tmp_path)
        assert restored.check().faults == (), "the witness has seen nothing after the backup"
        audit.write(2)
        assert audit.step() is None
        assert "signed 10 audit entries, and the log has 6" in str(restored.step())
        lost = [fault.leaf for fault in restored.check().faults if fault.kind == "truncated"]
        assert lost == [6, 7, 8, 9], "every entry that the backup lacks"
        restored.write(2, what="after the restore")
        restored.step()
        assert "refuses" in str(restored.submit()), "it can't go on as if nothing was lost"
        audit.own.path.rename(tmp_path / "former witness")
        restored.start()
        assert restored.step() is None, "a person has begun a new witness"
        assert restored.check().faults == ()
    finally:
        back.dispose()
        postgres.drop_database(url)
