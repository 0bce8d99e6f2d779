"""One UTC day of an account: decisions, trades, money, safety, alerts and models, as facts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.gate_value.summary import daily_line
from bot.reports.lateness import lateness, lateness_counts
from bot.risk.limits import RiskLimits
from bot.tca.service import costs
from bot.tca.summary import by_algorithm
from models.enums import AlertLevel
from models.repositories import figures, refused
from models.tables import (
    AlertRow,
    AuditRow,
    BreakerTripRow,
    CashFlowRow,
    DecisionRow,
    EquityDayRow,
    EquityRow,
    FillRow,
    PredictionRow,
)

_STATES = ("halted", "resumed", "state_recorded", "recovery_fell_back", "recovery_ended")
_OPERATORS = "operator:%"
_MOST = 200
"""So many entries, alerts or trips are listed one by one; their number is always exact."""
_PARTS = 120
"""Of so many parts of the day's readings the lowest and the highest equity are kept: one part has
twelve minutes of a whole day."""


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day of an account, with the limits that losses are compared with."""

    account: str
    day: date
    limits: RiskLimits

    @property
    def start(self) -> datetime:
        """The first moment of the day."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment of the next day."""
        return self.start + timedelta(days=1)


def day_facts(session: Session, of: Day) -> dict[str, Any]:
    """Everything about the day. A figure without anything to measure is None."""
    return {
        "account": of.account,
        "day": of.day.isoformat(),
        "decisions": _decisions(session, of),
        "value_of_blocks": daily_line(session, of.start, of.end),
        "trades": _trades(session, of),
        "fills": _fills(session, of),
        "costs": _costs(session, of),
        "lateness_ms": lateness(session, of.account, of.start, of.end),
        "lateness_counts": lateness_counts(session, of.account, of.start, of.end),
        "money": _money(session, of),
        "breakers": _breakers(session, of),
        "states": _entries(session, of, AuditRow.kind.in_(_STATES)),
        "operators": _entries(session, of, AuditRow.actor.like(_OPERATORS)),
        "alerts": _alerts(session, of),
        "models": _models(session, of),
        "newest": _newest(session, of),
    }


def summary(facts: dict[str, Any]) -> str:
    """The day in one line."""
    decisions, money = facts["decisions"], facts["money"]
    pnl = "unknown" if money["pnl"] is None else f"{money['pnl']:+.2f}"
    return (
        f"day {facts['day']} of {facts['account']}: {decisions['total']} decisions, "
        f"{decisions['denied']} denied, {facts['fills']['count']} fills, P&L {pnl}, "
        f"{facts['breakers']['count']} breakers tripped, {facts['states']['count']} state changes, "
        f"{facts['alerts']['count']} alerts"
    )


def is_empty(facts: dict[str, Any]) -> bool:
    """Whether nothing was decided, filled or read on that day."""
    money = facts["money"]["start"]
    return not facts["decisions"]["total"] and not facts["fills"]["count"] and money is None


def _decisions(session: Session, of: Day) -> dict[str, Any]:
    counted = figures.counted(session, of.start, until=of.end)
    return {
        "total": counted.decisions,
        "allowed": counted.decisions - counted.denied - counted.shrunk,
        "shrunk": counted.shrunk,
        "denied": counted.denied,
        "by_reason": dict(counted.reasons.most_common()),
        "by_check": dict(counted.blamed.most_common()),
        "refused_messages": refused.total(session, of.start, until=of.end),
    }


def _trades(session: Session, of: Day) -> dict[str, Any]:
    ended = figures.ended(session, of.start, until=of.end)
    return {
        "ended": ended.count,
        "succeeded": ended.succeeded,
        "average_seconds": ended.average_seconds,
    }


def _fills(session: Session, of: Day) -> dict[str, Any]:
    notional = FillRow.qty * FillRow.price
    rows = session.execute(
        select(FillRow.symbol, func.count(), func.sum(notional), func.sum(FillRow.fee))
        .where(
            FillRow.account == of.account,
            FillRow.executed_at >= of.start,
            FillRow.executed_at < of.end,
        )
        .group_by(FillRow.symbol)
        .order_by(FillRow.symbol)
    ).all()
    return {
        "count": sum(count for _, count, _, _ in rows),
        "notional": sum((Decimal(total) for _, _, total, _ in rows), Decimal(0)),
        "fees": sum((Decimal(fees) for _, _, _, fees in rows), Decimal(0)),
        "by_symbol": {
            symbol: {"count": count, "notional": total, "fees": fees}
            for symbol, count, total, fees in rows
        },
    }


def _costs(session: Session, of: Day) -> dict[str, Any]:
    """The costs of the trades that began on the day, as `mlrisk tca` computes them."""
    found = costs(session, since=of.start, until=of.end)
    return {
        "by_algorithm": [asdict(one) for one in by_algorithm(found.trades)],
        "not_computed": list(found.problems),
    }


def _money(session: Session, of: Day) -> dict[str, Any]:
    """Profit and drawdown, beside the limits that they are compared with."""
    row = session.get(EquityDayRow, (of.account, of.day.isoformat()))
    points = session.execute(
        select(EquityRow.at, EquityRow.equity)
        .where(EquityRow.account == of.account, EquityRow.at >= of.start, EquityRow.at < of.end)
        .order_by(EquityRow.at)
    ).all()
    start = None if row is None else row.start_equity
    peak = None if row is None else row.peak_equity
    last = points[-1].equity if points else None
    pnl = None if start is None or last is None else last - start
    flows = session.scalars(
        select(CashFlowRow.at).where(
            CashFlowRow.account == of.account, CashFlowRow.at >= of.start, CashFlowRow.at < of.end
        )
    ).all()
    rebased = None if row is None else row.rebased_at
    return {
        "start": start,
        "end": last,
        "low": None if row is None else row.low_equity,
        "peak": peak,
        "pnl": pnl,
        "loss_share": _share(None if pnl is None else -pnl, start),
        "loss_limit": of.limits.max_daily_loss_share,
        "drawdown_share": _share(None if peak is None or last is None else peak - last, peak),
        "drawdown_limit": of.limits.max_drawdown_share,
        "cash_flows": len(flows),
        "peak_at": None if row is None else row.peak_at,
        "comparable_since": max((*flows, *([] if rebased is None else [rebased])), default=None),
        "equity": _thinned([(point.at, point.equity) for point in points]),
    }


def _share(part: Decimal | None, whole: Decimal | None) -> float | None:
    if part is None or not whole:
        return None
    return round(max(0.0, float(part / whole)), 6)


def _thinned(points: Sequence[tuple[datetime, Decimal]]) -> list[tuple[datetime, Decimal]]:
    """The lowest and the highest of each part, so that no loss disappears, the first and the
    last."""
    if len(points) <= 2 * _PARTS:
        return list(points)
    step = len(points) / _PARTS
    kept = {0, len(points) - 1}
    for part in range(_PARTS):
        places = range(int(part * step), int((part + 1) * step))
        kept |= {extreme(places, key=lambda place: points[place][1]) for extreme in (min, max)}
    return [points[place] for place in sorted(kept)]


def _breakers(session: Session, of: Day) -> dict[str, Any]:
    wanted = (BreakerTripRow.tripped_at >= of.start, BreakerTripRow.tripped_at < of.end)
    rows = session.scalars(
        select(BreakerTripRow).where(*wanted).order_by(BreakerTripRow.tripped_at).limit(_MOST)
    )
    count = session.scalar(select(func.count()).select_from(BreakerTripRow).where(*wanted))
    return {
        "count": count or 0,
        "trips": [
            {
                "at": row.tripped_at,
                "scope": f"{row.scope_kind}:{row.scope_key}",
                "kind": row.kind,
                "value": row.value,
                "limit": row.limit,
                "reason": row.reason,
                "resumed_at": row.resumed_at,
            }
            for row in rows
        ],
    }


def _entries(session: Session, of: Day, condition: Any) -> dict[str, Any]:
    """Audit entries of the day, each with its reason."""
    wanted = (AuditRow.at >= of.start, AuditRow.at < of.end, condition)
    rows = session.scalars(
        select(AuditRow).where(*wanted).order_by(AuditRow.at, AuditRow.seq).limit(_MOST)
    )
    count = session.scalar(select(func.count()).select_from(AuditRow).where(*wanted))
    return {
        "count": count or 0,
        "entries": [
            {
                "at": row.at,
                "kind": row.kind,
                "subject": row.subject,
                "actor": row.actor,
                "reason": row.payload.get("reason"),
            }
            for row in rows
        ],
    }


def _alerts(session: Session, of: Day) -> dict[str, Any]:
    """Alerts that were seen on the day, without information."""
    rows = session.scalars(
        select(AlertRow)
        .where(
            AlertRow.last_seen >= of.start,
            AlertRow.first_seen < of.end,
            AlertRow.level != AlertLevel.INFO,
        )
        .order_by(AlertRow.first_seen, AlertRow.alert_id)
    ).all()
    levels = {level: sum(row.level is level for row in rows) for level in AlertLevel}
    return {
        "count": len(rows),
        "by_level": {str(level): count for level, count in levels.items() if count},
        "list": [
            {
                "id": row.alert_id,
                "level": row.level,
                "state": row.state,
                "count": row.count,
                "first_seen": row.first_seen,
                "text": row.text,
            }
            for row in rows[:_MOST]
        ],
    }


def _newest(session: Session, of: Day) -> datetime | None:
    """The time of the day's newest reading, decision or fill."""
    account, start, end = of.account, of.start, of.end
    moments = (
        session.scalar(
            select(func.max(column)).where(owner == account, column >= start, column < end)
        )
        for column, owner in (
            (EquityRow.at, EquityRow.account),
            (FillRow.executed_at, FillRow.account),
            (DecisionRow.decided_at, DecisionRow.account),
        )
    )
    return max((at for at in moments if at is not None), default=None)


def _models(session: Session, of: Day) -> list[dict[str, Any]]:
    """Predictions of the day by strategy and model: how often each was right, and how often it
    said that it would be."""
    row = PredictionRow
    right = func.avg(row.outcome).filter(row.outcome.is_not(None))
    stated = func.avg(row.stated).filter(row.outcome.is_not(None))
    found = session.execute(
        select(
            row.strategy, row.model_version, func.count(), func.count(row.outcome), right, stated
        )
        .where(row.account == of.account, row.predicted_at >= of.start, row.predicted_at < of.end)
        .group_by(row.strategy, row.model_version)
        .order_by(row.strategy, row.model_version)
    )
    return [
        {
            "strategy": strategy,
            "model_version": version,
            "predictions": count,
            "judged": judged,
            "right": None if hit is None else round(float(hit), 4),
            "stated": None if said is None else round(float(said), 4),
        }
        for strategy, version, count, judged, hit, said in found
    ]
