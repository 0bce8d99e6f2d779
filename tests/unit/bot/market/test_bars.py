"""A bar ends a minute after it begins."""

from datetime import timedelta

from bot.market.bars import MINUTE, Bar
from tests.unit.bot.risk.cases import NOW, D


def test_a_bar_ends_where_the_next_begins() -> None:
    bar = Bar(NOW, D(1), D(2), D(1), D(2), D(5), D(8))
    assert bar.end == NOW + MINUTE == NOW + timedelta(seconds=60)
