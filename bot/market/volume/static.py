"""Volume model 1: the intraday curve and nothing else; the plan never changes under way."""

from typing import Any, ClassVar, Self

import numpy as np

from bot.market.volume.curve import ahead, intraday_curves
from bot.market.volume.model import FromOutlook, Outlook, restored, trained_row
from bot.market.volume.panel import DAY_MINUTES, FloatArray, IntArray, Panel


class StaticCurve(FromOutlook):
    """Expected volume is the mean of the time of day, smoothed over 15 minutes."""

    name: ClassVar[str] = "static"

    def __init__(self) -> None:
        self.caution: float | None = None
        self.symbols: tuple[str, ...] = ()
        self._curves = np.empty((0, 0))

    def fit(self, bars: Panel) -> Self:
        """Learns each symbol's curve from bars; returns the model itself."""
        self.symbols, self._curves = bars.symbols, intraday_curves(bars)
        return self

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        """Forecasts the volume of the coming minutes by the curve alone; the history is not read.

        Raises NotTrained for a symbol that the model has not learned.
        """
        del history
        curve = self._curves[trained_row(self.symbols, symbol)]

        def expect(minutes: IntArray, horizon_minutes: int) -> FloatArray:
            return ahead(curve, minutes, horizon_minutes)

        return expect

    def parameters(self) -> dict[str, Any]:
        """The fitted numbers as plain JSON values, for `restore`."""
        return {"symbols": list(self.symbols), "curves": self._curves.tolist()}

    @classmethod
    def restore(cls, parameters: dict[str, Any]) -> Self:
        """Makes a model from the values that `parameters` gave.

        Raises KeyError or ValueError when a value is missing or has another shape.
        """
        model = cls()
        model.symbols = tuple(parameters["symbols"])
        model._curves = restored(parameters, "curves", len(model.symbols), DAY_MINUTES)
        return model
