"""The facts of a day as `day_facts` gives them, with one text wherever a text of others stands."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

T0 = datetime(2026, 11, 30, tzinfo=UTC)
_EDGES = (10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0, None)


def daily_facts(text: str = "fine", *, points: int = 3) -> dict[str, Any]:
    entry = {"at": T0, "kind": text, "subject": text, "actor": text, "reason": text}
    trip = {
        "at": T0, "scope": text, "kind": text, "value": text, "limit": text, "reason": text,
        "resumed_at": None,
    }  # fmt: skip
    alert = {
        "id": 1, "level": "critical", "state": "open", "count": 2, "first_seen": T0, "text": text,
    }  # fmt: skip
    mean = {"value": 3.3, "low": 1.1, "high": 5.5, "count": 2}
    cost = {
        "algorithm": text, "trades": 2, "notional": Decimal(3), "cost": Decimal("0.1"),
        "weighted_bps": Decimal("3.3"), "fill_rate": None, "maker_share": None,
        "trading_bps": mean, "total_bps": mean,
    }  # fmt: skip
    model = {
        "strategy": text, "model_version": text, "predictions": 9, "judged": 8, "right": 0.5,
        "stated": 0.6,
    }  # fmt: skip
    equity = [(T0 + timedelta(hours=n), Decimal(100_000 - 500 * n)) for n in range(points)]
    counts = [{"under_ms": edge, "slices": n} for n, edge in enumerate(_EDGES)]
    return {
        "account": text,
        "day": "2026-11-30",
        "decisions": {
            "total": 3, "allowed": 1, "shrunk": 1, "denied": 1, "by_reason": {text: 1},
            "by_check": {text: 1}, "refused_messages": 0,
        },
        "value_of_blocks": f"Value of blocks: {text}.",
        "trades": {"ended": 1, "succeeded": 1, "average_seconds": None},
        "fills": {"count": 2, "notional": Decimal(3000), "fees": Decimal("1.65")},
        "costs": {"by_algorithm": [cost], "not_computed": [text]},
        "lateness_ms": {"p50": 4.0, "p99": 19.5},
        "lateness_counts": counts,
        "money": {
            "start": Decimal(100_000), "end": Decimal(99_998), "low": None,
            "peak": Decimal(100_000), "peak_at": T0, "pnl": Decimal(-2), "loss_share": 0.00002,
            "loss_limit": Decimal("0.03"), "drawdown_share": None,
            "drawdown_limit": Decimal("0.1"), "cash_flows": 0, "comparable_since": None,
            "equity": equity,
        },
        "breakers": {"count": 1, "trips": [trip]},
        "states": {"count": 201, "entries": [entry]},
        "operators": {"count": 1, "entries": [entry]},
        "alerts": {"count": 1, "list": [alert]},
        "models": [model],
        "newest": T0,
    }  # fmt: skip
