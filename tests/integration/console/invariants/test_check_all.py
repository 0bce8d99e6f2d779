"""A true history breaks no invariant."""

import pytest

from tests.integration.console.invariants.breaking import D
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_a_true_history_breaks_nothing(scene: Scene) -> None:
    scene.trade("r-1")
    scene.trade("r-2", side="sell")
    assert scene.decide("r-3", predictions={"confidence": 0.1})["verdict"] == "deny"
    assert scene.violated() == {}


def test_a_partly_filled_order_whose_rest_is_tried_again_breaks_nothing(scene: Scene) -> None:
    scene.decide("r-1")
    child = scene.children("r-1")[0]
    scene.accept(child)
    scene.fill(child, D("0.03"))
    successor = scene.children("r-1")[1]
    assert (successor.attempt, successor.qty) == (1, D("0.07"))
    scene.advance(1)
    scene.accept(successor)
    scene.fill(successor)
    assert scene.parent("r-1").state == "completed"
    assert scene.violated() == {}
