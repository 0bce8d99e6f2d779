"""The budget of false alarms holds whatever the rate of predictions is."""

from datetime import timedelta

import pytest

from bot.model_risk.budget import SHRINK_AT, SHRINK_EVERY, STOP_AT, STOP_EVERY, STREAMS, stake


def test_the_budget_is_kept_at_any_rate_of_predictions() -> None:
    """A month of stakes over 20 streams sums up to one false shrink, a quarter to one stop."""
    for pause in (timedelta(minutes=1), timedelta(hours=5)):
        each = stake(pause, STREAMS) * STREAMS
        assert each * (SHRINK_EVERY / pause) == pytest.approx(SHRINK_AT)
        assert each * (STOP_EVERY / pause) == pytest.approx(STOP_AT)
    assert stake(timedelta(hours=1), 40) == stake(timedelta(hours=1), 1) / 2
    assert stake(timedelta(days=400), 1) == stake(None, 1) == stake(timedelta(days=1), 1)
    assert stake(timedelta(seconds=-5), 1) == 0
