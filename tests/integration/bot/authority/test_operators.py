"""Operators are added, reset and disabled."""

from collections.abc import Callable

import pytest

from bot.authority.login import ATTEMPTS, Login
from bot.authority.operators import Operators, enrol
from bot.clock import FixedClock
from bot.errors import NotAuthorised
from models.database import Database
from models.enums import OperatorRole
from tests.support.fakes import T0
from tests.support.operators import Person, add_person

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases")]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def ann(db: Database, clock: FixedClock) -> Person:
    return add_person(db, clock, "ann")


@pytest.fixture
def login(db: Database, clock: FixedClock) -> Login:
    return Login(db, clock, note="cli:me")


def refused(act: Callable[[], object]) -> NotAuthorised:
    with pytest.raises(NotAuthorised) as refusal:
        act()
    return refusal.value


def test_a_reset_ends_the_lock_and_what_was_known_before(
    ann: Person, login: Login, db: Database, clock: FixedClock
) -> None:
    bob = add_person(db, clock, "bob", OperatorRole.OPERATOR, by=ann.login())
    for _ in range(ATTEMPTS):
        refused(lambda: login(bob.credentials(passphrase="another passphrase")))
    new = enrol("bob", "quite another passphrase")
    Operators(db, clock).reset(new, ann.login(), reason="lost his phone")
    assert refused(lambda: login(bob.credentials())).code == "login_refused"
    bob.totp, bob.passphrase = new.secrets.totp, "quite another passphrase"
    assert login(bob.credentials()).role is OperatorRole.OPERATOR
