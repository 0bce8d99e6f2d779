"""What the minute bars say to the breakers of the market."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.risk.limits import RiskLimits
from bot.safety.breakers.markets import MEASURED_FOR, BarFigures, bars
from bot.safety.breakers.readings import BreakerKind

NOW = datetime(2026, 11, 30, tzinfo=UTC)
LIMITS = RiskLimits()


@pytest.mark.parametrize(
    ("ratio", "breached", "over"),
    [(3.0, True, False), (2.999, False, False), (1.5, False, False), (1.499, False, True)],
)
def test_a_spike_begins_at_its_limit_and_is_over_at_half_of_it(
    ratio: float, breached: bool, over: bool
) -> None:
    (reading,) = bars("paper", BarFigures(NOW, {"BTCUSDT": ratio}), LIMITS, NOW)
    assert (reading.kind, str(reading.scope)) == (BreakerKind.VOLATILITY, "symbol:BTCUSDT")
    assert (reading.breached, reading.is_over) == (breached, over)


@pytest.mark.parametrize(
    ("shift", "breached", "over"),
    [(0.3, True, False), (0.2999, False, False), (0.24, False, False), (0.2399, False, True)],
)
def test_a_break_of_correlations_begins_at_its_limit_and_is_over_at_four_fifths_of_it(
    shift: float, breached: bool, over: bool
) -> None:
    (reading,) = bars("paper", BarFigures(NOW, {}, shift), LIMITS, NOW)
    assert (reading.kind, str(reading.scope)) == (BreakerKind.CORRELATION, "account:paper")
    assert (reading.breached, reading.is_over) == (breached, over)


def test_old_figures_say_nothing() -> None:
    late = NOW + MEASURED_FOR + timedelta(seconds=1)
    assert not list(bars("paper", BarFigures(NOW, {"BTCUSDT": 9.0}, 0.9), LIMITS, late))
    assert not list(bars("paper", None, LIMITS, NOW))
