"""Parents and children: finding what is due, unresolved or over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Float,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, aliased

from models.enums import ChildState, ExecutionPriority, ExecutionStatus
from models.open_rows import CHILD_IS_OPEN, CHILD_MAY_BE_AT_EXCHANGE, PARENT_IS_OPEN
from models.tables import ChildOrderRow, FillRow, ParentOrderRow, TradeRequestRow, Utc

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class WakeWindow:
    """The rows of a dispatcher's tick: due within `horizon`, or enqueued in vain before the
    timeout."""

    now: datetime
    horizon: timedelta
    wake_timeout: timedelta
    late_after: timedelta = timedelta(seconds=1)
    """A planned child that is later than this goes after its parent's earlier ones."""


@dataclass(frozen=True, slots=True)
class Due(Generic[K]):
    """A row to be enqueued for a time; urgent is an exit in an emergency."""

    key: K
    at: datetime
    urgent: bool
    reduces: bool


def plan_anew(session: Session) -> None:
    """Plans this transaction's statements by the tables as they are now.

    A prepared statement keeps its plan until statistics are taken. These look for a few rows in
    tables that can grow a thousandfold in between; measured with 100,000 new children, a plan
    that was made for none takes 17 ms, a new one 5 ms.
    """
    session.execute(_PLAN_ANEW)


_PLAN_ANEW = text("SET LOCAL plan_cache_mode = force_custom_plan")


def take_due_children(
    session: Session, account: str, window: WakeWindow, limit: int, *, reduces: bool
) -> Sequence[Due[int]]:
    """Planned children of the account to be enqueued, marked as woken now: exits, or entries.

    A child is enqueued when it is due within the horizon and never was, or when its last message is
    older than the timeout and it is late: that message was lost. An entry's timeout doubles with
    each message in vain; an exit's never does. Of a parent's late children only the first is
    enqueued; the next follows when it has gone out.
    """
    rows = session.execute(
        _due_children(),
        _due_parameters(account, window, limit, reduces=reduces)
        | {"timeout": window.wake_timeout.total_seconds(), "late": window.now - window.late_after},
        execution_options={"synchronize_session": False},
    )
    return sorted((Due(*row) for row in rows), key=_when)


def _due_parameters(
    account: str, window: WakeWindow, limit: int, *, reduces: bool
) -> dict[str, object]:
    return {
        "of_account": account,
        "reduces": reduces,
        "now": window.now,
        "soon": window.now + window.horizon,
        "most": limit,
    }


# Built once, because building a statement takes longer than running it.
_OF_ACCOUNT: BindParameter[str] = bindparam("of_account")
_REDUCES: BindParameter[bool] = bindparam("reduces")
_MOST: BindParameter[int] = bindparam("most")
_NOW, _SOON = bindparam("now", type_=Utc), bindparam("soon", type_=Utc)


@cache
def _due_children() -> Update:
    table = ChildOrderRow
    patience = case((table.reduce_only, 1.0), else_=_patience(table.wakes, table.child_id))
    again = bindparam("timeout", type_=Float) * patience
    chosen = (
        select(table.child_id)
        .where(
            table.account == _OF_ACCOUNT,
            table.state == ChildState.PLANNED,
            table.reduce_only == _REDUCES,
            table.due_at <= _SOON,
            or_(
                table.wake_at.is_(None),
                func.greatest(table.wake_at, table.due_at)
                < _NOW - func.make_interval(0, 0, 0, 0, 0, 0, again),
            ),
            or_(table.planned_at >= bindparam("late", type_=Utc), ~_earlier_planned(table)),
        )
        .order_by(table.due_at)
        .limit(_MOST)
        .with_for_update(skip_locked=True)
    )  # fmt: skip
    return (
        update(table)
        .where(table.child_id.in_(chosen), ParentOrderRow.request_id == table.request_id)
        .values(
            wake_at=_NOW,
            wakes=case((table.wake_at.is_(None), table.wakes), else_=table.wakes + 1),
        )
        .returning(table.child_id, table.due_at, _is_urgent(), table.reduce_only)
    )


MOST_DOUBLINGS = 2
"""The most doublings of the wake timeout: a child with lost messages is enqueued again within four
timeouts and the spread."""


def _patience(wakes: Any, key: Any) -> Any:
    """In wake timeouts, spread by up to half, so that messages that were lost together don't come
    back together."""
    doubled = func.power(2, func.least(wakes, MOST_DOUBLINGS))
    return doubled * case((wakes == 0, 1.0), else_=1 + (key % 8) / 16.0)


def _earlier_planned(table: Any) -> ColumnElement[bool]:
    """Whether another planned child of the same parent comes before this one."""
    earlier = aliased(ChildOrderRow)
    return exists().where(
        earlier.request_id == table.request_id,
        earlier.state == ChildState.PLANNED,
        tuple_(earlier.planned_at, earlier.child_id) < tuple_(table.planned_at, table.child_id),
    )


def has_earlier_planned(session: Session, child: ChildOrderRow) -> bool:
    """Whether another planned child of the same parent comes before this one."""
    table = ChildOrderRow
    with session.no_autoflush:
        return session.scalar(
            select(table.child_id)
            .where(
                table.request_id == child.request_id,
                table.state == ChildState.PLANNED,
                tuple_(table.planned_at, table.child_id)
                < tuple_(literal(child.planned_at), literal(child.child_id)),
            )
            .limit(1)
        ) is not None  # fmt: skip


def first_planned(session: Session, request_id: str) -> ChildOrderRow | None:
    """The parent's planned child that comes first in its plan, counting unwritten changes."""
    table = ChildOrderRow
    with session.no_autoflush:
        found = session.scalars(
            select(table)
            .where(table.request_id == request_id, table.state == ChildState.PLANNED)
            .order_by(table.planned_at, table.child_id)
            .limit(2)  # the one that has just gone out may still be planned in Postgres
        ).all()
    return next((child for child in found if child.state == ChildState.PLANNED), None)


def take_due_parents(
    session: Session, account: str, window: WakeWindow, limit: int, *, reduces: bool
) -> Sequence[Due[str]]:
    """Event-driven parents of the account with a due step, marked as woken now; lost messages
    included."""
    rows = session.execute(
        _due_parents(),
        _due_parameters(account, window, limit, reduces=reduces)
        | {"forgotten": window.now - window.wake_timeout},
        execution_options={"synchronize_session": False},
    )
    # `step_at` is not null by the choice above.
    found = (Due(key, at, urgent, reduces) for key, at, urgent, reduces in rows if at)
    return sorted(found, key=_when)


@cache
def _due_parents() -> Update:
    table = ParentOrderRow
    chosen = (
        select(table.request_id)
        .where(
            table.account == _OF_ACCOUNT,
            table.step_at.is_not(None),
            table.reduce_only == _REDUCES,
            table.step_at <= _SOON,
            or_(
                table.step_wake_at.is_(None),
                func.greatest(table.step_wake_at, table.step_at)
                < bindparam("forgotten", type_=Utc),
            ),
        )
        .order_by(table.step_at)
        .limit(_MOST)
        .with_for_update(skip_locked=True)
    )  # fmt: skip
    return (
        update(table)
        .where(table.request_id.in_(chosen))
        .values(step_wake_at=_NOW)
        .returning(table.request_id, table.step_at, _is_urgent(), table.reduce_only)
    )


def _is_urgent() -> ColumnElement[bool]:
    return and_(
        ParentOrderRow.reduce_only.is_(True),
        ParentOrderRow.priority == ExecutionPriority.EMERGENCY,
    )


def _when(due: Due[Any]) -> datetime:
    return due.at


def overdue_requests(session: Session, account: str, now: datetime, limit: int) -> Sequence[str]:
    """The account's requests with planned children after their deadline, which must never go
    out."""
    return session.scalars(
        select(ChildOrderRow.request_id)
        .where(
            ChildOrderRow.account == account,
            ChildOrderRow.state == ChildState.PLANNED,
            ChildOrderRow.deadline_at <= now,
        )
        .group_by(ChildOrderRow.request_id)
        .order_by(func.min(ChildOrderRow.child_id))
        .limit(limit)
    ).all()


def unresolved_children(
    session: Session, *, account: str | None = None, older_than: datetime | None = None
) -> Sequence[ChildOrderRow]:
    """Children that may have an order at the exchange without a stored end."""
    query = select(ChildOrderRow).where(CHILD_MAY_BE_AT_EXCHANGE)
    if account is not None:
        query = query.where(ChildOrderRow.account == account)
    if older_than is not None:
        query = query.where(
            or_(ChildOrderRow.sent_at.is_(None), ChildOrderRow.sent_at <= older_than)
        )
    return session.scalars(query.order_by(ChildOrderRow.child_id)).all()


def another_at_exchange(session: Session, child: ChildOrderRow) -> bool:
    """Whether any other order of the account in its symbol may be at the exchange."""
    others = select(ChildOrderRow.child_id).where(
        CHILD_MAY_BE_AT_EXCHANGE,
        ChildOrderRow.account == child.account,
        ChildOrderRow.symbol == child.symbol,
        ChildOrderRow.child_id != child.child_id,
    )
    return session.scalar(others.limit(1)) is not None


def open_child_by_link_id(session: Session, account: str, order_link_id: str) -> int | None:
    """The id of a child of the account that is not final; None also where there is none such."""
    return session.scalar(_OPEN_CHILD_BY_LINK, {"account": account, "order_link_id": order_link_id})


_OPEN_CHILD_BY_LINK = select(ChildOrderRow.child_id).where(
    ChildOrderRow.account == bindparam("account"),
    ChildOrderRow.order_link_id == bindparam("order_link_id"),
    CHILD_IS_OPEN,
)


def children_of(session: Session, request_id: str) -> Sequence[ChildOrderRow]:
    """All children of a parent, by slice and attempt."""
    return session.scalars(
        select(ChildOrderRow)
        .where(ChildOrderRow.request_id == request_id)
        .order_by(ChildOrderRow.slot, ChildOrderRow.attempt)
    ).all()


def open_children(session: Session, request_id: str) -> Sequence[ChildOrderRow]:
    """The children that are not final, by the session's own unwritten changes too.

    No child comes back from a final state, so the changes need not be flushed first.
    """
    with session.no_autoflush:
        stored = session.scalars(_OPEN_CHILDREN, {"request_id": request_id}).all()
    return [child for child in stored if not child.state.is_final]


_OPEN_CHILDREN = (
    select(ChildOrderRow)
    .where(
        ChildOrderRow.request_id == bindparam("request_id"),
        CHILD_IS_OPEN,
    )
    .order_by(ChildOrderRow.child_id)
)


def children_at_work(session: Session, request_id: str) -> Sequence[ChildOrderRow]:
    """The children that are not final, and the youngest, on which a parent's next step depends."""
    youngest = (
        select(ChildOrderRow)
        .where(ChildOrderRow.request_id == request_id)
        .order_by(ChildOrderRow.slot.desc(), ChildOrderRow.attempt.desc())
        .limit(1)
    )
    found = {child.child_id: child for child in open_children(session, request_id)}
    with session.no_autoflush:
        found |= {child.child_id: child for child in session.scalars(youngest)}
    return sorted(found.values(), key=lambda child: (child.slot, child.attempt))


def last_attempt(session: Session, request_id: str, slot: int) -> int:
    """The number of the newest attempt of a slice; 0 when there is none or only the first."""
    return (
        session.scalar(
            select(func.max(ChildOrderRow.attempt)).where(
                ChildOrderRow.request_id == request_id, ChildOrderRow.slot == slot
            )
        )
        or 0
    )


def open_parents(session: Session, account: str | None = None) -> Sequence[ParentOrderRow]:
    """Every parent that has not ended, of one account or of all, by its id."""
    query = select(ParentOrderRow).where(PARENT_IS_OPEN)
    if account is not None:
        query = query.where(ParentOrderRow.account == account)
    return session.scalars(query.order_by(ParentOrderRow.request_id)).all()


def take_lost_requests(
    session: Session, account: str, window: WakeWindow, limit: int
) -> Sequence[str]:
    """Ids of the account's stored requests that were never validated; marked as woken."""
    table = TradeRequestRow
    chosen = (
        select(table.request_id)
        .where(
            table.account == account,
            table.status == ExecutionStatus.PENDING_VALIDATION,
            or_(table.wake_at.is_(None), table.wake_at < window.now - window.wake_timeout),
        )
        .order_by(table.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(
        update(table)
        .where(table.request_id.in_(chosen))
        .values(wake_at=window.now)
        .returning(table.request_id),
        execution_options={"synchronize_session": False},
    ).all()


def change_requests(
    session: Session, request_ids: Sequence[str], changes: Mapping[str, Any]
) -> None:
    """Changes these columns of the requests' rows; does nothing without such rows."""
    with session.no_autoflush:
        session.execute(
            update(TradeRequestRow)
            .where(TradeRequestRow.request_id.in_(request_ids))
            .values(**changes),
            execution_options={"synchronize_session": False},
        )


def newest_fill_time(session: Session, account: str) -> datetime | None:
    """The time of the account's newest fill, UTC; None before the first."""
    return session.scalar(select(func.max(FillRow.executed_at)).where(FillRow.account == account))
