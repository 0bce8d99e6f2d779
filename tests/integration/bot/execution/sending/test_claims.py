"""A claim makes a child its sender's own, for a lease."""

import threading

from bot.errors import Throttled
from bot.execution.sending.claims import NotClaimed, Prospect
from bot.execution.sending.sender import SendResult
from models.enums import ChildState
from tests.support.accounts.account_rows import rows_of
from tests.support.desk import ACCOUNT, Desk


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
    ticks = iter([0.0, 0.0, 31.0])
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
