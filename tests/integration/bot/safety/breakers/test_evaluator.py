"""The evaluator on a real database: what trips, what doesn't, and how a breaker ends."""

from models.enums import TradingState
from models.locks import try_lock_breakers
from tests.support.accounts.breakers import D, Watch, trip_correlation
from tests.support.desk import ACCOUNT

ACTIVE, REDUCING, RECOVERING = TradingState.ACTIVE, TradingState.REDUCING, TradingState.RECOVERING


def test_a_trip_notes_when_the_account_was_flat(watch: Watch) -> None:
    trip_correlation(watch)
    watch.look()
    (found,) = watch.trips()
    assert found.flat_at is not None
    assert found.flat_equity == D("100000")


def test_a_second_evaluator_waits_for_nobody(watch: Watch) -> None:
    with watch.desk.db.unit_of_work() as uow:
        assert try_lock_breakers(uow.session, ACCOUNT)
        assert watch.evaluator().evaluate() is None
    assert watch.evaluator().evaluate() is not None
