"""The figures of the original interface: validation, execution, the risk system itself."""

from collections.abc import Iterable
from datetime import datetime
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.tca.service import newest_impacts
from console.output import utc
from console.views.live.queries import database_now, heartbeats
from console.views.report import share_in_bps
from models.amounts import shortest
from models.enums import ExecutionStatus
from models.repositories import figures
from models.tables import AuditRow, DecisionFiguresRow, OtherFeeRow, ParentOrderRow, TradeRequestRow

_STOPS = "halted"
_TRIPS = "breaker_tripped"
IMPACT_TRADES = 200
"""The mean impact covers at most this many trades, the newest ones."""


def key_metrics(session: Session, since: datetime) -> dict[str, Any]:
    """The figures of everything decided, ended or recorded since then. A figure without anything to
    measure is None."""
    return {
        "since": since,
        "trade_validation": _validation(session, since),
        "execution": _execution(session, since),
        "risk_system": _risk_system(session, since),
    }


def _validation(session: Session, since: datetime) -> dict[str, Any]:
    counted = figures.counted(session, since)
    total, confidence = counted.decisions, counted.average_confidence
    return {
        "decisions": total,
        "approval_rate": _share(total - counted.denied, total),
        "block_rate_by_reason": {
            reason: _share(count, total) for reason, count in counted.reasons.most_common()
        },
        "average_confidence": None if confidence is None else round(confidence, 4),
        "risk_levels": dict(counted.risk_levels.most_common()),
    }


def _execution(session: Session, since: datetime) -> dict[str, Any]:
    ended = figures.ended(session, since)
    seconds = ended.average_seconds
    return {
        "trades_ended": ended.count,
        "success_rate": _share(ended.succeeded, ended.count),
        "average_execution_seconds": None if seconds is None else round(seconds, 4),
        "slippage_bps": share_in_bps(ended.paid, ended.at_decision),
        "market_impact_bps": _mean(newest_impacts(session, since, IMPACT_TRADES)),
        "fees_without_price": _fees_without_price(session, since),
    }


def _fees_without_price(session: Session, since: datetime) -> dict[str, str]:
    """Fees in coins without a price yet. They count in no profit and no loss."""
    rows = session.execute(
        select(OtherFeeRow.coin, func.sum(OtherFeeRow.amount))
        .where(OtherFeeRow.executed_at >= since, OtherFeeRow.cost.is_(None))
        .group_by(OtherFeeRow.coin)
        .order_by(OtherFeeRow.coin)
    )
    return {coin: shortest(total) for coin, total in rows}


def _risk_system(session: Session, since: datetime) -> dict[str, Any]:
    recorded = dict(
        session.execute(
            select(AuditRow.kind, func.count())
            .where(AuditRow.at >= since, AuditRow.kind.in_((_STOPS, _TRIPS)))
            .group_by(AuditRow.kind)
        ).all()
    )
    failed = session.scalar(
        select(func.count())
        .select_from(TradeRequestRow)
        .where(
            TradeRequestRow.received_at >= since,
            TradeRequestRow.status == ExecutionStatus.EXECUTION_FAILED,
        )
    )
    now = database_now(session)
    return {
        "breakers_tripped": recorded.get(_TRIPS, 0),
        "emergency_stops": recorded.get(_STOPS, 0),
        "models": _models(session, since),
        "requests_failed": failed or 0,
        "oldest_sign_of_life_seconds": max(
            (line.age_seconds for line in heartbeats(session, now)), default=None
        ),
    }


def _models(session: Session, since: datetime) -> dict[str, Any]:
    """The realised profit of each model version's trades. Fees that are not booked are not
    deducted."""
    # Parameters would make the GROUP BY expression another one, so a subquery names the version.
    version = func.coalesce(DecisionFiguresRow.model_version, "none")
    trades = (
        select(version.label("version"), ParentOrderRow.realised_pnl.label("gained"))
        .join(ParentOrderRow, ParentOrderRow.request_id == DecisionFiguresRow.request_id)
        .where(DecisionFiguresRow.decided_at >= since)
        .subquery()
    )
    gained = trades.c.gained
    rows = session.execute(
        select(
            trades.c.version,
            func.count(),
            func.sum(gained),
            func.count().filter(gained > 0),
            func.count().filter(gained != 0),
        )
        .group_by(trades.c.version)
        .order_by(trades.c.version)
    )
    return {
        name: {"trades": count, "realised": shortest(total), "win_rate": _share(won, closed)}
        for name, count, total, won, closed in rows
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Iterable[float]) -> float | None:
    found = tuple(values)
    return round(fmean(found), 4) if found else None


def print_metrics(out: Console, facts: dict[str, Any]) -> None:
    """Prints the figures as one table."""
    out.print(f"since {utc(facts['since'])}")
    table = Table("of", "figure", "value", box=None)
    for section in ("trade_validation", "execution", "risk_system"):
        for name, value in facts[section].items():
            table.add_row(section, name, escape(_words(value)))
    out.print(table)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items()) or "none"
    return "nothing measured" if value is None else str(value)
