"""What must be true of a finished request: our rows and the exchange's own record agree."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from bot.exchange.bybit.adapter import bybit_config
from bot.exchange.bybit.http import BybitExchange
from bot.execution.orders.identity import PREFIX
from config.settings import Settings
from console.context import reading
from console.invariants import check_all
from console.invariants.evidence import SETTLING, Evidence
from console.runtime.exchange_record import read_exchange_record
from models.audit import count_entries
from models.enums import ChildState, ReservationState
from models.tables import AuditRow, ParentOrderRow, ReservationRow
from tests.support.system import MiniSystem

D = Decimal
ON_ITS_WAY = timedelta(seconds=1)
"""A child that was claimed in time may reach the exchange this much later on a busy machine."""


def assert_request_agrees(system: MiniSystem, request_id: str) -> ParentOrderRow:
    """Each child is at the exchange at most once and in time, and the quantities are the same."""
    parent = system.finished(request_id)
    assert parent is not None, request_id
    created = _created(system, request_id)
    counts = Counter(str(record["orderLinkId"]) for record in created)
    assert set(counts.values()) <= {1}, (parent.algorithm, counts)
    for record in created:
        received = datetime.fromtimestamp(int(record["t"]) / 1000, UTC)
        assert received <= parent.deadline_at + ON_ITS_WAY, (parent.algorithm, record)
    traded = sum(
        (
            D(record["row"]["execQty"])
            for record in system.exchange.journal("fill")
            if record["row"]["orderLinkId"] in counts
        ),
        D(0),
    )
    assert traded == parent.filled_qty, parent.algorithm
    assert parent.filled_qty + parent.released_qty == parent.approved_qty, parent.algorithm
    children = system.children(request_id)
    assert all(ChildState(child.state).is_final for child in children), parent.algorithm
    assert sum((child.filled_qty for child in children), D(0)) == parent.filled_qty
    with system.session() as session:
        reservation = session.get_one(ReservationRow, request_id)
    assert reservation.state == ReservationState.RELEASED, parent.algorithm
    assert reservation.open_qty == 0, parent.algorithm
    return parent


def accepted_links(system: MiniSystem, *request_ids: str) -> list[str]:
    """The link ids of all orders that the exchange accepted of these requests."""
    return [str(r["orderLinkId"]) for name in request_ids for r in _created(system, name)]


def _created(system: MiniSystem, request_id: str) -> Sequence[dict[str, Any]]:
    """What the exchange accepted of a request, from its journal."""
    ours = {child.order_link_id for child in system.children(request_id)}
    return [r for r in system.exchange.journal("create") if r["orderLinkId"] in ours]


def assert_system_agrees(system: MiniSystem) -> None:
    """Nothing of ours rests, every fill is stored, and the ten invariants hold."""
    resting = [o for o in resting_orders(system) if o.startswith(PREFIX)]
    assert resting == []
    with reading(system.database_url) as session:
        # The first statement takes the snapshot; the record is read after it.
        count_entries(session)
        record = read_exchange_record(system.exchange.journal_path)
        results = check_all(Evidence(session, record, datetime.now(UTC) + SETTLING))
    broken = {r.name: r.violations for r in results if not r.holds}
    assert broken == {}


def resting_orders(system: MiniSystem) -> list[str]:
    """The link ids of all open orders of the account, asked from the exchange itself."""
    exchange = BybitExchange(bybit_config(Settings(exchange_url=system.exchange.url)))
    try:
        return [order.order_link_id for order in exchange.open_orders()]
    finally:
        exchange.close()


def audited(system: MiniSystem, kind: str) -> Sequence[AuditRow]:
    """Entries of one kind, oldest first."""
    with system.session() as session:
        return session.scalars(
            select(AuditRow).where(AuditRow.kind == kind).order_by(AuditRow.at)
        ).all()
