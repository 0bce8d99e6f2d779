"""I7: numbers are exact and finite."""

from typing import Any

import pytest
from sqlalchemy import text

from models.tables import ChildOrderRow
from tests.integration.console.invariants.breaking import broken, only
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_i7_names_a_money_column_that_is_not_a_number(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        session.execute(text("UPDATE position SET entry_price = 'NaN'"))
    assert only(scene.violated(), "I7") == "position.entry_price is not a number in 1 rows"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("qty", "1E-1", "qty went out as '1E-1', not as plain digits"),
        ("price", 30000, "price went out as 30000, not as plain digits"),
        ("price", 30000.5, "body.price is a float (30000.5)"),
        ("qty", "0.2", "0.2 was sent, its quantity is 0.1"),
    ],
)
def test_i7_names_a_request_body_with_other_than_plain_digits(
    scene: Scene, key: str, value: Any, words: str
) -> None:
    child = scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(ChildOrderRow, child.child_id)
        assert row.body is not None
        row.body = {**row.body, key: value}
    assert words in only(scene.violated(), "I7")


def test_i7_knows_what_closes_a_whole_position(scene: Scene) -> None:
    child = scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(ChildOrderRow, child.child_id)
        assert row.body is not None
        row.body = {**row.body, "qty": "0", "closeOnTrigger": True}
    assert "I7" not in scene.violated()


def test_i7_looks_at_what_the_exchange_received_too(scene: Scene) -> None:
    scene.trade("r-1")
    scene.journal[0]["price"] = "3.00051e4"
    assert "price went out as '3.00051e4'" in only(scene.violated(), "I7")
