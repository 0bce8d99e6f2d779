"""How far a volume model's schedule ends from the market's VWAP, over many windows at once."""

from copy import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bot.execution.algorithms.volume_schedule import share_now
from bot.market.volume.model import Outlook
from bot.market.volume.panel import FloatArray, IntArray, Panel

_BPS = 10_000.0


class Scheduler(Protocol):
    """The part of a volume model that a schedule needs."""

    caution: float | None

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        """The forecasts of one symbol from one history, for any minute and horizon."""


class Prepared:
    """A model's forecasts over one panel, made ready once for runs with several cautions."""

    def __init__(self, model: Scheduler, panel: Panel) -> None:
        self.caution = model.caution
        self._panel = panel
        self._outlooks = {symbol: model.outlook(panel, symbol) for symbol in panel.symbols}

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        """The prepared forecasts of one symbol.

        Raises ValueError when `history` is not the panel of the preparation.
        """
        if history is not self._panel:
            raise ValueError("these forecasts were prepared for another panel")
        return self._outlooks[symbol]

    def steered(self, caution: float | None) -> "Prepared":
        """The same forecasts with another schedule."""
        other = copy(self)
        other.caution = caution
        return other


class Twap:
    """Equal volume in every minute, which a VWAP must beat."""

    caution: float | None = None

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        """The same volume in every minute; neither history nor symbol matters."""
        del history, symbol

        def expect(minutes: IntArray, horizon_minutes: int) -> FloatArray:
            return np.ones((len(minutes), horizon_minutes))

        return expect


@dataclass(frozen=True, slots=True)
class TrackingWindows:
    """Orders of `minutes` length, one beginning every `step_minutes`."""

    minutes: int
    step_minutes: int = 15


def tracking_errors(
    model: Scheduler, panel: Panel, start_minute: int, windows: TrackingWindows
) -> dict[str, FloatArray]:
    """Price of a bought order over the market's VWAP of its window, in basis points, by symbol.

    Orders begin at `start_minute` and later and end inside the panel. Each minute is traded at the
    typical price, on a forecast that knows the bars before it only.
    """
    starts = np.arange(start_minute, panel.end_minute - windows.minutes + 1, windows.step_minutes)
    if len(starts) == 0:
        raise ValueError("no window of this length fits after the start")
    typical = panel.typical_price
    errors = {}
    for i, symbol in enumerate(panel.symbols):
        offsets = starts - panel.first_minute
        volume = _windows(panel.volume[i], offsets, windows.minutes)
        price = _windows(typical[i], offsets, windows.minutes)
        shares = traded_shares(model.outlook(panel, symbol), model.caution, starts, volume)
        total = volume.sum(axis=1)
        # A window without any trade has no VWAP to miss.
        traded = total > 0.0
        vwap = (volume * price).sum(axis=1)[traded] / total[traded]
        errors[symbol] = ((shares * price).sum(axis=1)[traded] / vwap - 1.0) * _BPS
    return errors


def traded_shares(
    outlook: Outlook, caution: float | None, starts: IntArray, volume: FloatArray
) -> FloatArray:
    """Share of the order traded in each minute of each window, (windows, minutes); rows sum to 1.

    `volume` is the market's in those minutes; a minute's share depends on earlier columns only.
    """
    length = volume.shape[1]
    shares = np.empty_like(volume)
    left, done = np.ones(len(starts)), np.zeros(len(starts))
    for k in range(length):
        shares[:, k] = share_now(outlook(starts + k, length - k), left, done, caution)
        left = left - shares[:, k]
        done = done + volume[:, k]
    return shares


def _windows(series: FloatArray, offsets: IntArray, length: int) -> FloatArray:
    return np.lib.stride_tricks.sliding_window_view(series, length)[offsets]
