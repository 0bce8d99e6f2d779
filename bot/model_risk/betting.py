"""Bets against a model's stated probabilities, and the alarm when they win too much.

The null is the model's own word: a prediction that is stated with probability p comes true with at
least that probability, whatever happened before. A bet of the fraction `b` multiplies the stake by
1 + b (p - y), where y is 1 for a prediction that came true. Under the null no such bet wins on
average, so the stakes are an e-process, whatever the probabilities are and however they change.

A detector (Shiryaev and Roberts; Shin, Ramdas and Rinaldo's e-detectors) adds a new stake with
every prediction and alarms when the sum reaches one. The expected number of its false alarms is at
most the sum of the stakes. Stakes that grow with the time since the last prediction therefore keep
a budget of false alarms a month, at any rate of predictions, without a simulation.

Labels overlap when a prediction is made before the last one's horizon is over, and then they depend
on each other. They are dealt out to lanes, so that a lane's next prediction comes after the label
of its last one. Each lane has a detector of its own and alarms by itself. A mean over lanes, as
Henzi and Ziegel (2022) proposed it first, is not valid at a time of stopping that another lane
chooses, as their correction says: what is pending in one lane is partly known in another. Sums of
expected false alarms need no such thing, and the lanes share one budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

SHORTFALLS = (0.05, 0.1, 0.2)
"""By how much less than stated the predictions may come true: the bets that are best against each
are made side by side, with a third of every stake."""
_MOST = 0.9
"""The largest part of a stake that one outcome may take."""
ALARM = 1.0
"""The sum at which a detector alarms."""


def fraction(stated: float, shortfall: float) -> float:
    """The fraction of the stake that grows fastest if predictions come true with `stated` minus
    `shortfall`. It never risks more than nine tenths of the stake."""
    spread = stated * (1 - stated)
    if spread <= 0:
        return _MOST
    return min(shortfall / spread, _MOST / (1 - stated))


def growth(stated: float, outcome: float, shortfall: float) -> float:
    """The factor of one bet. `outcome` is 1 if the prediction came true and 0 if not; the stated
    probability itself says nothing and leaves the stake."""
    return 1 + fraction(stated, shortfall) * (stated - outcome)


@dataclass(frozen=True, slots=True)
class Detector:
    """The sums of one lane, one for each shortfall."""

    sums: tuple[float, ...] = (0.0,) * len(SHORTFALLS)

    @property
    def evidence(self) -> float:
        """The whole sum; it alarms at one."""
        return sum(self.sums)

    def after(self, stated: float, outcome: float, stake: float) -> "Detector":
        """The detector after a label. `stake` is this prediction's share of the budget, fixed when
        the prediction was made."""
        part = stake / len(SHORTFALLS)
        return Detector(
            tuple(
                (held + part) * growth(stated, outcome, shortfall)
                for held, shortfall in zip(self.sums, SHORTFALLS, strict=True)
            )
        )


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of predictions whose labels do not overlap, with the time at which it is free again."""

    free_at: float = float("-inf")
    detector: Detector = Detector()


def lane_for(lanes: Sequence[float], predicted_at: float) -> int:
    """The first lane that is free at this time; a new one's number when none is. `lanes` has the
    times at which their last labels are known."""
    free = (number for number, known_at in enumerate(lanes) if known_at <= predicted_at)
    return next(free, len(lanes))


@dataclass
class Interleaved:
    """One stream of predictions, whose labels may overlap, dealt out to lanes."""

    lanes: list[Lane]

    @property
    def evidence(self) -> float:
        """The largest sum of a lane."""
        return max((lane.detector.evidence for lane in self.lanes), default=0.0)

    def occupy(self, predicted_at: float, known_at: float) -> int:
        """Deals a prediction out; returns its lane."""
        number = lane_for([lane.free_at for lane in self.lanes], predicted_at)
        if number == len(self.lanes):
            self.lanes.append(Lane())
        self.lanes[number] = replace(self.lanes[number], free_at=known_at)
        return number

    def settle(self, number: int, stated: float, outcome: float, stake: float) -> float:
        """Notes a label in its lane; returns the lane's sum."""
        lane = self.lanes[number]
        settled = lane.detector.after(stated, outcome, stake)
        self.lanes[number] = replace(lane, detector=settled)
        return settled.evidence
