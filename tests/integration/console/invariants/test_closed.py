"""I9: unknown means no, and never blocks a reduction."""

from datetime import timedelta
from typing import Any

import pytest

from models.tables import DecisionRow
from tests.integration.console.invariants.breaking import D, broken, change, only
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def _with_check(row: DecisionRow, name: str, **values: Any) -> None:
    checks = [
        {**check, **values} if check["name"] == name else check for check in row.decision["checks"]
    ]
    row.decision = {**row.decision, "checks": checks}


@pytest.mark.parametrize("status", ["fail", "unknown"])
def test_i9_names_an_approval_with_a_broken_check(scene: Scene, status: str) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        _with_check(session.get_one(DecisionRow, "r-1"), "confidence", status=status)
    assert f"decision r-1 was approved though confidence was {status}" in only(
        scene.violated(), "I9"
    )


def _with_snapshot(scene: Scene, **values: Any) -> None:
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-1")
        row.snapshot = {**row.snapshot, **values}


def test_i9_names_an_approval_on_old_market_data(scene: Scene) -> None:
    scene.trade("r-1")
    with scene.db.reading() as session:
        market = session.get_one(DecisionRow, "r-1").snapshot["market"]
    old = (scene.clock.now() - timedelta(seconds=60)).isoformat()
    _with_snapshot(scene, market={**market, "as_of": old})
    assert "decision r-1 was approved on market data 59.9 s old (limit 5 s)" in only(
        scene.violated(), "I9"
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"market": None}, "was approved without market data"),
        ({"portfolio": None}, "was approved without a portfolio"),
        ({"states": []}, "was approved without a trading state"),
    ],
)
def test_i9_names_an_approval_without_its_inputs(
    scene: Scene, values: dict[str, Any], words: str
) -> None:
    scene.trade("r-1")
    _with_snapshot(scene, **values)
    assert f"decision r-1 {words}" in only(scene.violated(), "I9")


def test_i9_names_a_reduction_that_was_denied_for_its_data(scene: Scene) -> None:
    scene.trade("r-1")
    assert scene.decide("r-2", predictions={"confidence": 0.01})["verdict"] == "deny"
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-2")
        row.decision = {**row.decision, "exposure": "reduces"}
    assert "decision r-2 denied a trade that only reduces: confidence was fail" in only(
        scene.violated(), "I9"
    )


def test_i9_lets_a_cap_shrink_a_trade_but_not_exceed_itself(scene: Scene) -> None:
    assert scene.decide("r-1", signal={"position_size": "15000"})["verdict"] == "shrink"
    assert "I9" not in scene.violated(after_seconds=1)
    change(scene, DecisionRow, DecisionRow.request_id == "r-1", approved_notional=D("10001"))
    assert "decision r-1 was approved beyond the 10000" in only(
        scene.violated(after_seconds=1), "I9"
    )
