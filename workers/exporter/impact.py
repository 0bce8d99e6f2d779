"""The mean impact of the newest trades on the market. Each trade needs all its fills, so that few
are looked at, and not often."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import fmean

from sqlalchemy.orm import Session

from bot.safety.lease.sensing import database_time
from bot.tca.service import newest_impacts
from workers.exporter import catalogue as c
from workers.exporter.metric import Figures

TRADES = 50
LOOKS_BACK = timedelta(days=1)
EVERY_SECONDS = 60.0
_IN_BPS = 10_000


@dataclass
class NewestImpact:
    """Computes it once a minute and keeps it meanwhile."""

    monotonic: Callable[[], float]
    _kept: Figures = field(default_factory=dict)
    _read_at: float | None = None

    def read(self, session: Session) -> Figures:
        """The newest figures; without any trade there is no mean."""
        now = self.monotonic()
        if self._read_at is None or now - self._read_at >= EVERY_SECONDS:
            self._kept = mean_impact(session)
            self._read_at = now
        return self._kept


def mean_impact(session: Session) -> Figures:
    """The mean over the newest trades of the last day, and their number."""
    since = database_time(session) - LOOKS_BACK
    known = newest_impacts(session, since, TRADES)
    shown: Figures = {(c.IMPACT_TRADES, ()): (float(len(known)),)}
    if known:
        shown[c.IMPACT, ()] = (fmean(known) / _IN_BPS,)
    return shown
