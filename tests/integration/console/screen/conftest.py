"""A scene for the screen."""

import pytest

from tests.support.scene import Scene


@pytest.fixture
def traded(scene: Scene) -> Scene:
    """One filled trade, one under way, one denied."""
    scene.trade("r-1")
    scene.decide("r-2", signal={"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5})
    scene.decide("r-3", predictions={"confidence": 0.1})
    return scene
