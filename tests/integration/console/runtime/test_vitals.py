"""Of a system whose processes all run and that is well, the doctor says nothing."""

import pytest

from tests.integration.console.runtime.vitals.ward import Ward

pytestmark = pytest.mark.services


def test_of_a_system_that_is_well_nothing_is_said(ward: Ward) -> None:
    assert ward.wrong() == {}
    assert len(ward.check()) > 15
