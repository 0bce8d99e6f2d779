"""Each invariant names the state that breaks it, and says nothing of a true history."""

import pytest

from tests.unit.console.scene import Scene

pytestmark = pytest.mark.services


def test_a_true_history_breaks_nothing(scene: Scene) -> None:
    scene.trade("r-1")
    scene.trade("r-2", side="sell")
    assert scene.decide("r-3", predictions={"confidence": 0.1})["verdict"] == "deny"
    assert scene.violated() == {}
