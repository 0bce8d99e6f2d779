"""The report has exactly the keys that were promised, and its figures are those of the rows."""

import pytest

from console.invariants import InvariantResult
from console.views.report import invariant_facts, passed, percentiles
from tests.support.accounts.reports import OK, report_of
from tests.support.scene import Scene

KEYS = (
    *("requests", "decisions", "parents", "child_orders", "fills", "notional_filled"),
    *("slippage_bps", "latency_ms", "slice_lateness_ms", "limits", "alerts"),
    *("memory_mb", "invariants"),
    "stopped_cleanly",
)


@pytest.mark.services
def test_a_run_is_reported_by_its_rows(scene: Scene) -> None:
    scene.trade("r-1")
    scene.decide("r-2", predictions={"confidence": 0.1})
    report = report_of(scene)
    assert tuple(report) == KEYS
    assert report["requests"] == 2
    decisions = report["decisions"]
    assert (decisions["allow"], decisions["shrink"], decisions["deny"]) == (1, 0, 1)
    assert decisions["by_reason"]["insufficient_confidence"] == 1
    assert report["parents"] == {"completed": 1}
    assert report["child_orders"] == {"filled": 1}
    assert report["fills"] == 1
    # 0.1 at 30000.5, decided at the ask of 30000: 0.5 / 30000 is 0.167 basis points of cost.
    assert report["notional_filled"] == "3000.05"
    assert report["slippage_bps"] == 0.167
    # Created 50 ms before the decision, sent 10 ms and accepted 30 ms after it.
    assert report["latency_ms"] == {"p50": 80.0, "p99": 80.0}
    assert report["slice_lateness_ms"] == {"p50": 10.0, "p99": 10.0}
    assert report["limits"]["position_size"] == {
        "value": "3000",
        "limit": "10000",
        "unit": "USDT",
        "share": 0.3,
    }
    assert report["memory_mb"] == {"postgres": 51.3}
    assert report["invariants"] == {f"I{n}": "ok" for n in range(1, 10)}
    assert passed(report)


@pytest.mark.services
def test_a_sale_s_slippage_is_a_cost_with_the_same_sign(scene: Scene) -> None:
    scene.trade("r-1", side="sell")
    # Decided at the bid of 29999.9 and sold at 30000.5: better than expected.
    assert report_of(scene)["slippage_bps"] == -0.2


@pytest.mark.services
def test_slices_due_later_don_t_count_as_latency(scene: Scene) -> None:
    scene.decide("r-1", signal={"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5})
    later = scene.children("r-1")[1]
    scene.advance(5)
    scene.accept(later)
    report = report_of(scene)
    assert report["latency_ms"] == {"p50": None, "p99": None}
    assert report["slice_lateness_ms"]["p50"] == 10.0


@pytest.mark.services
def test_earlier_runs_are_not_in_it(scene: Scene) -> None:
    scene.trade("r-1")
    scene.advance(10)
    report = report_of(scene, seconds=5)
    assert (report["requests"], report["fills"], report["notional_filled"]) == (0, 0, "0")
    assert report["slippage_bps"] is None


def test_a_violation_an_unchecked_invariant_or_a_kill_fails_the_run() -> None:
    broken = InvariantResult("I3", "title", ("parent r-1: …",), checked=True)
    unchecked = InvariantResult("I1", "title", (), checked=False)
    assert invariant_facts([broken]) == {"I3": ["parent r-1: …"]}
    assert invariant_facts([unchecked]) == {"I1": ["not checked: there is no exchange record"]}
    assert not passed({"stopped_cleanly": True, "invariants": invariant_facts([broken])})
    assert not passed({"stopped_cleanly": True, "invariants": invariant_facts([unchecked])})
    assert not passed({"stopped_cleanly": False, "invariants": invariant_facts(OK)})


def test_percentiles_are_interpolated() -> None:
    assert percentiles(float(n) for n in range(101)) == {"p50": 50.0, "p99": 99.0}
    assert percentiles([1.0, 2.0]) == {"p50": 1.5, "p99": 2.0}
    assert percentiles([]) == {"p50": None, "p99": None}
