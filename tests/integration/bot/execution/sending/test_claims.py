"""A claim makes a child its sender's own, for a lease."""

import json
import threading

import pytest
from sqlalchemy import inspect, select

from bot.errors import Throttled
from bot.execution.sending.claims import NotClaimed, Prospect
from bot.execution.sending.sender import SendResult
from models.database import Database
from models.enums import ChildState
from models.tables import (
    ChildOrderRow,
    DecisionRow,
    EquityRow,
    FillRow,
    ParentOrderRow,
    PositionRow,
    ReservationRow,
    TradeRequestRow,
)
from tests.support.desk import ACCOUNT, Desk

_TABLES = (
    TradeRequestRow,
    DecisionRow,
    ParentOrderRow,
    ChildOrderRow,
    ReservationRow,
    FillRow,
    PositionRow,
    EquityRow,
)


@pytest.fixture
def theirs(desk: Desk) -> Desk:
    """Another account on the first one's database, with an exchange of its own keys."""
    return Desk(desk.db, "other", desk.clock)


def rows_of(db: Database, account: str) -> list[str]:
    """Everything that is stored of an account, as text that two looks can be compared by."""
    with db.reading() as session:
        found = []
        for table in _TABLES:
            for row in session.scalars(select(table).where(table.account == account)):
                state = inspect(row)
                values = {c.key: getattr(row, c.key) for c in state.mapper.column_attrs}
                found.append(json.dumps(values, default=str, sort_keys=True))
    return sorted(found)


def test_the_claim_itself_refuses_what_the_look_let_through(desk: Desk, theirs: Desk) -> None:
    desk.approve()
    before = rows_of(desk.db, "paper")
    prospect = Prospect(desk.child().child_id, "BTCUSDT", "other")
    claims = theirs.sender._claims
    assert claims.claim(prospect, theirs.market.get("BTCUSDT")) is NotClaimed.FOREIGN
    assert rows_of(desk.db, "paper") == before


def test_an_early_wake_up_sends_nothing(desk: Desk) -> None:
    desk.approve_twap()
    assert desk.send(desk.children()[-1].child_id) is SendResult.NOT_DUE
    assert desk.exchange.posts == 0


def test_many_workers_and_one_child_make_one_order(desk: Desk) -> None:
    desk.approve()
    child_id = desk.child().child_id
    barrier = threading.Barrier(5)
    results = []

    def run(owner: str) -> None:
        sender = desk.new_sender(owner)
        barrier.wait()
        results.append(sender.send(child_id, ACCOUNT))

    threads = [threading.Thread(target=run, args=(f"w{i}",)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results).count(SendResult.SENT) == 1
    assert results.count(SendResult.ALREADY_TAKEN) == 4
    assert desk.exchange.posts == 1


def test_a_worker_that_was_frozen_past_its_lease_does_not_post(desk: Desk) -> None:
    desk.approve()
    ticks = iter([0.0, 31.0])
    desk.sender._monotonic = desk.sender._claims._monotonic = lambda: next(ticks)
    assert desk.send(desk.child().child_id) is SendResult.ALREADY_TAKEN
    assert desk.exchange.posts == 0


def test_an_outcome_that_comes_after_the_lease_was_lost_changes_nothing(desk: Desk) -> None:
    """The frozen worker's ack arrives after somebody else adopted the order."""
    desk.approve()
    child_id = desk.child().child_id

    def adopted_meanwhile() -> None:
        desk.exchange._take(desk.child().body or {})
        desk.reconciler.resolve_child(child_id)
        desk.exchange.faults = [(Throttled("too late to matter"), False)]

    desk.exchange.before_post = adopted_meanwhile
    desk.send(child_id)
    assert desk.child().state == ChildState.FILLED
    desk.check_balance()
