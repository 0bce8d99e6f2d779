"""A stress test in words: its load, its decisions, and each problem."""

from io import StringIO
from typing import Any

from rich.console import Console

from console.views.stress_report import print_stress, stress_line

REPORT: dict[str, Any] = {
    "reason": "yearly",
    "load": {"messages": 240, "orders": 16, "volume": "10000", "by_default": [], "seconds": 60.0},
    "offered": {"messages": 243, "beyond_quota": 2},
    "took_seconds": 61.5,
    "orders_sent": 20,
    "volume": "10012.5",
    "decisions": {
        "count": 241,
        "verdicts": {"deny": 221, "allow": 20},
        "p50_seconds": 0.012,
        "p99_seconds": 0.2,
        "slowest_seconds": 0.31,
    },
    "fullest_limit": {"check": "order_rate", "value": "7", "limit": "10", "share": 0.7},
    "breakers_tripped": [],
    "invariants": {"I1": "holds", "I8": "not checked"},
    "problems": [],
}


def shown(**changes: Any) -> str:
    out = StringIO()
    print_stress(Console(file=out, width=300), 7, {**REPORT, **changes})
    return out.getvalue()


def test_the_line_has_messages_decisions_orders_and_volume() -> None:
    assert stress_line(REPORT) == (
        "243 messages in 60 s, 241 decisions (half within 0.012 s, 99 % within 0.200 s, the "
        "slowest after 0.310 s), 20 orders, 10012.5 traded"
    )


def test_a_test_that_passed_is_told_with_its_limit_and_its_invariants() -> None:
    told = shown()
    assert "drill 7 passed" in told
    assert "fullest limit: order_rate at 70.0% (7 of 10)" in told
    assert "I1 holds, I8 not checked" in told
    assert "problem" not in told and "default" not in told


def test_problems_and_defaults_are_named_and_no_markup_acts() -> None:
    silent = {**REPORT["decisions"], "count": 0, "p50_seconds": None}
    told = shown(
        problems=["[bold]x[/] has no decision"],
        load={**REPORT["load"], "by_default": ["sent"]},
        decisions=silent,
        fullest_limit=None,
        breakers_tripped=["churn"],
    )
    assert "drill 7 FAILED" in told and "none came" in told
    assert "problem: [bold]x[/] has no decision" in told
    assert "no history of sent: the stated defaults stand in" in told
    assert "breakers that tripped meanwhile: churn" in told
