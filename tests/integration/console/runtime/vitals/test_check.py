"""The doctor tells what is wrong before what is well."""

import pytest

from tests.integration.console.runtime.vitals.ward import Ward

pytestmark = pytest.mark.services


def test_problems_come_first(ward: Ward) -> None:
    ward.markets.clear()
    problems = [vital.problem for vital in ward.check()]
    assert problems[0] is not None
    assert problems[-1] is None
