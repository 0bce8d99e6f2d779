"""Turns the stream into predictions, and the best of them into requests for trades.

It holds what it has bought or sold short until the price pays for both trades: acting on each
change of a prediction of seconds would lose the fees every time, trade after trade. A position that
can't grow any more is also closed at a loss, but only a few times in a row.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from examples.demo_strategy.features import SymbolMarket
from examples.demo_strategy.model import HORIZON_MS, Ensemble, Prediction

MODEL_VERSION = "demo-1"
NAME = "demo-imbalance"
# The strategy's own bar. It is lower than mlrisk's usual 0.6 on purpose: whether a weak signal is
# worth a trade is the risk gate's decision, and the strategy shows it weak ones too.
MIN_CONFIDENCE = 0.55
# Patience: only the surest quarter of the last half minute's predictions is acted upon.
PATIENCE_QUANTILE = 0.75
PATIENCE_PREDICTIONS = 600  # four symbols, five a second each
# A signal this sure is worth the spread at once; weaker ones are spread over time.
IMMEDIATE_CONFIDENCE = 0.68
HORIZON_SECONDS = 20
PATIENT_ORDERS: tuple[dict[str, Any], ...] = (
    {"algorithm": "twap", "horizon_seconds": HORIZON_SECONDS, "interval_seconds": 4},
    {"algorithm": "passive", "horizon_seconds": HORIZON_SECONDS},
    {
        "algorithm": "twap",
        "horizon_seconds": HORIZON_SECONDS,
        "interval_seconds": 4,
        "size_distortion": 0.3,
        "time_distortion": 0.3,
    },
    {"algorithm": "iceberg", "horizon_seconds": HORIZON_SECONDS, "display_size": "400"},
    {"algorithm": "pov", "horizon_seconds": HORIZON_SECONDS, "participation_rate": 0.05},
    {"algorithm": "vwap", "horizon_seconds": HORIZON_SECONDS, "volume_curve": [3, 2, 1, 1, 2]},
)
"""One after the other, so that a look at the screen shows what mlrisk can do."""
EXIT_GAIN_BPS = 22.0
"""A position is closed at this distance from its average price: two taker's fees are 11, the spread
is about 1, and the rest is for what the price does while the orders are worked, and for entries
that mlrisk has not granted."""
EXIT_ORDER: dict[str, Any] = {
    "algorithm": "twap",
    "horizon_seconds": HORIZON_SECONDS,
    "interval_seconds": 4,
    "reduce_only": True,
}
REST = timedelta(seconds=HORIZON_SECONDS + 5)
"""From an entry to its exit, and from an exit to the next entry: the orders before are done."""
MOST_LOTS = 12
"""More of one symbol is not asked for: it would be about a tenth of the paper account."""
MOST_LOSSES = 2
"""So many exits in a row may lose. Otherwise it would do nothing while it holds the most of each
symbol and no price pays; five losses in a row alert people."""
EXPIRES_AFTER = timedelta(seconds=60)
FRESH_SECONDS = 2.0  # a prediction older than this is about a market that is gone
LATE_SECONDS = 1.0  # a frame that has waited so long is read without a prediction


@dataclass(frozen=True, slots=True)
class Signal:
    prediction: Prediction
    received_at: datetime
    """When the frame behind it arrived, by our own clock."""
    closes: int = 0
    """The number of lots that it closes; 0 for an entry."""


@dataclass(slots=True)
class Holding:
    """What was asked for in one symbol, on one side. mlrisk may have granted less of it, so that
    an exit only reduces."""

    rises: bool
    price: float
    """The average of its entries."""
    since: datetime
    """The time of the last entry."""
    lots: int = 1

    def add(self, price: float, now: datetime) -> None:
        """One more entry."""
        self.price = (self.price * self.lots + price) / (self.lots + 1)
        self.lots, self.since = self.lots + 1, now

    def pays(self, price: float) -> bool:
        """Whether an exit at this price pays for entries and exit."""
        return (price / self.price - 1) * (1e4 if self.rises else -1e4) >= EXIT_GAIN_BPS


class Strategy:
    """Plain logic without clock, threads or network; `now` is passed in, timezone-aware."""

    def __init__(
        self, symbols: Sequence[str], *, seed: int, rate: float, notional: Decimal
    ) -> None:
        if rate <= 0:
            raise ValueError("rate must be greater than 0")
        self.ensemble = Ensemble(seed)
        self._markets = {symbol: SymbolMarket(symbol) for symbol in symbols}
        self._notional = notional
        self._pause = timedelta(seconds=1 / rate)
        # One symbol is not asked for again before its last prediction has come true or not,
        # unless the rate can only be reached by asking more often.
        repeat = min(HORIZON_MS / 1000, len(symbols) / rate)
        self._repeat = timedelta(seconds=repeat)
        self._signals: dict[str, Signal] = {}
        self._recent: deque[float] = deque(maxlen=PATIENCE_PREDICTIONS)
        self._last_request: dict[str, datetime] = {}
        self._held: dict[str, Holding] = {}
        self._closed_at: dict[str, datetime] = {}
        self._losses = 0
        self._next_request: datetime | None = None
        self._patient = cycle(PATIENT_ORDERS)

    def warm_up(self, symbol: str, minute_closes: list[float]) -> None:
        self._markets[symbol].warm_up(minute_closes)

    def held(self) -> dict[str, dict[str, Any]]:
        """What it has asked for and not closed, by symbol, in JSON types."""
        return {
            symbol: {**asdict(holding), "since": holding.since.isoformat()}
            for symbol, holding in self._held.items()
        }

    def take_up(self, held: Mapping[str, Mapping[str, Any]]) -> None:
        """Goes on with what a former run `held`. Raises ValueError, KeyError or TypeError for
        anything else."""
        found = {
            symbol: Holding(
                bool(one["rises"]),
                float(one["price"]),
                datetime.fromisoformat(one["since"]),
                int(one["lots"]),
            )
            for symbol, one in held.items()
            if symbol in self._markets
        }
        if any(holding.price <= 0 or holding.since.tzinfo is None for holding in found.values()):
            raise ValueError("a holding without a price or a time")
        self._held = found

    def on_connected(self) -> None:
        """The stream begins anew: what waits for an outcome will never know it."""
        for symbol in self._markets:
            self.ensemble.forget(symbol)
        self._signals.clear()

    def on_frame(self, frame: Mapping[str, Any], received_at: datetime, now: datetime) -> None:
        """Raises BookGapError when the book is broken.

        Of a frame that has waited too long the book alone is read. On a machine that is too busy
        for every prediction it would otherwise fall behind for ever, and never ask for anything.
        """
        kind, _, symbol = str(frame["topic"]).rpartition(".")
        market = self._markets.get(symbol)
        if market is None:
            return
        if kind == "publicTrade":
            market.on_trades(frame)
            return
        sample = market.on_book(frame)
        if sample is None or _age(received_at, now) > LATE_SECONDS:
            return
        self.ensemble.observe(symbol, sample.ts_ms, sample.mid)
        prediction = self.ensemble.predict(sample)
        self._recent.append(prediction.confidence)
        self._signals[symbol] = Signal(prediction, received_at)

    def next_signal(self, now: datetime) -> Signal | None:
        """The fresh signal of the largest edge, if it is time and it is sure enough."""
        if self._next_request is not None and now < self._next_request:
            return None
        bar = max(MIN_CONFIDENCE, self._patience())
        sure = [
            signal
            for symbol, signal in self._signals.items()
            if signal.prediction.confidence >= bar and self._may_ask(symbol, signal, now)
        ]
        if not sure:
            return None
        best = max(sure, key=lambda signal: signal.prediction.edge)
        self._next_request = now + self._pause
        self._last_request[best.prediction.sample.symbol] = now
        return self._taken(best, now)

    def _taken(self, signal: Signal, now: datetime) -> Signal:
        """The signal with what it closes, once it is noted as asked for."""
        prediction = signal.prediction
        symbol, price = prediction.sample.symbol, prediction.sample.mid
        held = self._held.get(symbol)
        if held is None:
            self._held[symbol] = Holding(prediction.rises, price, now)
        elif held.rises == prediction.rises:
            held.add(price, now)
        else:
            self._losses = 0 if held.pays(price) else self._losses + 1
            del self._held[symbol]
            self._closed_at[symbol] = now
            return replace(signal, closes=held.lots)
        return signal

    def _patience(self) -> float:
        if not self._recent:
            return 1.0
        ordered = sorted(self._recent)
        return ordered[int(PATIENCE_QUANTILE * (len(ordered) - 1))]

    def _may_ask(self, symbol: str, signal: Signal, now: datetime) -> bool:
        if _age(signal.received_at, now) > FRESH_SECONDS:
            return False
        last = self._last_request.get(symbol)
        if last is not None and now - last < self._repeat:
            return False
        held, price = self._held.get(symbol), signal.prediction.sample.mid
        if held is None:
            closed = self._closed_at.get(symbol)
            return closed is None or now - closed >= REST
        if held.rises == signal.prediction.rises:
            return held.lots < MOST_LOTS and not held.pays(price)
        cuts = held.lots >= MOST_LOTS and self._losses < MOST_LOSSES
        return (held.pays(price) or cuts) and now - held.since >= REST

    def request(self, request_id: str, signal: Signal, now: datetime) -> dict[str, Any]:
        """The message to mlrisk: JSON types only, money as strings, times in UTC."""
        prediction = signal.prediction
        sample = prediction.sample
        return {
            "request_id": request_id,
            "symbol": sample.symbol,
            "side": "buy" if prediction.rises else "sell",
            "signal_data": self._signal_data(signal),
            "ml_predictions": {
                "confidence": round(prediction.confidence, 4),
                "uncertainty": round(prediction.uncertainty, 4),
                "ensemble_agreement": round(prediction.agreement, 4),
                "prediction_stability": round(prediction.stability, 4),
                "feature_importance": {
                    name: round(share, 4) for name, share in self.ensemble.importance().items()
                },
                "model_version": MODEL_VERSION,
                "predicted_at": _utc(signal.received_at),
                "member_probabilities": [round(float(p), 4) for p in prediction.members],
            },
            "market_data": {
                "price": _plain(sample.mid),
                "spread_bps": round(sample.spread_bps, 4),
                "volatility": round(sample.daily_volatility, 4),
                "timestamp": _utc(signal.received_at),
            },
            "priority": "normal",
            "created_at": _utc(now),
            "expires_at": _utc(now + EXPIRES_AFTER),
            "metadata": {"strategy": NAME, "account": "paper"},
        }

    def _signal_data(self, signal: Signal) -> dict[str, Any]:
        if signal.closes:
            return {"position_size": self._size(signal.closes), **EXIT_ORDER}
        if signal.prediction.confidence >= IMMEDIATE_CONFIDENCE:
            work = {"algorithm": "immediate", "horizon_seconds": HORIZON_SECONDS}
            return {"position_size": self._size(1), **work}
        return {"position_size": self._size(1), **next(self._patient)}

    def _size(self, lots: int) -> str:
        return format((self._notional * lots).quantize(Decimal("0.01")), "f")


def _age(received_at: datetime, now: datetime) -> float:
    return (now - received_at).total_seconds()


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(price: float) -> str:
    """Digits only: half a tick of the finest instrument is far above 1e-10."""
    return f"{price:.10f}".rstrip("0").rstrip(".")
