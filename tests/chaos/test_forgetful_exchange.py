"""An exchange that hides orders for a while, or forgets them for ever, and real workers.

The orders rest at a limit below the market, so that none of them fills by itself. What counts
minutes is in rows: the tests move it back instead of waiting.
"""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import update

from bot.account.lost_orders import LONGEST_LAG
from bot.clock import SystemClock
from bot.execution.orders.control import ParentControl
from bot.execution.ports import DispatcherOnly
from models.enums import ChildState, ParentState, ReservationState
from models.tables import ChildOrderRow, ReservationRow
from tests.support.agreement import (
    accepted_links,
    assert_request_agrees,
    assert_system_agrees,
    audited,
    resting_orders,
)
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, some_size, trade_request

pytestmark = [
    pytest.mark.services,
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("forgetful"),
]

HORIZON, SLICES = 30.0, 4
BELOW_THE_MARKET = Decimal("0.95")
NO_STREAM = [{"name": "stream_gap", "endpoint": topic} for topic in ("order", "execution")]


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    with mini_system(
        postgres, keep_exchange=True, queues=("validation", "execution", "monitoring")
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _without_faults(system: MiniSystem) -> Iterator[None]:
    yield
    system.exchange.clear_faults()


def rest(system: MiniSystem) -> ChildOrderRow:
    """An entry that the exchange takes and that can't fill; returns its child, acknowledged."""
    system.wait(system.market_ready, "the market")
    view = system.market("BTCUSDT")
    assert view is not None
    assert view.bid is not None
    limit = (view.bid * BELOW_THE_MARKET).quantize(Decimal(1))
    work = {
        "algorithm": "passive",
        "horizon_seconds": 900,
        "limit_price": f"{limit:f}",
        "position_size": some_size(),
    }
    request = trade_request(signal_data=work)
    outcome = system.outcome(request)
    assert outcome["verdict"] == "allow", outcome

    def acknowledged() -> ChildOrderRow | None:
        children = system.children(str(request["request_id"]))
        return children[0] if children and children[0].acked_at else None

    child: ChildOrderRow = system.wait(acknowledged, "the order")
    return child


def child_of(system: MiniSystem, seen: ChildOrderRow) -> ChildOrderRow:
    with system.session() as session:
        return session.get_one(ChildOrderRow, seen.child_id)


def let_minutes_pass(system: MiniSystem, child: ChildOrderRow) -> ChildOrderRow:
    """Its absence began earlier than it did, and its next look is due."""
    with system.db.transaction() as session:
        session.execute(
            update(ChildOrderRow)
            .where(ChildOrderRow.child_id == child.child_id, ChildOrderRow.absences > 0)
            .values(
                absent_since=ChildOrderRow.acked_at - LONGEST_LAG, look_at=ChildOrderRow.acked_at
            )
        )
    return child_of(system, child)


def test_a_forgotten_order_ends_as_lost_with_proof_and_returns_what_it_held(
    system: MiniSystem,
) -> None:
    system.exchange.fault("forgotten_orders")
    child = rest(system)
    system.wait(
        lambda: let_minutes_pass(system, child).state == ChildState.LOST, "the proof of the loss"
    )
    proof = [e for e in audited(system, "order_lost") if e.subject == child.request_id]
    assert [entry.payload["child"] for entry in proof] == [child.order_link_id]
    assert proof[0].payload["looks"] >= 6
    system.wait(lambda: system.finished(child.request_id), "the end of the trade")
    system.exchange.clear_faults()
    parent = assert_request_agrees(system, child.request_id)
    assert (parent.state, parent.end_reason) == (ParentState.UNFILLED, "lost by the exchange")
    assert parent.released_qty == parent.approved_qty
    with system.session() as session:
        reservation = session.get_one(ReservationRow, child.request_id)
    assert (reservation.state, reservation.open_qty) == (ReservationState.RELEASED, 0)
    # It did rest there, unseen: the proof begins with calling it back.
    assert child.order_link_id not in resting_orders(system)
    assert accepted_links(system, child.request_id) == [child.order_link_id]
    assert_system_agrees(system)


def test_a_hidden_order_is_looked_for_found_again_and_sent_once(system: MiniSystem) -> None:
    for gap in NO_STREAM:
        system.exchange.fault(**gap)
    system.exchange.fault("hidden_orders", ms=3_600_000)
    child = rest(system)
    system.wait(lambda: child_of(system, child).absences > 0, "a look in vain")
    system.exchange.clear_faults()

    def found() -> bool:
        row = child_of(system, child)
        return (row.state, row.absences, row.look_at) == (ChildState.WORKING, 0, None)

    system.wait(found, "the look that finds it")
    assert resting_orders(system).count(child.order_link_id) == 1
    control = ParentControl(system.db, SystemClock(), DispatcherOnly(), account="paper")
    control.cancel(child.request_id, reason="it was found", actor="test")
    system.wait(lambda: system.finished(child.request_id), "the end of the trade")
    parent = assert_request_agrees(system, child.request_id)
    assert parent.released_qty == parent.approved_qty
    assert accepted_links(system, child.request_id) == [child.order_link_id]
    assert_system_agrees(system)


def test_hidden_orders_of_lost_answers_are_found_before_they_are_sent_again(
    system: MiniSystem,
) -> None:
    """Nobody says that they were taken, and for six seconds no list shows them."""
    system.wait(system.market_ready, "the market")
    for gap in NO_STREAM:
        system.exchange.fault(**gap)
    system.exchange.fault("hidden_orders", ms=6_000)
    system.exchange.fault("drop_after", endpoint="order/create", hold_ms=1500)
    work = {"algorithm": "twap", "horizon_seconds": HORIZON, "interval_seconds": HORIZON / SLICES}
    request = trade_request(signal_data={**work, "position_size": some_size()})
    name = str(request["request_id"])
    assert system.outcome(request)["verdict"] == "allow"
    system.wait(lambda: system.finished(name), "the trade to end")
    faults = {f["name"]: f["fired"] for f in system.exchange.control("GET", "status")["faults"]}
    assert faults["drop_after"] >= SLICES
    system.exchange.clear_faults()
    parent = assert_request_agrees(system, name)
    assert parent.state == ParentState.COMPLETED
    # Each was found, so that none was posted a second time.
    assert {child.posts for child in system.children(name)} == {1}
    assert_system_agrees(system)
