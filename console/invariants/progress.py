"""I6: nothing is stuck, and the exchange's fills are our fills."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.decision.holding import is_held
from bot.decision.parking import is_exit, parked
from bot.execution.working.failing_steps import ALERTED_AT
from console.invariants.evidence import SETTLING, STUCK_AFTER, Evidence
from console.output import utc
from models.enums import ChildState, ExecutionStatus, ParentState, ScopeKind
from models.open_rows import CHILD_MAY_BE_AT_EXCHANGE, PARENT_IS_OPEN
from models.tables import (
    ChildOrderRow,
    FillRow,
    ParentOrderRow,
    TradeRequestRow,
    TradingStateRow,
)


def i6_work_resumes_and_fills_agree(evidence: Evidence) -> list[str]:
    """No request, child or parent waits beyond the bound; every execution is stored once."""
    return [
        *_pending_requests(evidence.session, evidence.now),
        *_parked_requests(evidence.session),
        *_waiting_children(evidence.session, evidence.now),
        *_unresolved_children(evidence.session, evidence.now),
        *_forgotten_parents(evidence.session, evidence.now),
        *_overdue_parents(evidence.session, evidence.now),
        *_fills_differ(evidence),
    ]


def _pending_requests(session: Session, now: datetime) -> list[str]:
    rows = session.scalars(
        select(TradeRequestRow).where(
            TradeRequestRow.status == ExecutionStatus.PENDING_VALIDATION,
            TradeRequestRow.received_at < now - STUCK_AFTER,
        )
    )
    return [f"request {row.request_id} is undecided since {utc(row.received_at)}" for row in rows]


def _parked_requests(session: Session) -> list[str]:
    """Requests that failed validation too often. They wait until an operator looks at them. One
    that a soft block holds has failed nothing."""
    return [
        f"{'exit' if is_exit(row) else 'request'} {row.request_id} is parked since "
        f"{utc(row.updated_at)}: {row.failure}"
        for row in parked(session)
        if not is_held(row)
    ]


def _waiting_children(session: Session, now: datetime) -> list[str]:
    """Planned children that are late. A child of a paused parent, or any child while trading is
    stopped, may wait for its deadline. A paused parent that is being ended has no such excuse."""
    stopped = _trading_is_stopped(session)
    rows = session.execute(
        select(ChildOrderRow, ParentOrderRow)
        .join(ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id)
        .where(ChildOrderRow.state == ChildState.PLANNED, ChildOrderRow.due_at < now - STUCK_AFTER)
    )
    found: list[str] = []
    for child, parent in rows:
        paused = parent.state == ParentState.PAUSED and parent.stop_reason is None
        excused = stopped or paused
        if child.deadline_at < now - STUCK_AFTER:
            found.append(f"child {child.order_link_id} is planned beyond its deadline")
        elif not excused:
            found.append(f"child {child.order_link_id} was due at {utc(child.due_at)}")
    return found


def _trading_is_stopped(session: Session) -> bool:
    state = session.get(TradingStateRow, (ScopeKind.GLOBAL, "*"))
    return state is None or not state.state.allows_adding


def _unresolved_children(session: Session, now: datetime) -> list[str]:
    """Sent children without a known end. An immediate order must end soon after it was sent, a
    resting one soon after its cancel or its deadline."""
    rows = session.scalars(
        select(ChildOrderRow).where(
            CHILD_MAY_BE_AT_EXCHANGE, ChildOrderRow.sent_at < now - STUCK_AFTER
        )
    )
    return [words for row in rows if (words := _unresolved(row, now)) is not None]


def _unresolved(child: ChildOrderRow, now: datetime) -> str | None:
    if child.sent_at is None:
        return None
    name = f"child {child.order_link_id}"
    if not child.rests or child.state != ChildState.WORKING:
        return f"{name} is {child.state} since {utc(child.sent_at)}"
    asked = child.cancel_requested_at
    if asked is not None and asked < now - STUCK_AFTER:
        return f"{name} still rests, its cancel was decided at {utc(asked)}"
    if child.deadline_at < now - STUCK_AFTER:
        return f"{name} still rests beyond its deadline {utc(child.deadline_at)}"
    return None


def _forgotten_parents(session: Session, now: datetime) -> Iterator[str]:
    """Stepped parents without a next step, with a late one, or with failing ones. Neither a pause
    nor a trading state is an excuse, because resting orders must be called back all the same."""
    rows = session.scalars(select(ParentOrderRow).where(ParentOrderRow.stepped, PARENT_IS_OPEN))
    for row in rows:
        if row.set_aside_at is not None:
            since = utc(row.set_aside_at)
            yield f"parent {row.request_id} is set aside since {since}: {row.failure}"
        elif row.step_failures >= ALERTED_AT:
            yield f"parent {row.request_id} can't be worked: {row.failure}"
        elif row.step_at is None:
            yield f"parent {row.request_id} is {row.state}, and no next step is planned"
        elif row.step_at < now - STUCK_AFTER:
            yield f"parent {row.request_id} is {row.state}, its step was due at {utc(row.step_at)}"


def _overdue_parents(session: Session, now: datetime) -> list[str]:
    rows = session.scalars(
        select(ParentOrderRow).where(
            PARENT_IS_OPEN,
            ParentOrderRow.deadline_at < now - STUCK_AFTER,
        )
    )
    return [
        f"parent {row.request_id} is {row.state} beyond its deadline {utc(row.deadline_at)}"
        for row in rows
    ]


def _fills_differ(evidence: Evidence) -> list[str]:
    """Compares executions and stored fills both ways, by execId. A new execution may still be on
    its way; after `SETTLING` it must be stored."""
    if evidence.record is None:
        return []
    theirs = {fill.exec_id: fill for fill in evidence.record.fills}
    ours = {
        row.exec_id: row
        for row in evidence.session.scalars(select(FillRow).where(FillRow.child_id.is_not(None)))
    }
    found = [
        f"execution {exec_id} is stored, but not in the exchange's record"
        for exec_id in sorted(ours.keys() - theirs.keys())
    ]
    for exec_id, fill in theirs.items():
        row = ours.get(exec_id)
        if row is None:
            if fill.executed_at <= evidence.now - SETTLING:
                found.append(f"execution {exec_id} of {fill.order_link_id} was never stored")
        elif (row.qty, row.price, row.side) != (fill.qty, fill.price, fill.side):
            found.append(f"execution {exec_id} is stored with other numbers than the exchange's")
    if len(theirs) != len(evidence.record.fills):
        found.append("the exchange's record has an execId twice")
    return found
