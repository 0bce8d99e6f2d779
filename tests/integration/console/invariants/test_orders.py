"""I1 and I2: each order has an approving decision, and each child at most one order."""

from typing import Any

import pytest
from sqlalchemy import delete

from models.tables import ChildOrderRow, DecisionRow
from tests.integration.console.invariants.breaking import broken, change, only
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_i1_names_an_order_without_a_child(scene: Scene) -> None:
    child = scene.trade("r-1")
    scene.journal[0]["orderLinkId"] = "mr-nobodyknowsme"
    text_ = only(scene.violated(), "I1")
    assert "mr-nobodyknowsme at the exchange has no child order" in text_
    assert child.order_link_id not in text_


def test_i1_names_an_order_of_a_denied_request(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, DecisionRow, DecisionRow.request_id == "r-1", verdict="deny")
    assert "request r-1 was decided deny" in only(scene.violated(), "I1")


def test_i1_names_an_order_of_a_request_that_was_never_decided(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        session.execute(delete(DecisionRow))
    assert "request r-1 has no decision" in only(scene.violated(), "I1")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("symbol", "ETHUSDT", "symbol ETHUSDT at the exchange, BTCUSDT in its child"),
        ("side", "Sell", "side sell at the exchange, buy in its child"),
        ("qty", "0.05", "quantity 0.05 at the exchange"),
        ("qty", "7", "7 is more than the approved 0.1"),
        ("reduceOnly", True, "reduce-only True at the exchange, False in its child"),
    ],
)
def test_i1_names_an_order_other_than_approved(
    scene: Scene, field: str, value: Any, words: str
) -> None:
    scene.trade("r-1")
    scene.journal[0][field] = value
    assert words in only(scene.violated(), "I1")


def test_i1_names_an_order_that_came_before_its_decision(scene: Scene) -> None:
    scene.trade("r-1")
    scene.journal[0]["t"] -= 60_000
    assert "reached the exchange before its decision" in only(scene.violated(), "I1")


def test_i2_names_an_order_id_that_was_accepted_twice(scene: Scene) -> None:
    child = scene.trade("r-1")
    scene.journal.append({**scene.journal[0], "orderId": "ex-second"})
    text_ = only(scene.violated(), "I2")
    assert f"order id {child.order_link_id} was accepted 2 times" in text_
    assert "child r-1 slot 0 attempt 0 has 2 orders at the exchange" in text_


def test_i2_names_a_child_whose_id_is_not_its_own(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, ChildOrderRow, ChildOrderRow.slot == 0, order_link_id="mr-random")
    assert "id mr-random isn't its own" in only(scene.violated(), "I2")


def test_i2_names_a_child_that_believes_in_another_order(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, ChildOrderRow, ChildOrderRow.slot == 0, exchange_order_id="ex-other")
    assert "exchange id ex-other is stored, its record has another" in only(scene.violated(), "I2")
