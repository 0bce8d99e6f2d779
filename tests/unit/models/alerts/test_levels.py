"""Levels follow from recorded facts; `tests/unit/bot/risk/test_alerts.py` has the document's."""

import pytest

from models.alerts.levels import loudest, of_breaker, of_entry
from models.enums import AlertLevel


def test_a_recovery_that_fell_back_is_as_loud_as_its_line_in_the_log() -> None:
    assert of_entry("recovery_fell_back", {}) is AlertLevel.CRITICAL


@pytest.mark.parametrize("value", ["BTCUSDT, ETHUSDT", None, "nan"])
def test_a_value_that_is_no_number_is_not_severe(value: object) -> None:
    kind = "model_performance_degraded"
    assert of_breaker(kind, others=0, value=value, limit="0.4") is AlertLevel.WARNING


def test_ranks_rise_with_the_levels() -> None:
    assert [level.rank for level in AlertLevel] == [0, 1, 2, 3]
    assert loudest(AlertLevel) is AlertLevel.EMERGENCY
