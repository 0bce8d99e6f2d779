"""All that is known of a request, from its message to its fill."""

from decimal import Decimal

import pytest

from console.views.request_facts import request_facts
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_a_request_is_told_from_message_to_fill(scene: Scene) -> None:
    scene.trade("r-1")
    with scene.db.reading() as session:
        facts = request_facts(session, "r-1")
        assert request_facts(session, "r-unknown") is None
    assert facts is not None
    assert facts["decision"]["verdict"] == "allow"
    assert {"value", "limit", "margin", "status"} <= facts["decision"]["checks"][0].keys()
    assert [fill["qty"] for fill in facts["fills"]] == [Decimal("0.1")]
    assert next(entry["kind"] for entry in facts["audit"]) == "decision"
