"""Trains the three volume models on a panel and measures them on its last third."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from bot.market.volume.curve import NotEnoughBars
from bot.market.volume.dynamic import DynamicRegression
from bot.market.volume.learned import PooledRidge
from bot.market.volume.model import VolumeModel
from bot.market.volume.panel import DAY_MINUTES, FloatArray, Panel, moment_of
from bot.market.volume.static import StaticCurve
from bot.market.volume.tracking import (
    Prepared,
    Scheduler,
    TrackingWindows,
    Twap,
    tracking_errors,
)

MODELS: Mapping[str, Callable[[], VolumeModel]] = {
    StaticCurve.name: StaticCurve,
    DynamicRegression.name: DynamicRegression,
    PooledRidge.name: PooledRidge,
}
TWAP = "twap"
WINDOWS = (TrackingWindows(60), TrackingWindows(240))
# The project's benchmark learns on 13 of 20 days.
_LEARNING_SHARE = 0.65

LEAST_MINUTES = 3 * DAY_MINUTES
"""The least window: a day for the intraday curve and the warm-up of the longest average, some hours
to fit on, and a third to test on with whole windows. Two days fall just short."""

ErrorTable = dict[str, dict[str, dict[str, float]]]
"""Window in minutes -> model -> symbol -> mean absolute tracking error in basis points."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Models fitted on the whole window, and the errors of the same recipe on its unseen part."""

    models: dict[str, VolumeModel]
    window_start: datetime
    window_end: datetime
    tested_from: datetime
    """The errors' models knew the bars before this moment only."""
    errors: ErrorTable


def train(panel: Panel) -> Trained:
    """Raises NotEnoughBars when the panel is too short to learn from one part and test another."""
    length = panel.end_minute - panel.first_minute
    if length < LEAST_MINUTES:
        raise NotEnoughBars(
            f"{length / DAY_MINUTES:.1f} days of bars that all symbols have; learning and testing "
            f"needs at least {LEAST_MINUTES // DAY_MINUTES}"
        )
    cut = panel.first_minute + int(length * _LEARNING_SHARE)
    rehearsal = {name: make().fit(panel.until(cut)) for name, make in MODELS.items()}
    errors = measure(rehearsal, panel, cut)
    return Trained(
        models={name: make().fit(panel) for name, make in MODELS.items()},
        window_start=moment_of(panel.first_minute),
        window_end=moment_of(panel.end_minute),
        tested_from=moment_of(cut),
        errors=errors,
    )


def measure(models: Mapping[str, VolumeModel], panel: Panel, start_minute: int) -> ErrorTable:
    """Errors of these models and of TWAP on the orders that begin at `start_minute` or later."""
    ready: dict[str, Scheduler] = {TWAP: Twap()}
    ready.update({name: Prepared(model, panel) for name, model in models.items()})
    return {
        str(windows.minutes): {
            name: _means(tracking_errors(one, panel, start_minute, windows))
            for name, one in ready.items()
        }
        for windows in WINDOWS
    }


def _means(errors: Mapping[str, FloatArray]) -> dict[str, float]:
    return {symbol: round(float(np.abs(one).mean()), 4) for symbol, one in errors.items()}
