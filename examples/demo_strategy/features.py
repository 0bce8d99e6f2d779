"""One symbol's market as streamed by Bybit V5, turned into a vector of features."""

import heapq
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SAMPLE_MS = 200  # one prediction per fifth of a second of the exchange's time
GAP_MS = 5_000  # after a hole this long, earlier prices say nothing about returns
RETURN_SECONDS = (1, 5, 20)
FLOW_SECONDS = (2.0, 10.0)
DEPTHS = (1, 5, 20)
SMOOTH_SECONDS = 1.5
FEATURES = (
    *(f"imbalance_{depth}" for depth in DEPTHS),
    "imbalance_1_smooth",
    "imbalance_5_smooth",
    *(f"flow_{seconds:g}s" for seconds in FLOW_SECONDS),
    *(f"return_{seconds}s" for seconds in RETURN_SECONDS),
    "volatility_ratio",
)
_CLIP = 4.0  # scaled features beyond four standard deviations are outliers, not information
_FAST, _SLOW = 30.0, 300.0  # seconds of the two volatility estimates
_STEPS_PER_DAY = 86_400_000 / SAMPLE_MS


class BookGapError(Exception):
    """An order-book update is missing; only a new snapshot helps."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The market at one moment. `features` are scaled to about unit variance."""

    symbol: str
    ts_ms: int
    mid: float
    spread_bps: float
    daily_volatility: float
    features: Floats


class SymbolMarket:
    """Keeps the book and the tape of one symbol; yields a `Sample` each SAMPLE_MS."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._bids: dict[str, float] = {}
        self._asks: dict[str, float] = {}
        self._update_id: int | None = None
        self._flow = [_Flow(seconds) for seconds in FLOW_SECONDS]
        self._smooth = np.zeros(2)
        self._scale = _Scale(len(FEATURES))
        self._prior_variance: float | None = None
        self._restart()

    def _restart(self) -> None:
        longest = RETURN_SECONDS[-1] * 1000 // SAMPLE_MS + 1
        self._log_mids: deque[float] = deque(maxlen=longest)
        self._fast = self._slow = self._prior_variance or 0.0
        self._last_ms: int | None = None

    def warm_up(self, minute_closes: list[float]) -> None:
        """Starts the volatility estimate from 1-minute closes, oldest first."""
        if len(minute_closes) < 10:
            return
        variance = float(np.var(np.diff(np.log(minute_closes)))) * SAMPLE_MS / 60_000
        if variance > 0:
            self._prior_variance = self._fast = self._slow = variance

    def on_trades(self, frame: Mapping[str, Any]) -> None:
        for trade in frame["data"]:
            value = float(trade["v"]) * float(trade["p"])
            signed = value if trade["S"] == "Buy" else -value
            for flow in self._flow:
                flow.add(int(trade["T"]), signed)

    def on_book(self, frame: Mapping[str, Any]) -> Sample | None:
        data = frame["data"]
        update_id = int(data["u"])
        if frame["type"] == "snapshot" or update_id == 1:
            self._bids.clear()
            self._asks.clear()
        elif self._update_id is None or update_id != self._update_id + 1:
            raise BookGapError(f"{self.symbol}: update {update_id} after {self._update_id}")
        self._update_id = update_id
        for side, changes in ((self._bids, data["b"]), (self._asks, data["a"])):
            for price, size in changes:
                value = float(size)
                if value:
                    side[price] = value
                else:
                    side.pop(price, None)
        ts_ms = int(frame["ts"])
        if self._last_ms is not None and 0 <= ts_ms - self._last_ms < SAMPLE_MS:
            return None
        return self._sample(ts_ms)

    def _sample(self, ts_ms: int) -> Sample | None:
        bids = heapq.nlargest(DEPTHS[-1], ((float(p), q) for p, q in self._bids.items()))
        asks = heapq.nsmallest(DEPTHS[-1], ((float(p), q) for p, q in self._asks.items()))
        if not bids or not asks or bids[0][0] >= asks[0][0]:
            return None
        last, self._last_ms = self._last_ms, ts_ms
        if last is not None and not 0 <= ts_ms - last <= GAP_MS:
            self._restart()
            self._last_ms = ts_ms
        mid = (bids[0][0] + asks[0][0]) / 2
        self._observe(math.log(mid))
        imbalances = [_imbalance(bids, asks, depth) for depth in DEPTHS]
        decay = math.exp(-SAMPLE_MS / 1000 / SMOOTH_SECONDS)
        self._smooth = decay * self._smooth + (1 - decay) * np.array(imbalances[:2])
        flows = [flow.imbalance(ts_ms) for flow in self._flow]
        signed = [*imbalances, *self._smooth.tolist(), *flows, *self._returns()]
        ratio = 0.5 * math.log(self._fast / self._slow) if self._fast and self._slow else 0.0
        features = self._scale.apply(np.array([*signed, ratio]))
        if len(self._log_mids) < 1000 // SAMPLE_MS + 1:
            return None
        spread = (asks[0][0] - bids[0][0]) / mid * 1e4
        volatility = math.sqrt(self._slow * _STEPS_PER_DAY)
        return Sample(self.symbol, ts_ms, mid, spread, volatility, features)

    def _observe(self, log_mid: float) -> None:
        if self._log_mids:
            square = (log_mid - self._log_mids[-1]) ** 2
            self._fast = _forget(self._fast, square, _FAST)
            self._slow = _forget(self._slow, square, _SLOW)
        self._log_mids.append(log_mid)

    def _returns(self) -> list[float]:
        """Returns over each horizon in standard deviations; shorter history counts as it is."""
        out = []
        for seconds in RETURN_SECONDS:
            steps = min(seconds * 1000 // SAMPLE_MS, len(self._log_mids) - 1)
            if steps < 1 or not self._slow:
                out.append(0.0)
                continue
            move = self._log_mids[-1] - self._log_mids[-1 - steps]
            out.append(move / math.sqrt(self._slow * steps))
        return out


def _forget(variance: float, square: float, seconds: float) -> float:
    """Exponentially weighted variance per sample; the first observation starts it."""
    if not variance:
        return square
    return variance + (1 - math.exp(-SAMPLE_MS / 1000 / seconds)) * (square - variance)


def _imbalance(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]], depth: int
) -> float:
    """Log ratio of the sizes displayed on the best `depth` levels; positive: more is bid."""
    bid = sum(size for _, size in bids[:depth])
    ask = sum(size for _, size in asks[:depth])
    return math.log(bid / ask)


class _Flow:
    """Signed traded value over traded value, both forgetting exponentially."""

    def __init__(self, seconds: float) -> None:
        self._ms = seconds * 1000
        self._at = 0
        self._signed = 0.0
        self._total = 0.0

    def add(self, ts_ms: int, signed_value: float) -> None:
        self._forget(ts_ms)
        self._signed += signed_value
        self._total += abs(signed_value)

    def imbalance(self, ts_ms: int) -> float:
        self._forget(ts_ms)
        return self._signed / self._total if self._total > 0 else 0.0

    def _forget(self, ts_ms: int) -> None:
        if ts_ms <= self._at:
            return
        decay = math.exp((self._at - ts_ms) / self._ms)
        self._at = ts_ms
        self._signed *= decay
        self._total *= decay


class _Scale:
    """Divides by a running root mean square. Signed features are centred at zero by meaning."""

    def __init__(self, size: int) -> None:
        self._square = np.ones(size)
        self._count = 0

    def apply(self, raw: Floats) -> Floats:
        self._count = min(self._count + 1, 4000)  # forgets over 4,000 samples, about 13 minutes
        weight = 1 / (self._count + 20)  # twenty samples' worth of belief in unit variance
        self._square += weight * (np.minimum(raw**2, 25.0) - self._square)
        return np.asarray(np.clip(raw / np.sqrt(self._square + 1e-12), -_CLIP, _CLIP))
