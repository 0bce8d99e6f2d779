"""The intraday curve: mean volume by minute of the day, and every minute measured against it."""

import numpy as np

from bot.errors import Refused
from bot.market.volume.panel import DAY_MINUTES, FloatArray, IntArray, Panel

# A single minute's mean over two weeks is mostly noise; 15 minutes is the field's usual bin.
SMOOTHING_MINUTES = 15
# Part of the day's mean below which a curve doesn't fall: relative volume divides by it.
_FLOOR = 0.01


class NotEnoughBars(Refused, ValueError):
    """The training window is too short for the model."""


def intraday_curves(panel: Panel) -> FloatArray:
    """Expected volume by minute of the day, (symbols, 1440), smoothed around the clock."""
    if panel.volume.shape[1] < DAY_MINUTES:
        raise NotEnoughBars("an intraday curve needs at least one day of bars")
    minutes = panel.minutes_of_day
    counts = np.bincount(minutes, minlength=DAY_MINUTES)
    means = np.stack(
        [np.bincount(minutes, volume, DAY_MINUTES) / counts for volume in panel.volume]
    )
    half = SMOOTHING_MINUTES // 2
    around = np.concatenate([means[:, -half:], means, means[:, :half]], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(around, SMOOTHING_MINUTES, axis=1)
    smooth: FloatArray = windows.mean(axis=2)
    daily = means.mean(axis=1, keepdims=True)
    if not (daily > 0.0).all():
        raise NotEnoughBars("a symbol without any volume has no curve")
    curves: FloatArray = np.maximum(smooth, _FLOOR * daily)
    return curves


def ahead(curve: FloatArray, minutes: IntArray, horizon_minutes: int) -> FloatArray:
    """The curve's volume for each of the next minutes, (minutes, horizon)."""
    days = 2 + horizon_minutes // DAY_MINUTES
    windows = np.lib.stride_tricks.sliding_window_view(np.tile(curve, days), horizon_minutes)
    volumes: FloatArray = windows[minutes % DAY_MINUTES]
    return volumes


def relative_volume(panel: Panel, curves: FloatArray) -> FloatArray:
    """Volume over the expected volume of the time of day; 1 is a normal minute."""
    relative: FloatArray = panel.volume / curves[:, panel.minutes_of_day]
    return relative
