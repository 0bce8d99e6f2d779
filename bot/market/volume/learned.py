"""Volume model 3: a pooled ridge regression on this symbol, the others and the price range, and a
schedule that steers to the market's remaining share."""

from typing import Any, ClassVar, Self

import numpy as np

from bot.market.volume import regression
from bot.market.volume.curve import ahead, intraday_curves, relative_volume
from bot.market.volume.ewma import known_before
from bot.market.volume.model import FromOutlook, Outlook, restored, rows_of, trained_row
from bot.market.volume.panel import DAY_MINUTES, FloatArray, IntArray, Panel
from bot.market.volume.tracking import Prepared, TrackingWindows, tracking_errors

# The last two carry the level of the day: without them a busy day looks like a long surge.
OWN_SPANS = (2.0, 8.0, 30.0, 120.0, 480.0, 1440.0)
PEER_SPANS = (2.0, 8.0, 30.0, 120.0)
RANGE_SPANS = (4.0, 30.0, 240.0)
CAUTIONS = (1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
_RIDGE = 1e-4
# One span of the longest average; with less, its neutral start dominates.
_WARM_UP_MINUTES = 1440
# Enough orders to rank cautions; one every quarter of an hour would cost several times as much.
_TUNING = (TrackingWindows(60, 60), TrackingWindows(240, 120))
_ALONE = 1 + len(OWN_SPANS)


class PooledRidge(FromOutlook):
    """One set of coefficients for all symbols, each measured against its own curve."""

    name: ClassVar[str] = "learned"

    def __init__(self) -> None:
        self.caution: float | None = 1.0
        self.symbols: tuple[str, ...] = ()
        self._curves = np.empty((0, 0))
        self._ranges = np.empty(0)
        """Mean price range of a minute per symbol, as a logarithm of high / low."""
        self._coefficients = np.empty((0, 0))
        self._alone = np.empty((0, 0))
        """Without the peers' columns, for a history that holds one symbol only."""

    def fit(self, bars: Panel) -> Self:
        """Learns curves, price ranges and coefficients from bars; returns the model itself."""
        self.symbols, self._curves = bars.symbols, intraday_curves(bars)
        self._ranges = np.maximum(_log_range(bars).mean(axis=1), 1e-9)
        relative = relative_volume(bars, self._curves)
        features = self._features(bars, np.arange(len(bars.symbols)))
        pairs = [
            regression.moments(x, y, _WARM_UP_MINUTES)
            for x, y in zip(features, relative, strict=True)
        ]
        gram, cross = sum(g for g, _ in pairs), sum(c for _, c in pairs)
        assert isinstance(gram, np.ndarray)
        assert isinstance(cross, np.ndarray)
        self._coefficients = regression.solve(gram, cross, _RIDGE)
        own = _own_columns(gram.shape[0])
        self._alone = regression.solve(gram[np.ix_(own, own)], cross[own], _RIDGE)
        self.caution = self._best_caution(bars)
        return self

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        """Forecasts the volume of the coming minutes from the bars of all known symbols.

        With bars of this symbol alone, the model uses the coefficients that need no others. Raises
        NotTrained for a symbol that the model has not learned, ValueError when the history has no
        bars of it.
        """
        place = trained_row(self.symbols, symbol)
        known, places = rows_of(history, self.symbols)
        features = self._features(known, places)[known.row(symbol)]
        coefficients = self._coefficients
        if len(known.symbols) == 1 < len(self.symbols):
            features, coefficients = features[:, _own_columns(features.shape[1])], self._alone
        curve, first = self._curves[place], history.first_minute

        def expect(minutes: IntArray, horizon_minutes: int) -> FloatArray:
            rows = features[minutes - first]
            relative = regression.predict(rows, coefficients, horizon_minutes)
            return relative * ahead(curve, minutes, horizon_minutes)

        return expect

    def _features(self, panel: Panel, places: IntArray) -> FloatArray:
        """(symbols, minutes + 1, features), known before each minute; the constant first."""
        relative = relative_volume(panel, self._curves[places])
        ranges = _log_range(panel) / self._ranges[places, None]
        own = known_before(relative, OWN_SPANS)
        # EWMAs are linear: the mean of the averages is the average of the mean.
        peers = known_before(relative.mean(axis=0, keepdims=True), PEER_SPANS)
        columns = np.concatenate(
            [
                np.ones((1, *own.shape[1:])),
                own,
                np.broadcast_to(peers, (len(PEER_SPANS), *own.shape[1:])),
                known_before(ranges, RANGE_SPANS),
            ]
        )
        return np.ascontiguousarray(columns.transpose(1, 2, 0))

    def _best_caution(self, bars: Panel) -> float:
        """The least mean tracking error on the training bars, both windows weighed alike."""
        start = bars.first_minute + _WARM_UP_MINUTES
        if bars.end_minute - start < 2 * regression.HORIZON_MINUTES:
            return 1.0
        prepared, scores = Prepared(self, bars), []
        for caution in CAUTIONS:
            steered = prepared.steered(caution)
            errors = [tracking_errors(steered, bars, start, windows) for windows in _TUNING]
            scores.append([np.mean([np.abs(e).mean() for e in one.values()]) for one in errors])
        table = np.array(scores)
        return CAUTIONS[int(np.argmin((table / np.maximum(table[0], 1e-12)).sum(axis=1)))]

    def parameters(self) -> dict[str, Any]:
        """The fitted numbers as plain JSON values, for `restore`."""
        return {
            "symbols": list(self.symbols),
            "caution": self.caution,
            "curves": self._curves.tolist(),
            "ranges": self._ranges.tolist(),
            "coefficients": self._coefficients.tolist(),
            "alone": self._alone.tolist(),
        }

    @classmethod
    def restore(cls, parameters: dict[str, Any]) -> Self:
        """Makes a model from the values that `parameters` gave.

        Raises KeyError or ValueError when a value is missing, out of range or has another shape.
        """
        model = cls()
        model.symbols = tuple(parameters["symbols"])
        model.caution = float(parameters["caution"])
        if not 0.0 < model.caution < np.inf:
            raise ValueError("the caution must be positive and finite")
        model._curves = restored(parameters, "curves", len(model.symbols), DAY_MINUTES)
        model._ranges = restored(parameters, "ranges", len(model.symbols))
        model._coefficients = restored(
            parameters,
            "coefficients",
            len(regression.BUCKET_STARTS),
            _ALONE + len(PEER_SPANS) + len(RANGE_SPANS),
        )
        model._alone = restored(
            parameters, "alone", len(regression.BUCKET_STARTS), _ALONE + len(RANGE_SPANS)
        )
        return model


def _log_range(panel: Panel) -> FloatArray:
    spread: FloatArray = np.log(panel.high / panel.low)
    return spread


def _own_columns(count: int) -> IntArray:
    """Columns that need no other symbol."""
    peers = range(_ALONE, _ALONE + len(PEER_SPANS))
    return np.array([c for c in range(count) if c not in peers], dtype=np.int64)
