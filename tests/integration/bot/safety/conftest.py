"""What the tests of halts and audit heads share."""

from pathlib import Path

import pytest

from bot.authority.actors import Operator
from bot.safety.audit.heads import HeadsFile
from bot.safety.recovery.ladder import RecoveryLadder
from bot.safety.recovery.recovering import Recovering
from tests.support.accounts.recovering import RULES
from tests.support.audit.heads import KEY
from tests.support.desk import ACCOUNT, Desk
from tests.support.operators import add_person


@pytest.fixture
def file(tmp_path: Path) -> HeadsFile:
    """The file of a home that notes the audit's heads."""
    return HeadsFile(tmp_path / "heads.jsonl", KEY)


@pytest.fixture
def recovering(desk: Desk) -> Recovering:
    """The recoveries of the desk's account."""
    return Recovering(desk.db, ACCOUNT, desk.clock)


@pytest.fixture
def ladder(desk: Desk) -> RecoveryLadder:
    """The ladder, with steps of 15 minutes."""
    desk.limits.change(recovery=RULES)
    return RecoveryLadder(desk.db, ACCOUNT, desk.limits, desk.clock)


@pytest.fixture
def ann(desk: Desk) -> Operator:
    """A risk officer who has logged in."""
    return add_person(desk.db, desk.clock, "ann").login()


@pytest.fixture
def bob(desk: Desk, ann: Operator) -> Operator:
    """A second risk officer."""
    return add_person(desk.db, desk.clock, "bob", by=ann).login()
