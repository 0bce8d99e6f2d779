"""The report of a finite run: its requests, decisions, orders and fills, its speed and
invariants."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.invariants import InvariantResult
from console.views.limit_use import highest, limit_uses
from models.amounts import shortest
from models.enums import AlertLevel, Verdict
from models.tables import (
    AlertRow,
    ChildOrderRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    TradeRequestRow,
)

AT_ONCE = timedelta(milliseconds=50)
"""A child due this soon after the decision was meant to go out at once."""
_TEN_THOUSAND = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of a run that no row holds."""

    memory_mb: Mapping[str, float]
    invariants: Sequence[InvariantResult]
    stopped_cleanly: bool
    started: datetime | None = None
    """The begin of the system's start; alerts count from then on. None: from the run's begin."""


def build_report(session: Session, since: datetime, facts: RunFacts) -> dict[str, Any]:
    """The report about the requests since the run began. Its invariants cover all rows."""
    ids = select(TradeRequestRow.request_id).where(TradeRequestRow.received_at >= since)
    requests = session.scalar(select(func.count()).select_from(ids.subquery())) or 0
    decisions = session.scalars(select(DecisionRow).where(DecisionRow.request_id.in_(ids))).all()
    parents = session.scalars(
        select(ParentOrderRow).where(ParentOrderRow.request_id.in_(ids))
    ).all()
    children = session.scalars(select(ChildOrderRow).where(ChildOrderRow.request_id.in_(ids))).all()
    fill_count, notional = _fills(session, [child.child_id for child in children])
    created = dict(
        session.execute(
            select(TradeRequestRow.request_id, TradeRequestRow.created_at).where(
                TradeRequestRow.received_at >= since
            )
        ).all()
    )
    return {
        "requests": requests,
        "decisions": _decisions(decisions),
        "parents": dict(sorted(Counter(parent.state for parent in parents).items())),
        "child_orders": dict(sorted(Counter(child.state for child in children).items())),
        "fills": fill_count,
        "notional_filled": shortest(notional),
        "slippage_bps": slippage_bps(parents),
        "latency_ms": percentiles(_latencies(created, decisions, children)),
        "slice_lateness_ms": percentiles(
            (child.sent_at - child.planned_at) / timedelta(milliseconds=1)
            for child in children
            if child.sent_at is not None
        ),
        "limits": _limits(decisions),
        "alerts": _alerts(session, facts.started or since),
        "memory_mb": {name: round(mb, 1) for name, mb in facts.memory_mb.items()},
        "invariants": invariant_facts(facts.invariants),
        "stopped_cleanly": facts.stopped_cleanly,
    }


def passed(report: Mapping[str, Any]) -> bool:
    """Whether all invariants hold and everything stopped when asked to."""
    return bool(report["stopped_cleanly"]) and all(
        answer == "ok" for answer in report["invariants"].values()
    )


def invariant_facts(results: Iterable[InvariantResult]) -> dict[str, Any]:
    """For each invariant by name: `ok`, or the list of its violations."""
    return {
        result.name: "ok"
        if result.holds
        else list(result.violations) or ["not checked: there is no exchange record"]
        for result in results
    }


def _decisions(rows: Sequence[DecisionRow]) -> dict[str, Any]:
    verdicts = Counter(row.verdict for row in rows)
    reasons = Counter(str(reason) for row in rows for reason in row.decision["reasons"])
    return {
        **{verdict.value: verdicts.get(verdict, 0) for verdict in Verdict},
        "by_reason": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    }


def _fills(session: Session, child_ids: Sequence[int]) -> tuple[int, Decimal]:
    count, notional = session.execute(
        select(func.count(), func.coalesce(func.sum(FillRow.qty * FillRow.price), 0)).where(
            FillRow.child_id.in_(child_ids)
        )
    ).one()
    return count, Decimal(notional)


def slippage_bps(parents: Iterable[ParentOrderRow]) -> float | None:
    """Average price against the decision's, weighted by notional; positive is a cost.

    Fees are not in it. None when nothing was filled.
    """
    paid = reference = Decimal(0)
    for parent in parents:
        at_decision = parent.filled_qty * parent.reference_price
        paid += parent.side.sign * (parent.filled_notional - at_decision)
        reference += at_decision
    return share_in_bps(paid, reference)


def share_in_bps(paid: Decimal, reference: Decimal) -> float | None:
    """None when nothing was filled."""
    return round(float(paid / reference * _TEN_THOUSAND), 3) if reference else None


def _latencies(
    created: Mapping[str, datetime],
    decisions: Iterable[DecisionRow],
    children: Iterable[ChildOrderRow],
) -> list[float]:
    """The times from the strategy's stamp to the exchange's acceptance of children due at once, in
    ms."""
    decided = {row.request_id: row.decided_at for row in decisions}
    first: dict[str, ChildOrderRow] = {}
    for child in children:
        if child.attempt == 0 and child.due_at <= decided[child.request_id] + AT_ONCE:
            known = first.get(child.request_id)
            if known is None or child.slot < known.slot:
                first[child.request_id] = child
    return [
        (child.acked_at - created[request_id]) / timedelta(milliseconds=1)
        for request_id, child in first.items()
        if child.acked_at is not None
    ]


def percentiles(values: Iterable[float]) -> dict[str, float | None]:
    """p50 and p99 by linear interpolation; None when nothing was measured."""
    ordered = sorted(values)
    return {"p50": _quantile(ordered, 0.5), "p99": _quantile(ordered, 0.99)}


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return round(ordered[below] + (ordered[above] - ordered[below]) * (place - below), 1)


def _alerts(session: Session, since: datetime) -> list[dict[str, Any]]:
    """Every alert of the run above information; a quiet run has none."""
    rows = session.scalars(
        select(AlertRow)
        .where(AlertRow.last_seen >= since, AlertRow.level != AlertLevel.INFO)
        .order_by(AlertRow.first_seen)
    )
    return [
        {"level": row.level, "kind": row.kind, "count": row.count, "text": row.text} for row in rows
    ]


def _limits(decisions: Iterable[DecisionRow]) -> dict[str, Any]:
    """The highest use of each limit by an approved trade."""
    uses = highest(use for row in decisions for use in limit_uses(row.decision))
    return {
        name: {
            "value": shortest(use.value),
            "limit": shortest(use.limit),
            "unit": use.unit,
            "share": round(use.share, 4),
        }
        for name, use in uses.items()
    }
