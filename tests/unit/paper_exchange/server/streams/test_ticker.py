"""Open interest moves slowly for everybody alike; funding times lie on their grid."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.market.factory import open_source
from paper_exchange.server.streams.ticker import (
    OPEN_INTEREST_STEPS,
    OPEN_INTEREST_SWING,
    next_funding_ms,
    open_interest,
)
from tests.support.properties import examples

SPEC = next(
    spec
    for spec in open_source("synthetic", seed=1, symbols=("BTCUSDT",)).instruments()
    if spec.category == "linear"
)
MOMENTS = st.integers(min_value=0, max_value=2_000_000_000_000)


@settings(max_examples=examples(100))
@given(MOMENTS)
def test_open_interest_stays_within_its_swing_and_on_the_grid(now_ms: int) -> None:
    found = open_interest(SPEC, now_ms)
    steps = found / SPEC.qty_step
    assert steps == steps.to_integral_value()
    assert abs(steps / OPEN_INTEREST_STEPS - 1) <= Decimal(str(OPEN_INTEREST_SWING))
    assert found == open_interest(SPEC, now_ms)


@settings(max_examples=examples(100))
@given(MOMENTS, st.sampled_from([60, 240, 480]))
def test_the_next_funding_is_after_now_and_within_one_interval(now_ms: int, minutes: int) -> None:
    found = next_funding_ms(now_ms, minutes)
    assert now_ms < found <= now_ms + minutes * 60_000
    assert found % (minutes * 60_000) == 0


def test_open_interest_moves() -> None:
    assert open_interest(SPEC, 0) != pytest.approx(open_interest(SPEC, 5 * 3_600_000))
