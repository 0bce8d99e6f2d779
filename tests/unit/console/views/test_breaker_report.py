"""The report on breakers tells its figures, and what each of them means."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

from rich.console import Console

from bot.safety.breakers.quality import DEFINITIONS, PastTrip, qualities
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
