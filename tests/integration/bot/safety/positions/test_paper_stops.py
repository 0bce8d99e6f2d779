"""Stops at the real paper exchange: they fill, never trigger, or find nothing to fill."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import select

from bot.safety.positions.conditions import Cause
from bot.safety.positions.stops import ProtectiveStops
from console.invariants.evidence import Evidence
from console.invariants.orders import i1_every_order_was_approved
from console.runtime.exchange_record import read_exchange_record
from models.enums import StopState
from models.tables import PositionExitRow, ProtectiveStopRow
from tests.integration.bot.safety.positions.conftest import make_monitor
from tests.support.accounts.paper_desk import SYMBOL, Venue
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

D = Decimal


class Guarded:
    """A long position at the paper exchange, with its monitor and its stop."""

    def __init__(self, venue: Venue) -> None:
        self.venue, self.desk = venue, venue.desk
        self.monitor = make_monitor(self.desk)
        self.stops = ProtectiveStops(self.desk.deps, self.desk.limits)
        self.move(self.desk.market.touch)
        venue.act("foreign_position", qty="0.03")
        eventually(lambda: venue.book() > 0)
        self.monitor.look()
        self.stops.guard()
        eventually(lambda: self.states() == {StopState.RESTING})

    def states(self) -> set[StopState]:
        """The states of all stops after another look at them."""
        self.stops.guard()
        return {row.state for row in self.rows()}

    def rows(self) -> list[ProtectiveStopRow]:
        with self.desk.db.reading() as session:
            query = select(ProtectiveStopRow).order_by(ProtectiveStopRow.number)
            return list(session.scalars(query))

    def exits(self) -> list[str]:
        with self.desk.db.reading() as session:
            return list(session.scalars(select(PositionExitRow.cause)))

    def move(self, price: Decimal) -> None:
        text = str(price.quantize(D("0.1")))
        self.venue.act("set_price", last=text, mark=text, index=text)
        self.desk.market.touch = D(text)

    def beyond_the_stop(self) -> None:
        self.move(self.rows()[0].trigger_price - 10)

    def invariants(self) -> list[str]:
        record = read_exchange_record(self.venue.paper.journal_path)
        with self.desk.db.reading() as session:
            return i1_every_order_was_approved(Evidence(session, record, self.desk.clock.now()))


@pytest.fixture
def guarded(venue: Venue) -> Guarded:
    return Guarded(venue)


def looks(guarded: Guarded) -> Callable[[], bool]:
    """Looks as beat does, until the position is closed."""

    def is_closed() -> bool:
        guarded.stops.guard()
        guarded.monitor.look()
        guarded.desk.send_due()
        return guarded.venue.book() == 0

    return is_closed


def test_a_stop_rests_survives_a_cancel_of_everything_and_closes(guarded: Guarded) -> None:
    exchange = guarded.venue.exchange
    exchange.cancel_all()
    (order,) = exchange.conditional_orders()
    assert (order.symbol, order.reduce_only) == (SYMBOL, True)
    assert order.trigger_price == guarded.rows()[0].trigger_price
    guarded.beyond_the_stop()
    eventually(lambda: guarded.venue.book() == 0)
    eventually(lambda: guarded.states() == {StopState.ENDED})
    assert guarded.exits() == []
    assert guarded.invariants() == []


@pytest.mark.parametrize("fault", ["stops_never_trigger", "stops_do_not_fill"])
def test_a_stop_that_does_not_protect_is_followed_by_our_own_exit(
    guarded: Guarded, fault: str
) -> None:
    guarded.venue.paper.fault(fault)
    guarded.beyond_the_stop()
    eventually(looks(guarded))
    assert guarded.exits()[0] in (Cause.STOP_FAILED, Cause.STOP_LOSS)
    eventually(lambda: guarded.states() == {StopState.ENDED})
    assert guarded.venue.exchange.conditional_orders() == []
    assert guarded.invariants() == []
