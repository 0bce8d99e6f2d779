"""Ages are told in whole seconds, and never below zero."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from console.runtime.vitals.patient import Patient

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "told"), [(90.4, "90 s"), (0, "0 s"), (-3, "0 s")])
def test_an_age_is_in_seconds(seconds: float, told: str) -> None:
    patient = Patient(Session(), "main", ("BTCUSDT",), NOW, {})
    assert patient.age(NOW - timedelta(seconds=seconds)) == told
