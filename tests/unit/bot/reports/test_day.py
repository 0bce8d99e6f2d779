"""A day's readings are thinned without losing the extremes, the first and the last."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.reports.day import _thinned

T0 = datetime(2026, 11, 30, tzinfo=UTC)


@given(st.integers(1, 2000), st.integers(0, 2**32))
def test_few_readings_keep_the_extremes_the_ends_and_the_order(count: int, seed: int) -> None:
    values = random.Random(seed).choices(range(1000), k=count)
    points = [(T0 + timedelta(seconds=3 * n), Decimal(value)) for n, value in enumerate(values)]
    kept = _thinned(points)
    assert len(kept) <= 242
    assert kept == sorted(kept, key=lambda point: point[0])
    assert set(kept) <= set(points)
    assert {kept[0], kept[-1]} == {points[0], points[-1]}
    equities = [equity for _, equity in kept]
    assert (min(equities), max(equities)) == (min(values), max(values))
