"""I1 and I2: every order at the exchange was approved, and none was sent twice."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.execution.orders.identity import order_link_id
from bot.safety.halting.journal import DIRECT_EXIT
from console.invariants.evidence import Evidence
from console.runtime.exchange_record import AcceptedOrder
from models.amounts import shortest
from models.enums import Verdict
from models.tables import AuditRow, ChildOrderRow, DecisionRow, ParentOrderRow, ProtectiveStopRow


def i1_every_order_was_approved(evidence: Evidence) -> list[str]:
    """Every order that the exchange accepted from us has a child of an approved request."""
    if evidence.record is None:
        return []
    children = {row.order_link_id: row for row in evidence.session.scalars(select(ChildOrderRow))}
    decisions = _decisions(evidence.session)
    found: list[str] = []
    for order in evidence.record.orders:
        child = children.get(order.order_link_id)
        if child is None:
            found.append(f"order {order.order_link_id} at the exchange has no child order")
            continue
        decision = decisions.get(child.request_id)
        if decision is None:
            found.append(f"order {order.order_link_id}: request {child.request_id} has no decision")
            continue
        found += _against_decision(order, decision)
        found += _against_child(order, child)
    found += _stops(evidence.session, evidence.record.stops)
    return found + _direct_exits(evidence.session, evidence.record.direct_exits)


def _stops(session: Session, accepted: Sequence[AcceptedOrder]) -> list[str]:
    """Protective stops are no decisions: each has a row, waits for a price, and only reduces."""
    rows = {row.order_link_id: row for row in session.scalars(select(ProtectiveStopRow))}
    found: list[str] = []
    seen: set[str] = set()
    for order in accepted:
        name, row = f"protective stop {order.order_link_id}", rows.get(order.order_link_id)
        if order.order_link_id in seen:
            found.append(f"{name} was accepted more than once")
        seen.add(order.order_link_id)
        if row is None:
            found.append(f"{name} at the exchange has no row")
        elif (row.symbol, row.side.value) != (order.symbol, order.side):
            found.append(f"{name} is {order.side} {order.symbol}, its row {row.side} {row.symbol}")
        if not order.reduce_only:
            found.append(f"{name} may add risk")
        if not order.raw.get("triggerPrice"):
            found.append(f"{name} waits for no price")
    return found


def _direct_exits(session: Session, accepted: Sequence[AcceptedOrder]) -> list[str]:
    """Orders of a halt without Postgres: each was noted, and only reduces."""
    if not accepted:
        return []
    noted = set(session.scalars(select(AuditRow.subject).where(AuditRow.kind == DIRECT_EXIT)))
    found: list[str] = []
    seen: set[str] = set()
    for order in accepted:
        name = f"closing order {order.order_link_id}"
        if order.order_link_id in seen:
            found.append(f"{name} was accepted more than once")
        seen.add(order.order_link_id)
        if order.order_link_id not in noted:
            found.append(f"{name} at the exchange has no entry of the halt journal")
        if not order.reduce_only:
            found.append(f"{name} may add risk")
    return found


@dataclass(frozen=True, slots=True)
class _Approval:
    """A decision without its large inputs."""

    request_id: str
    verdict: str
    approved_qty: Decimal
    decided_at: datetime


def _decisions(session: Session) -> dict[str, _Approval]:
    rows = session.execute(
        select(
            DecisionRow.request_id,
            DecisionRow.verdict,
            DecisionRow.approved_qty,
            DecisionRow.decided_at,
        )
    )
    return {row.request_id: _Approval(*row) for row in rows}


def _against_decision(order: AcceptedOrder, decision: _Approval) -> list[str]:
    name = f"order {order.order_link_id}"
    found: list[str] = []
    if decision.verdict not in (Verdict.ALLOW, Verdict.SHRINK):
        found.append(f"{name}: request {decision.request_id} was decided {decision.verdict}")
    if order.qty > decision.approved_qty:
        found.append(
            f"{name}: {shortest(order.qty)} is more than the approved "
            f"{shortest(decision.approved_qty)}"
        )
    if decision.decided_at > order.received_at and not _same_millisecond(order, decision):
        found.append(f"{name} reached the exchange before its decision")
    return found


def _same_millisecond(order: AcceptedOrder, decision: _Approval) -> bool:
    """The record has whole milliseconds, so its time may look up to 1 ms too early."""
    return (decision.decided_at - order.received_at).total_seconds() < 0.001


def _against_child(order: AcceptedOrder, child: ChildOrderRow) -> list[str]:
    pairs = (
        ("symbol", order.symbol, child.symbol),
        ("side", order.side, child.side),
        ("quantity", order.qty, child.qty),
        ("reduce-only", order.reduce_only, child.reduce_only),
    )
    return [
        f"order {order.order_link_id}: {what} {theirs} at the exchange, {ours} in its child"
        for what, theirs, ours in pairs
        if theirs != ours
    ]


def i2_at_most_one_order_per_child(evidence: Evidence) -> list[str]:
    """The exchange accepted no id twice, each id follows from its child, and the stored exchange
    ids are those of the record."""
    found: list[str] = []
    children = list(evidence.session.scalars(select(ChildOrderRow)))
    asked = select(ParentOrderRow.request_id, ParentOrderRow.strategy)
    strategies = {row.request_id: row.strategy for row in evidence.session.execute(asked)}
    for child in children:
        key = (child.account, child.request_id, child.slot, child.attempt)
        tagged = order_link_id(*key, strategy=strategies[child.request_id])
        # Children of earlier versions have ids without a tag.
        if child.order_link_id not in (tagged, order_link_id(*key)):
            found.append(f"child {child.child_id}: id {child.order_link_id} isn't its own")
    if evidence.record is None:
        return found
    by_slot: dict[tuple[str, int, int], list[str]] = defaultdict(list)
    slots = {c.order_link_id: (c.request_id, c.slot, c.attempt) for c in children}
    stored = {c.order_link_id: c.exchange_order_id for c in children}
    for link_id, orders in evidence.record.orders_by_link_id.items():
        if len(orders) > 1:
            found.append(f"order id {link_id} was accepted {len(orders)} times")
        if link_id in slots:
            by_slot[slots[link_id]] += [order.order_id for order in orders]
        known = stored.get(link_id)
        if known is not None and known not in {order.order_id for order in orders}:
            found.append(f"order {link_id}: exchange id {known} is stored, its record has another")
    found += [
        f"child {request_id} slot {slot} attempt {attempt} has {len(ids)} orders at the exchange"
        for (request_id, slot, attempt), ids in by_slot.items()
        if len(set(ids)) > 1
    ]
    return found
