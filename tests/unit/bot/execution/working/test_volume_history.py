"""Minutes in memory: one read a minute, what failed leaves what is known."""

from datetime import timedelta

import pytest

from bot.errors import DependencyDown
from bot.execution.working.volume_history import KEPT_MINUTES, NoHistory, VolumeHistory
from bot.market.bars import MINUTE
from bot.market.volume.panel import moment_of
from tests.unit.bot.market.volume.exchange import PanelExchange
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, SYMBOLS, panel

SYMBOL = SYMBOLS[0]
SINCE, NOW = moment_of(FIRST_MINUTE + 60), moment_of(FIRST_MINUTE + 300)


@pytest.fixture
def venue() -> PanelExchange:
    return PanelExchange(panel(1), now=NOW)


def test_the_finished_minutes_are_those_of_the_market(venue: PanelExchange) -> None:
    bars = VolumeHistory(venue).bars(SYMBOL, SINCE, NOW + timedelta(seconds=30))
    assert (bars.first_minute, bars.end_minute) == (FIRST_MINUTE + 60, FIRST_MINUTE + 300)
    assert bars.volume.tolist() == venue.panel.volume[0, 60:300].tolist()


def test_a_minute_is_asked_for_once_and_only_what_is_new(venue: PanelExchange) -> None:
    history = VolumeHistory(venue)
    for _ in range(3):
        history.bars(SYMBOL, SINCE, NOW)
    venue.now = NOW + MINUTE
    for seconds in (0, 20, 40):
        bars = history.bars(SYMBOL, SINCE, venue.now + timedelta(seconds=seconds))
    assert [start for _, start, _ in venue.asked] == [SINCE, NOW]
    assert bars.end_minute == FIRST_MINUTE + 301


def test_a_minute_that_comes_late_is_asked_for_in_the_next_one(venue: PanelExchange) -> None:
    history = VolumeHistory(venue)
    late = NOW + MINUTE + timedelta(seconds=1)
    assert history.bars(SYMBOL, SINCE, late).end_minute == FIRST_MINUTE + 300
    assert history.bars(SYMBOL, SINCE, late).end_minute == FIRST_MINUTE + 300
    assert len(venue.asked) == 1
    venue.now = NOW + 2 * MINUTE
    assert history.bars(SYMBOL, SINCE, late + MINUTE).end_minute == FIRST_MINUTE + 302


def test_an_older_past_is_read_when_somebody_needs_it(venue: PanelExchange) -> None:
    history = VolumeHistory(venue)
    history.bars(SYMBOL, SINCE, NOW)
    assert history.bars(SYMBOL, SINCE - MINUTE, NOW).first_minute == FIRST_MINUTE + 59
    # The exchange has nothing before the first minute, and isn't asked for it again.
    for _ in range(2):
        assert history.bars(SYMBOL, SINCE - 90 * MINUTE, NOW).first_minute == FIRST_MINUTE
    assert len(venue.asked) == 3


def test_a_failed_read_leaves_what_is_known(venue: PanelExchange) -> None:
    history = VolumeHistory(venue)
    history.bars(SYMBOL, SINCE, NOW)
    venue.down, venue.now = {SYMBOL}, NOW + 3 * MINUTE
    assert history.bars(SYMBOL, SINCE, venue.now).end_minute == FIRST_MINUTE + 300
    assert history.bars(SYMBOL, SINCE, venue.now).end_minute == FIRST_MINUTE + 300
    assert len(venue.asked) == 2
    # Nor is an older past asked for while the exchange is away.
    assert history.bars(SYMBOL, SINCE - MINUTE, venue.now).first_minute == FIRST_MINUTE + 60
    assert len(venue.asked) == 2


def test_a_first_read_that_fails_says_why_and_is_not_repeated_at_once(venue: PanelExchange) -> None:
    history = VolumeHistory(venue)
    venue.down = {SYMBOL}
    with pytest.raises(DependencyDown):
        history.bars(SYMBOL, SINCE, NOW)
    with pytest.raises(NoHistory, match=SYMBOL):
        history.bars(SYMBOL, SINCE, NOW)
    venue.down, venue.now = set(), NOW + MINUTE
    assert history.bars(SYMBOL, SINCE, venue.now).end_minute == FIRST_MINUTE + 301
    assert len(venue.asked) == 2


def test_what_is_remembered_costs_no_read(venue: PanelExchange) -> None:
    history = VolumeHistory(venue)
    with pytest.raises(NoHistory):
        history.remembered(SYMBOL, SINCE, NOW)
    known = history.bars(SYMBOL, SINCE, NOW)
    again = history.remembered(SYMBOL, SINCE, NOW)
    assert again.volume.tolist() == known.volume.tolist()
    assert len(venue.asked) == 1


def test_memory_is_bounded() -> None:
    venue = PanelExchange(panel(9), now=moment_of(FIRST_MINUTE + 9 * 1440))
    bars = VolumeHistory(venue).bars(SYMBOL, moment_of(FIRST_MINUTE), venue.now)
    assert len(bars.volume) == KEPT_MINUTES
