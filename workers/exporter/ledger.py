"""Counts rows by their time: what is long over once, and the newest minutes at each reading.

A counter of a process dies with the process. A sum over rows does not, and counts nothing twice.
The sum up to ten minutes ago is kept in memory, because each of our transactions ends within
seconds: no row of that time can still appear. What is younger is added up anew. A row that was
written late all the same is found by the next count of everything, once an hour.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from workers.exporter.metric import Figures, add_all

SETTLED_AFTER = timedelta(minutes=10)
"""The age from which the rows of a time don't change any more."""
STEP = timedelta(minutes=1)
"""The kept sum moves on by at least this time."""
RECOUNT_AFTER = timedelta(hours=1)
PIECE = 200_000
"""The number of rows that one statement adds up, so that none takes long."""
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Axis:
    """Rows of one table along a time of theirs that an index has."""

    name: str
    edge: TextClause
    """The time of the row that lies `:piece` rows after `:since`; no row when there are fewer."""
    count: TextClause
    """Groups of alike rows from `:since` up to `:until`."""
    figures: Callable[[Iterable[Sequence[Any]]], Figures]
    """The figures of such groups."""
    edges: dict[str, list[float]] = field(default_factory=dict)
    """Parameters of `count`: the bounds of histograms (`edges_of`)."""


@dataclass
class Ledger:
    """The figures of one axis, exact at every reading."""

    axis: Axis
    account: str
    settled_after: timedelta = SETTLED_AFTER
    _kept: Figures = field(default_factory=dict)
    _kept_to: datetime = _FIRST
    _counted_at: datetime | None = None

    def read(self, session: Session, now: datetime) -> Figures:
        """The figures of all rows. `now` is the time of Postgres."""
        if self._counted_at is None or now - self._counted_at > RECOUNT_AFTER:
            self._kept, self._kept_to = self._whole(session, {}, _FIRST, now - self.settled_after)
            self._counted_at = now
        elif now - self.settled_after - self._kept_to > min(STEP, self.settled_after):
            kept = dict(self._kept)
            self._kept, self._kept_to = self._whole(
                session, kept, self._kept_to, now - self.settled_after
            )
        found = dict(self._kept)
        add_all(found, self._counted(session, self._kept_to, _LAST))
        return found

    def _whole(
        self, session: Session, into: Figures, since: datetime, until: datetime
    ) -> tuple[Figures, datetime]:
        """Adds the rows between two times, piece by piece; returns the sum and its end."""
        while since < until:
            edge = session.execute(
                self.axis.edge, {"account": self.account, "since": since, "piece": PIECE}
            ).scalar()
            # Many rows of one moment can't be parted.
            end = until if edge is None or edge <= since else min(edge, until)
            add_all(into, self._counted(session, since, end))
            since = end
        return into, since

    def _counted(self, session: Session, since: datetime, until: datetime) -> Figures:
        given = {"account": self.account, "since": since, "until": until, **self.axis.edges}
        return self.axis.figures(session.execute(self.axis.count, given).all())


def edges_of(buckets: Sequence[float]) -> list[float]:
    """The bounds of a histogram as `width_bucket` needs them.

    Its bounds are the lower ends of buckets, and Prometheus' the upper ends. With their signs
    changed they are the same: the number of bounds that a value does not exceed.
    """
    return sorted(-bound for bound in buckets)
