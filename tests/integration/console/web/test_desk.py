"""What the desk bounds: attempts to log in, and the sessions of operators who are no more."""

import pytest
from sqlalchemy import select

from bot.authority.login import ATTEMPTS
from bot.authority.operators import Operators
from bot.clock import SystemClock
from console.web import desk
from models.enums import OperatorRole
from models.tables import AuditRow
from tests.support.operators import Person, add_person
from tests.support.scene import Scene
from tests.support.web import Browser, Entered

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]


def test_the_existing_lock_and_a_rate_for_all_together_bound_attempts(
    browser: Browser, ann: Person, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(ATTEMPTS):
        assert browser.login(ann, passphrase="no").status_code == 401
    assert "is locked until" in browser.login(ann).text
    with scene.db.reading() as session:
        kinds = session.scalars(select(AuditRow.kind).where(AuditRow.subject == "operator:ann"))
        assert list(kinds).count("login_refused") == ATTEMPTS + 1
    monkeypatch.setattr(desk, "LOGINS_A_MINUTE", 0)
    assert browser.login(ann).status_code == 429


def test_a_disabled_operators_session_ends(entered: Entered, ann: Person, scene: Scene) -> None:
    clock = SystemClock()
    bob = add_person(scene.db, clock, "bob", OperatorRole.OPERATOR, ann.login())
    browser = entered(bob)
    assert browser.get("/").status_code == 200
    Operators(scene.db, clock).disable("bob", ann.login(), reason="left")
    assert browser.get("/").headers["location"] == "/login"
