"""What was read last of each source, and what the exporter says of it at any moment.

An answer never waits for a server: it shows the last readings with their ages. What allows trading
counts only for seconds after its reading.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import Metric as Family
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from workers.exporter import catalogue as c
from workers.exporter.conditions import GOOD_FOR_SECONDS
from workers.exporter.folding import Folding
from workers.exporter.metric import Figures, Kind, Metric, Numbers, Values

Clock = Callable[[], float]


@dataclass
class _Place:
    """The last reading of one source, by the process's own count of seconds."""

    figures: Figures = field(default_factory=dict)
    read_at: float | None = None
    took: float = 0.0
    up: bool = False
    failures: int = 0
    problem: str = "it was not read yet"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the system may trade, and if not, why."""

    reasons: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


@dataclass(eq=False)
class Board(Collector):
    """The last readings, shared by the threads that read and those that answer."""

    monotonic: Clock
    _begun: float = field(init=False)
    _places: dict[str, _Place] = field(init=False)
    _problems: tuple[str, ...] = ()
    _lease_until: float = 0.0
    _folding: Folding = field(default_factory=Folding)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._begun = self.monotonic()
        self._places = {source: _Place() for source in c.SOURCES}

    def post(self, source: str, figures: Figures, began: float) -> None:
        """Keeps a reading that began at a moment of `monotonic`. Ages count from there."""
        with self._lock:
            place = self._places[source]
            place.figures, place.read_at = self._folding.fold(figures), began
            place.took = self.monotonic() - began
            place.up, place.problem = True, ""

    def post_readiness(self, problems: tuple[str, ...], lease_left: float, began: float) -> None:
        """Keeps what the reading of the state says about trading."""
        with self._lock:
            self._problems, self._lease_until = problems, began + lease_left

    def fail(self, source: str, problem: str) -> None:
        """Notes that a source can't be read; its last figures stay."""
        with self._lock:
            place = self._places[source]
            place.up, place.problem = False, problem
            place.failures += 1

    def readiness(self) -> Readiness:
        """Whether the system may trade now, by the last reading of its state."""
        with self._lock:
            place, now = self._places[c.STATE], self.monotonic()
            if place.read_at is None or now - place.read_at > GOOD_FOR_SECONDS:
                since = now - (self._begun if place.read_at is None else place.read_at)
                why = place.problem or "its answer does not come"
                return Readiness((f"Postgres was not read for {since:.0f} s: {why}",))
            if not self._problems and now >= self._lease_until:
                return Readiness(("the lease to trade has lapsed since the last reading",))
            return Readiness(self._problems)

    def collect(self) -> Iterator[Family]:
        """The metrics at this moment, in the order of the catalogue."""
        with self._lock:
            now = self.monotonic()
            shown: dict[Metric, dict[Values, Numbers]] = {}
            for place in self._places.values():
                passed = 0.0 if place.read_at is None else now - place.read_at
                for (metric, values), numbers in place.figures.items():
                    shown.setdefault(metric, {})[values] = _now(metric, numbers, passed)
            for metric, values, number in self._own(now):
                shown.setdefault(metric, {})[values] = (number,)
        families = [_family(metric, shown[metric]) for metric in c.CATALOGUE if metric in shown]
        yield from families
        series = sum(len(family.samples) for family in families)
        yield _family(c.SERIES, {(): (float(series),)})

    def _own(self, now: float) -> Iterator[tuple[Metric, Values, float]]:
        for source, place in self._places.items():
            since = self._begun if place.read_at is None else place.read_at
            yield c.UP, (source,), float(place.up)
            yield c.SOURCE_AGE, (source,), now - since
            yield c.SOURCE_SECONDS, (source,), place.took
            yield c.SOURCE_FAILURES, (source,), float(place.failures)
        # Not known is never allowed.
        for metric in (c.LEASE, c.MAY_ADD):
            if (metric, ()) not in self._places[c.STATE].figures:
                yield metric, (), 0.0


def _now(metric: Metric, numbers: Numbers, passed: float) -> Numbers:
    """The numbers of a reading so many seconds later."""
    if metric.kind is Kind.AGE:
        return (numbers[0] + passed if numbers[0] else 0.0,)
    if metric.kind is Kind.WHILE:
        return (float(numbers[0] > passed),)
    return numbers


def _family(metric: Metric, shown: dict[Values, Numbers]) -> Family:
    labels = [label.name for label in metric.labels]
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
        for values, (*counts, total) in shown.items():
            histogram.add_metric(values, _cumulated(metric, counts), total)
        return histogram
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=labels)
    for values, (number,) in shown.items():
        family.add_metric(values, number)
    return family


def _cumulated(metric: Metric, counts: list[float]) -> list[tuple[str, float]]:
    bounds = [*(repr(bound) for bound in metric.buckets), "+Inf"]
    found, total = [], 0.0
    for bound, count in zip(bounds, counts, strict=True):
        total += count
        found.append((bound, total))
    return found
