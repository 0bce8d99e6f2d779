"""Drawdown tiers begin on the smaller and end on the larger of raw and smoothed drawdown."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.risk.breakers.tiers import DrawdownTier, TierLimits, next_tier, smooth
from tests.support.properties import examples

D = Decimal
GREEN, YELLOW, ORANGE, RED = DrawdownTier
LIMITS = TierLimits(D("0.05"), D("0.075"), D("0.10"), D("0.8"))


@pytest.mark.parametrize(
    ("before", "raw", "smoothed", "after"),
    [
        (GREEN, "0.0499", "0.0499", GREEN),
        (GREEN, "0.05", "0.05", YELLOW),
        (GREEN, "0.20", "0.01", GREEN),
        (GREEN, "0.01", "0.20", GREEN),
        (YELLOW, "0.075", "0.09", ORANGE),
        (ORANGE, "0.10", "0.11", RED),
        (YELLOW, "0.045", "0.045", YELLOW),
        (YELLOW, "0.039", "0.041", YELLOW),
        (YELLOW, "0.039", "0.039", GREEN),
        (ORANGE, "0.00", "0.06", ORANGE),
        (ORANGE, "0.00", "0.059", YELLOW),
        (RED, "0", "0", RED),
    ],
)
def test_the_next_tier(before: DrawdownTier, raw: str, smoothed: str, after: DrawdownTier) -> None:
    assert next_tier(before, D(raw), D(smoothed), LIMITS) is after


_SHARE = st.decimals(0, 1, places=4)


@settings(max_examples=examples(200))
@given(before=st.sampled_from(DrawdownTier), raw=_SHARE, smoothed=_SHARE)
def test_a_tier_gets_stricter_on_the_smaller_and_milder_on_the_larger_alone(
    before: DrawdownTier, raw: Decimal, smoothed: Decimal
) -> None:
    after = next_tier(before, raw, smoothed, LIMITS)
    if after.depth > before.depth:
        assert min(raw, smoothed) >= LIMITS.begins(after)
    if after.depth < before.depth:
        assert before is not RED
        assert max(raw, smoothed) < LIMITS.begins(before) * LIMITS.hysteresis


def test_the_smoothed_drawdown_follows_by_its_half_life_and_never_goes_back_in_time() -> None:
    assert smooth(None, D("0.1"), 30, 30) == D("0.05")
    assert smooth(D("0.05"), D("0.1"), 30, 30) == D("0.075")
    assert smooth(D("0.05"), D("0.1"), -3600, 30) == D("0.05")
