"""The benchmark's figures are measured values, and a missed goal is not reached."""

import json
from pathlib import Path

from benchmarks.paper_exchange import goals, quantiles, write_accounts


def test_quantiles_are_in_milliseconds_and_come_from_the_measured_values() -> None:
    found = quantiles([0.003, 0.001, 0.002])
    assert found == {"count": 3, "p50_ms": 2.0, "p99_ms": 3.0, "max_ms": 3.0}


def test_a_goal_is_reached_up_to_its_number() -> None:
    figures = {
        "orders": {"create_at_200_per_second": {"p99_ms": 3.0}},
        "crowd": {"clients": 20, "errors": ["/v5/public: refused"], "mb": 100.5},
        "market": {"without_orders": {"events_per_second": 90_000}},
    }
    found = goals(figures, 200, "recorded")
    assert [row["reached"] for row in found.values()] == [True, False, False, True]
    assert found["errors of 20 clients"] == {"most": 0, "measured": 1, "reached": False}
    assert not goals(figures, 200, "synthetic")["synthetic events a second"]["reached"]


def test_each_account_has_a_key_of_its_own(tmp_path: Path) -> None:
    rows = json.loads(write_accounts(tmp_path / "accounts.json", 3).read_text())
    assert len({row["keys"][0]["key"] for row in rows}) == len({row["uid"] for row in rows}) == 3
