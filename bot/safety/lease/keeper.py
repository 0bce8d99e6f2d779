"""Grants, renews and withholds the lease to trade.

One process holds the lease and looks every two seconds. A renewal counts for six seconds from the
beginning of its look, so that nothing that delays the look makes the lease longer. Silence never
means yes: what is not renewed lapses by itself.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from bot.execution.ports import UNREADABLE, LimitsSource
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.lease.sensing import database_time
from bot.safety.lease.sensors import Reading, faults, judge, sentence
from models.database import Database, UnitOfWork
from models.documents.lease import Consequence, Judged
from models.tables import TradingLeaseRow

log = logging.getLogger(__name__)

LENGTH = timedelta(seconds=6)
"""The life of one renewal."""
LOOK_SECONDS = 2.0
"""The time between two looks: two may fail before the lease lapses."""
GRANTED, WITHHELD, RELEASED = (
    "trading_lease_granted",
    "trading_lease_withheld",
    "trading_lease_released",
)
NOT_YET = "not granted yet"
_ACTOR = "safety"

Read = Callable[[], tuple[datetime, Mapping[str, Reading]]]
Also = Callable[[UnitOfWork, Mapping[str, Reading], datetime], object]
"""Acts on the readings within the look's transaction."""


class Kept(StrEnum):
    """The result of one look."""

    GRANTED = "granted"
    RENEWED = "renewed"
    WITHHELD = "withheld"
    """It was not renewed. It may still stand for seconds."""
    HELD_BY_ANOTHER = "held by another"


@dataclass
class LeaseKeeper:
    """Keeps the lease of one account for one process."""

    db: Database
    account: str
    holder: str
    limits: LimitsSource
    read: Read
    """Reads the sensors (`bot.safety.lease.sensing.Sensing.read`)."""
    also: Also | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict, init=False)
    """What the last look read; empty when it could not read."""

    def look(self) -> Kept:
        """Reads every sensor, and renews the lease only if all are fresh.

        Raises SQLAlchemy's DBAPIError when Postgres can't be asked; the lease then lapses.
        """
        self.readings = {}
        looked_at, readings = self.read()
        self.readings = readings
        judged = self._judged(readings)
        with self.db.unit_of_work() as uow:
            row = self._locked(uow, looked_at)
            now = database_time(uow.session)
            stands = _stands(row, now)
            if stands and row.holder != self.holder:
                return Kept.HELD_BY_ANOTHER
            row.looked_at, row.readings = looked_at, judged
            kept = (
                self._withhold(uow, row, judged, now)
                if faults(judged)
                else self._renew(uow, row, looked_at, now)
            )
            if self.also is not None:
                self.also(uow, readings, now)
            uow.commit()
        return kept

    def release(self, why: str) -> None:
        """Gives the lease back at once, when the process ends in good order."""
        with self.db.unit_of_work() as uow:
            row = uow.session.get(TradingLeaseRow, self.account, with_for_update=True)
            now = database_time(uow.session)
            if row is None or row.holder != self.holder or not _stands(row, now):
                return
            row.expires_at, row.withheld = now, why
            uow.audit(
                self.account, RELEASED, self.account, _ACTOR, {"why": why, "epoch": row.epoch}, now
            )
            uow.commit()

    def _judged(self, readings: Mapping[str, Reading]) -> tuple[Judged, ...]:
        """By the limits in force. By the last known ones when they can't be read: nothing that adds
        risk passes the gate then."""
        try:
            rules = self.limits.limits().lease
        except UNREADABLE:
            rules = self.limits.last_known().lease
        return judge(readings, rules)

    def _locked(self, uow: UnitOfWork, looked_at: datetime) -> TradingLeaseRow:
        uow.session.execute(
            insert(TradingLeaseRow)
            .values(
                account=self.account,
                holder=self.holder,
                epoch=0,
                withheld=NOT_YET,
                looked_at=looked_at,
                readings=(),
            )
            .on_conflict_do_nothing()
        )
        return uow.session.scalars(
            select(TradingLeaseRow)
            .where(TradingLeaseRow.account == self.account)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()

    def _renew(
        self, uow: UnitOfWork, row: TradingLeaseRow, looked_at: datetime, now: datetime
    ) -> Kept:
        granted = not _stands(row, now)
        if granted:
            self._note_lapse(uow, row, now)
            row.epoch += 1
            row.holder, row.granted_at, row.withheld = self.holder, looked_at, ""
            uow.audit(
                self.account,
                GRANTED,
                self.account,
                _ACTOR,
                {"epoch": row.epoch, "holder": self.holder},
                now,
            )
            epoch = row.epoch
            uow.after_commit(
                lambda: log.info(
                    "the lease to trade is granted, epoch %s",
                    epoch,
                    extra={"event": GRANTED, "account": self.account},
                )
            )
        row.renewed_at, row.expires_at = looked_at, looked_at + LENGTH
        return Kept.GRANTED if granted else Kept.RENEWED

    def _note_lapse(self, uow: UnitOfWork, row: TradingLeaseRow, now: datetime) -> None:
        """Records a lease that ended because its holder was silent."""
        if row.epoch > 0 and not row.withheld:
            self._tell_withheld(uow, row, f"{row.holder} has not renewed it", now)

    def _withhold(
        self, uow: UnitOfWork, row: TradingLeaseRow, judged: Sequence[Judged], now: datetime
    ) -> Kept:
        """Ends the lease at once where a sensor asks for it, and tells of it once it has ended."""
        if _stands(row, now):
            if all(each.consequence is Consequence.NOT_RENEWED for each in faults(judged)):
                return Kept.WITHHELD
            row.expires_at = now
        why = sentence(judged)
        if not row.withheld:
            self._tell_withheld(uow, row, why, now)
        row.withheld = why
        return Kept.WITHHELD

    def _tell_withheld(
        self, uow: UnitOfWork, row: TradingLeaseRow, why: str, now: datetime
    ) -> None:
        payload = {"why": why, "epoch": row.epoch, "holder": row.holder}
        uow.audit(self.account, WITHHELD, self.account, _ACTOR, payload, now)
        uow.after_commit(
            lambda: log.warning(
                "the lease to trade is withheld, and nothing adds risk: %s",
                why,
                extra={
                    "event": WITHHELD,
                    "account": self.account,
                    "alert": AlertLevel.WARNING.value,
                },
            )
        )


def _stands(row: TradingLeaseRow, now: datetime) -> bool:
    if row.renewed_at is None or row.expires_at is None:
        return False
    return row.renewed_at <= now < row.expires_at
