"""The figures that the user's document tracks: validation, execution, the risk system itself."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.execution.tca.service import costs
from bot.risk import codec
from bot.risk.decision import Decision
from bot.risk.manager.assessment import assess
from bot.risk.snapshot import TradeIntent
from console.output import plain, utc
from console.queries import database_now, heartbeats
from console.report import slippage_bps
from models.enums import ExecutionStatus, ParentState, Verdict
from models.repositories import decisions
from models.tables import AuditRow, DecisionRow, OtherFeeRow, ParentOrderRow, TradeRequestRow

_STOPS = "halted"
_TRIPS = "breaker_tripped"


def key_metrics(session: Session, since: datetime) -> dict[str, Any]:
    """Everything decided, ended or recorded since then; None where there is nothing to measure."""
    return {
        "since": since,
        "trade_validation": _validation(session, since),
        "execution": _execution(session, since),
        "risk_system": _risk_system(session, since),
    }


def _validation(session: Session, since: datetime) -> dict[str, Any]:
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    levels: Counter[str] = Counter()
    confidences: list[float] = []
    for row in decisions.between(session, since, database_now(session)):
        verdicts[row.verdict] += 1
        if row.verdict == Verdict.DENY:
            reasons.update(row.decision["reasons"])
        confidence = row.intent["model"].get("confidence")
        if isinstance(confidence, float):
            confidences.append(confidence)
        levels[_level(row)] += 1
    total = verdicts.total()
    return {
        "decisions": total,
        "approval_rate": _share(total - verdicts[Verdict.DENY], total),
        "block_rate_by_reason": {
            reason: _share(count, total) for reason, count in reasons.most_common()
        },
        "average_confidence": _mean(confidences),
        "risk_levels": dict(levels.most_common()),
    }


def _level(row: DecisionRow) -> str:
    try:
        decision = codec.from_json(Decision, row.decision)
        return assess(codec.from_json(TradeIntent, row.intent), decision).overall_ml_risk.value
    except codec.Unreadable:
        return "unreadable"


def _execution(session: Session, since: datetime) -> dict[str, Any]:
    ended = session.scalars(select(ParentOrderRow).where(ParentOrderRow.finished_at >= since)).all()
    done = [parent for parent in ended if parent.state == ParentState.COMPLETED]
    impacts = [
        float(trade.realised_impact_bps)
        for trade in costs(session, since=since).trades
        if trade.realised_impact_bps is not None
    ]
    return {
        "trades_ended": len(ended),
        "success_rate": _share(len(done), len(ended)),
        "average_execution_seconds": _mean(
            (parent.finished_at - parent.start_at).total_seconds()
            for parent in done
            if parent.finished_at is not None
        ),
        "slippage_bps": slippage_bps(ended),
        "market_impact_bps": _mean(impacts),
        "fees_without_price": _fees_without_price(session, since),
    }


def _fees_without_price(session: Session, since: datetime) -> dict[str, str]:
    """What was paid in coins that nobody has priced (yet): it is in no profit and no loss."""
    rows = session.execute(
        select(OtherFeeRow.coin, func.sum(OtherFeeRow.amount))
        .where(OtherFeeRow.executed_at >= since, OtherFeeRow.cost.is_(None))
        .group_by(OtherFeeRow.coin)
        .order_by(OtherFeeRow.coin)
    )
    return {coin: plain(total) for coin, total in rows}


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
    """What the trades of each model version realised, before fees where they are not booked."""
    # Parameters in GROUP BY are no longer the same expression: the version is named first.
    version = func.coalesce(DecisionRow.intent["model"]["model_version"].astext, "none")
    trades = (
        select(version.label("version"), ParentOrderRow.realised_pnl.label("gained"))
        .join(ParentOrderRow, ParentOrderRow.request_id == DecisionRow.request_id)
        .where(DecisionRow.decided_at >= since)
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
        ).group_by(trades.c.version)
    )
    return {
        name: {"trades": count, "realised": plain(total), "win_rate": _share(won, closed)}
        for name, count, total, won, closed in rows
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Iterable[float]) -> float | None:
    found = tuple(values)
    return round(fmean(found), 4) if found else None


def print_metrics(out: Console, facts: dict[str, Any]) -> None:
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
