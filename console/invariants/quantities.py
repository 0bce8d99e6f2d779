"""I3: filled, released and open quantities add up to the approved one, to the last decimal."""

from collections import defaultdict
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.invariants.evidence import SETTLING, Evidence
from console.invariants.shares import shares_add_up
from models.amounts import ZERO, shortest
from models.open_rows import CHILD_IS_OPEN
from models.tables import (
    ChildOrderRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    PositionAdoptionRow,
    PositionRow,
    ReservationRow,
)


def i3_quantities_add_up(evidence: Evidence) -> list[str]:
    """Per parent: filled + released + open = approved, and fills are those of the exchange."""
    session = evidence.session
    found: list[str] = []
    approved = dict(session.execute(select(DecisionRow.request_id, DecisionRow.approved_qty)).all())
    open_qty = dict(
        session.execute(select(ReservationRow.request_id, ReservationRow.open_qty)).all()
    )
    for parent in session.scalars(select(ParentOrderRow).order_by(ParentOrderRow.request_id)):
        found += _parent_adds_up(parent, approved.get(parent.request_id), open_qty)
    found += _children_add_up(session)
    found += _children_hold_what_is_open(session)
    found += _positions_add_up(session)
    found += shares_add_up(session)
    if evidence.record is not None:
        found += _exchange_agrees(evidence)
    return found


def _parent_adds_up(
    parent: ParentOrderRow, approved: Decimal | None, open_qty: dict[str, Decimal]
) -> list[str]:
    name = f"parent {parent.request_id}"
    found: list[str] = []
    if approved is None or parent.approved_qty != approved:
        words = "no decision" if approved is None else f"decision over {shortest(approved)}"
        found.append(f"{name}: approved {shortest(parent.approved_qty)}, but {words}")
    still_open = open_qty.get(parent.request_id)
    if still_open is None:
        return [*found, f"{name} has no reservation"]
    total = parent.filled_qty + parent.released_qty + still_open
    if total != parent.approved_qty:
        found.append(
            f"{name}: filled {shortest(parent.filled_qty)} + released "
            f"{shortest(parent.released_qty)} + open {shortest(still_open)} is not the approved "
            f"{shortest(parent.approved_qty)}"
        )
    if parent.state.is_final and still_open != ZERO:
        found.append(f"{name} is {parent.state} with {shortest(still_open)} still open")
    return found


def _children_add_up(session: Session) -> list[str]:
    """Stored fills make the children's filled quantities, and those make the parents'."""
    filled = dict(
        session.execute(
            select(FillRow.child_id, func.sum(FillRow.qty))
            .where(FillRow.child_id.is_not(None))
            .group_by(FillRow.child_id)
        ).all()
    )
    found: list[str] = []
    by_parent: dict[str, Decimal] = defaultdict(Decimal)
    for child in session.scalars(select(ChildOrderRow)):
        fills = filled.get(child.child_id, ZERO)
        if fills != child.filled_qty:
            found.append(
                f"child {child.order_link_id}: {shortest(child.filled_qty)} filled, "
                f"its fills are {shortest(fills)}"
            )
        if child.filled_qty > child.qty:
            found.append(f"child {child.order_link_id} is filled beyond its quantity")
        by_parent[child.request_id] += child.filled_qty
    found += [
        f"parent {parent.request_id}: {shortest(parent.filled_qty)} filled, its children "
        f"{shortest(by_parent[parent.request_id])}"
        for parent in session.scalars(select(ParentOrderRow))
        if by_parent[parent.request_id] != parent.filled_qty
    ]
    return found


def _children_hold_what_is_open(session: Session) -> list[str]:
    """Live children hold exactly the open quantity. Those of a stepped parent hold at most that,
    because it plans one child after the other."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for child in session.scalars(select(ChildOrderRow).where(CHILD_IS_OPEN)):
        held[child.request_id] += child.qty - child.filled_qty
    found: list[str] = []
    for parent in session.scalars(select(ParentOrderRow)):
        may_fill = parent.approved_qty - parent.filled_qty - parent.released_qty
        holds = held[parent.request_id]
        if holds > may_fill or (not parent.stepped and holds < may_fill):
            found.append(
                f"parent {parent.request_id}: its children hold {shortest(holds)}, "
                f"open is {shortest(may_fill)}"
            )
    return found


def _positions_add_up(session: Session) -> list[str]:
    """Positions come from fills and from operators' adoptions. Funding moves none."""
    net: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    rows = session.execute(
        select(FillRow.account, FillRow.symbol, FillRow.side, func.sum(FillRow.qty))
        .where(FillRow.exec_type != "Funding")
        .group_by(FillRow.account, FillRow.symbol, FillRow.side)
    )
    for account, symbol, side, qty in rows:
        net[account, symbol] += qty if side == "buy" else -qty
    for adopted in session.scalars(select(PositionAdoptionRow)):
        net[adopted.account, adopted.symbol] += adopted.qty_after - adopted.qty_before
    stored = {
        (row.account, row.symbol): row.qty for row in session.scalars(select(PositionRow)).all()
    }
    return [
        f"position {symbol} of {account}: {shortest(stored.get((account, symbol), ZERO))} stored, "
        f"{shortest(net.get((account, symbol), ZERO))} by fills"
        for account, symbol in sorted(net.keys() | stored.keys())
        if stored.get((account, symbol), ZERO) != net.get((account, symbol), ZERO)
    ]


def _exchange_agrees(evidence: Evidence) -> list[str]:
    """Compares with the exchange's record: no fills beyond the approved quantity, and every settled
    fill is ours.

    Our filled quantity may lack only fills that are still settling.
    """
    assert evidence.record is not None
    settled_before = evidence.now - SETTLING
    parents = {row.request_id: row for row in evidence.session.scalars(select(ParentOrderRow))}
    all_of: dict[str, Decimal] = defaultdict(Decimal)
    settled: dict[str, Decimal] = defaultdict(Decimal)
    owner = evidence.session.execute(select(ChildOrderRow.order_link_id, ChildOrderRow.request_id))
    for link_id, request_id in owner:
        for fill in evidence.record.fills_by_link_id.get(link_id, ()):
            all_of[request_id] += fill.qty
            if fill.executed_at <= settled_before:
                settled[request_id] += fill.qty
    found: list[str] = []
    for request_id, parent in sorted(parents.items()):
        at_exchange = all_of[request_id]
        if at_exchange > parent.approved_qty:
            found.append(
                f"parent {request_id}: the exchange filled {shortest(at_exchange)} of "
                f"{shortest(parent.approved_qty)} approved"
            )
        if not settled[request_id] <= parent.filled_qty <= at_exchange:
            found.append(
                f"parent {request_id}: {shortest(parent.filled_qty)} filled, "
                f"the exchange's record has {shortest(at_exchange)}"
            )
    return found
