"""Volume model 2: recent volume relative to the time of day, five coefficients per horizon."""

from typing import Any, ClassVar, Self

import numpy as np

from bot.market.volume import regression
from bot.market.volume.curve import ahead, intraday_curves, relative_volume
from bot.market.volume.ewma import known_before
from bot.market.volume.model import FromOutlook, Outlook, restored, trained_row
from bot.market.volume.panel import DAY_MINUTES, FloatArray, IntArray, Panel

SPANS_MINUTES = (2.0, 8.0, 30.0, 120.0)
# The longest average has forgotten its start.
_WARM_UP_MINUTES = 300


class DynamicRegression(FromOutlook):
    """Linear in EWMAs of 2, 8, 30 and 120 minutes; the remainder is split anew every minute."""

    name: ClassVar[str] = "dynamic"

    def __init__(self) -> None:
        self.caution: float | None = None
        self.symbols: tuple[str, ...] = ()
        self._curves = np.empty((0, 0))
        self._coefficients = np.empty((0, 0, 0))

    def fit(self, bars: Panel) -> Self:
        """Learns each symbol's curve and coefficients from bars; returns the model itself."""
        curves = intraday_curves(bars)
        relative = relative_volume(bars, curves)
        fitted = []
        for one in relative:
            gram, cross = regression.moments(_features(one), one, _WARM_UP_MINUTES)
            fitted.append(regression.solve(gram, cross, ridge=0.0))
        self.symbols, self._curves, self._coefficients = bars.symbols, curves, np.stack(fitted)
        return self

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        """Forecasts the volume of the coming minutes from the history's newest bars.

        Raises NotTrained for a symbol that the model has not learned, ValueError when the history
        has no bars of it.
        """
        place = trained_row(self.symbols, symbol)
        curve, coefficients = self._curves[place], self._coefficients[place]
        volume = history.volume[history.row(symbol)]
        features = _features(volume / curve[history.minutes_of_day])

        def expect(minutes: IntArray, horizon_minutes: int) -> FloatArray:
            rows = features[minutes - history.first_minute]
            relative = regression.predict(rows, coefficients, horizon_minutes)
            return relative * ahead(curve, minutes, horizon_minutes)

        return expect

    def parameters(self) -> dict[str, Any]:
        """The fitted numbers as plain JSON values, for `restore`."""
        return {
            "symbols": list(self.symbols),
            "curves": self._curves.tolist(),
            "coefficients": self._coefficients.tolist(),
        }

    @classmethod
    def restore(cls, parameters: dict[str, Any]) -> Self:
        """Makes a model from the values that `parameters` gave.

        Raises KeyError or ValueError when a value is missing or has another shape.
        """
        model = cls()
        model.symbols = tuple(parameters["symbols"])
        model._curves = restored(parameters, "curves", len(model.symbols), DAY_MINUTES)
        model._coefficients = restored(
            parameters,
            "coefficients",
            len(model.symbols),
            len(regression.BUCKET_STARTS),
            1 + len(SPANS_MINUTES),
        )
        return model


def _features(relative: FloatArray) -> FloatArray:
    """(minutes + 1, 5): the constant and the averages known before each minute."""
    averages = known_before(relative[None, :], SPANS_MINUTES)[:, 0]
    return np.concatenate([np.ones((1, averages.shape[1])), averages]).T
