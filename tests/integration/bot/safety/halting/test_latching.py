"""A halt's first step, and its rehearsal."""

import pytest
from sqlalchemy import func, select

from bot.safety.halting.latching import rehearse, set_halted
from bot.state.scope import EVERYTHING
from models.repositories.safety import states
from models.tables import AlertRow, AuditRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def found(desk: Desk) -> tuple[str, int, int, int]:
    """The state, its epoch, and how many entries and alerts there are."""
    with desk.db.reading() as session:
        row = states.all_states(session)[0]
        counts = [
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (AuditRow, AlertRow)
        ]
        return row.state, row.epoch, counts[0], counts[1]


@pytest.mark.parametrize("halted", [False, True])
def test_a_rehearsal_leaves_nothing(desk: Desk, halted: bool) -> None:
    if halted:
        set_halted(desk.db, desk.clock, "drill", "ann", EVERYTHING, flatten=False)
    before = found(desk)
    rehearse(desk.db, desk.clock)
    assert found(desk) == before


def test_the_time_is_that_after_the_commit_and_a_second_one_says_so(desk: Desk) -> None:
    first = set_halted(desk.db, desk.clock, "drill", "ann", EVERYTHING, flatten=False)
    second = set_halted(desk.db, desk.clock, "drill", "bob", EVERYTHING, flatten=False)
    assert (first.already, second.already) == (False, True)
    assert first.at == second.at == desk.clock.now()
