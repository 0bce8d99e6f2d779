"""Feeds the gate: the impact law's Y, fitted on our own recent trades, becomes a configuration.

A higher Y expects more impact of every order, which is stricter and acts at once. A lower Y is a
loosening: in production a person has to agree.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import IMPACT_REFIT
from bot.clock import Clock
from bot.errors import Refused
from bot.limits.changes import Version
from bot.limits.service import ConfigurationService
from bot.tca.impact import ImpactFit, fit_impact
from bot.tca.service import costs
from config.settings import Settings
from models.database import Database
from models.enums import VersionState
from models.tables import ParentOrderRow

log = logging.getLogger(__name__)

ACTOR = IMPACT_REFIT
PATH = "gate.impact_coefficient"
WINDOW = timedelta(days=30)
"""The window: long enough for a few hundred trades, short enough to follow a thinning market."""
MAX_TRADES = 2000
"""The most trades that are read, the newest first; more would hardly narrow the interval."""
MAX_STEP = Decimal(2)
"""The largest change per day, so that a wrong month of data is noticed in time."""
FLOOR, CEILING = Decimal("0.2"), Decimal(5)
"""The bounds of Y. It is of order one in every published measurement (Toth et al. 2011; Donier &
Bonart 2015, Bitcoin); a value beyond shows bad data."""
REST_AFTER_REJECTION = timedelta(days=7)
"""The time after a rejection before a person is asked again."""
_GRID = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class FitVerdict:
    """The verdict of a fit on the value in force; `wished` is None when the value may stay."""

    wished: Decimal | None
    because: str


@dataclass(frozen=True, slots=True)
class Refit:
    """One run's outcome; `version` is the change that it made or proposed."""

    because: str
    version: Version | None = None


def fit_recent(session: Session, now: datetime) -> ImpactFit:
    """Y of the ended trades of the window; raises Refused when they are too few."""
    since = now - WINDOW
    newest = session.scalars(
        select(ParentOrderRow.start_at)
        .where(ParentOrderRow.start_at >= since, ParentOrderRow.finished_at.is_not(None))
        .order_by(ParentOrderRow.start_at.desc())
        .limit(MAX_TRADES)
    ).all()
    found = costs(session, since=newest[-1] if newest else since)
    return fit_impact(
        trade.impact_point
        for trade in found.trades
        if trade.is_final and trade.impact_point is not None
    )


def judged(fit: ImpactFit, in_force: float) -> FitVerdict:
    """The new Y: raised to the fit, lowered only to the interval's upper end, which the data
    support."""
    interval = f"Y = {fit.coefficient:.3f} [{fit.low:.3f}, {fit.high:.3f}] of {fit.points} trades"
    if not fit.is_significant:
        return FitVerdict(None, f"{interval}: they show no impact")
    if fit.low <= in_force <= fit.high:
        return FitVerdict(None, f"{interval} doesn't contradict {in_force:g}")
    old = Decimal(repr(in_force))
    target = Decimal(repr(fit.coefficient if fit.low > in_force else fit.high))
    sane = min(max(target.quantize(_GRID, ROUND_CEILING), FLOOR), CEILING)
    # Rounded inwards, so that a day's step is never a hair more than its bound.
    least = (old / MAX_STEP).quantize(_GRID, ROUND_CEILING)
    most = (old * MAX_STEP).quantize(_GRID, ROUND_FLOOR)
    wished = min(max(sane, least), most)
    if (wished > old) != (target > old) or wished == old:
        return FitVerdict(None, f"{interval}, but {in_force:g} is as far as a re-fit goes")
    return FitVerdict(wished, interval)


class ImpactRefit:
    """Runs the fit and brings its wish into the configuration, at most once a UTC day."""

    def __init__(self, db: Database, settings: Settings, clock: Clock) -> None:
        self._db = db
        self._configuration = ConfigurationService(db, settings, clock)
        self._clock = clock

    def run(self) -> Refit:
        """Runs the fit once. Simultaneous runs wish for the same value, so that neither adds a
        step."""
        now = self._clock.now()
        ours = [one for one in self._configuration.history() if one.proposed_by == ACTOR]
        if any(_day(one.created_at) == _day(now) for one in ours):
            return Refit("a re-fit has changed or proposed the value today")
        in_force = self._configuration.current().gate.impact_coefficient
        try:
            with self._db.reading() as session:
                fit = fit_recent(session, now)
        except Refused as refusal:
            return Refit(refusal.message)
        refit = self._bring_in(judged(fit, in_force), in_force, ours, now)
        log.info(
            "the impact law was fitted again",
            extra={
                "event": "impact_refit",
                "coefficient": fit.coefficient,
                "in_force": in_force,
                "because": refit.because,
                "version": None if refit.version is None else refit.version.id,
            },
        )
        return refit

    def _bring_in(
        self, verdict: FitVerdict, in_force: float, ours: Sequence[Version], now: datetime
    ) -> Refit:
        pending = [one for one in ours if one.state is VersionState.PROPOSED]
        if any(_wish_of(one) == verdict.wished for one in pending):
            return Refit("the same value waits for approval already")
        for one in pending:
            self._configuration.reject(one.id, actor=ACTOR, reason=f"newer fit: {verdict.because}")
        if verdict.wished is None:
            return Refit(verdict.because)
        if verdict.wished < Decimal(repr(in_force)) and _rejected_lately(ours, now):
            return Refit("a person has rejected a lower value lately")
        try:
            version = self._configuration.propose(
                {PATH: float(verdict.wished)},
                actor=ACTOR,
                reason=f"fitted on our own fills: {verdict.because}",
            )
        except Refused as refusal:
            if refusal.code != "no_change":
                raise
            return Refit(refusal.message)
        return Refit(verdict.because, version)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _wish_of(version: Version) -> Decimal | None:
    values = [Decimal(repr(change.after)) for change in version.changes if change.path == PATH]
    return values[0] if values else None


def _rejected_lately(ours: Sequence[Version], now: datetime) -> bool:
    return any(
        one.state is VersionState.REJECTED
        and one.actor != ACTOR
        and one.changed_at >= now - REST_AFTER_REJECTION
        for one in ours
    )
