"""Logins on real Postgres: few attempts, no code twice, one answer for everything that is wrong."""

import logging
import threading
import traceback
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.authority import vault
from bot.authority.actors import Operator
from bot.authority.login import ATTEMPTS, FIRST_LOCK, LONGEST_LOCK, Credentials, Login
from bot.authority.operators import Operators
from bot.clock import FixedClock
from bot.errors import NotAuthorised
from models.audit import verify_chain
from models.database import Database
from models.enums import OperatorRole
from models.tables import AuditRow, OperatorRow
from tests.support.fakes import T0
from tests.support.operators import PASSPHRASE, Person, add_person, count_work

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


def row_of(db: Database, name: str = "ann") -> OperatorRow:
    with db.reading() as session:
        return session.scalars(select(OperatorRow).where(OperatorRow.name == name)).one()


def entries(db: Database, kind: str = "login_refused") -> list[AuditRow]:
    with db.reading() as session:
        found = select(AuditRow).where(AuditRow.kind == kind).order_by(AuditRow.seq)
        return list(session.scalars(found))


def refused(act: Callable[[], object]) -> NotAuthorised:
    with pytest.raises(NotAuthorised) as refusal:
        act()
    return refusal.value


def test_name_passphrase_and_code_make_an_operator(ann: Person, login: Login) -> None:
    operator = login(Credentials(" Ann ", PASSPHRASE, ann.code()))
    assert (operator.name, operator.role) == ("ann", OperatorRole.RISK_OFFICER)
    assert (str(operator), operator.note) == ("operator:ann", "cli:me")
    assert operator.key.public_key().public_bytes_raw().hex() == row_of(ann.db).public_key


def test_a_code_is_accepted_once_and_no_earlier_one_after_it(ann: Person, login: Login) -> None:
    login(ann.credentials())
    for steps in (0, -1):
        assert refused(lambda s=steps: login(ann.credentials(code=ann.code(s)))).code == (  # type: ignore[misc]
            "login_refused"
        )
    assert [entry.payload["cause"] for entry in entries(ann.db)] == ["used code", "used code"]
    assert login(ann.credentials(code=ann.code(1))).name == "ann"


def test_of_many_who_give_one_code_at_once_one_is_accepted(ann: Person, login: Login) -> None:
    given, results = ann.credentials(), []
    begin = threading.Barrier(4)

    def attempt() -> None:
        begin.wait()
        try:
            results.append(login(given))
        except NotAuthorised as refusal:
            results.append(refusal)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(result, Operator) for result in results) == 1
    assert len(results) == 4


def test_every_wrong_part_gets_the_same_answer_and_is_recorded_with_its_cause(
    ann: Person, login: Login, clock: FixedClock
) -> None:
    wrong = [
        ann.credentials(passphrase="another passphrase"),
        ann.credentials(code=ann.code(9)),
        Credentials("nobody", PASSPHRASE, ann.code()),
    ]
    answers = {refused(lambda c=credentials: login(c)).message for credentials in wrong}  # type: ignore[misc]
    assert len(answers) == 1
    found = entries(ann.db)
    assert [entry.payload["cause"] for entry in found] == ["passphrase", "code", "unknown operator"]
    assert [entry.subject for entry in found] == ["operator:ann"] * 2 + ["operator:?"]
    assert {entry.actor for entry in found} == {"cli:me"}
    with ann.db.transaction() as session:
        assert not verify_chain(session, "global").problems


def test_unknown_and_disabled_operators_cost_the_same_work(
    ann: Person, login: Login, db: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = add_person(db, clock, "bob", by=ann.login())
    Operators(db, clock).disable("bob", ann.login(), reason="has left")
    work = count_work(monkeypatch)
    for credentials in (
        Credentials("nobody", PASSPHRASE, "123456"),
        bob.credentials(),
        ann.credentials(passphrase="another passphrase"),
        ann.credentials(code="000000x"),
    ):
        refused(lambda c=credentials: login(c))  # type: ignore[misc]
    assert work == [vault.KDF] * 4
    assert entries(db)[1].payload["cause"] == "disabled"


def test_five_failures_in_a_row_lock_an_operator_and_the_lock_doubles(
    ann: Person, db: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ann.credentials(passphrase="another passphrase")
    for _ in range(ATTEMPTS):
        # A new one each time, as after a restart: the count is a row.
        assert refused(lambda: Login(db, clock, note="x")(wrong)).code == "login_refused"
    work = count_work(monkeypatch)
    assert refused(lambda: Login(db, clock, note="x")(ann.credentials())).code == "locked"
    assert work == []  # no oracle while it is locked
    assert entries(db)[-1].payload["cause"] == "locked"
    clock.move_to(clock.now() + FIRST_LOCK)
    assert refused(lambda: Login(db, clock, note="x")(wrong)).code == "login_refused"
    assert row_of(db).locked_until == clock.now() + 2 * FIRST_LOCK
    clock.move_to(clock.now() + 2 * FIRST_LOCK)
    assert Login(db, clock, note="x")(ann.credentials()).name == "ann"
    assert (row_of(db).failed_attempts, row_of(db).locked_until) == (0, None)


def test_the_lock_stays_bounded_however_often_somebody_tries(
    ann: Person, login: Login, db: Database, clock: FixedClock
) -> None:
    with db.transaction() as session:
        session.get_one(OperatorRow, row_of(db).operator_id).failed_attempts = 1_000_000
    refused(lambda: login(ann.credentials(passphrase="another passphrase")))
    assert row_of(db).locked_until == clock.now() + LONGEST_LOCK


def test_a_crowd_has_no_more_attempts_than_one(
    ann: Person, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = count_work(monkeypatch)
    wrong = ann.credentials(passphrase="another passphrase")
    threads = [threading.Thread(target=lambda: refused(lambda: login(wrong))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(work) == ATTEMPTS
    assert row_of(ann.db).failed_attempts == ATTEMPTS


def test_no_secret_is_in_a_log_a_traceback_a_representation_or_the_database(
    ann: Person, login: Login, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = ann.credentials()
    operator = login(credentials)
    try:
        login(credentials)
    except NotAuthorised:
        shown = traceback.format_exc()
    # Somebody typed it into the wrong field.
    refused(lambda: login(Credentials(PASSPHRASE, "x", "y")))
    shown += repr(credentials) + repr(operator) + str(operator) + repr(login) + caplog.text
    with db.reading() as session:
        for table in (AuditRow, OperatorRow):
            for row in session.scalars(select(table)):
                shown += repr({c.name: getattr(row, c.name) for c in table.__table__.columns})
    private = operator.key.private_bytes_raw()
    for secret in (PASSPHRASE, ann.totp.secret, private.hex(), repr(private)[2:-1]):
        assert secret not in shown
    assert credentials.code not in repr(credentials) + caplog.text


def test_a_box_that_was_put_into_another_row_opens_nothing(
    ann: Person, login: Login, db: Database, clock: FixedClock
) -> None:
    bob = add_person(db, clock, "bob", OperatorRole.VIEWER, by=ann.login())
    with db.transaction() as session:
        here, there = (
            session.get_one(OperatorRow, row_of(db, n).operator_id) for n in ("ann", "bob")
        )
        here.salt, here.sealed, here.public_key = there.salt, there.sealed, there.public_key
    clock.move_to(clock.now() + timedelta(minutes=1))
    refused(lambda: login(Credentials("ann", bob.passphrase, bob.code())))
    assert entries(db)[-1].payload["cause"] == "passphrase"


def test_a_month_of_guessing_gets_fewer_than_fifty_looks(
    ann: Person, login: Login, db: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, end = count_work(monkeypatch), clock.now() + timedelta(days=30)
    while clock.now() < end:
        refused(lambda: login(ann.credentials(passphrase="another passphrase")))
        clock.move_to(row_of(db).locked_until or clock.now())
    assert ATTEMPTS < len(work) < 50
