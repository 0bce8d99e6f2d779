"""Nothing that adds risk is claimed without a lease to trade, and every exit is."""

import random
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from bot.execution.sending.claims import NO_LEASE, Claim, Prospect
from bot.execution.sending.sender import SendResult
from bot.safety.lease.keeper import LENGTH, Kept, LeaseKeeper
from bot.safety.lease.sensing import database_time
from bot.safety.lease.sensors import SENSORS, Reading
from models.enums import ChildState, TradeBlockReason
from models.tables import TradingLeaseRow
from tests.support.accounts.exits import ask_exit, open_position
from tests.support.accounts.leases import age_lease, end_lease, grant_lease
from tests.support.desk import ACCOUNT, Desk

KILLS = 200


def keeper(desk: Desk) -> LeaseKeeper:
    def read() -> tuple[datetime, dict[str, Reading]]:
        with desk.db.reading() as session:
            return database_time(session), {sensor.name: Reading(0.0) for sensor in SENSORS}

    return LeaseKeeper(desk.db, ACCOUNT, "monitor", desk.limits, read)


def approved(desk: Desk, **signal: Any) -> int:
    """A child that is due and may be sent for an hour."""
    hour = {"algorithm": "twap", "horizon_seconds": 3600, "interval_seconds": 3600}
    answer = desk.approve(signal_data={"position_size": "2000", **hour, **signal})
    assert answer["verdict"] == "allow", answer
    return desk.children()[0].child_id


def remove_lease(desk: Desk) -> None:
    with desk.db.transaction() as session:
        session.delete(session.get_one(TradingLeaseRow, ACCOUNT))


def test_after_the_monitor_dies_nothing_adds_risk_from_six_seconds_on(desk: Desk) -> None:
    """200 of 200: a monitor renews, is killed, and a claim comes at any time after that."""
    child = approved(desk)
    remove_lease(desk)
    draw, results = random.Random(13), []
    for _ in range(KILLS):
        monitor = keeper(desk)
        assert monitor.look() is Kept.GRANTED
        assert monitor.look() is Kept.RENEWED
        # It was killed: nobody looks any more. The claim comes that much later.
        later = LENGTH.total_seconds() * (1 + draw.expovariate(1.0) * draw.choice((0, 1, 500)))
        age_lease(desk.db, later)
        results.append(desk.send(child))
        assert desk.children()[0].state is ChildState.PLANNED
        desk.pass_time(1.0)
    assert results == [SendResult.DEFERRED] * KILLS
    assert desk.children()[0].note == NO_LEASE
    assert desk.audit_kinds().count("child_held") == 1
    assert desk.exchange.orders == {}
    keeper(desk).look()
    assert desk.send(child) is SendResult.SENT


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_an_hour_lets_no_claim_pass(desk: Desk, hours: int) -> None:
    child = approved(desk)
    remove_lease(desk)
    monitor = keeper(desk)
    monitor.look()
    age_lease(desk.db, hours * 3600)
    assert desk.send(child) is SendResult.DEFERRED
    monitor.look()
    desk.pass_time(1.0)
    assert desk.send(child) is SendResult.SENT


def test_a_database_without_any_lease_lets_no_claim_pass(desk: Desk) -> None:
    child = approved(desk)
    remove_lease(desk)
    assert desk.send(child) is SendResult.DEFERRED


def test_exits_are_decided_and_sent_without_a_lease(desk: Desk) -> None:
    held = open_position(desk)
    end_lease(desk.db)
    assert desk.approve("more")["verdict"] == "deny"
    assert ask_exit(desk)["verdict"] != "deny"
    assert desk.send(desk.children("exit")[0].child_id) is SendResult.SENT
    desk.stream()
    assert held > 0
    assert desk.position() == Decimal(0)


def test_the_gate_denies_with_a_reason_of_its_own_while_no_lease_stands(desk: Desk) -> None:
    end_lease(desk.db)
    answer = desk.approve("entry")
    assert answer["verdict"] == "deny"
    assert answer["reasons"] == [TradeBlockReason.TRADING_LEASE.value]
    with desk.db.transaction() as session:
        grant_lease(session, ACCOUNT)
    assert desk.approve("entry-2")["verdict"] == "allow"


def test_an_order_that_rests_is_called_back_while_no_lease_stands(desk: Desk) -> None:
    desk.approve(signal_data={"algorithm": "passive", "horizon_seconds": 600})
    desk.step()
    (resting,) = desk.exchange.open_orders()
    end_lease(desk.db)
    for _ in range(3):
        desk.pass_time(10.0)
        desk.step()
        desk.stream()
    assert resting.order_link_id not in [o.order_link_id for o in desk.exchange.open_orders()]
    assert not desk.exchange.open_orders()


def test_a_claimed_entry_is_posted_under_the_lease_that_it_saw_or_not_at_all(desk: Desk) -> None:
    child = approved(desk)
    remove_lease(desk)
    keeper(desk).look()
    claims = desk.sender._claims
    claims._monotonic = lambda: 100.0
    claim = claims.claim(Prospect(child, "BTCUSDT", ACCOUNT), desk.market.get("BTCUSDT"))
    assert isinstance(claim, Claim)
    assert 100.0 < claim.lease_ends_monotonic <= 100.0 + LENGTH.total_seconds()
