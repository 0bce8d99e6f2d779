"""The queries of the live screen, `status` and `requests` to Postgres, with plain values."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session

from bot.state import lease
from console.views.live.alert_facts import open_counts
from console.views.live.moment import (
    BreakerLine,
    ChildLine,
    FillLine,
    HeartbeatLine,
    Live,
    Money,
    PositionLine,
    RequestLine,
    StateLine,
)
from console.views.live.parent_words import progress_words
from models.enums import ParentState
from models.open_rows import CHILD_IS_PLANNED, CHILD_MAY_BE_AT_EXCHANGE
from models.repositories.safety import states
from models.repositories.trading import tallies
from models.tables import (
    BreakerRow,
    ChildOrderRow,
    DecisionRow,
    EquityDayRow,
    EquityRow,
    FillRow,
    HeartbeatRow,
    ParentOrderRow,
    PositionRow,
    TradeRequestRow,
    TradingStateRow,
)

LATENESS_WINDOW = timedelta(minutes=5)
_EQUITY_WINDOW = timedelta(minutes=10)
_EQUITY_POINTS = 60


def live(session: Session, account: str, *, rows: int = 12) -> Live:
    """Everything that the screen shows, from one snapshot of the database."""
    now = database_now(session)
    counted = tallies.counts(session)
    return Live(
        at=now,
        account=account,
        states=trading_states(session),
        money=money(session, account, now),
        requests=recent_requests(session, rows),
        request_counts=counted.get("trade_request", {}),
        verdict_counts=counted.get("decision", {}),
        children_due=_children_due(session, rows),
        children_done=_children_done(session, rows),
        child_counts=counted.get("child_order", {}),
        lateness_ms=_lateness(session, account, now),
        fills=_fills(session, account, rows),
        fill_count=sum(counted.get("fill", {}).values()),
        positions=_positions(session, account),
        breakers=_breakers(session),
        heartbeats=heartbeats(session, now),
        parent_counts=counted.get("parent_order", {}),
        alerts_open=open_counts(session),
        lease_problem=lease.problem(lease.stored(session, account)),
    )


def database_now(session: Session) -> datetime:
    """The time of Postgres' clock, so that ages don't depend on the watcher's clock."""
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def trading_states(session: Session) -> tuple[StateLine, ...]:
    """The effective state of each scope. It may be stricter than the scope's row."""
    rows = {
        (row.scope_kind, row.scope_key): row for row in session.scalars(select(TradingStateRow))
    }
    lines = []
    for found in states.all_states(session):
        row = rows.get((found.scope_kind, found.scope_key))
        lines.append(
            StateLine(
                scope=f"{found.scope_kind} {found.scope_key}",
                state=found.state,
                reason=found.reason,
                actor="" if row is None else row.actor,
                changed_at=database_now(session) if row is None else row.changed_at,
                sealed=row is not None and row.sealed_at is not None,
            )
        )
    return tuple(lines)


def money(session: Session, account: str, now: datetime) -> Money:
    """The account's newest equity, its series, and the day's figures."""
    series = session.execute(
        select(EquityRow.at, EquityRow.equity, EquityRow.available, EquityRow.unrealised_pnl)
        .where(EquityRow.account == account, EquityRow.at >= now - _EQUITY_WINDOW)
        .order_by(EquityRow.at)
    ).all()
    newest = series[-1] if series else _newest_equity(session, account)
    if newest is None:
        return Money()
    day = session.get(EquityDayRow, (account, now.date().isoformat()))
    return Money(
        equity=newest.equity,
        available=newest.available,
        unrealised_pnl=newest.unrealised_pnl,
        day_start=day.start_equity if day else None,
        peak=day.peak_equity if day else None,
        age_seconds=(now - newest.at).total_seconds(),
        series=_thinned([row.equity for row in series], _EQUITY_POINTS),
    )


def _newest_equity(
    session: Session, account: str
) -> Row[datetime, Decimal, Decimal, Decimal] | None:
    return session.execute(
        select(EquityRow.at, EquityRow.equity, EquityRow.available, EquityRow.unrealised_pnl)
        .where(EquityRow.account == account)
        .order_by(EquityRow.at.desc())
        .limit(1)
    ).first()


def _thinned(values: Sequence[Decimal], points: int) -> tuple[Decimal, ...]:
    """At most `points` values at even distances, the newest always among them."""
    if len(values) <= points:
        return tuple(values)
    step = len(values) / points
    return tuple(values[min(len(values) - 1, int((i + 1) * step) - 1)] for i in range(points))


def recent_requests(session: Session, rows: int) -> tuple[RequestLine, ...]:
    """The newest requests, newest first."""
    found = session.execute(
        select(
            TradeRequestRow.request_id,
            TradeRequestRow.received_at,
            TradeRequestRow.strategy,
            TradeRequestRow.symbol,
            TradeRequestRow.side,
            TradeRequestRow.payload["signal_data"]["position_size"].label("notional"),
            TradeRequestRow.status,
            DecisionRow.verdict,
            DecisionRow.approved_notional,
            DecisionRow.decision["reasons"].label("reasons"),
            ParentOrderRow,
        )
        .outerjoin(DecisionRow, DecisionRow.request_id == TradeRequestRow.request_id)
        .outerjoin(ParentOrderRow, ParentOrderRow.request_id == TradeRequestRow.request_id)
        .order_by(TradeRequestRow.received_at.desc())
        .limit(rows)
    )
    return tuple(
        RequestLine(
            request_id=row.request_id,
            received_at=row.received_at,
            strategy=row.strategy,
            symbol=row.symbol,
            side=row.side,
            notional=str(row.notional) if row.notional is not None else "",
            status=row.status,
            verdict=row.verdict or "",
            approved_notional=row.approved_notional,
            reasons=tuple(row.reasons or ()),
            progress=progress_words(row.ParentOrderRow),
            end_reason=_end_reason(row.ParentOrderRow),
        )
        for row in found
    )


def _end_reason(parent: ParentOrderRow | None) -> str | None:
    """Why the order ended; None for one that was wholly filled."""
    if parent is None or parent.state == ParentState.COMPLETED:
        return None
    return parent.end_reason


_CHILD_LINE = (
    ChildOrderRow.request_id,
    ChildOrderRow.slot,
    ChildOrderRow.symbol,
    ChildOrderRow.side,
    ChildOrderRow.qty,
    ChildOrderRow.filled_qty,
    ChildOrderRow.state,
    ChildOrderRow.planned_at,
    ChildOrderRow.due_at,
    ChildOrderRow.sent_at,
    ChildOrderRow.style,
    ChildOrderRow.price,
    ChildOrderRow.cancel_requested_at,
)


def _children_due(session: Session, rows: int) -> tuple[ChildLine, ...]:
    """The children at the exchange and the next planned ones, by due time.

    A query asks for each kind, because each kind has an index in the wanted order.
    """
    found = [
        ChildLine(**row._asdict())
        for condition in (CHILD_IS_PLANNED, CHILD_MAY_BE_AT_EXCHANGE)
        for row in session.execute(
            select(*_CHILD_LINE).where(condition).order_by(ChildOrderRow.due_at).limit(rows)
        )
    ]
    return tuple(sorted(found, key=lambda line: line.due_at)[:rows])


def _children_done(session: Session, rows: int) -> tuple[ChildLine, ...]:
    newest = (
        select(*_CHILD_LINE)
        .where(ChildOrderRow.final_at.is_not(None), ChildOrderRow.sent_at.is_not(None))
        .order_by(ChildOrderRow.final_at.desc(), ChildOrderRow.child_id.desc())
        .limit(rows)
    )
    return tuple(ChildLine(**row._asdict()) for row in session.execute(newest))


def _lateness(session: Session, account: str, now: datetime) -> tuple[float, float] | None:
    late = func.extract("epoch", ChildOrderRow.sent_at - ChildOrderRow.planned_at) * 1000
    row = session.execute(
        select(
            func.percentile_cont(0.5).within_group(late),
            func.percentile_cont(0.99).within_group(late),
        ).where(ChildOrderRow.account == account, ChildOrderRow.sent_at >= now - LATENESS_WINDOW)
    ).one()
    return None if row[0] is None else (float(row[0]), float(row[1]))


def _fills(session: Session, account: str, rows: int) -> tuple[FillLine, ...]:
    found = session.execute(
        select(
            FillRow.executed_at,
            FillRow.symbol,
            FillRow.side,
            FillRow.qty,
            FillRow.price,
            FillRow.fee,
            FillRow.is_maker,
        )
        .where(FillRow.account == account)
        .order_by(FillRow.executed_at.desc(), FillRow.exec_id)
        .limit(rows)
    )
    return tuple(FillLine(*row) for row in found)


def _positions(session: Session, account: str) -> tuple[PositionLine, ...]:
    rows = session.scalars(
        select(PositionRow).where(PositionRow.account == account).order_by(PositionRow.symbol)
    ).all()
    prices = _newest_prices(session, [row.symbol for row in rows])
    return tuple(
        PositionLine(
            symbol=row.symbol,
            qty=row.qty,
            entry_price=row.entry_price,
            realised_pnl=row.realised_pnl,
            fees=row.fees,
            last_price=prices.get(row.symbol),
        )
        for row in rows
    )


def _newest_prices(session: Session, symbols: Sequence[str]) -> dict[str, Decimal]:
    """The last fill price of each symbol, because the console reads rows alone here."""
    newest = {
        symbol: session.scalar(
            select(FillRow.price)
            .where(FillRow.symbol == symbol)
            .order_by(FillRow.executed_at.desc())
            .limit(1)
        )
        for symbol in symbols
    }
    return {symbol: price for symbol, price in newest.items() if price is not None}


def _breakers(session: Session) -> tuple[BreakerLine, ...]:
    rows = session.scalars(
        select(BreakerRow)
        .where(or_(BreakerRow.tripped, BreakerRow.count > 0, BreakerRow.share.is_not(None)))
        .order_by(
            BreakerRow.tripped.desc(), BreakerRow.kind, BreakerRow.scope_kind, BreakerRow.scope_key
        )
    )
    return tuple(
        BreakerLine(
            scope=f"{row.scope_kind} {row.scope_key}",
            kind=row.kind,
            tripped=row.tripped,
            value=row.value,
            limit=row.limit,
            reason=row.reason,
        )
        for row in rows
    )


def heartbeats(session: Session, now: datetime) -> tuple[HeartbeatLine, ...]:
    """The last sign of life of each process, by name."""
    rows = session.scalars(select(HeartbeatRow).order_by(HeartbeatRow.name))
    return tuple(
        HeartbeatLine(row.name, row.pid, (now - row.at).total_seconds(), row.details)
        for row in rows
    )
