"""The limits in force by HTTP, with unit, origin and ETag."""

import pytest

from tests.support.api import Program, problem

pytestmark = pytest.mark.services


def test_an_operator_reads_the_limits_and_a_strategy_does_not(
    ops: Program, momentum: Program
) -> None:
    found = ops.get("/limits")
    said = found.json()
    assert said["environment"] == "development"
    assert said["values"]["quotas"]["requests_per_second"] == 1000
    assert said["units"]["quotas.requests_per_second"] == "requests per second"
    assert "ml_risk_config.yaml" in said["origins"]["quotas.requests_per_second"]
    assert ops.get("/limits", if_none_match=found.headers["etag"]).status_code == 304
    refused = momentum.get("/limits")
    assert (refused.status_code, problem(refused)) == (403, "not-allowed")
