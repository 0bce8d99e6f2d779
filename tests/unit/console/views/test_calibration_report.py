"""A calibration in words: what is judged, what is proposed, and the rules."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

from rich.console import Console

from console.views.calibration_report import METHOD, print_calibration

T0 = datetime(2026, 11, 30, tzinfo=UTC)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "limit": "gate.max_leverage",
        "check": "leverage",
        "value": "3",
        "unit": "",
        "asked": 400,
        "reached": 0,
        "near": 0,
        "unknown": 0,
        "deciding": 0,
        "headroom": {"half": 0.9, "p90": 0.8, "p99": 0.7, "least": 0.6},
        "worth": None,
        "proposal": "keep",
        "proposed": None,
        "why": "it is used, and nothing speaks against it",
        **changes,
    }


def shown(*rows: dict[str, Any], breakers: tuple[dict[str, Any], ...] = ()) -> str:
    facts = {
        "decisions": 400,
        "since": T0,
        "first_decision_at": T0,
        "counts": {"keep": 1, "tighten": 0},
        "limits": rows,
        "breakers": breakers,
        "method": METHOD,
    }
    out = StringIO()
    print_calibration(Console(file=out, width=400), facts)
    return out.getvalue()


def test_a_proposal_is_told_with_its_value_its_reason_and_its_worth() -> None:
    told = shown(
        row(),
        row(limit="gate.max_spread_bps", proposal="tighten", proposed="12", why="nothing [x]"),
        row(limit="gate.max_funding_rate", proposal="question", why="it costs", worth="-3 bps"),
        row(limit="gate.hard_caps", proposal="not judged"),
    )
    assert "gate.max_spread_bps: tighten to 12; nothing [x]" in told
    assert "gate.max_funding_rate: question; it costs (-3 bps)" in told
    assert "gate.max_leverage" in told and "gate.max_leverage: keep" not in told
    assert "gate.hard_caps" not in told
    assert "limits and breakers: 1 keep" in told
    assert "A proposal changes nothing." in told


def test_a_questioned_breaker_is_told() -> None:
    why = "most of its trips were false"
    told = shown(breakers=({"kind": "churn", "proposal": "question", "why": why},))
    assert f"churn: question; {why}" in told
