"""I3: a strategy's share of a position is explained by its fills."""

import pytest

from models.tables import StrategyShareRow
from tests.integration.console.invariants.breaking import D, change, only
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_i3_names_a_share_that_its_strategys_fills_do_not_explain(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, StrategyShareRow, StrategyShareRow.symbol == "BTCUSDT", filled_qty=D("0.3"))
    text_ = only(scene.violated(), "I3")
    assert "in BTCUSDT of paper: 0.3 stored, 0.1 by fills" in text_
    change(scene, StrategyShareRow, StrategyShareRow.symbol == "BTCUSDT", taken_qty=D("-0.1"))
    assert "-0.1 was taken from one and given to no other" in only(scene.violated(), "I3")
