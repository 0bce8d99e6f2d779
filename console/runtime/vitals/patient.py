"""One finding about life and progress, and the system that it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot.risk.snapshot import MarketView

STUCK = timedelta(seconds=60)
"""Much longer than any request, look-up or halt takes."""
SHOWN = 3
"""The most names in one finding."""


@dataclass(frozen=True, slots=True)
class Vital:
    """One finding. `down` says that the thing is silent, rather than in a bad state."""

    name: str
    problem: str | None
    down: bool = False


@dataclass(frozen=True, slots=True)
class Patient:
    """A system as the doctor finds it. `ineffective` names limits that let their own breach
    pass."""

    session: Session
    account: str
    symbols: Sequence[str]
    now: datetime
    markets: Mapping[str, MarketView | None]
    ineffective: Sequence[str] = ()
    unusable: str | None = None
    """Why no limits in force can be judged; None when they can."""
    protects: bool = True
    """Whether the limits in force want a stop at the exchange for each position."""

    def age(self, at: datetime) -> str:
        """The time since a moment in whole seconds, as text."""
        return f"{max(0.0, (self.now - at).total_seconds()):.0f} s"
