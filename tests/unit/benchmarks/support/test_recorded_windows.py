"""Windows lie after the training, apart from each other, and play the minutes that they name."""

from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.support.recorded_windows import LEAD_MINUTES, TAIL_MINUTES, chosen_starts, cut
from bot.market.volume.files import read_folder
from bot.market.volume.panel import minute_of
from paper_exchange.types import MarketTrade
from tests.unit.benchmarks.support.recorded import START, SYMBOL, write


def test_windows_begin_after_the_given_minute_and_do_not_overlap(tmp_path: Path) -> None:
    panel = read_folder(write(tmp_path, 1440 + 300))
    first = panel.first_minute + 1500
    starts = list(chosen_starts(panel, SYMBOL, first, 5, 10, seed=1))
    assert len(starts) == 10
    assert starts[0] - LEAD_MINUTES >= first
    assert starts[-1] + 5 + TAIL_MINUTES <= panel.end_minute
    for one, following in pairwise(starts):
        assert one + 5 + TAIL_MINUTES <= following - LEAD_MINUTES
    assert starts == list(chosen_starts(panel, SYMBOL, first, 5, 10, seed=1))
    with pytest.raises(ValueError, match="don't fit"):
        list(chosen_starts(panel, SYMBOL, first, 60, 10, seed=1))


def test_a_window_trades_the_volume_of_its_minutes_from_the_lead_to_the_tail(
    tmp_path: Path,
) -> None:
    panel = read_folder(write(tmp_path))
    minute = minute_of(START) + 1450
    window = cut(tmp_path, panel, SYMBOL, minute, 10)
    traded = sum(e.qty for e in window.events if isinstance(e, MarketTrade))
    bars = panel.between(minute - LEAD_MINUTES, minute + 10 + TAIL_MINUTES)
    assert traded * float(window.spec.qty_step) == pytest.approx(float(bars.volume.sum()))
    assert window.day_volume == pytest.approx(
        float(panel.between(minute - 1440, minute).volume.sum())
    )
    assert 0.0 < window.day_volatility < 1.0
    assert window.events == cut(tmp_path, panel, SYMBOL, minute, 10).events


def test_minutes_that_are_missing_are_refused_by_name(tmp_path: Path) -> None:
    panel = read_folder(write(tmp_path))
    write(tmp_path, 1455)
    with pytest.raises(ValueError, match="lacks minutes"):
        cut(tmp_path, panel, SYMBOL, minute_of(START) + 1450, 10)
