"""Minutes of several symbols are read from an exchange, for training."""

from datetime import timedelta

import pytest

from bot.errors import DependencyDown
from bot.market.volume.panel import DAY_MINUTES, moment_of
from bot.market.volume.reading import NoMinutes, read_exchange
from tests.unit.bot.market.volume.exchange import PanelExchange
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, SYMBOLS, panel


def test_a_panel_is_read_symbol_by_symbol_and_told() -> None:
    market = panel(1)
    end = moment_of(market.end_minute)
    venue = PanelExchange(market, now=end)
    said: list[str] = []
    read = read_exchange(venue, SYMBOLS[::-1], end - timedelta(hours=2), end, said.append)
    assert read.symbols == SYMBOLS
    assert read.volume.tolist() == market.volume[:, -120:].tolist()
    assert said[0].startswith("AAAUSDT: 120 minutes from ")


def test_a_panel_holds_what_all_symbols_have_after_an_outage() -> None:
    market = panel(1)
    end = moment_of(market.end_minute)
    outage = set(range(FIRST_MINUTE + 100, FIRST_MINUTE + 200))
    venue = PanelExchange(market, now=end, silent=outage)
    read = read_exchange(venue, SYMBOLS, moment_of(FIRST_MINUTE), end)
    assert read.first_minute == FIRST_MINUTE + 200
    assert read.end_minute == FIRST_MINUTE + DAY_MINUTES


def test_a_symbol_without_minutes_is_refused_by_name() -> None:
    end = moment_of(panel(1).end_minute)
    with pytest.raises(NoMinutes, match="XXXUSDT"):
        read_exchange(PanelExchange(panel(1), end), ["XXXUSDT"], moment_of(FIRST_MINUTE), end)


def test_an_exchange_that_is_away_is_no_empty_market() -> None:
    end = moment_of(panel(1).end_minute)
    venue = PanelExchange(panel(1), end, down={SYMBOLS[0]})
    with pytest.raises(DependencyDown):
        read_exchange(venue, SYMBOLS, moment_of(FIRST_MINUTE), end)
