"""The audit chain under writers at once, on real Postgres."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from models.audit import verify_chain
from models.database import Database
from tests.support.fakes import T0

pytestmark = pytest.mark.services


def test_writers_at_once_leave_one_chain_without_gaps(db: Database) -> None:
    def write(writer: int) -> None:
        for number in range(25):
            with db.unit_of_work() as uow:
                for chain in ("paper", "other"):
                    uow.audit(chain, "note", f"{writer}-{number}", "test", {"n": number}, T0)
                uow.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with db.transaction() as session:
        for chain in ("paper", "other"):
            report = verify_chain(session, chain)
            assert (report.entries, report.problems) == (100, ())
