"""What a metric is: its name, its kind, its labels, and how many series it can have."""

from dataclasses import dataclass
from enum import StrEnum
from math import prod

OTHER = "other"
"""The value of a label for everything beyond the bound or outside of its vocabulary."""


class Kind(StrEnum):
    """How a metric's numbers come about and are shown."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"
    AGE = "age"
    """A gauge of seconds that grows between two readings."""
    WHILE = "while"
    """A gauge that is 1 until so many seconds after its reading, and 0 from then on."""

    @property
    def shown(self) -> str:
        """The kind that Prometheus is told."""
        return "gauge" if self in (Kind.AGE, Kind.WHILE) else self.value


@dataclass(frozen=True, slots=True)
class Label:
    """A label. With a vocabulary it has these values and `other`; without one it is free text."""

    name: str
    values: tuple[str, ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether its values come from others."""
        return not self.values


@dataclass(frozen=True, slots=True)
class Metric:
    """One declared metric."""

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    most: int = 1
    """The largest number of sets of free values; further sets are added up under `other`."""
    buckets: tuple[float, ...] = ()
    """The upper bounds of a histogram, without the last one, which has no bound."""

    @property
    def most_series(self) -> int:
        """The number of series that the metric can have at most."""
        fixed = prod(len(label.values) + 1 for label in self.labels if not label.is_free)
        sets = self.most + 1 if any(label.is_free for label in self.labels) else 1
        # A histogram has a series for each bucket and for the one without bound, a sum and a count.
        each = len(self.buckets) + 3 if self.kind is Kind.HISTOGRAM else 1
        return fixed * sets * each


Values = tuple[str, ...]
"""The values of a metric's labels, in its order."""
Numbers = tuple[float, ...]
"""One number; of a histogram the count of each bucket, the one without bound, and the sum."""
Figures = dict[tuple[Metric, Values], Numbers]
"""What was read: the numbers of each metric and set of values."""


def add(into: Figures, metric: Metric, numbers: Numbers, *values: str) -> None:
    """Adds the numbers to those that are there."""
    known = into.get((metric, values))
    into[metric, values] = (
        numbers
        if known is None
        else tuple(one + other for one, other in zip(known, numbers, strict=True))
    )


def add_all(into: Figures, others: Figures) -> None:
    """Adds all numbers of another reading."""
    for (metric, values), numbers in others.items():
        add(into, metric, numbers, *values)


def of_bucket(metric: Metric, bucket: int, count: int, total: float) -> Numbers:
    """The numbers of `count` observations that fall into one bucket of a histogram."""
    places = [0.0] * (len(metric.buckets) + 1)
    places[bucket] = float(count)
    return (*places, total)
