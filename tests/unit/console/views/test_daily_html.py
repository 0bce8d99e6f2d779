"""The page of a day: one file, escaped, without scripts or other files, readable by a parser."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from console.views.daily_html import daily_html
from tests.support.html import FOREIGN, Page

T0 = datetime(2026, 11, 30, tzinfo=UTC)
ATTACK = "<script>alert(1)</script>\" onload=x '&\x1b[31m"


def facts(text: str = "fine", *, points: int = 3) -> dict[str, Any]:
    entry = {"at": T0, "kind": text, "subject": text, "actor": text, "reason": text}
    trip = {
        "at": T0, "scope": text, "kind": text, "value": text, "limit": text, "reason": text,
        "resumed_at": None,
    }  # fmt: skip
    alert = {
        "id": 1, "level": "critical", "state": "open", "count": 2, "first_seen": T0, "text": text,
    }  # fmt: skip
    cost = {
        "algorithm": text, "trades": 1, "notional": Decimal(3), "cost": Decimal("0.1"),
        "weighted_bps": Decimal("3.3"), "fill_rate": None, "maker_share": None,
    }  # fmt: skip
    model = {
        "strategy": text, "model_version": text, "predictions": 9, "judged": 8, "right": 0.5,
        "stated": 0.6,
    }  # fmt: skip
    equity = [(T0 + timedelta(hours=n), Decimal(100_000 - n)) for n in range(points)]
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
        "money": {
            "start": Decimal(100_000), "end": Decimal(99_998), "low": None, "peak": None,
            "pnl": Decimal(-2), "loss_share": 0.00002, "loss_limit": Decimal("0.03"),
            "drawdown_share": None, "drawdown_limit": Decimal("0.1"), "cash_flows": 0,
            "equity": equity,
        },
        "breakers": {"count": 1, "trips": [trip]},
        "states": {"count": 201, "entries": [entry]},
        "operators": {"count": 1, "entries": [entry]},
        "alerts": {"count": 1, "list": [alert]},
        "models": [model],
    }  # fmt: skip


@pytest.mark.parametrize("points", [0, 1, 3])
def test_the_page_is_one_balanced_file_without_scripts_links_or_other_files(points: int) -> None:
    page = Page(daily_html(facts(points=points)))
    assert {"main", "h1", "table"} < page.names
    assert FOREIGN.isdisjoint(page.names)
    assert {"src", "href", "style"}.isdisjoint(page.attributes)
    assert ("polyline" in page.names) == (points > 1)
    assert "loss of the day: 0.00% of 3.00%" in page.text
    assert "200 more are left out" in page.text
    assert "prefers-color-scheme: dark" in page.text


def test_text_of_others_stays_text() -> None:
    page = Page(daily_html(facts(ATTACK)))
    assert "script" not in page.names
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text
