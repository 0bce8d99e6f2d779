"""The report on breakers tells its figures, and what each of them means."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

from rich.console import Console

from bot.safety.breakers.quality import DEFINITIONS, PastTrip, qualities
from bot.safety.breakers.tier_history import UNKNOWN
from console.views.breaker_report import facts_of, print_report

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def test_figures_and_definitions_are_told() -> None:
    trips = [
        PastTrip("churn", "s", T0, ended_at=T0 + timedelta(hours=1), loss=Decimal("0.012")),
        PastTrip("churn", "s", T0 + timedelta(hours=2)),
    ]
    until = T0 + timedelta(hours=4)
    facts = facts_of(qualities(trips, T0, until), T0, until, ["A", "B"])
    (row,) = facts["breakers"]
    assert (row["trips"], row["re_trips"], row["share_of_period"]) == (2, 1, 0.75)
    written = StringIO()
    print_report(Console(file=written, width=200), facts)
    told = written.getvalue()
    assert "3:00:00 reduce_only" in told
    assert "1.200%" in told
    assert "recorded minutes of A, B" in told
    assert DEFINITIONS["false trip"] in told


def test_a_period_without_trips_says_so() -> None:
    written = StringIO()
    print_report(Console(file=written, width=200), facts_of([], T0, T0))
    assert "no breaker was tripped" in written.getvalue()


def test_the_time_in_each_tier_of_the_drawdown_is_told() -> None:
    tiers = {UNKNOWN: 0.0, "green": 7200.0, "yellow": 1800.0, "orange": 0.0, "red": 0.0}
    facts = facts_of([], T0, T0 + timedelta(hours=2.5), tiers=tiers)
    assert facts["drawdown_tier_seconds"] == tiers
    written = StringIO()
    print_report(Console(file=written, width=400), facts)
    told = written.getvalue()
    assert "drawdown tiers: green 2:00:00, yellow 0:30:00, orange 0:00:00, red 0:00:00\n" in told
    assert "yellow half of the size" in told
    facts = facts_of([], T0, T0 + timedelta(hours=3), tiers={**tiers, UNKNOWN: 1800.0})
    print_report(Console(file=written, width=400), facts)
    assert "red 0:00:00, unknown 0:30:00" in written.getvalue()


def test_a_replay_has_no_tiers() -> None:
    written = StringIO()
    facts = facts_of([], T0, T0, ["A"])
    print_report(Console(file=written, width=200), facts)
    assert facts["drawdown_tier_seconds"] is None
    assert "tiers" not in written.getvalue()
