"""The contents of one frame of the screen: the database's moment, the processes, the addresses."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from console.views.limit_use import LimitUse
from console.views.live.moment import Live
from workers.supervision.supervisor import ProcessStatus


@dataclass(frozen=True, slots=True)
class ScreenView:
    """One frame. While Postgres can't be read, `live` is None and `problem` says why."""

    home: str
    now: datetime
    live: Live | None
    processes: tuple[ProcessStatus, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)
    limits: tuple[LimitUse, ...] = ()
    problem: str | None = None
    marks: dict[str, Decimal] = field(default_factory=dict)
    """Mark prices of the feed, for open profit."""
    signed: bool = True
    """Requests count only when their strategy signed them."""
    market_age_seconds: float | None = None
    """The age of the oldest market view; None while the feed has published nothing."""
