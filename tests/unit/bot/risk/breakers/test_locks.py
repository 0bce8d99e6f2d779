"""Locks cover what they name until their moment, and the longest is shown."""

from datetime import UTC, datetime, timedelta

from bot.risk.breakers.locks import Lock, LockBook

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


def test_expired_locks_are_dropped_and_the_longest_is_shown() -> None:
    book = LockBook()
    book.add(None)
    for minutes in (10, 30, 20):
        book.add(Lock(NOW + timedelta(minutes=minutes), f"{minutes}"))
    found = book.locked("XRPUSDT", NOW)
    assert found is not None
    assert found.reason == "30"
    book.drop_expired(NOW + timedelta(minutes=25))
    assert book.locked_globally(NOW) is not None
    book.drop_expired(NOW + timedelta(minutes=30))
    assert book.locked("XRPUSDT", NOW) is None
