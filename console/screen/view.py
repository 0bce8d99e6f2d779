"""What one frame of the screen shows: the database's moment, the processes and the addresses."""

from dataclasses import dataclass, field
from datetime import datetime

from console.limit_use import LimitUse
from console.queries import Live
from workers.supervisor import ProcessStatus


@dataclass(frozen=True, slots=True)
class ScreenView:
    """`live` is None, and `problem` says why, while Postgres can't be read."""

    home: str
    now: datetime
    live: Live | None
    processes: tuple[ProcessStatus, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)
    limits: tuple[LimitUse, ...] = ()
    problem: str | None = None
