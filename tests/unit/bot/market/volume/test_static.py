"""The static model: the curve of the day and nothing else."""

import pytest

from bot.market.volume.curve import intraday_curves
from bot.market.volume.model import NotTrained
from bot.market.volume.panel import DAY_MINUTES
from bot.market.volume.static import StaticCurve
from tests.unit.bot.market.volume.synthetic import SYMBOLS, panel


def test_a_forecast_is_the_learned_curve_of_the_coming_minutes() -> None:
    bars = panel(2)
    model = StaticCurve().fit(bars)
    ahead = model.forecast(bars, SYMBOLS[0], 30)
    first = bars.end_minute % DAY_MINUTES
    curve = intraday_curves(bars)[0]
    expected = [curve[(first + minute) % DAY_MINUTES] for minute in range(30)]
    assert ahead == pytest.approx(expected)


def test_the_newest_volume_changes_no_forecast() -> None:
    bars = panel(3)
    model = StaticCurve().fit(bars.until(bars.first_minute + 2 * DAY_MINUTES))
    early = bars.until(bars.first_minute + DAY_MINUTES)
    late = bars.until(bars.first_minute + 2 * DAY_MINUTES)
    one, two = (model.forecast(each, SYMBOLS[0], 60) for each in (early, late))
    assert one == pytest.approx(two)


def test_what_was_not_learned_has_no_forecast() -> None:
    with pytest.raises(NotTrained):
        StaticCurve().fit(panel(2)).forecast(panel(2), "XXXUSDT", 10)
