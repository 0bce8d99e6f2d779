"""The process that keeps the lease is killed with `kill -9`: entries stop, exits go on."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import select

from bot.safety.lease.keeper import GRANTED, LENGTH, WITHHELD
from bot.state import lease
from config.identity import PAPER_ACCOUNT
from models.enums import ChildState
from models.tables import AuditRow, ChildOrderRow, TradingLeaseRow
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, trade_request

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("lease")]


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    with mini_system(postgres, safety=True) as running:
        yield running


def stands(system: MiniSystem) -> bool:
    with system.session() as session:
        return lease.problem(lease.stored(session, PAPER_ACCOUNT)) is None


def sent_at(system: MiniSystem, *, reduce_only: bool) -> list[datetime]:
    query = select(ChildOrderRow.sent_at).where(
        ChildOrderRow.reduce_only == reduce_only, ChildOrderRow.sent_at.is_not(None)
    )
    with system.session() as session:
        return [at for at in session.scalars(query) if at is not None]


@pytest.mark.long
def test_a_killed_monitor_stops_entries_and_no_exit_and_trading_goes_on_after_it(
    system: MiniSystem,
) -> None:
    system.wait(lambda: stands(system), "the first lease")
    twap = {"algorithm": "twap", "horizon_seconds": 90, "interval_seconds": 1}
    entry = trade_request(signal_data={"position_size": "40000", **twap})
    assert system.outcome(entry)["verdict"] == "allow"
    link = entry["request_id"]
    system.wait(lambda: system.fills(), "a position")

    system.workers["safety"].kill()
    system.wait(lambda: not stands(system), "the lease to lapse")
    with system.session() as session:
        row = session.get_one(TradingLeaseRow, PAPER_ACCOUNT)
    assert row.renewed_at is not None
    last = row.renewed_at + LENGTH
    waiting = system.wait(
        lambda: [c for c in system.children(link) if c.note and "lease" in c.note],
        "a child that waits for the lease",
    )
    assert all(child.state is ChildState.PLANNED for child in waiting)
    assert max(sent_at(system, reduce_only=False)) <= last

    closing = trade_request(
        side="sell",
        signal_data={"position_size": "1000000", "reduce_only": True, "algorithm": "immediate"},
        priority="emergency",
    )
    assert system.outcome(closing)["verdict"] in ("allow", "shrink")
    system.wait(lambda: sent_at(system, reduce_only=True), "an exit without a lease")
    assert max(sent_at(system, reduce_only=False)) <= last

    system.workers["safety"].start()
    system.wait(lambda: stands(system), "the next lease")
    again = trade_request(signal_data={"algorithm": "immediate"})
    assert system.outcome(again)["verdict"] == "allow"
    system.wait(lambda: max(sent_at(system, reduce_only=False)) > last, "an entry under it")
    with system.session() as session:
        kinds = session.scalars(
            select(AuditRow.kind)
            .where(AuditRow.chain == PAPER_ACCOUNT, AuditRow.kind.in_((GRANTED, WITHHELD)))
            .order_by(AuditRow.seq)
        ).all()
    assert kinds[:3] == [GRANTED, WITHHELD, GRANTED]
