"""At most so many passes in any window, and a batch whole or not at all."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.risk.breakers.throttle import SlidingWindow

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


_STEPS = st.lists(st.tuples(st.integers(-3000, 3000), st.integers(1, 7)), min_size=1, max_size=60)


@given(limit=st.integers(1, 5), per_ms=st.integers(1, 2000), steps=_STEPS)
def test_never_more_than_the_limit_passes_in_any_window(
    limit: int, per_ms: int, steps: list[tuple[int, int]]
) -> None:
    """Also when the clock goes back: a pass then counts at the latest time that was seen."""
    per = timedelta(milliseconds=per_ms)
    throttle = SlidingWindow(limit, per)
    now, latest = NOW, NOW - timedelta(days=1)
    passes: list[datetime] = []
    for step, batch in steps:
        now += timedelta(milliseconds=step)
        latest = max(latest, now)
        before = len(passes)
        if throttle.take(now, batch).allowed:
            passes += [latest] * batch
        elif batch > limit:
            assert len(passes) == before
    for start in passes:
        assert sum(start <= moment < start + per for moment in passes) <= limit


@given(limit=st.integers(1, 5), batch=st.integers(1, 10))
def test_a_batch_larger_than_the_limit_consumes_nothing(limit: int, batch: int) -> None:
    throttle = SlidingWindow(limit, timedelta(seconds=1))
    allowed, used = throttle.take(NOW, batch)
    assert allowed is (batch <= limit)
    assert used == (batch / limit if allowed else 0.0)
    assert throttle.in_use(NOW) == (batch if allowed else 0)


@pytest.mark.parametrize(("limit", "seconds"), [(0, 1), (-1, 1), (1, 0), (1, -1)])
def test_a_zero_limit_or_window_cannot_be_configured(limit: int, seconds: int) -> None:
    with pytest.raises(ValueError, match="a throttle needs"):
        SlidingWindow(limit, timedelta(seconds=seconds))
