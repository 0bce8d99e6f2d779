"""Keeps the number of series within bounds, whatever others write into a name."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.characters import visible_line
from workers.exporter.metric import OTHER, Figures, Kind, Label, Metric, Values

LONGEST = 64
"""The number of characters of a label's value that are kept."""


def clean(text: str) -> str:
    """A label's value without characters that steer a terminal, and not longer than `LONGEST`."""
    return visible_line(text)[:LONGEST]


@dataclass
class Folding:
    """Remembers the first sets of free values of each metric. All later ones become `other`.

    A set that has its own series keeps it as long as the process lives.
    """

    _known: dict[Metric, set[Values]] = field(default_factory=lambda: defaultdict(set))

    def fold(self, figures: Figures) -> Figures:
        """The figures with at most as many series as each metric allows.

        Counts of one place are added up. Of gauges the largest counts.
        """
        found: Figures = {}
        for (metric, values), numbers in sorted(figures.items(), key=_by_name):
            place = metric, self._place(metric, values)
            known = found.get(place)
            if known is None:
                found[place] = numbers
            elif metric.kind in (Kind.COUNTER, Kind.HISTOGRAM):
                found[place] = tuple(a + b for a, b in zip(known, numbers, strict=True))
            else:
                found[place] = max(known, numbers)
        return found

    def _place(self, metric: Metric, values: Values) -> Values:
        named = tuple(
            clean(value) if label.is_free or value in label.values else OTHER
            for label, value in zip(metric.labels, values, strict=True)
        )
        free = _free(metric.labels, named)
        known = self._known[metric]
        if not free or free in known:
            return named
        if len(known) < metric.most:
            known.add(free)
            return named
        return tuple(
            OTHER if label.is_free else value
            for label, value in zip(metric.labels, named, strict=True)
        )


def _free(labels: Sequence[Label], values: Values) -> Values:
    return tuple(value for label, value in zip(labels, values, strict=True) if label.is_free)


def _by_name(item: tuple[tuple[Metric, Values], object]) -> tuple[str, Values]:
    (metric, values), _ = item
    return metric.name, values
