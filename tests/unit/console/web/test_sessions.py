"""Sessions: random tokens, a new one at the login, and an end by idleness and by age."""

from datetime import UTC, datetime, timedelta

from bot.clock import FixedClock
from console.web import sessions
from console.web.people import Person
from console.web.sessions import AT_THE_DOOR, IDLE, LONGEST, Sessions
from models.enums import OperatorRole

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ANN = Person("ann", OperatorRole.VIEWER, "ann")


def test_a_login_voids_the_token_from_before_it() -> None:
    known = Sessions(FixedClock(NOW))
    door, before = known.open()
    token, session = known.rotate(door, ANN)
    assert known.find(door) is None
    assert known.find(token) is session
    assert session.csrf != before.csrf and session.knows(session.csrf)
    assert not session.knows(before.csrf) and not session.knows("ä")
    assert known.find(None) is None and known.find("x") is None


def test_a_session_ends_when_it_is_idle_and_when_it_is_old() -> None:
    clock = FixedClock(NOW)
    known = Sessions(clock)
    token, _ = known.open(ANN)
    moved = timedelta(0)
    while moved + IDLE / 2 < LONGEST:
        moved += IDLE / 2
        clock.move_to(NOW + moved)
        assert known.find(token) is not None
    clock.move_to(NOW + LONGEST)
    assert known.find(token) is None
    token, _ = known.open(ANN)
    clock.move_to(NOW + LONGEST + IDLE)
    assert known.find(token) is None
    door, _ = known.open()
    clock.move_to(NOW + LONGEST + IDLE + AT_THE_DOOR)
    assert known.find(door) is None


def test_a_crowd_at_the_door_puts_no_person_out(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(sessions, "MOST", 3)
    known = Sessions(FixedClock(NOW))
    token, _ = known.open(ANN)
    for _ in range(5):
        known.open()
    assert known.find(token) is not None
    known.close_all_of("ann")
    assert known.find(token) is None
