"""Acts in an operator's name are verified from the audit chain alone."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from bot.authority import verifying
from bot.authority.actors import Actor, record
from bot.authority.operators import Operators, enrol
from bot.clock import FixedClock
from models.database import Database
from models.enums import OperatorRole
from models.tables import AuditRow, OperatorRow
from tests.support.fakes import T0
from tests.support.operators import PASSPHRASE, Person, add_person, operator

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases")]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def ann(db: Database, clock: FixedClock) -> Person:
    return add_person(db, clock, "ann")


def act(db: Database, actor: Actor, clock: FixedClock, kind: str = "resumed", **more: Any) -> None:
    with db.unit_of_work() as uow:
        payload = {"reason": "Cafés \x00", "share": 0.1, "many": [1.0, 3], "none": None, **more}
        record(uow, "paper", kind, "account:paper", actor, payload, clock.now())
        uow.commit()


def problems(db: Database) -> list[str]:
    with db.reading() as session:
        return verifying.problems(session)


def forge(db: Database, change: str, **values: Any) -> None:
    """As somebody with the database owner's power does it."""
    with db.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(change), values)


def test_what_operators_did_is_sound_through_additions_resets_and_disabling(
    db: Database, clock: FixedClock, ann: Person
) -> None:
    service = Operators(db, clock)
    bob = add_person(db, clock, "bob", by=ann.login())
    act(db, bob.login(), clock)
    clock.move_to(clock.now() + timedelta(minutes=1))
    new = enrol("bob", PASSPHRASE)
    service.reset(new, ann.login(), reason="new phone")
    bob.totp = new.secrets.totp
    clock.move_to(clock.now() + timedelta(minutes=1))
    act(db, bob.login(), clock)
    clock.move_to(clock.now() + timedelta(minutes=1))
    service.disable("ann", bob.login(), reason="has left")
    assert problems(db) == []
    with db.reading() as session:
        found = verifying.acts(session)
    assert [(one.kind, one.operator) for one in found] == [
        ("operator_added", "test"),
        ("operator_added", "operator:ann"),
        ("resumed", "operator:bob"),
        ("operator_reset", "operator:ann"),
        ("resumed", "operator:bob"),
        ("operator_disabled", "operator:bob"),
    ]
    assert {one.note for one in found[1:]} == {"test"}


def test_an_act_in_somebodys_name_with_no_or_another_key_is_found(
    db: Database, clock: FixedClock, ann: Person
) -> None:
    with db.unit_of_work() as uow:  # `record` would tell it as a note
        uow.audit("paper", "resumed", "account:paper", "operator:ann", {}, clock.now())
        uow.commit()
    act(db, operator("ann"), clock)
    act(db, operator("nobody"), clock)
    found = problems(db)
    assert len(found) == 3
    assert sum("not signed with the key of whom it names" in line for line in found) == 2
    assert "nobody has introduced operator:nobody" in found[-1]


def test_an_act_of_a_key_after_its_end_is_found(
    db: Database, clock: FixedClock, ann: Person
) -> None:
    bob = add_person(db, clock, "bob", by=ann.login())
    stale = bob.login()
    Operators(db, clock).disable("bob", ann.login(), reason="has left")
    clock.move_to(clock.now() + timedelta(minutes=1))
    act(db, stale, clock)
    assert ["operator:bob was disabled" in line for line in problems(db)] == [True]


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE audit_entry SET payload = jsonb_set(payload, '{reason}', '"x"')
           WHERE kind = 'resumed'""",
        "UPDATE audit_entry SET at = at + interval '1 day' WHERE kind = 'resumed'",
        "UPDATE audit_entry SET subject = 'account:other' WHERE kind = 'resumed'",
        "UPDATE audit_entry SET actor = 'operator:bob' WHERE kind = 'resumed'",
        "UPDATE operator SET role = 'risk_officer' WHERE name = 'bob'",
        "UPDATE operator SET public_key = repeat('00', 32) WHERE name = 'bob'",
        """INSERT INTO operator (name, role, kdf, salt, sealed, public_key, created_at, created_by)
           SELECT 'eve', 'risk_officer', kdf, salt, sealed, public_key, created_at, created_by
             FROM operator WHERE name = 'ann'""",
    ],
)
def test_what_somebody_wrote_into_the_database_is_found(
    db: Database, clock: FixedClock, ann: Person, change: str
) -> None:
    add_person(db, clock, "bob", OperatorRole.VIEWER, by=ann.login())
    act(db, ann.login(), clock)
    assert problems(db) == []
    forge(db, change)
    assert len(problems(db)) == 1


def test_an_operator_whom_no_operator_added_is_found(
    db: Database, clock: FixedClock, ann: Person
) -> None:
    new = enrol("eve", PASSPHRASE)
    with db.unit_of_work() as uow:
        payload = {"role": "risk_officer", "key": new.public_key}
        record(uow, "global", "operator_added", "operator:eve", "cli:root", payload, clock.now())
        uow.commit()
    assert ["no operator did it" in line for line in problems(db)] == [True]


def test_a_disabled_operator_who_is_enabled_by_hand_is_found(
    db: Database, clock: FixedClock, ann: Person
) -> None:
    add_person(db, clock, "bob", by=ann.login())
    Operators(db, clock).disable("bob", ann.login(), reason="has left")
    with db.transaction() as session:
        session.execute(update(OperatorRow).values(disabled_at=None))
        assert session.scalars(select(AuditRow)).all()
    assert problems(db) == ["operator bob was disabled and is not any more"]


def test_however_many_acts_there_are_few_are_held_and_named_at_once(
    db: Database, clock: FixedClock, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: all of them were read into a list, and every unsound one was named."""
    monkeypatch.setattr(verifying, "AT_ONCE", 10)
    monkeypatch.setattr(verifying, "NAMED", 5)
    with db.unit_of_work() as uow:
        for _ in range(60):
            uow.audit("paper", "resumed", "account:paper", "operator:eve", {}, clock.now())
        uow.commit()
    held: list[int] = []
    judge = verifying._act
    with db.reading() as session:

        def watched(row: AuditRow, register: Any) -> verifying.Act:
            held.append(len(session.identity_map))
            return judge(row, register)

        monkeypatch.setattr(verifying, "_act", watched)
        found = verifying.problems(session)
    assert len(held) == 61
    assert max(held) <= 2 * 10 + 1
    assert len(found) == 6
    assert found[-1] == "55 more acts are not sound (`mlrisk operator acts`)"
