"""On recorded bars of days it has not seen the learned model reaches the project's goal."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bot.market.volume.files import read_folder
from bot.market.volume.learned import PooledRidge
from bot.market.volume.model import VolumeModel
from bot.market.volume.panel import DAY_MINUTES, Bars, FloatArray, Panel
from bot.market.volume.static import StaticCurve
from bot.market.volume.tracking import TrackingWindows, Twap, tracking_errors
from bot.market.volume.training import MODELS
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, SYMBOLS, panel

FOLDER = "bybit_linear_1m_20250530"


@pytest.fixture(scope="module")
def folder() -> Path:
    recordings = os.environ.get("MLRISK_RECORDINGS")
    if recordings is None or not (Path(recordings) / FOLDER).is_dir():
        pytest.skip("MLRISK_RECORDINGS holds no Bybit bars")
    return Path(recordings) / FOLDER


@pytest.mark.long
def test_the_learned_schedule_cuts_the_error_and_no_symbol_is_worse_than_twap(
    folder: Path,
) -> None:
    panel = read_folder(folder)
    end = panel.first_minute + 13 * DAY_MINUTES
    past = panel.until(end)
    learned, static = PooledRidge().fit(past), StaticCurve().fit(past)
    # Fewer orders than the benchmark has: a test is to be quick.
    for windows, goal in ((TrackingWindows(60, 90), 0.15), (TrackingWindows(240, 150), 0.20)):
        ours, base, twap = (
            tracking_errors(model, panel, end, windows) for model in (learned, static, Twap())
        )
        assert 1.0 - _mean(ours) / _mean(base) >= goal
        assert all(np.abs(ours[s]).mean() < np.abs(twap[s]).mean() for s in panel.symbols)


def _mean(errors: dict[str, FloatArray]) -> float:
    return float(np.abs(np.concatenate(list(errors.values()))).mean())


TRAIN_END = FIRST_MINUTE + 5 * 1440


NAMES = sorted(MODELS)


@pytest.fixture(scope="module")
def market() -> Panel:
    return panel(6)


@pytest.fixture(scope="module")
def fitted(market: Panel) -> Mapping[str, VolumeModel]:
    return {name: MODELS[name]().fit(market.until(TRAIN_END)) for name in NAMES}


def test_the_learned_model_works_without_the_other_symbols(
    fitted: Mapping[str, VolumeModel], market: Panel
) -> None:
    alone = Panel.of([_bars(market, 0)])
    ahead = fitted["learned"].forecast(alone, SYMBOLS[0], 60)
    both = fitted["learned"].forecast(market, SYMBOLS[0], 60)
    assert (ahead > 0.0).all()
    assert ahead == pytest.approx(both, rel=0.5)


def _bars(market: Panel, row: int) -> Bars:
    return Bars(
        market.symbols[row],
        market.first_minute,
        market.high[row],
        market.low[row],
        market.close[row],
        market.volume[row],
    )
