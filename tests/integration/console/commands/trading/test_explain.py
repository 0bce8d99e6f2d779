"""A request's decision is explained with every check and what was needed."""

from decimal import Decimal

import pytest

from console.errors import ExitCode
from tests.integration.console.commands.commanding import Mlrisk
from tests.support.desk import Desk

pytestmark = pytest.mark.services


class TestExplain:
    def test_a_denial_is_explained_with_every_check_and_what_was_needed(
        self, desk: Desk, mlrisk: Mlrisk
    ) -> None:
        desk.market.age_seconds = 60
        desk.approve("r-1", ml_predictions={"confidence": 0.1})
        status, facts = mlrisk("explain", "r-1", "--json")
        assert status == ExitCode.OK
        decision = facts["decision"]
        assert decision["sentence"].startswith("Blocked because")
        checks = {check["name"]: check for check in decision["checks"]}
        confidence = checks["confidence"]
        assert (confidence["value"], confidence["limit"], confidence["margin"]) == (
            "0.1",
            "0.6",
            "-0.5",
        )
        assert confidence["needed"] in decision["needed"]
        assert checks["data_age"]["data_age_seconds"] == 60
        assert len(checks) > 40
        text = mlrisk("explain", "r-1")[1]
        assert "DENY: Blocked because" in text
        assert "60.0 s" in text

    def test_an_approval_is_explained_with_its_factors_and_what_came_of_it(
        self, desk: Desk, mlrisk: Mlrisk
    ) -> None:
        desk.approve("r-1", ml_predictions={"uncertainty": 0.3})
        desk.send_due()
        desk.stream()
        _, facts = mlrisk("explain", "r-1", "--json")
        factors = {
            factor["name"]: Decimal(factor["value"]) for factor in facts["decision"]["factors"]
        }
        assert facts["decision"]["verdict"] == "shrink"
        assert factors["uncertainty"] < 1
        assert facts["outcome"]["state"] == "completed"
        assert "since then: immediate" in mlrisk("explain", "r-1")[1]

    def test_a_message_refused_at_the_door_is_explained_by_its_fields(
        self, desk: Desk, mlrisk: Mlrisk
    ) -> None:
        desk.approve("r-1", side="up")
        status, facts = mlrisk("explain", "r-1", "--json")
        assert (status, facts["errors"][0]["field"]) == (0, "side")
        assert "side:" in mlrisk("explain", "r-1")[1]

    def test_nobody_is_explained_that_nobody_knows(self, desk: Desk, mlrisk: Mlrisk) -> None:
        assert mlrisk("explain", "r-1")[0] == ExitCode.FAILED
