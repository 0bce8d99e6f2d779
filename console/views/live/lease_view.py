"""The lease to trade and its sensors, for the commands that show a running system."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bot.state import lease
from config.settings import Settings
from console.context import reading
from console.runtime.health_check import HealthCheck
from models.documents.lease import Judged
from models.documents.stored_form import to_json
from models.tables import TradingLeaseRow

EFFECT = "only exits are allowed, as in the state REDUCING"
"""What it means that no lease stands."""


@dataclass(frozen=True, slots=True)
class LeaseView:
    """The lease at one moment. Its seconds are by Postgres' clock."""

    problem: str | None
    """Why nothing may add risk; None while the lease stands."""
    epoch: int = 0
    holder: str | None = None
    left_seconds: float | None = None
    looked_at: datetime | None = None
    """The time of the last look at the sensors; None before the first."""
    sensors: tuple[Judged, ...] = ()
    """What the last look found."""

    @property
    def sentence(self) -> str:
        """The lease in one line."""
        if self.problem is not None:
            return f"{self.problem}; {EFFECT}"
        return f"stands, epoch {self.epoch}, {self.left_seconds or 0:.1f} s left"

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "stands": self.problem is None,
            "problem": self.problem,
            "epoch": self.epoch,
            "holder": self.holder,
            "left_seconds": self.left_seconds,
            "looked_at": self.looked_at,
            "sensors": to_json(self.sensors),
        }


def lease_view(session: Session, account: str) -> LeaseView:
    """The account's lease now."""
    found = lease.stored(session, account)
    row = session.get(TradingLeaseRow, account, populate_existing=True)
    if found is None or row is None:
        return LeaseView(lease.problem(None))
    return LeaseView(
        lease.problem(found),
        row.epoch,
        row.holder,
        found.left_seconds,
        row.looked_at,
        row.readings,
    )


def words_of(sensor: Judged) -> str:
    """A sensor's reading, its deadline and what follows, in one line."""
    age = "no reading" if sensor.age_seconds is None else f"{sensor.age_seconds:.1f} s"
    told = f"{age}, at most {sensor.deadline_seconds:g} s; else {sensor.consequence.value}"
    return told if sensor.problem is None else f"{sensor.problem} ({told})"


def lease_lines(settings: Settings) -> list[HealthCheck]:
    """The lines of `mlrisk doctor` about the lease and each sensor."""
    with reading(settings.require_database_url()) as session:
        view = lease_view(session, settings.account)
    return [
        HealthCheck("lease to trade", view.problem is None, view.sentence),
        *(
            HealthCheck(f"sensor {each.name}", each.problem is None, words_of(each))
            for each in view.sensors
        ),
    ]
