"""The present state, from small rows of Postgres: lease, states, breakers, ages, differences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.safety.lease.sensing import database_time
from bot.state import binding, fitness, lease
from config.celery import CANARY
from models.enums import ExecutionStatus, ScopeKind, StopState, TradingState, strictest
from models.open_rows import CHILD_IS_PLANNED
from models.repositories.safety import states
from models.tables import (
    AuditCheckpointRow,
    AuditHeadRow,
    AuditHeadsFileRow,
    BreakerRow,
    ChildOrderRow,
    DisagreementRow,
    EquityDayRow,
    EquityRow,
    ForeignOrderRow,
    HeartbeatRow,
    OtherFeeRow,
    PositionRow,
    ProtectiveStopRow,
    TradeRequestRow,
    TradingLeaseRow,
    TradingStateRow,
    UnreadableFactRow,
)
from workers.exporter import catalogue as c
from workers.exporter.metric import Figures, add

GOOD_FOR_SECONDS = 10.0
"""An allowed trading state counts for so long after it was read."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The present figures, and why nothing that adds risk may be traded."""

    figures: Figures
    problems: tuple[str, ...]
    lease_left_seconds: float
    """How long the lease stands after the reading; 0 without one."""


def account_of(session: Session, fallback: str) -> str:
    """The account that the database is bound to; the given one before the first start."""
    bound = binding.bound_to(session)
    return fallback if bound is None else bound.account


def read(session: Session, account: str) -> Condition:
    """Reads everything at one moment."""
    now = database_time(session)
    found: Figures = {}
    left, lease_problem = _lease(session, account, now, found)
    problems = [*_states(session, account, found)]
    if lease_problem is not None:
        problems.append(lease_problem)
    _fitness(session, account, now, found)
    _breakers(session, found)
    _money(session, account, now, found)
    _signs(session, now, found)
    _outbox(session, now, found)
    _differences(session, account, now, found)
    _audit(session, now, found)
    return Condition(found, tuple(problems), left)


def _age(now: datetime, at: datetime | None) -> float:
    """The seconds since then; 0 when there is nothing."""
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())


def _lease(
    session: Session, account: str, now: datetime, into: Figures
) -> tuple[float, str | None]:
    held = lease.stored(session, account)
    problem = lease.problem(held)
    left = 0.0 if problem is not None or held is None else held.left_seconds or 0.0
    into[c.LEASE, ()] = (left,)
    into[c.LEASE_EPOCH, ()] = (0.0 if held is None else float(held.epoch),)
    row = session.get(TradingLeaseRow, account, populate_existing=True)
    if row is None:
        return left, problem
    for sensor in row.readings:
        if sensor.age_seconds is not None:
            age = max(0.0, sensor.age_seconds) + _age(now, row.looked_at)
            into[c.SENSOR_AGES, (sensor.name,)] = (age,)
        into[c.SENSOR_DEADLINES, (sensor.name,)] = (sensor.deadline_seconds,)
        into[c.SENSOR_FAULTS, (sensor.name,)] = (float(sensor.problem is not None),)
    return left, problem


def _states(session: Session, account: str, into: Figures) -> Iterator[str]:
    """Counts the scopes by state; returns why those of the system and the account stop trading."""
    rows = states.all_states(session)
    for kind in ScopeKind:
        into.update({(c.SCOPES, (kind.value, state.value)): (0.0,) for state in TradingState})
    for row in rows:
        add(into, c.SCOPES, (1.0,), row.scope_kind, row.state)
    applies = [row for row in rows if _applies(row, account)]
    worst = strictest(applies, lambda row: row.state)
    is_known = any(row.scope_kind == ScopeKind.GLOBAL for row in applies)
    allowed = worst is not None and is_known and worst.state.allows_adding
    into[c.MAY_ADD, ()] = (GOOD_FOR_SECONDS if allowed else 0.0,)
    if not is_known:
        yield "the trading state of the system is not known"
    for row in applies:
        if not row.state.allows_adding:
            yield f"{row.scope_kind} {row.scope_key} is {row.state}: {row.reason}"


def _applies(row: TradingStateRow, account: str) -> bool:
    if row.scope_kind == ScopeKind.ACCOUNT:
        return row.scope_key == account
    return row.scope_kind == ScopeKind.GLOBAL


def _fitness(session: Session, account: str, now: datetime, into: Figures) -> None:
    known = fitness.stored(session, account)
    into[c.FIT, ()] = (float(known is not None and known.ok),)
    if known is not None:
        into[c.FIT_AGE, ()] = (_age(now, known.asked_at),)


def _breakers(session: Session, into: Figures) -> None:
    into[c.SHRUNK, ()] = (0.0,)
    for kind, tripped, share in session.execute(
        select(BreakerRow.kind, BreakerRow.tripped, BreakerRow.share)
    ):
        add(into, c.TRIPPED, (float(tripped),), kind)
        if share is not None and share < 1 and not tripped:
            add(into, c.SHRUNK, (1.0,))


def _money(session: Session, account: str, now: datetime, into: Figures) -> None:
    newest = session.execute(
        select(EquityRow.equity, EquityRow.at)
        .where(EquityRow.account == account)
        .order_by(EquityRow.at.desc())
        .limit(1)
    ).first()
    if newest is not None:
        equity, at = newest
        into[c.EQUITY, ()] = (float(equity),)
        into[c.EQUITY_AGE, ()] = (_age(now, at),)
        day = session.get(EquityDayRow, (account, now.date().isoformat()), populate_existing=True)
        if day is not None:
            into[c.DAY_LOSS, ()] = (_below(day.start_equity, equity),)
            into[c.DRAWDOWN, ()] = (max(0.0, _below(day.peak_equity, equity)),)
    open_positions = select(func.count()).where(
        PositionRow.account == account, PositionRow.qty != 0
    )
    into[c.POSITIONS, ()] = (float(session.scalar(open_positions) or 0),)
    (label,) = c.PROTECTIVE.labels
    into.update({(c.PROTECTIVE, (value,)): (0.0,) for value in label.values})
    for state, count in session.execute(
        select(ProtectiveStopRow.state, func.count())
        .where(ProtectiveStopRow.state != StopState.ENDED)
        .group_by(ProtectiveStopRow.state)
    ):
        add(into, c.PROTECTIVE, (count,), state)


def _below(base: Decimal, equity: Decimal) -> float:
    return float(1 - equity / base) if base > 0 else 0.0


def _signs(session: Session, now: datetime, into: Figures) -> None:
    for name, at in session.execute(select(HeartbeatRow.name, HeartbeatRow.at)):
        if name.startswith(CANARY):
            into[c.CANARIES, (name.removeprefix(CANARY),)] = (_age(now, at),)
        else:
            into[c.HEARTBEATS, (name,)] = (_age(now, at),)


def _outbox(session: Session, now: datetime, into: Figures) -> None:
    due, oldest = session.execute(
        select(func.count(), func.min(ChildOrderRow.due_at)).where(
            CHILD_IS_PLANNED, ChildOrderRow.due_at <= now
        )
    ).one()
    into[c.DUE, ()] = (float(due),)
    into[c.DUE_AGE, ()] = (_age(now, oldest),)
    undecided = session.scalar(
        select(func.min(TradeRequestRow.received_at)).where(
            TradeRequestRow.status == ExecutionStatus.PENDING_VALIDATION
        )
    )
    into[c.UNDECIDED_AGE, ()] = (_age(now, undecided),)


def _differences(session: Session, account: str, now: datetime, into: Figures) -> None:
    positions, since = session.execute(
        select(func.count(), func.min(DisagreementRow.since)).where(
            DisagreementRow.account == account
        )
    ).one()
    counts: Sequence[tuple[str, int | None]] = (
        ("position", positions),
        ("foreign_order", _count(session, ForeignOrderRow)),
        ("unreadable_fact", _count(session, UnreadableFactRow)),
        (
            "fee_without_price",
            session.scalar(
                select(func.count()).where(
                    OtherFeeRow.account == account, OtherFeeRow.asked_at.is_(None)
                )
            ),
        ),
    )
    into.update({(c.DIFFERENCES, (name,)): (float(count or 0),) for name, count in counts})
    into[c.DIFFERENCE_AGE, ()] = (_age(now, since),)


def _count(session: Session, table: type[ForeignOrderRow] | type[UnreadableFactRow]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def _audit(session: Session, now: datetime, into: Figures) -> None:
    reached = {row.chain: row for row in session.scalars(select(AuditCheckpointRow))}
    for chain, seq in session.execute(select(AuditHeadRow.chain, AuditHeadRow.seq)):
        into[c.AUDIT, (chain,)] = (float(seq),)
        row = reached.get(chain)
        into[c.UNVERIFIED, (chain,)] = (float(seq - (0 if row is None else row.seq)),)
        if row is not None:
            into[c.VERIFIED_AGE, (chain,)] = (_age(now, row.verified_at),)
    noted = session.scalar(select(func.max(AuditHeadsFileRow.at)))
    if noted is not None:
        into[c.NOTED_AGE, ()] = (_age(now, noted),)
