"""Tokens are shown once, bound to their holder, and end by time, by hand or with their operator."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.authority import tokens
from bot.authority.operators import Operators
from bot.authority.tokens import LONGEST_LIFETIME, Bearer, Holder, Tokens
from bot.authority.verifying import problems
from bot.clock import FixedClock
from bot.errors import NotAuthorised, Refused
from models.database import Database
from models.enums import OperatorRole, TokenKind
from models.tables import ApiTokenRow, AuditRow
from tests.support.fakes import T0
from tests.support.operators import Person, add_person

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases")]
MOMENTUM = Holder(TokenKind.STRATEGY, "momentum")
ANN = Holder(TokenKind.OPERATOR, "ann")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def free(db: Database, clock: FixedClock) -> Tokens:
    """As in development."""
    return Tokens(db, clock, is_guarded=lambda _: False)


@pytest.fixture
def guarded(db: Database, clock: FixedClock) -> Tokens:
    return Tokens(db, clock, is_guarded=lambda _: True)


@pytest.fixture
def ann(db: Database, clock: FixedClock) -> Person:
    return add_person(db, clock, "ann")


def found(known: Tokens, token: str) -> Bearer | None:
    parsed = tokens.parse(token)
    return None if parsed is None else known.find(*parsed)


def test_a_token_is_known_by_its_hash_alone_and_opens_for_its_holder(
    free: Tokens, db: Database
) -> None:
    new = free.create(MOMENTUM, "me", reason="its host")
    bearer = found(free, new.token)
    assert bearer is not None
    assert (bearer.holder, bearer.may_halt) == (MOMENTUM, False)
    secret = new.token.rpartition("_")[2]
    assert secret not in repr(new) + str(bearer)
    with db.reading() as session:
        row = session.scalars(select(ApiTokenRow)).one()
        entry = session.scalars(select(AuditRow).filter_by(kind="token_created")).one()
    assert secret not in f"{vars(row)} {vars(entry)}"
    assert entry.subject == f"token:{row.token_id}"


def test_a_wrong_token_opens_nothing(free: Tokens) -> None:
    good = free.create(MOMENTUM, "me", reason="test").token
    other = free.create(MOMENTUM, "me", reason="test").token
    mixed = good[: len("mlrisk_") + 12] + other[len("mlrisk_") + 12 :]
    wrong = [mixed, good[:-1], good + "0", good.upper(), "", "mlrisk__", good[:-1] + "x"]
    assert [found(free, token) for token in wrong] == [None] * len(wrong)
    assert found(free, good) is not None


def test_a_token_ends_by_its_time_and_by_hand(free: Tokens, clock: FixedClock) -> None:
    new = free.create(MOMENTUM, "me", reason="test", lifetime=timedelta(days=1))
    kept = free.create(MOMENTUM, "me", reason="test", lifetime=timedelta(days=2))
    clock.move_to(T0 + timedelta(days=1))
    assert found(free, new.token) is None
    assert found(free, kept.token) is not None
    free.revoke(kept.row.token_id, "me", reason="lost")
    assert found(free, kept.token) is None
    with pytest.raises(Refused, match="revoked already"):
        free.revoke(kept.row.token_id, "me", reason="lost")
    with pytest.raises(Refused, match="no token of that id"):
        free.revoke("0" * 12, "me", reason="lost")
    states = {row.token_id: tokens.is_over(row, clock.now()) for row in free.known()}
    assert states == {new.row.token_id: "expired", kept.row.token_id: "revoked"}


def test_outside_of_development_making_and_revoking_take_a_login(
    guarded: Tokens, ann: Person, db: Database, clock: FixedClock
) -> None:
    bob = add_person(db, clock, "bob", OperatorRole.OPERATOR, by=ann.login())
    eve = add_person(db, clock, "eve", OperatorRole.VIEWER, by=ann.login())
    for holder, actor in (
        (MOMENTUM, "me"),
        (ANN, "ann"),
        (MOMENTUM, eve.login()),
        (ANN, bob.login()),
    ):
        with pytest.raises(NotAuthorised):
            guarded.create(holder, actor, reason="test")
    new = guarded.create(MOMENTUM, bob.login(), reason="test")
    own = guarded.create(Holder(TokenKind.OPERATOR, "eve"), eve.login(), reason="test")
    with pytest.raises(NotAuthorised):
        guarded.revoke(new.row.token_id, "me", reason="test")
    guarded.revoke(new.row.token_id, bob.login(), reason="test")
    guarded.create(ANN, ann.login(), reason="test")
    viewer = found(guarded, own.token)
    assert viewer is not None and not viewer.may_halt
    with db.reading() as session:
        assert problems(session) == []


def test_an_operators_token_ends_with_the_operator(
    guarded: Tokens, free: Tokens, ann: Person, db: Database, clock: FixedClock
) -> None:
    bob = add_person(db, clock, "bob", OperatorRole.OPERATOR, by=ann.login())
    token = guarded.create(Holder(TokenKind.OPERATOR, "bob"), bob.login(), reason="test").token
    parsed = tokens.parse(token)
    assert parsed is not None
    known = guarded.good_for_halts()
    remembered = tokens.remembered(known, *parsed, clock.now())
    assert remembered == found(guarded, token) and remembered is not None and remembered.may_halt
    assert tokens.remembered(known, parsed[0], "0" * 64, clock.now()) is None
    assert tokens.remembered(known, *parsed, clock.now() + LONGEST_LIFETIME) is None
    Operators(db, clock).disable("bob", ann.login(), reason="left")
    assert found(guarded, token) is None
    assert found(free, token) is None
    assert guarded.good_for_halts() == {}


def test_what_is_no_holder_no_reason_and_no_lifetime_is_refused(
    free: Tokens, guarded: Tokens, ann: Person
) -> None:
    nobody = Holder(TokenKind.OPERATOR, "nobody")
    for holder, reason, days in (
        (Holder(TokenKind.STRATEGY, "a b"), "test", 1),
        (Holder(TokenKind.OPERATOR, "a b"), "test", 1),
        (MOMENTUM, " ", 1),
        (MOMENTUM, "test", 0),
        (MOMENTUM, "test", 366),
    ):
        with pytest.raises(Refused):
            free.create(holder, "me", reason=reason, lifetime=timedelta(days=days))
    with pytest.raises(Refused, match="no active operator"):
        guarded.create(nobody, ann.login(), reason="test")
    # In development acts need no login, and a token no operator.
    token = free.create(nobody, "me", reason="test").token
    assert found(free, token) is not None
    assert found(guarded, token) is None
