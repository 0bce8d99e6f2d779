"""An ensemble of online logistic models of the mid price's next move, and its honest confidence."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.demo_strategy.features import FEATURES, SAMPLE_MS, Sample

Floats = NDArray[np.float64]

HORIZON_MS = 6_000  # the label: is the mid higher this long after the prediction?
# Overlapping labels share most of their future: together they count as one per horizon. Symbols
# that move together (correlation about 0.8) say little more than one of them: n / (1 + 0.8 (n - 1))
# independent labels, a third each for the usual four.
LABEL_WEIGHT = SAMPLE_MS / HORIZON_MS / 3
STABILITY_SAMPLES = 20  # four seconds of predictions
CALIBRATION_BINS = 10
MOVE_RATE_PRIOR = 25.0  # samples' worth of belief that the price moves: five seconds
MOVE_RATE_MEMORY = 1500.0  # samples: five minutes
_BOOK = tuple(i for i, name in enumerate(FEATURES) if name.startswith("imbalance"))
_FLOW = tuple(i for i, name in enumerate(FEATURES) if name.startswith("flow"))
_ALL = tuple(range(len(FEATURES)))
# Belief before any data: more size bid than offered precedes a rise (Gould & Bonart 2016; Lipton,
# Pesavento & Sotiropoulos 2013). In total a third of a logit per standard deviation, so that early
# confidence is modest, and wide enough for a few hundred labels to overturn it.
PRIOR_BOOK_SLOPE = 0.35
PRIOR_SD = 0.25


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """How one member differs: what it sees, how fast it forgets, what it was resampled on."""

    name: str
    features: tuple[int, ...]
    drift: float
    """Variance that each independent label adds to a weight: 1 / drift is about its memory."""
    bootstrap: bool


MEMBERS = (
    MemberSpec("all-slow", _ALL, 1e-5, bootstrap=False),
    MemberSpec("all-fast", _ALL, 2e-4, bootstrap=True),
    MemberSpec("book", _BOOK, 5e-5, bootstrap=True),
    MemberSpec("book-flow", _BOOK + _FLOW, 5e-5, bootstrap=True),
    MemberSpec("all-bagged", _ALL, 5e-5, bootstrap=True),
)


def sigmoid(z: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(z, -30, 30))))


def entropy_bits(p: Floats) -> Floats:
    q = np.clip(p, 1e-12, 1 - 1e-12)
    return np.asarray(-q * np.log2(q) - (1 - q) * np.log2(1 - q))


class OnlineLogistic:
    """Logistic regression as an extended Kalman filter with random-walk weights.

    Penny & Roberts 1999; predictions are moderated by the weights' variance (MacKay 1992).
    """

    def __init__(self, prior: Floats, prior_sd: float, drift: float) -> None:
        self.weights = prior.copy()
        self._variance = np.eye(len(prior)) * prior_sd**2
        self._most = prior_sd**2
        self._drift = drift

    def predict(self, x: Floats) -> float:
        variance = float(x @ self._variance @ x)
        return sigmoid(float(self.weights @ x) / np.sqrt(1 + np.pi / 8 * variance))

    def learn(self, x: Floats, y: float, weight: float) -> None:
        """y is 0 or 1; weight is how many independent observations this one counts for."""
        self._variance[np.diag_indices_from(self._variance)] += self._drift * weight
        p = sigmoid(float(self.weights @ x))
        curvature = max(weight * p * (1 - p), 1e-9)
        direction = self._variance @ x
        shrink = 1 + curvature * float(x @ direction)
        self.weights += direction * (weight * (y - p) / shrink)
        self._variance -= np.outer(direction, direction) * (curvature / shrink)
        widest = float(np.max(np.diag(self._variance)))
        if widest > self._most:  # never less certain than before any data
            self._variance *= self._most / widest


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the ensemble says of one sample.

    Probabilities are of a rise given that the price moves within the horizon, as in the literature
    on queue imbalance; how often it moves is `move_rate`.
    """

    sample: Sample
    probability: float
    """Calibrated."""
    members: Floats
    move_rate: float
    uncertainty: float
    """Epistemic entropy in bits: entropy of the mean minus mean entropy."""
    agreement: float
    stability: float

    @property
    def confidence(self) -> float:
        return max(self.probability, 1 - self.probability)

    @property
    def rises(self) -> bool:
        return self.probability >= 0.5

    @property
    def edge(self) -> float:
        """By how much right outcomes exceed wrong ones; a price at rest is neither."""
        return (2 * self.confidence - 1) * self.move_rate


class Calibration:
    """Online Platt scaling, judged on predictions made before their outcome was known."""

    def __init__(self) -> None:
        # Slope 1 is "the ensemble is right as it is"; a quarter is how far it may well be off.
        self._platt = OnlineLogistic(np.array([1.0]), 0.25, drift=1e-5)
        self._counts = np.zeros(CALIBRATION_BINS)
        self._confidence = np.zeros(CALIBRATION_BINS)
        self._hits = np.zeros(CALIBRATION_BINS)
        self._brier = 0.0

    def apply(self, raw: float) -> float:
        return self._platt.predict(np.array([_logit(raw)]))

    def learn(self, raw: float, published: float, y: float, weight: float) -> None:
        """One outcome of a price that moved: y is 1 for a rise, 0 for a fall."""
        confidence = max(published, 1 - published)
        hit = y if published >= 0.5 else 1 - y
        place = min(int((confidence - 0.5) * 2 * CALIBRATION_BINS), CALIBRATION_BINS - 1)
        self._counts[place] += weight
        self._confidence[place] += weight * confidence
        self._hits[place] += weight * hit
        self._brier += weight * (published - y) ** 2
        self._platt.learn(np.array([_logit(raw)]), y, weight)

    @property
    def expected_error(self) -> float:
        """Expected calibration error of the confidence, over equal-width bins."""
        total = self._counts.sum()
        return float(np.abs(self._hits - self._confidence).sum() / total) if total else 0.0

    @property
    def brier(self) -> float:
        total = self._counts.sum()
        return float(self._brier / total) if total else 0.25

    @property
    def hit_rate(self) -> float:
        total = self._counts.sum()
        return float(self._hits.sum() / total) if total else 0.5


def _logit(p: float) -> float:
    q = min(max(p, 1e-6), 1 - 1e-6)
    return float(np.log(q / (1 - q)))


class MoveRate:
    """How often the price of one symbol has moved within a horizon, lately."""

    def __init__(self) -> None:
        self._moved = self._total = MOVE_RATE_PRIOR

    def learn(self, moved: bool) -> None:
        keep = 1 - 1 / MOVE_RATE_MEMORY
        self._moved = keep * self._moved + moved
        self._total = keep * self._total + 1

    @property
    def value(self) -> float:
        return self._moved / self._total


class Ensemble:
    """Learns from every symbol together: features are scaled, so that one model fits all."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._members = [OnlineLogistic(_prior(m.features), PRIOR_SD, m.drift) for m in MEMBERS]
        self._columns = [np.array(m.features) for m in MEMBERS]
        self._spread = np.ones(len(FEATURES))
        self.calibration = Calibration()
        self.labels = 0
        self._move_rates: dict[str, MoveRate] = {}
        self._waiting: dict[str, deque[tuple[Prediction, float]]] = {}
        self._recent: dict[str, deque[float]] = {}
        self._draws: dict[str, tuple[int, Floats]] = {}

    def predict(self, sample: Sample) -> Prediction:
        """Predicts, and remembers the prediction until its outcome is known."""
        x = sample.features
        self._spread += 0.001 * (x**2 - self._spread)
        pairs = zip(self._members, self._columns, strict=True)
        members = np.array([member.predict(x[columns]) for member, columns in pairs])
        raw = float(members.mean())
        rate = self._move_rates.setdefault(sample.symbol, MoveRate()).value
        probability = self.calibration.apply(raw)
        recent = self._recent.setdefault(sample.symbol, deque(maxlen=STABILITY_SAMPLES))
        recent.append(probability)
        epistemic = float(entropy_bits(np.array(raw)) - entropy_bits(members).mean())
        same_side = float(np.mean((members >= 0.5) == (raw >= 0.5)))
        prediction = Prediction(
            sample,
            probability,
            members,
            rate,
            uncertainty=min(max(epistemic, 0.0), 1.0),
            agreement=same_side,
            stability=1 - (max(recent) - min(recent)),
        )
        self._waiting.setdefault(sample.symbol, deque()).append((prediction, raw))
        return prediction

    def observe(self, symbol: str, ts_ms: int, mid: float) -> None:
        """Learns from the predictions whose horizon has passed. Call before `predict`.

        Nothing is learned from a price earlier than a full horizon after its prediction.
        """
        waiting = self._waiting.get(symbol)
        while waiting and ts_ms - waiting[0][0].sample.ts_ms >= HORIZON_MS:
            prediction, raw = waiting.popleft()
            late = ts_ms - prediction.sample.ts_ms - HORIZON_MS
            if late <= 2 * SAMPLE_MS:  # after a hole in the data the outcome is not known
                self._learn(prediction, raw, mid)

    def forget(self, symbol: str) -> None:
        """Drops predictions whose outcome will never be known (the stream was interrupted)."""
        self._waiting.pop(symbol, None)
        self._recent.pop(symbol, None)

    def _learn(self, prediction: Prediction, raw: float, mid: float) -> None:
        sample = prediction.sample
        move = mid - sample.mid
        self._move_rates[sample.symbol].learn(move != 0)
        if move == 0:
            return
        y = float(move > 0)
        self.labels += 1
        self.calibration.learn(raw, prediction.probability, y, LABEL_WEIGHT)
        weights = LABEL_WEIGHT * self._resampling(sample)
        for member, columns, weight in zip(self._members, self._columns, weights, strict=True):
            if weight:
                member.learn(sample.features[columns], y, float(weight))

    def _resampling(self, sample: Sample) -> Floats:
        """Online bagging (Oza & Russell 2001): Poisson(1) copies, one draw per block of a horizon,
        because neighbouring samples are not independent."""
        block = sample.ts_ms // HORIZON_MS
        drawn = self._draws.get(sample.symbol)
        if drawn is None or drawn[0] != block:
            copies = self._rng.poisson(1.0, len(MEMBERS)).astype(np.float64)
            fixed = np.array([not m.bootstrap for m in MEMBERS])
            drawn = (block, np.where(fixed, 1.0, copies))
            self._draws[sample.symbol] = drawn
        return drawn[1]

    def importance(self) -> dict[str, float]:
        """Each feature's share of |weight| x standard deviation, averaged over the members."""
        total = np.zeros(len(FEATURES))
        for member, columns in zip(self._members, self._columns, strict=True):
            effect = np.abs(member.weights) * np.sqrt(self._spread[columns])
            total[columns] += effect / max(float(effect.sum()), 1e-12)
        shares = total / total.sum()
        return {name: float(share) for name, share in zip(FEATURES, shares, strict=True)}


def _prior(columns: tuple[int, ...]) -> Floats:
    book = [FEATURES[i].startswith("imbalance") for i in columns]
    return np.array(book, dtype=np.float64) * (PRIOR_BOOK_SLOPE / sum(book))
