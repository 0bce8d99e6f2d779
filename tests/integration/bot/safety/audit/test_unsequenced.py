"""How long entries wait is counted from when they are seen to wait."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.safety.audit.unsequenced import Unsequenced
from models.database import Database
from tests.support.audit.log import LoggedAudit
from tests.support.fakes import T0

pytestmark = pytest.mark.services


def test_only_an_entry_that_is_seen_to_wait_twice_has_waited(db: Database, tmp_path: Path) -> None:
    audit, waiting = LoggedAudit(db, tmp_path), Unsequenced()

    def seconds(after: int) -> float:
        with db.reading() as session:
            return waiting.seconds(session, T0 + timedelta(seconds=after))

    assert seconds(0) == 0
    audit.write(1)
    assert (seconds(1), seconds(4)) == (0, 3)
    audit.write(1)
    assert seconds(6) == 5, "the first one still waits"
    audit.extend()
    assert seconds(7) == 0
    audit.write(1)
    assert (seconds(8), seconds(9)) == (0, 1)
    audit.extend()
    audit.write(1)
    assert seconds(10) == 0, "another entry waits now"
